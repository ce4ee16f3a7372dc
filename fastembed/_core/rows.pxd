"""Rows of numbers: sums and products that are too short for BLAS."""
from cython cimport floating
from libc.stdint cimport int64_t


cdef inline void sum_of_three(floating *out, floating *a, floating *b, floating *c, int n) noexcept nogil:
    """out (n,) = a + b + c"""
    cdef int k
    for k in range(n):
        out[k] = a[k] + b[k] + c[k]


cdef inline void add_rows(floating *rows, int64_t count, int n, floating *total) noexcept nogil:
    """total (n,) += the sum of rows (count, n)"""
    cdef int64_t row
    cdef int k
    for row in range(count):
        for k in range(n):
            total[k] += rows[row * n + k]


cdef inline void dots(floating *a, floating *b, int64_t stride, int rows, int n, floating *out) noexcept nogil:
    """out (rows,) = a . b, of (rows, n) with so many numbers between rows"""
    cdef int row, k
    cdef floating total
    for row in range(rows):
        total = 0
        for k in range(n):
            total += a[row * stride + k] * b[row * stride + k]
        out[row] = total
