"""Products in loops without the GIL, for row-major matrices: csrc/gemm.inc where it is faster, else the BLAS that scipy
brings (blas.pyx).

A matrix is a struct; gemm is ``out = a b`` or ``out += a b``, for float32 or float64 (all three of one type). It starts
no thread of its own inside fastembed.blas.one_thread(). BLAS knows columns, not rows: a row-major matrix is the
transpose of what BLAS sees, and out^T = b^T a^T.
"""
from cython cimport floating

from fastembed._core.simd cimport fe_gemm, kernels

ctypedef void (*Sgemm)(char *, char *, int *, int *, int *, float *, float *, int *, float *, int *, float *, float *,
                       int *) noexcept nogil
ctypedef void (*Dgemm)(char *, char *, int *, int *, int *, double *, double *, int *, double *, int *, double *,
                       double *, int *) noexcept nogil
ctypedef float (*Sdot)(int *, float *, int *, float *, int *) noexcept nogil
ctypedef double (*Ddot)(int *, double *, int *, double *, int *) noexcept nogil
ctypedef void (*Saxpy)(int *, float *, float *, int *, float *, int *) noexcept nogil
ctypedef void (*Daxpy)(int *, double *, double *, int *, double *, int *) noexcept nogil

cdef Sgemm sgemm
cdef Dgemm dgemm
cdef Sdot sdot
cdef Ddot ddot
cdef Saxpy saxpy
cdef Daxpy daxpy


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


cdef inline bint own(Matrix a, Matrix b, bint add, Matrix out) noexcept nogil:
    """gemm by our kernels, where a row has the same bits whatever the number of rows; False if it has not been done."""
    cdef fe_gemm job
    if kernels.recurrent[out.double_precision].gemm == NULL or not a.columns:
        return False
    job.left, job.left_stride, job.left_turned = a.data, a.stride, a.turned
    job.right, job.right_stride, job.right_turned = b.data, b.stride, b.turned
    job.out, job.out_stride, job.add = out.data, out.stride, add
    job.rows, job.columns, job.depth = out.rows, out.columns, a.columns
    return kernels.recurrent[out.double_precision].gemm(&job) == 0


cdef inline void gemm(Matrix a, Matrix b, bint add, Matrix out) noexcept nogil:
    """out (M, N) = a (M, K) b (K, N), added to out if ``add``; out is not turned."""
    cdef char a_order = b"T" if a.turned else b"N"
    cdef char b_order = b"T" if b.turned else b"N"
    cdef float one_float = 1, beta_float = add
    cdef double one = 1, beta = add
    if own(a, b, add, out):
        return
    if out.double_precision:
        dgemm(&b_order, &a_order, &out.columns, &out.rows, &a.columns, &one, <double *> b.data, &b.stride,
              <double *> a.data, &a.stride, &beta, <double *> out.data, &out.stride)
    else:
        sgemm(&b_order, &a_order, &out.columns, &out.rows, &a.columns, &one_float, <float *> b.data, &b.stride,
              <float *> a.data, &a.stride, &beta_float, <float *> out.data, &out.stride)


cdef inline floating dot(int n, const floating *x, const floating *y) noexcept nogil:
    """The sum of x (n,) times y (n,)."""
    cdef int one = 1
    if floating is float:
        return sdot(&n, <float *> x, &one, <float *> y, &one)
    else:
        return ddot(&n, <double *> x, &one, <double *> y, &one)


cdef inline void add(int n, floating factor, const floating *x, floating *y) noexcept nogil:
    """y (n,) += factor x (n,)"""
    cdef int one = 1
    if floating is float:
        saxpy(&n, &factor, <float *> x, &one, y, &one)
    else:
        daxpy(&n, &factor, <double *> x, &one, y, &one)
