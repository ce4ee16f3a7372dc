"""A thread's own copies of the output rows that every step writes: the top of the Huffman tree.

Rows that two cores write by turns travel from one near cache to the other each time, which costs more than the step's
arithmetic. So each of N threads trains copies of its own and, after each chunk, moves the shared rows the N-th part of
the way to them and begins anew from there: local stochastic gradient descent with averaging (Stich 2019). Their sum
instead of their mean would overshoot N times, for within a chunk these rows come close to where they want to be.
"""

from libc.stdint cimport int32_t, int64_t

cdef enum:
    HOT = 127  # rows: the seven upper levels of a balanced tree; three quarters of all visits are there at most


cdef struct Hot:
    float *rows      # (n, stride), or NULL if there is one thread
    float *shared    # (any, stride), of which the last n are hot
    int32_t first    # the first of them
    int n, stride
    float share      # 1 / N


cdef inline float *hot_or_shared(const Hot *hot, int32_t row) noexcept nogil:
    """Where a thread finds an output row."""
    if row >= hot.first:
        return hot.rows + <int64_t>(row - hot.first) * hot.stride
    return hot.shared + <int64_t>row * hot.stride


cdef inline void hot_begin(const Hot *hot) noexcept nogil:
    """Copy the shared rows."""
    cdef int64_t k
    cdef float *shared = hot.shared + <int64_t>hot.first * hot.stride
    for k in range(<int64_t>hot.n * hot.stride):
        hot.rows[k] = shared[k]


cdef inline void hot_meet(const Hot *hot) noexcept nogil:
    """Move the shared rows towards the own ones, and those there."""
    cdef int64_t k
    cdef float *shared = hot.shared + <int64_t>hot.first * hot.stride
    for k in range(<int64_t>hot.n * hot.stride):
        shared[k] += hot.share * (hot.rows[k] - shared[k])
        hot.rows[k] = shared[k]
