"""A layer y = tanh(x W + b) and its gradients, and sums of rows by their owner; rows of matrices are contiguous.

Letters: B rows, I inputs, O outputs of the layer.
"""
from cython cimport floating
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from fastembed._core.blas cimport Matrix, gemm, matrix, turned
from fastembed._core.job cimport Job, fe_job_take
from fastembed._core.mathf cimport tanh_each

cdef enum:
    TALL = 128  # rows of a chunk

ROWS = TALL


cdef inline Matrix part(floating[:, :] a, int64_t first, int64_t rows) noexcept nogil:
    """Some rows of a."""
    return matrix(&a[first, 0], rows, a.shape[1], a.strides[0] // sizeof(floating))


def forward(Job job, floating[:, :] x, floating[:, :] weights, const floating[::1] bias, floating[:, :] y):
    """x (B, I), weights (I, O), bias (O,)  # in;  y (B, O) = tanh(x W + b)  # out.  ROWS rows are a chunk."""
    cdef int64_t chunk, row, last, size = y.shape[1]
    with nogil:
        while True:
            chunk = fe_job_take(&job.c)
            if chunk < 0:
                break
            last = min((chunk + 1) * TALL, y.shape[0])
            for row in range(chunk * TALL, last):
                memcpy(&y[row, 0], &bias[0], size * sizeof(floating))
            gemm(part(x, chunk * TALL, last - chunk * TALL), part(weights, 0, weights.shape[0]), True,
                 part(y, chunk * TALL, last - chunk * TALL))
            for row in range(chunk * TALL, last):
                tanh_each(&y[row, 0], size)


def back_inputs(Job job, floating[:, :] weights, floating[:, :] y, double keep, floating[:, :] gradient,
                bint add, floating[:, :] inputs_gradient):
    """ROWS rows are a chunk.

    weights (I, O); y (B, O), what ``forward`` made times 1 / keep or, where it was dropped out, 0  # in
    gradient (B, O) with respect to the forward's result -> before tanh  # in and out
    inputs_gradient (B, I) = gradient W^T, added to it if ``add``  # in and out
    """
    cdef int64_t chunk, row, last, k
    cdef floating share = <floating> keep
    with nogil:
        while True:
            chunk = fe_job_take(&job.c)
            if chunk < 0:
                break
            last = min((chunk + 1) * TALL, y.shape[0])
            for row in range(chunk * TALL, last):
                for k in range(y.shape[1]):
                    gradient[row, k] *= 1 - (share * y[row, k]) * (share * y[row, k])
            gemm(part(gradient, chunk * TALL, last - chunk * TALL), turned(part(weights, 0, weights.shape[0])), add,
                 part(inputs_gradient, chunk * TALL, last - chunk * TALL))


def back_weights(Job job, floating[:, :] x, floating[:, :] gradient, floating[:, :] weights_gradient):
    """ROWS inputs are a chunk.  x (B, I), gradient (B, O) before tanh  # in;  weights_gradient (I, O) = x^T g  # out"""
    cdef int64_t chunk, first, rows, stride = x.strides[0] // sizeof(floating)
    with nogil:
        while True:
            chunk = fe_job_take(&job.c)
            if chunk < 0:
                break
            first = chunk * TALL
            rows = min(TALL, x.shape[1] - first)
            gemm(turned(matrix(&x[0, first], x.shape[0], rows, stride)), part(gradient, 0, gradient.shape[0]), False,
                 part(weights_gradient, first, rows))


def sum_rows(Job job, const int64_t[::1] bounds, const int64_t[::1] members, const floating[:, :] rows,
             floating[:, ::1] sums):
    """ROWS sums are a chunk.

    bounds (U + 1,), members (n,): sum u is that of rows members[bounds[u]:bounds[u + 1]], at least one; rows (n, D)
    # in;  sums (U, D)  # out
    """
    cdef int64_t chunk, u, m, k, size = rows.shape[1]
    cdef const floating *row
    cdef floating *total
    with nogil:
        while True:
            chunk = fe_job_take(&job.c)
            if chunk < 0:
                break
            for u in range(chunk * TALL, min((chunk + 1) * TALL, sums.shape[0])):
                total = &sums[u, 0]
                memcpy(total, &rows[members[bounds[u]], 0], size * sizeof(floating))
                for m in range(bounds[u] + 1, bounds[u + 1]):
                    row = &rows[members[m], 0]
                    for k in range(size):
                        total[k] += row[k]
