/* The table of vector steps: one per instruction set, filled from the one body in kernels.inc.
 *
 * Every row is FE_PAD-aligned and padded with zeros; `width` is the padded row length in floats.
 */
#ifndef FE_KERNELS_H
#define FE_KERNELS_H

#include "encoder.h"
#include "fe.h"
#include "recurrent.h"

/* The sum of -log p over many steps. Settle with `settle` before reading `total`. */
typedef struct fe_loss {
    float product[16]; /* lanes: factors 1 + e^-|s| not yet in total */
    float linear[16];  /* lanes: max(s, 0) not yet in total */
    int vectors;       /* how many factors each lane holds */
    double total;
} fe_loss;

/* One training step (step.inc): every input row meets every output row. */
typedef struct fe_step {
    float **inputs;     /* n_inputs rows (width,), updated */
    float **outputs;    /* n_outputs rows (width,), updated */
    const float *signs; /* (n_outputs, n_inputs): -0.0 where the label is 1, 0.0 where it is 0; FE_PAD more are read */
    int n_inputs, n_outputs;
    int dim;          /* floats of a row that may differ from zero ... */
    int width;        /* ... and with padding, a multiple of the table's lanes */
    float *scratch;   /* FE_STEP_SCRATCH(n_inputs, n_outputs, width) floats */
    float **copies;   /* room for n_outputs pointers */
    float **upcoming; /* n_upcoming rows that will be needed soon: fetched into the cache on the way */
    int n_upcoming;
    float lr;
} fe_step;

/* scores, and copies of the outputs */
#define FE_STEP_SCRATCH(n_inputs, n_outputs, width) ((size_t)(n_outputs) * ((n_inputs) + (width)) + 2 * FE_PAD)

/* Rows of a sparse matrix: row r holds values[k] in columns[k] for offsets[r] <= k < offsets[r + 1]. */
typedef struct fe_sparse_float {
    const int64_t *offsets;
    const int32_t *columns;
    const float *values;
} fe_sparse_float;

typedef struct fe_sparse_double {
    const int64_t *offsets;
    const int32_t *columns;
    const double *values;
} fe_sparse_double;

/* A number of the co-occurrence matrix X, ready for training: log X and f(X). */
typedef struct fe_glove_entry {
    int32_t column;
    float logarithm, weight;
} fe_glove_entry;

/* GloVe's matrices (glove.inc). A row is its vector (stride,) and the AdaGrad sums of its squared gradients (stride,),
 * which are 1 in the padding; a bias has its sum beside it. */
typedef struct fe_glove {
    float *words, *contexts;             /* (V, 2, stride) */
    float *word_biases, *context_biases; /* (V, 2) */
    int stride, width;                   /* FE_PAD's multiple; the kernel's lanes' multiple, the part that is used */
    float lr;
} fe_glove;

#define FE_GLOVE_PAST 4 /* entries behind the last that are read: columns are fetched so far ahead */

/* Rows of a matrix by their numbers; a row may be named more than once. */
typedef struct fe_named {
    float *matrix;       /* (_, stride) */
    const int32_t *rows; /* (n,) */
    int n, stride;
    int width; /* floats of a row that may differ from zero, a multiple of the table's lanes */
} fe_named;

/* How an optimiser changes parameters (optim.inc). */
enum { FE_SGD, FE_ADAGRAD, FE_ADAM };

typedef struct fe_rule {
    int kind;
    double lr;
    double scale;          /* of the gradients, for instance to clip their norm */
    double beta1, beta2;   /* of Adam */
    double epsilon;        /* of AdaGrad and Adam */
    int64_t steps;         /* so many with this one, from 1 */
} fe_rule;

typedef struct fe_kernels {
    const char *name; /* "base", "avx2", "avx512", "avx512bf16", "amx" */
    int lanes;        /* floats in one vector register */
    /* one training step; adds its loss */
    void (*step)(const fe_step *step, fe_loss *loss);
    /* move the lanes of a loss to its total */
    void (*settle)(fe_loss *loss);
    /* labels (n_outputs,), the lowest bit of each -> laid (n_outputs * n_inputs + FE_PAD,), for step->signs */
    void (*lay_signs)(const fe_step *step, const int32_t *labels, float *laid);
    /* the same for one input row and a softmax over the outputs, of which `target` is the right one -> its loss */
    double (*softmax_step)(const fe_step *step, int target);
    /* pair (2, width): both rows = mean of n rows */
    void (*mean)(const float *const *rows, int n, int width, float *pair);
    /* rows += scale (pair[0] - pair[1]), pair (2, width) */
    void (*spread)(float *const *rows, int n, int width, const float *pair, float scale);
    /* pair (2, width): both rows = mean of rows (n, width), weighted by weights (n,) of sum 1 */
    void (*blend)(const float *const *rows, const float *weights, int n, int width, float *pair);
    /* pair (2, width): both rows = mean of the named rows */
    void (*compose)(const fe_named *named, float *pair);
    /* the named rows += pair[0] - pair[1] */
    void (*scatter)(const fe_named *named, const float *pair);
    /* some rows of a sparse matrix (n, m) times a dense block (m, one cache line) -> out (last - first, one line) */
    void (*spmm_float)(const fe_sparse_float *matrix, int64_t first, int64_t last, const float *block, float *out);
    void (*spmm_double)(const fe_sparse_double *matrix, int64_t first, int64_t last, const double *block, double *out);
    /* train on n entries of one row -> the sum of their losses */
    double (*glove)(const fe_glove *model, int32_t row, const fe_glove_entry *entries, int64_t n);
    fe_recurrent recurrent[2]; /* for float and for double */
    /* y (n,) = exp, sigmoid or tanh of x (n,), which may be the same array */
    void (*exp_all)(const float *x, float *y, int64_t n);
    void (*sigmoid_all)(const float *x, float *y, int64_t n);
    void (*tanh_all)(const float *x, float *y, int64_t n);
    /* scores (n,) = e^(scores + bias - peak), peak the largest of scores + bias -> their sum */
    float (*softmax)(float *scores, const float *bias, int64_t n, float *peak);
    /* one step of an optimiser: gradient (n,) # in; value, means, squares (n,) # in and out */
    void (*optimise_float)(const fe_rule *rule, const float *gradient, float *value, float *means, float *squares,
                           int64_t n);
    void (*optimise_double)(const fe_rule *rule, const double *gradient, double *value, double *means, double *squares,
                            int64_t n);
    /* floating-point operations of a loop that does nothing else, for benchmarks */
    double (*fma_loop)(int64_t times);
    fe_encoder encoder[2]; /* for float and for double */
    /* a dense layer of floats whose product takes numbers rounded to bfloat16 (bfloat16.inc), and the panels for it:
     * (ceil(columns / panel), ceil(depth / 2), panel) pairs of 32 bits, panels being 16 wide where AMX multiplies; its
     * weights are not turned */
    void (*pack_bfloat16)(const fe_packing *packing);
    void (*dense_bfloat16)(const fe_dense *dense);
    /* attention for the same, with products of bfloat16 where they are faster */
    void (*attend_bfloat16)(const fe_attention *head);
} fe_kernels;

/* whether the compiler knows AVX512_BF16 */
#if defined(__x86_64__) && (defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 11))
#define FE_NATIVE_BFLOAT16 1
#else
#define FE_NATIVE_BFLOAT16 0
#endif

/* and AMX, which a process has to ask its system for */
#if FE_NATIVE_BFLOAT16 && defined(__linux__)
#define FE_AMX 1
#else
#define FE_AMX 0
#endif

/* The tables this CPU and operating system can run, best first, ended by NULL. */
const fe_kernels *const *fe_available(void);

#endif
