# What an encoder's layers are given. Letters: N rows (tokens), S sentences, D width, F inner width.

from libc.stdint cimport int32_t, int64_t


cdef extern from "turns.h" nogil:
    ctypedef int64_t fe_turn
    int fe_turn_come(fe_turn *turn, int64_t number)
    void fe_turn_set(fe_turn *turn, int64_t number)
    void FE_YIELD()


cdef struct Layer:
    # matrices, as panels, perhaps of bfloat16; for the way back their transposes
    char *qkv              # (D, 3 D)
    char *output           # (D, D)
    char *inner            # (D, F)
    char *outer            # (F, D)
    # vectors
    char *qkv_bias
    char *output_bias
    char *inner_bias
    char *outer_bias
    char *middle_scale     # of the first LayerNorm
    char *middle_bias
    char *top_scale        # of the second
    char *top_bias
    # rows; where NULL, they are kept in a worker's room or in the next ones' place, and back has none
    char *x                # (N, D) what comes in
    char *heads            # (N, 3 D) queries, keys, values
    char *logs             # (heads, N)
    char *context          # (N, D)
    char *middle           # (N, D) what the first LayerNorm gets
    char *middle_stats     # (N, 2)
    char *a                # (N, D) what it gives
    char *u                # (N, F) before the activation; after back the activation itself
    char *top              # (N, D) what the second LayerNorm gets
    char *top_stats        # (N, 2)
    char *y                # (N, D) what it gives, and what goes out


cdef struct Arrays:
    int32_t *ids           # (N,)
    int32_t *segments      # (N,)
    int64_t *offsets       # (S + 1,)
    int64_t *blocks        # (_, 6): rows first .. last - 1, sentences first .. last - 1, blocks to wait for, likewise
    fe_turn *turns         # (blocks,): layers whose keys and values are there; NULL: no block cuts a sentence
    char *words            # (_, D) embeddings
    char *positions
    char *kinds            # of segments
    char *scale            # of their LayerNorm
    char *bias
    char *sums             # (N, D) what it gets
    char *stats            # (N, 2)
    char *x                # (N, D) what it gives
    char *room             # (workers, _)
    # back; a matrix of gradients may be the one before it where nothing drops out
    char *flow             # (N, D) of y, then of top
    char *outer_flow       # (N, D) of the product with outer
    char *inner_flow       # (N, F)
    char *middle_flow      # (N, D) of a, then of middle
    char *output_flow      # (N, D) of the product with output
    char *heads_flow       # (N, 3 D)
    char *below            # (N, D) of x
    char *vectors          # (blocks, 9 D + F) of scales and biases: top, outer, inner, middle, output, qkv
    char *d_qkv            # as the matrices
    char *d_output
    char *d_inner
    char *d_outer
