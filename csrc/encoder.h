/* What the kernels of a transformer's encoder are given (panels.inc, encoder.inc).
 *
 * Letters: T tokens of a sentence, D width, d numbers of a head. Pointers are to float or to double, as the table is.
 */
#ifndef FE_ENCODER_H
#define FE_ENCODER_H

#include "recurrent.h"

enum { FE_LINEAR, FE_GELU, FE_GELU_NEW };

/* out (rows, columns) = activation(left times panels + bias + residual) */
typedef struct fe_dense {
    fe_product product;
    const void *bias;     /* (columns,) or NULL */
    const void *residual; /* (rows, columns), rows as far apart as those of out, perhaps out itself; or NULL */
    void *before;         /* likewise: gets what goes into the activation, unless that is linear; or NULL */
    int activation;
    /* With bfloat16, for a result that is nothing but another's left side: pairs, in the first half of each row, and the
     * activation to 1e-4, if the kernel knows how. Columns are a multiple of FE_WIDEST. */
    int paired_left, paired_out;
    void *room;           /* with bfloat16: FE_ROUNDING_ROOM floats */
} fe_dense;

#define FE_DEPTH 512 /* numbers of the depth that a tile runs over at a time; 3 times as many of a left side of pairs */
#define FE_ROUNDING_ROOM(rows) (((int64_t)(rows) + 16) * FE_DEPTH) /* matrix registers take 16 rows */

/* LayerNorm: out = (x - mean) / deviation * scale + bias in each row, deviation = sqrt(variance + epsilon) */
typedef struct fe_norm {
    const void *x;
    void *out;                          /* (rows, size), perhaps x itself */
    const void *scale, *bias;           /* (size,) */
    void *statistics;                   /* (rows, 2): mean and 1 / deviation, or NULL */
    void *gradient;                     /* (rows, size) back: of out, then of x */
    void *scale_gradient, *bias_gradient; /* (size,) back: added to */
    double epsilon;
    int rows, size;
} fe_norm;

/* What drops out: numbers whose 16 random bits are below `below`; the others are multiplied by `scale`. Each row has a
 * stream of its own, keyed by (seed, site, row). */
typedef struct fe_drop {
    uint64_t seed, site;
    uint32_t below; /* 0: nothing drops out */
    double scale;
} fe_drop;

/* One head: some tokens of a sentence look at all its T tokens. */
typedef struct fe_attention {
    const void *queries;       /* (rows, d) */
    const void *keys, *values; /* (T, d) */
    void *context;             /* (rows, d) */
    void *pairs;               /* or NULL, with dropout and if d is no multiple of FE_PAIRED: where the context goes as pairs
                                * (paired_out of a dense layer), context_stride floats apart; context is then room */
    void *logs;                /* (rows,): log of the sum of e^score, or NULL */
    void *room;                /* FE_ATTENTION_ROOM numbers */
    void *rounding;            /* with bfloat16: FE_ROUNDING_ROOM(rows) floats */
    fe_drop drop;
    int64_t row;               /* which one the first of the rows is, for drop */
    int64_t stride, context_stride; /* numbers between rows of queries, keys and values; of the context */
    int rows, tokens, size;    /* rows, T, d */
} fe_attention;

#define FE_STRIP 24  /* tokens whose scores are there at once */
#define FE_WIDEST 64 /* no panel is wider */
#define FE_PAIRED 32 /* numbers of a register of pairs */
#define FE_UPTO(n) (((int64_t)(n) + FE_WIDEST - 1) / FE_WIDEST * FE_WIDEST)
#define FE_ATTENTION_ROOM(tokens, size)                                                                                \
    ((FE_UPTO(tokens) + FE_STRIP) * FE_UPTO(size) * 2 + (FE_STRIP + 1) * FE_UPTO(tokens))

/* Back through the softmax of one head, after its products */
typedef struct fe_attention_back {
    void *scores;       /* (T, T) q . k -> probabilities, dropped out */
    void *gradients;    /* (T, T) of those probabilities -> of q . k */
    const void *logs;   /* (T,) */
    const void *deltas; /* (T,) context . gradient of the context */
    fe_drop drop;
    int64_t row;
    int tokens, size;
} fe_attention_back;

/* The kernels for one type of numbers. */
typedef struct fe_encoder {
    void (*dense)(const fe_dense *dense);
    void (*norm)(const fe_norm *norm);
    void (*norm_back)(const fe_norm *norm);
    /* before (n,) activation -> its result; gradient (n,) of the result -> of before */
    void (*activation_back)(int activation, void *before, void *gradient, int64_t n);
    void (*attend)(const fe_attention *head);
    void (*attend_back)(const fe_attention_back *head);
    /* x (n,), a row, dropped out, and more (n,), or NULL, added */
    void (*drop)(const fe_drop *drop, int64_t row, void *x, const void *more, int n);
} fe_encoder;

#endif
