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

/* One training step (step.inc): every input row meets every output row. */
typedef struct fe_step {
    float **inputs;        /* n_inputs rows (width,), updated */
    float **outputs;       /* n_outputs rows (width,), updated */
    const uint8_t *labels; /* (n_outputs,) 0 or 1 */
    float *scratch;        /* FE_STEP_SCRATCH(n_inputs, n_outputs, width) floats */
    float **copies;        /* room for n_inputs pointers */
    int n_inputs, n_outputs, width;
    float lr;
    float **upcoming; /* n_upcoming rows that will be needed soon: fetched into the cache on the way */
    int n_upcoming;
} fe_step;

#define FE_STEP_SCRATCH(n_inputs, n_outputs, width) ((n_inputs) * (n_outputs) + 2 * FE_PAD + (n_inputs) * (width))

typedef struct fe_kernels {
    const char *name; /* "base", "avx2", "avx512" */
    int lanes;        /* floats in one vector register */
    /* x . y over `width` floats */
    float (*dot)(const float *x, const float *y, int width);
    /* y += a x */
    void (*axpy)(float a, const float *x, float *y, int width);
    void (*step)(const fe_step *step, fe_loss *loss);
    void (*settle)(fe_loss *loss);
    /* out = mean of n rows */
    void (*mean)(const float *const *rows, int n, int width, float *out);
    /* rows += scale (pair[0] - pair[1]), pair (2, width) */
    void (*spread)(float *const *rows, int n, int width, const float *pair, float scale);
} fe_kernels;

/* The tables this CPU and operating system can run, best first, ended by NULL. */
const fe_kernels *const *fe_available(void);

#endif
