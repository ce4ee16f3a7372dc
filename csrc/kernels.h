/* The table of vector steps: one per instruction set, filled from the one body in kernels.inc.
 *
 * Every row is FE_PAD-aligned and padded with zeros; `width` is the padded row length in floats.
 */
#ifndef FE_KERNELS_H
#define FE_KERNELS_H

#include "fe.h"

typedef struct fe_kernels {
    const char *name; /* "base", "avx2", "avx512" */
    int lanes;        /* floats in one vector register */
    /* x . y over `width` floats */
    float (*dot)(const float *x, const float *y, int width);
    /* y += a x */
    void (*axpy)(float a, const float *x, float *y, int width);
} fe_kernels;

/* The tables this CPU and operating system can run, best first, ended by NULL. */
const fe_kernels *const *fe_available(void);

#endif
