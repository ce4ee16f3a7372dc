/* What the kernels of recurrent layers are given (panels.inc, cells.inc).
 *
 * Letters: B sequences (rows of one time step), H units, G gates. Rows of a matrix follow one another without padding.
 * Pointers are to float or to double, as the table is.
 */
#ifndef FE_RECURRENT_H
#define FE_RECURRENT_H

#include "fe.h"

/* weights (depth, columns) or, turned, (columns, depth) -> panels (ceil(columns / panel), depth, panel): panel columns
 * side by side, zeros behind the last. */
typedef struct fe_packing {
    const void *weights;
    void *panels;
    int64_t stride; /* numbers from a row of weights to the next */
    int depth, columns, turned;
} fe_packing;

/* out (rows, columns) = left (rows, depth) times panels, added to out if `add` */
typedef struct fe_product {
    const void *left;
    const void *panels;
    void *out;
    int64_t left_stride, out_stride;
    int rows, columns, depth, add;
} fe_product;

/* out (rows, columns) = left (rows, depth) times right (depth, columns), added to out if `add`; depth is 1 at least; a side
 * that is turned lies in memory as its transpose */
typedef struct fe_gemm {
    const void *left, *right;
    void *out;
    int64_t left_stride, right_stride, out_stride;
    int rows, columns, depth, left_turned, right_turned, add;
} fe_gemm;

/* One time step. What a cell does not have, it does not touch. */
typedef struct fe_cell {
    void *gates;              /* (B, G H) products with input and state; then activations; backward: their gradients */
    const void *bias;         /* (G H,) */
    const void *reset_bias;   /* (H,) GRU with reset after the product */
    const void *before;       /* (B, H) states before this step */
    void *states;             /* (B, H) */
    const void *cells_before; /* (B, H) LSTM */
    void *cells;              /* (B, H) LSTM, clipped */
    void *reset;              /* (B, H) GRU: r * h; with reset after the product: h W + b; backward: its gradient */
    const void *above;        /* (B, H) gradients of the states from the layer above */
    void *flow;               /* (B, H) gradients of the states from the step after, or NULL; GRU: for the step before */
    void *cell_flow;          /* (B, H) gradients of the cells from the step after; for the step before */
    void *bias_gradient, *reset_bias_gradient; /* (G H,), (H,): added to */
    double clip;              /* cells are kept within [-clip, clip] */
    int rows, size;           /* B, H */
} fe_cell;

/* The kernels for one type of numbers. */
typedef struct fe_recurrent {
    int panel; /* columns of a panel */
    void (*pack)(const fe_packing *packing);
    void (*product)(const fe_product *product);
    /* or NULL where BLAS is as fast; FE_NO_MEMORY: nothing has been done */
    fe_status (*gemm)(const fe_gemm *gemm);
    void (*rnn)(const fe_cell *cell);
    void (*rnn_back)(const fe_cell *cell);
    void (*lstm)(const fe_cell *cell);
    void (*lstm_back)(const fe_cell *cell);
    void (*gru_gates)(const fe_cell *cell);      /* reset and update gate, r * h */
    void (*gru_state)(const fe_cell *cell);      /* candidate and state */
    void (*gru_state_back)(const fe_cell *cell); /* in the opposite order */
    void (*gru_gates_back)(const fe_cell *cell); /* reset: now the gradient of r * h */
    void (*gru_after)(const fe_cell *cell);      /* all of it, reset after the product */
    void (*gru_after_back)(const fe_cell *cell);
} fe_recurrent;

#endif
