"""Rows of a sparse matrix: entries (id, count) sorted under their columns, and their values (csrc/entries.h)."""

from libc.math cimport fabs, log, sqrt
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

import numpy as np


cdef extern from "entries.h" nogil:
    int64_t fe_entries_map(int32_t *ids, uint32_t *counts, int64_t n, const int32_t *table)
    void fe_entries_sort(int32_t *ids, uint32_t *counts, int64_t n, int64_t columns, uint64_t *room)

cdef extern from "string.h" nogil:
    void *memmove(void *to, const void *source, size_t bytes)

ctypedef fused number:
    int32_t
    int64_t
    float
    double

ctypedef fused real:
    float
    double

NORMS = (None, "l1", "l2")


def settle(int32_t[::1] ids, uint32_t[::1] counts, int64_t[::1] ends, const int32_t[::1] table, int64_t columns):
    """Put rows in order, in place: ids (n,) become columns by the table (None: they are), sorted within each row.

    Entries without a column (-1) are left out, and ``ends`` (rows,) changes accordingly. Returns the entries kept.
    """
    cdef int64_t row, start = 0, kept = 0, n, longest = 0
    for row in range(ends.shape[0]):
        longest = max(longest, ends[row] - (ends[row - 1] if row else 0))
    cdef uint64_t[::1] room = np.empty(2 * longest + 1, np.uint64)
    with nogil:
        for row in range(ends.shape[0]):
            n = ends[row] - start
            if n and table is not None:
                n = fe_entries_map(&ids[start], &counts[start], n, &table[0])
            if n:
                fe_entries_sort(&ids[start], &counts[start], n, columns, &room[0])
            if n and kept != start:
                memmove(&ids[kept], &ids[start], n * sizeof(int32_t))
                memmove(&counts[kept], &counts[start], n * sizeof(uint32_t))
            start = ends[row]
            kept += n
            ends[row] = kept
    return kept


def cast(const uint32_t[::1] counts, bint binary, number[::1] out):  # counts (n,), out (n,)
    """out = counts, or 1 everywhere."""
    cdef int64_t k
    with nogil:
        for k in range(counts.shape[0]):
            out[k] = <number> (1 if binary else counts[k])


def weigh(const int32_t[::1] columns, const uint32_t[::1] counts, const int64_t[::1] ends, const double[::1] idf,
          tuple how, real[::1] out):  # columns (n,), counts (n,), ends (rows,), idf (V,) or None, out (n,)
    """out = tf idf / norm of the row; how = (binary, sublinear: tf = 1 + log(count), norm: one of NORMS)."""
    cdef bint binary = how[0], sublinear = how[1]
    cdef int norm = NORMS.index(how[2])
    cdef int64_t row, k, start = 0
    cdef double value, size
    with nogil:
        for row in range(ends.shape[0]):
            size = 0.0
            for k in range(start, ends[row]):
                value = 1.0 if binary else counts[k]
                if sublinear and value != 1.0:
                    value = 1.0 + log(value)
                if idf is not None:
                    value *= idf[columns[k]]
                out[k] = <real> value
                size += value * value if norm == 2 else fabs(value)
            size = sqrt(size) if norm == 2 else size
            if norm and size:
                for k in range(start, ends[row]):
                    out[k] /= <real> size
            start = ends[row]
