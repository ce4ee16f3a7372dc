/* The table of vector steps: one per instruction set, filled from the one body in kernels.inc.
 *
 * Every row is FE_PAD-aligned and padded with zeros; `width` is the padded row length in floats.
 */
#ifndef FE_KERNELS_H
#define FE_KERNELS_H

#include "fe.h"

/* The sum of -log p over many steps. Settle with `settle` before reading `total`. */
typedef struct fe_loss {
    float product[16]; /* lanes: factors 1 + e^-|s| not yet in total */
    float linear[16];  /* lanes: max(s, 0) not yet in total */
    int vectors;       /* how many factors each lane holds */
    double total;
} fe_loss;

/* Output rows are taken in blocks of at most FE_BLOCK, and scores laid out by block, each (n_inputs, rows of block). */
#define FE_BLOCK 6

/* Rows of a block (the last may have fewer): as few blocks as possible, of equal size as far as possible. */
static inline int fe_block_rows(int n_outputs)
{
    if (n_outputs <= FE_BLOCK)
        return n_outputs;
    int blocks = (n_outputs + FE_BLOCK - 1) / FE_BLOCK;
    return (n_outputs + blocks - 1) / blocks;
}

/* One training step (step.inc): every input row meets every output row. */
typedef struct fe_step {
    float **inputs;     /* n_inputs rows (width,), updated */
    float **outputs;    /* n_outputs rows (width,), updated */
    const float *signs; /* laid out like the scores: -0.0 where the label is 1, 0.0 where it is 0 ... */
    int n_signs;        /* ... for so many scores, and 0 for those behind; up to FE_PAD more are read */
    int n_inputs, n_outputs, width;
    int block;        /* fe_block_rows(n_outputs) */
    float *scratch;   /* FE_STEP_SCRATCH(n_inputs, n_outputs, width) floats */
    float **copies;   /* room for n_inputs pointers */
    float **upcoming; /* n_upcoming rows that will be needed soon: fetched into the cache on the way */
    int n_upcoming;
    float lr;
} fe_step;

/* scores and copies of the inputs */
#define FE_STEP_SCRATCH(n_inputs, n_outputs, width) ((size_t)(n_inputs) * ((n_outputs) + (width)) + 2 * FE_PAD)

typedef struct fe_kernels {
    const char *name; /* "base", "avx2", "avx512" */
    int lanes;        /* floats in one vector register */
    /* one training step; adds its loss */
    void (*step)(const fe_step *step, fe_loss *loss);
    /* move the lanes of a loss to its total */
    void (*settle)(fe_loss *loss);
    /* signs of the outputs (n_outputs + FE_PAD,) -> laid (n_inputs * n_outputs + FE_PAD,), for step->signs */
    void (*lay_signs)(const fe_step *step, const float *signs, float *laid);
    /* pair (2, width): both rows = mean of n rows */
    void (*mean)(const float *const *rows, int n, int width, float *pair);
    /* rows += scale (pair[0] - pair[1]), pair (2, width) */
    void (*spread)(float *const *rows, int n, int width, const float *pair, float scale);
    /* pair (2, width): both rows = mean of rows (n, width), weighted by weights (n,) of sum 1 */
    void (*blend)(const float *const *rows, const float *weights, int n, int width, float *pair);
    /* pair (2, width): both rows = mean of the rows (n,) of matrix (_, width) */
    void (*compose)(const float *matrix, const int32_t *rows, int n, int width, float *pair);
    /* the rows (n,) of matrix (_, width) += pair[0] - pair[1] */
    void (*scatter)(float *matrix, const int32_t *rows, int n, int width, const float *pair);
    /* floating-point operations of a loop that does nothing else, for benchmarks */
    double (*fma_loop)(int64_t times);
} fe_kernels;

/* The tables this CPU and operating system can run, best first, ended by NULL. */
const fe_kernels *const *fe_available(void);

#endif
