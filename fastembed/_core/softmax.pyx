"""The output layer: softmax of X W^T + b over a vocabulary, its loss and gradients, in blocks of the vocabulary.

Letters: B rows of a batch, K numbers of an input, V words. Three products of 2 B V K operations dominate the training
of a language model: scores, gradients of the inputs, gradients of the weights. Each is one function here, whose chunks
threads take; what a chunk does depends on nothing but its number, so that results are the same for any number of
threads. The (B, V) scores become exponentials while their block is in the near cache, then gradients in place: they
go through memory three times, and weights twice. Gradients of weights live for one block only: the optimiser's step is
taken at once.

The last n D numbers of an input may be n rows of a matrix that other inputs have as well (``shared``: rows (U, D) and
the arrays of repeats.pxd; None for none, and n D = 0): they are not read there, nor their gradients written. What is
computed for a row then takes the place of what would be for each of its inputs.
"""
from cython cimport floating
from libc.math cimport exp, log
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from fastembed._core cimport simd
from fastembed._core.blas cimport Matrix, gemm, matrix, turned
from fastembed._core.job cimport Job, fe_job_take
from fastembed._core.mathf cimport softmax_row
from fastembed._core.optim cimport Rule, optimise
from fastembed._core.repeats cimport Repeats, gather, of_arrays, spread

cdef enum:
    MORE = 16   # numbers between the rows of a block: rows a power of two apart would share places in a cache
    TALL = 256  # rows of a chunk

GAP, ROWS = MORE, TALL


cdef inline int64_t upto(int64_t first, int64_t size, int64_t n) noexcept nogil:
    """How many of ``size`` from ``first`` on there are, if there are n in all."""
    return size if first + size < n else n - first


cdef Repeats repeats_of(shared):
    cdef Repeats none
    if shared is not None:
        return of_arrays(shared[1], shared[2], shared[3], shared[4])
    none.columns = none.examples = 0
    none.starts = none.bounds = none.members = NULL
    none.places = NULL
    return none


cdef const floating[:, ::1] rows_of(const floating[:, ::1] inputs, shared):
    return inputs[:0] if shared is None else shared[0]


def scores(Job job, int64_t worker, const floating[:, ::1] inputs, const floating[:, ::1] weights,
           const floating[::1] bias, const int32_t[::1] targets, floating[:, :, ::1] out, floating[:, ::1] peaks,
           floating[:, ::1] sums, floating[::1] own, shared, floating[:, :, ::1] room):
    """A block of the vocabulary is a chunk.

    inputs (B, K), weights (V, K), bias (V,), targets (B,)  # in
    out (blocks, B, block + GAP): e^(score - peak), or (workers, B, block + GAP) if nobody needs them afterwards; peaks,
    sums (blocks, B) of each row in each block; own (B,): the targets' scores  # out
    room (workers, most rows of a column, block + GAP)
    """
    cdef const floating[:, ::1] rows = rows_of(inputs, shared)
    cdef Repeats repeats = repeats_of(shared)
    cdef int64_t dim = rows.shape[1], column, before = inputs.shape[1] - repeats.columns * dim
    cdef int64_t chunk, place, first, width, row, many, batch = inputs.shape[0], size = inputs.shape[1]
    cdef bint kept = out.shape[0] == peaks.shape[0]
    cdef int64_t stride = out.shape[2], block_width = stride - MORE
    cdef Matrix x = matrix(<floating *> &inputs[0, 0], batch, before, size), products
    cdef floating *line
    with nogil:
        while True:
            chunk = fe_job_take(&job.c)
            if chunk < 0:
                break
            first, place = chunk * block_width, chunk if kept else worker
            width = upto(first, block_width, weights.shape[0])
            gemm(x, turned(matrix(<floating *> &weights[first, 0], width, before, size)), False,
                 matrix(&out[place, 0, 0], batch, width, stride))
            for column in range(repeats.columns):
                many = repeats.starts[column + 1] - repeats.starts[column]
                products = matrix(&room[worker, 0, 0], many, width, stride)
                gemm(matrix(<floating *> &rows[repeats.starts[column], 0], many, dim, dim),
                     turned(matrix(<floating *> &weights[first, before + column * dim], width, dim, size)), False,
                     products)
                spread(&repeats, column, &room[worker, 0, 0], &out[place, 0, 0], stride, width)
            for row in range(batch):
                line = &out[place, row, 0]
                if first <= targets[row] < first + width:
                    own[row] = line[targets[row] - first] + bias[targets[row]]
                sums[chunk, row] = softmax_row(line, &bias[first], width, &peaks[chunk, row])


cdef double normaliser(const floating[:, ::1] peaks, const floating[:, ::1] sums, int64_t row) noexcept nogil:
    """log of the sum of e^score over all blocks"""
    cdef double peak = peaks[0, row], total = 0
    cdef int64_t block
    for block in range(1, peaks.shape[0]):
        peak = max(peak, <double> peaks[block, row])
    for block in range(peaks.shape[0]):
        total += sums[block, row] * exp(peaks[block, row] - peak)
    return peak + log(total)


def losses(const floating[:, ::1] peaks, const floating[:, ::1] sums, const floating[::1] own, double[::1] out):
    """peaks, sums (blocks, B), own (B,) of ``scores``  # in;  out (B,): -log p of each target  # out"""
    cdef int64_t row
    with nogil:
        for row in range(out.shape[0]):
            out[row] = normaliser(peaks, sums, row) - own[row]


def back_inputs(Job job, const floating[:, ::1] weights, const int32_t[::1] targets, double scale,
                floating[:, :, ::1] out, const floating[:, ::1] peaks, const floating[:, ::1] sums,
                floating[:, :] gradient, floating[:, ::1] columns):
    """ROWS rows are a chunk.

    weights (V, K or more), targets (B,), peaks, sums (blocks, B)  # in
    out (blocks, B, block + GAP): what ``scores`` left -> scale (p - [target])  # in and out
    gradient (B, K) of the inputs: out W; columns (chunks, V): sums of out's rows of each chunk  # out
    """
    cdef int64_t chunk, first, rows, row, block, width, k, size = weights.shape[1], inputs = gradient.shape[1]
    cdef floating *total
    cdef int64_t stride = out.shape[2], block_width = stride - MORE
    cdef double norms[TALL]
    cdef floating factor
    cdef floating *line
    with nogil:
        while True:
            chunk = fe_job_take(&job.c)
            if chunk < 0:
                break
            first = chunk * TALL
            rows = upto(first, TALL, targets.shape[0])
            for row in range(rows):
                norms[row] = normaliser(peaks, sums, first + row)
            for block in range(out.shape[0]):
                width = upto(block * block_width, block_width, weights.shape[0])
                total = &columns[chunk, block * block_width]
                memset(total, 0, width * sizeof(floating))
                for row in range(rows):
                    line = &out[block, first + row, 0]
                    factor = <floating> (scale * exp(peaks[block, first + row] - norms[row]))
                    scaled(line, factor, width, total)
                    k = targets[first + row] - block * block_width
                    if 0 <= k < width:
                        line[k] -= <floating> scale
                        total[k] -= <floating> scale
                gemm(matrix(&out[block, first, 0], rows, width, stride),
                     matrix(<floating *> &weights[block * block_width, 0], width, inputs, size), block > 0,
                     matrix(&gradient[first, 0], rows, inputs, gradient.strides[0] // sizeof(floating)))


cdef inline void scaled(floating *line, floating factor, int64_t width, floating *total) noexcept nogil:
    """line (width,) *= factor; total (width,) += line"""
    cdef int64_t k
    for k in range(width):
        line[k] *= factor
        total[k] += line[k]


def back_shared(Job job, int64_t worker, const floating[:, ::1] weights, floating[:, :, ::1] out, shared,
                floating[:, :, ::1] room, const int64_t[:, ::1] pieces, floating[:, ::1] gradient):
    """A piece, (column, first row, last + 1) of the shared rows, is a chunk.

    weights (V, K); out (blocks, B, block + GAP), from ``back_inputs``  # in;  gradient (U, D) of the rows  # out
    room (workers, most rows of a column, block + GAP)
    """
    cdef Repeats repeats = repeats_of(shared)
    cdef int64_t chunk, first, many, block, width, at, dim = gradient.shape[1], size = weights.shape[1]
    cdef int64_t stride = out.shape[2], block_width = stride - MORE, before = size - repeats.columns * dim
    with nogil:
        while True:
            chunk = fe_job_take(&job.c)
            if chunk < 0:
                break
            first, many, at = pieces[chunk, 1], pieces[chunk, 2] - pieces[chunk, 1], before + pieces[chunk, 0] * dim
            for block in range(out.shape[0]):
                width = upto(block * block_width, block_width, weights.shape[0])
                gather(&repeats, first, first + many, &out[block, 0, 0], &room[worker, 0, 0], stride, width)
                gemm(matrix(&room[worker, 0, 0], many, width, stride),
                     matrix(<floating *> &weights[block * block_width, at], width, dim, size), block > 0,
                     matrix(&gradient[first, 0], many, dim, dim))


def back_weights(Job job, int64_t worker, const floating[:, ::1] inputs, const floating[:, :, ::1] out,
                 const floating[:, ::1] columns, floating[:, :, ::1] scratch, Rule rule, weights, bias, shared,
                 floating[:, :, ::1] room):
    """A block of the vocabulary is a chunk: the gradients of its weights and biases, and the optimiser's step.

    inputs (B, K); out (blocks, B, block + GAP) and columns (_, V), from ``back_inputs``  # in
    scratch (workers, block, K + 1); room (workers, most rows of a column, block + GAP)
    weights, bias: (values, means, squares), each (V, K) and (V,), means and squares perhaps empty  # in and out
    Without a rule the values become the gradients.
    """
    cdef const floating[:, ::1] rows = rows_of(inputs, shared)
    cdef Repeats repeats = repeats_of(shared)
    cdef int64_t chunk, first, width, size = inputs.shape[1], stride = out.shape[2], block_width = stride - MORE
    cdef int64_t at, many, column, dim = rows.shape[1], before = size - repeats.columns * dim
    cdef floating[:, ::1] matrix_values = weights[0], matrix_means = weights[1], matrix_squares = weights[2]
    cdef floating[::1] values = bias[0], means = bias[1], squares = bias[2]
    cdef floating *slots[2]
    cdef floating *gradient
    cdef floating *gradients
    cdef bint keep = rule is None
    cdef const simd.fe_rule *how = NULL if keep else &rule.c
    with nogil:
        while True:
            chunk = fe_job_take(&job.c)
            if chunk < 0:
                break
            first = chunk * block_width
            width = upto(first, block_width, values.shape[0])
            gradient = &matrix_values[first, 0] if keep else &scratch[worker, 0, 0]
            gradients = &values[first] if keep else &scratch[worker, 0, 0] + block_width * size
            gemm(turned(matrix(<floating *> &out[chunk, 0, 0], inputs.shape[0], width, stride)),
                 matrix(<floating *> &inputs[0, 0], inputs.shape[0], before, size), False,
                 matrix(gradient, width, before, size))
            for column in range(repeats.columns):
                at, many = repeats.starts[column], repeats.starts[column + 1] - repeats.starts[column]
                gather(&repeats, at, at + many, &out[chunk, 0, 0], &room[worker, 0, 0], stride, width)
                gemm(turned(matrix(&room[worker, 0, 0], many, width, stride)),
                     matrix(<floating *> &rows[at, 0], many, dim, dim), False,
                     matrix(gradient + before + column * dim, width, dim, size))
            added_up(columns, first, width, gradients)
            if not keep:
                slots[0] = &matrix_means[first, 0] if matrix_means.shape[0] else NULL
                slots[1] = &matrix_squares[first, 0] if matrix_squares.shape[0] else NULL
                optimise(how, gradient, &matrix_values[first, 0], slots, width * size)
                slots[0] = &means[first] if means.shape[0] else NULL
                slots[1] = &squares[first] if squares.shape[0] else NULL
                optimise(how, gradients, &values[first], slots, width)


cdef void added_up(const floating[:, ::1] rows, int64_t first, int64_t width, floating *out) noexcept nogil:
    """out (width,): the sum of the rows' numbers from ``first`` on  # out"""
    cdef int64_t row, k
    for k in range(width):
        out[k] = rows[0, first + k]
    for row in range(1, rows.shape[0]):
        for k in range(width):
            out[k] += rows[row, first + k]
