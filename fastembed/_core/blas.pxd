"""Matrix products in loops without the GIL: the BLAS that scipy brings, for row-major matrices.

A matrix is a struct; gemm is ``out = alpha a b + beta out``, for float32 or float64 (all three of one type). It starts
no thread of its own inside fastembed.blas.one_thread(). BLAS knows columns, not rows: a row-major matrix is the
transpose of what BLAS sees, and out^T = b^T a^T.
"""
from cython cimport floating
from libc.stdint cimport int64_t
from scipy.linalg.cython_blas cimport dgemm, sgemm


cdef struct Matrix:
    void *data
    int rows
    int columns
    int stride   # numbers from a row in memory to the next
    bint turned  # whether memory holds the transpose
    bint double_precision


cdef inline Matrix matrix(floating *data, int rows, int columns, int stride) noexcept nogil:
    """Rows (rows, columns) in memory, each ``stride`` numbers after the one before."""
    cdef Matrix made
    made.data, made.rows, made.columns, made.stride, made.turned = <void *> data, rows, columns, stride, False
    made.double_precision = floating is double
    return made


cdef inline Matrix turned(Matrix a) noexcept nogil:
    """The transpose, of the same memory."""
    a.rows, a.columns, a.turned = a.columns, a.rows, not a.turned
    return a


cdef inline void gemm(double alpha, Matrix a, Matrix b, double beta, Matrix out) noexcept nogil:
    """out (M, N) = alpha a (M, K) b (K, N) + beta out; out is not turned. With beta = 0 it may hold anything before."""
    cdef char a_order = b"T" if a.turned else b"N"
    cdef char b_order = b"T" if b.turned else b"N"
    cdef float alpha_float = <float> alpha
    cdef float beta_float = <float> beta
    if out.double_precision:
        dgemm(&b_order, &a_order, &out.columns, &out.rows, &a.columns, &alpha, <double *> b.data, &b.stride,
              <double *> a.data, &a.stride, &beta, <double *> out.data, &out.stride)
    else:
        sgemm(&b_order, &a_order, &out.columns, &out.rows, &a.columns, &alpha_float, <float *> b.data, &b.stride,
              <float *> a.data, &a.stride, &beta_float, <float *> out.data, &out.stride)
