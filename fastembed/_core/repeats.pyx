"""A tanh layer over the rows that the examples of a batch share (repeats.pxd), and its gradients.

Letters: B examples, n columns, U distinct rows of D numbers, O outputs, P pieces: (column, first row, last + 1).
"""
from cython cimport floating
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy

from fastembed._core.blas cimport Matrix, gemm, matrix, turned
from fastembed._core.job cimport Job, fe_job_take
from fastembed._core.mathf cimport tanh_each

cdef enum:
    TALL = 128  # examples of a chunk

ROWS = TALL


def products(Job job, const int64_t[:, ::1] pieces, floating[:, ::1] rows, floating[:, ::1] weights, bint back,
             bint add, floating[:, ::1] out):
    """A piece is a chunk.

    weights (n D, O), of which each column of the contexts has (D, O) = W  # in
    rows (U, D)  # in;  out (U, O) = rows W; ``back``: rows (U, O), out (U, D) = rows W^T; added to it if ``add``
    """
    cdef int64_t chunk, first, many, width = weights.shape[1], size = out.shape[1] if back else rows.shape[1]
    cdef Matrix own
    with nogil:
        while True:
            chunk = fe_job_take(&job.c)
            if chunk < 0:
                break
            first, many = pieces[chunk, 1], pieces[chunk, 2] - pieces[chunk, 1]
            own = matrix(&weights[pieces[chunk, 0] * size, 0], size, width, width)
            gemm(matrix(&rows[first, 0], many, rows.shape[1], rows.shape[1]), turned(own) if back else own, add,
                 matrix(&out[first, 0], many, out.shape[1], out.shape[1]))


def tanh_of_sums(Job job, const int32_t[:, ::1] places, const floating[:, ::1] products, const floating[::1] bias,
                 floating[:, :] y):
    """ROWS examples are a chunk.

    places (n, B), products (U, O), bias (O,)  # in;  y (B, O) = tanh(the sums of each example's products + bias)  # out
    """
    cdef int64_t chunk, b, k, size = y.shape[1]
    with nogil:
        while True:
            chunk = fe_job_take(&job.c)
            if chunk < 0:
                break
            for b in range(chunk * TALL, min((chunk + 1) * TALL, y.shape[0])):
                memcpy(&y[b, 0], &bias[0], size * sizeof(floating))
                for k in range(places.shape[0]):
                    add(&products[places[k, b], 0], &y[b, 0], size)
                tanh_each(&y[b, 0], size)


def back_tanh(Job job, floating[:, :] y, floating[:, :] gradient):
    """ROWS examples are a chunk.  y (B, O)  # in;  gradient (B, O) of y -> before tanh  # in and out"""
    cdef int64_t chunk, b
    with nogil:
        while True:
            chunk = fe_job_take(&job.c)
            if chunk < 0:
                break
            for b in range(chunk * TALL, min((chunk + 1) * TALL, y.shape[0])):
                tanh_slopes(&y[b, 0], &gradient[b, 0], y.shape[1])


cdef inline void tanh_slopes(const floating *y, floating *gradient, int64_t size) noexcept nogil:
    """gradient (size,) *= 1 - y^2"""
    cdef int64_t k
    for k in range(size):
        gradient[k] *= 1 - y[k] * y[k]


def back_weights(Job job, const int64_t[::1] starts, floating[:, ::1] rows, floating[:, ::1] gradient,
                 floating[:, ::1] weights_gradient):
    """A column is a chunk.

    starts (n + 1,), rows (U, D), gradient (U, O) of ``products``  # in;  weights_gradient (n D, O)  # out
    """
    cdef int64_t chunk, first, many, size = rows.shape[1], width = gradient.shape[1]
    with nogil:
        while True:
            chunk = fe_job_take(&job.c)
            if chunk < 0:
                break
            first, many = starts[chunk], starts[chunk + 1] - starts[chunk]
            gemm(turned(matrix(&rows[first, 0], many, size, size)), matrix(&gradient[first, 0], many, width, width),
                 False, matrix(&weights_gradient[chunk * size, 0], size, width, width))
