/* n-grams: packed and sorted to be counted, kept as a trie, smoothed, found again by a hash.
 *
 * The trie has an array of nodes for each order, in the order of their words: node i of order k, with words w_1..w_k, is
 * one of the children of the node w_1..w_{k-1}, which stand side by side in the order of w_k. The children of node i
 * are [child(i), child(i + 1)) of order k + 1; so every array but the highest order's has one node more at its end.
 * The nodes of order 1 are the words themselves. The *suffix* of a node is the node w_2..w_k of order k - 1.
 */
#ifndef FE_NGRAMS_H
#define FE_NGRAMS_H

#include "fe.h"

#define FE_MOST_WORDS 4 /* of 64 bits, in a record */
#define FE_MOST_ORDER 16
#define FE_NONE UINT32_MAX

enum { FE_UNK = 0, FE_BOS = 1, FE_EOS = 2 }; /* the first words of every vocabulary */

typedef struct fe_ngram {
    uint32_t word; /* w_k */
    union {
        uint32_t count; /* while counting; FE_DROPPED marks one that pruning leaves out */
        float prob;     /* then a probability, at last its log10 */
    };
    union {
        uint32_t suffix; /* while training */
        float backoff;   /* then log10 of the weight of the shorter context */
    };
    uint32_t child;
} fe_ngram;

typedef struct fe_longest { /* a node of the highest order, when all is done */
    uint32_t word;
    float prob;
} fe_longest;

#define FE_DROPPED (1u << 31)

/* ---- counting ---- */

/* A text and how its n-grams are packed: order fields of `bits` bits, from the highest bit of `words` numbers down, each
 * id + 1, or 0 behind the end of the sentence. */
typedef struct fe_packing {
    const int32_t *ids;     /* (N,) */
    const int64_t *offsets; /* (S + 1,) */
    const int32_t *table;   /* id in the text -> id in the vocabulary */
    const int32_t *part;    /* of the records that begin with a word (V,), -1: none of this round */
    int order, bits, words;
} fe_packing;

/* Records of sentences [first, last) in each part: added to counts (P,). */
void fe_ngrams_tally(const fe_packing *packing, int64_t first, int64_t last, int64_t *counts);

/* Write them: those of part p to records[places[p]], and on; places (P,) move on. */
void fe_ngrams_pack(const fe_packing *packing, int64_t first, int64_t last, int64_t *places, uint64_t *records);

/* Sort n records; scratch has room for as many. */
void fe_ngrams_sort(const fe_packing *packing, uint64_t *records, uint64_t *scratch, int64_t n);

/* How many nodes of each order k = 2..order sorted records make: added to nodes[k]. */
void fe_ngrams_distinct(const fe_packing *packing, const uint64_t *records, int64_t n, int64_t *nodes);

/* Make them: node i of order k goes to nodes[k][i - shift[k]], from i = at[k] on; children are counted by the same i.
 * bigrams[w] becomes the number of children of the word w. */
typedef struct fe_growth {
    fe_ngram *nodes[FE_MOST_ORDER + 1];
    int64_t shift[FE_MOST_ORDER + 1], at[FE_MOST_ORDER + 1];
    uint32_t *bigrams;
} fe_growth;

void fe_ngrams_grow(const fe_packing *packing, const uint64_t *records, int64_t n, fe_growth *growth);

/* ---- n-grams from elsewhere ---- */

/* A stable counting sort of n rows by their digits: those with digit d go to sorted[starts[d]] and on, in the order of
 * `rows`, NULL for 0, 1, 2, ...; starts moves on. */
void fe_ngrams_order(const uint32_t *digits, const uint32_t *rows, int64_t n, int64_t *starts, uint32_t *sorted);

/* Node i gets the word and the logarithms, of probability and weight, of row rows[i]. */
void fe_ngrams_fill(const uint32_t *rows, int64_t n, const uint32_t *words, const float (*logs)[2], fe_ngram *nodes);

/* ---- smoothing: of the children of nodes [first, last) of an order, each with their parents ---- */

/* Find the suffixes of the children, which are among the parents' order; `grandparents` is the order before that, NULL
 * for the children of words. Returns how many have none (FE_NONE), as n-grams from elsewhere may. */
int64_t fe_ngrams_link(const fe_ngram *parents, int64_t first, int64_t last, fe_ngram *children,
                       const fe_ngram *grandparents);

/* counts[suffix] += 1 for each of n nodes: how many different words stand before the suffix. */
void fe_ngrams_continue(const fe_ngram *nodes, int64_t n, uint32_t *counts);

/* What a count loses and what every context gains:
 *     u(w | c) = (a(c w) - discount[min(a, 3)] + add) / d      d = sum_w a(c w) + types T(c) + add V
 *     backoff(c) = (sum_w discount + what pruning left out + types T(c) + add) / d
 * with T(c) the number of different words behind c. */
typedef struct fe_smoothing {
    double discount[4], types, add, size;
} fe_smoothing;

/* Counts become u, and backoff (parents,) of [first, last) is written. A dropped child keeps its place and mark. */
void fe_ngrams_divide(const fe_ngram *parents, int64_t first, int64_t last, fe_ngram *children,
                      const fe_smoothing *how, float *backoff);

/* p(w | c) = u(w | c) + backoff(c) p(w | shorter c), where `shorter` holds the p of the parents' order. */
void fe_ngrams_interpolate(const fe_ngram *parents, int64_t first, int64_t last, fe_ngram *children,
                           const float *backoff, const fe_ngram *shorter);

/* Probabilities and back-off weights (of nodes with children) of nodes [first, last) become log10; without backoff
 * (NULL) the probabilities alone. */
void fe_ngrams_log(fe_ngram *nodes, int64_t first, int64_t last, const float *backoff);

/* ---- questions ---- */

#define FE_LM_BUCKET 4 /* slots, a line of the cache */

typedef struct fe_lm_slot { /* an n-gram in a hash table */
    uint32_t word, context; /* its last word; the slot of the words before, or the one word before; FE_NONE: empty */
    float prob, backoff;    /* log10 */
} fe_lm_slot;

typedef struct fe_lm {
    int order;
    int additive;   /* a context that was seen decides alone, with its `backoff` for every word not seen behind it */
    int closed;     /* every n-gram's suffix is an n-gram, so that none is longer than one that is missing */
    double nothing; /* additive: log10 of the probability behind a context that was not seen */
    const fe_ngram *nodes[FE_MOST_ORDER + 1]; /* of the orders from 1; the highest one's in `longest` if it is above 1 */
    const fe_longest *longest;
    const fe_lm_slot *slots[FE_MOST_ORDER + 1]; /* of the orders from 2 */
    uint64_t count[FE_MOST_ORDER + 1];       /* of nodes */
    uint64_t size[FE_MOST_ORDER + 1];        /* of slots: whole buckets, at least one, more than nodes, below 2^32 */
} fe_lm;

/* Fill the slots of an order (all empty) with its nodes, which places (count,) says where to find; contexts are the
 * places of the order before, NULL for words. */
void fe_lm_index(const fe_lm *lm, int order, const uint32_t *contexts, fe_lm_slot *slots, uint32_t *places);

/* places[i] = slot of the n-gram of the shape[1] words rows[i * shape[0]] and on, or the word itself if it is one;
 * FE_NONE: it is none. Of a model whose tables are filled up to that order. */
void fe_lm_find(const fe_lm *lm, const int32_t *rows, int64_t n, const int shape[2], uint32_t *places);

/* out[i] = natural log of the probability of words[i] after those before it in its sentence (n,); 0 for <s>, with which
 * each sentence begins, also the first. A damaged model gives wrong numbers, but nothing is read outside its arrays. */
void fe_lm_score(const fe_lm *lm, const int32_t *words, int64_t n, double *out);

/* The same for sentences [first, last) of a text without <s> and </s>, with which they are scored: sentence s has ids
 * [offsets[s], offsets[s + 1]), and the logarithms of its words and of its </s> go to out[offsets[s] + s] and on. */
void fe_lm_sentences(const fe_lm *lm, const int32_t *ids, const int64_t *offsets, int64_t first, int64_t last,
                     double *out);

#endif
