"""A thread's own copies of the output rows that every step writes: the top of the Huffman tree.

Rows that two cores write by turns travel from one near cache to the other each time. So each of several threads trains
copies of its own and, after each chunk, moves the shared rows a part of the way to them and begins anew from there: the
part that this chunk is of all that were begun meanwhile, 1/N for N threads at work. That is local stochastic gradient
descent with averaging (Stich 2019, "Local SGD Converges Fast and Communicates Little"). Their sum instead of their mean
would overshoot N times, for within a chunk these rows come close to where they want to be.
"""

from libc.stdint cimport int32_t, int64_t

cdef enum:
    HOT = 127  # rows: the seven upper levels of a balanced tree, where more than half of all visits are


cdef struct Hot:
    float *rows      # (n, stride) a thread's own
    float *shared    # (any, stride)
    int32_t first    # of the shared rows that are hot: n from here on, none where there is one thread
    int n, stride


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


cdef inline void hot_meet(const Hot *hot, float share) noexcept nogil:
    """Move the shared rows a share of the way to the own ones, and those there."""
    cdef int64_t k
    cdef float *shared = hot.shared + <int64_t>hot.first * hot.stride
    for k in range(<int64_t>hot.n * hot.stride):
        shared[k] += share * (hot.rows[k] - shared[k])
        hot.rows[k] = shared[k]
