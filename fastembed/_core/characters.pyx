"""Convolutions over the characters of words, the largest value of each filter over a word's windows, and gradients.

The characters of U words lie one word behind the other in N rows, each word followed by as many rows of padding as the
widest filter has; so a window of w characters is w E numbers side by side, a product of all windows with a filter needs
no copy of them, and the window that is padding alone stands behind each word once, not once for every place.

Letters: N rows, E numbers of a character, U words, F filters of one width w.
"""
from cython cimport floating
from libc.stdint cimport int32_t, int64_t

from fastembed._core.job cimport Job, fe_job_take
from fastembed._core.simd cimport fe_product, fe_recurrent, kernels

cdef enum:
    SOME = 16  # words of a chunk
    FEW = 8    # filters of a chunk

WORDS, FILTERS = SOME, FEW


def convolve(Job job, int64_t worker, const floating[:, ::1] x, const int64_t[::1] firsts, const int32_t[::1] windows,
             const floating[::1] panels, floating[:, ::1] room, floating[:, :] best, int32_t[:, :] places):
    """The largest product of each filter with a window of each word; WORDS words are a chunk.

    x (N, E); firsts (U + 1,): rows where words begin, and N; windows (U,): how many of a word count, from its first
    row on; panels of (w E, F), see fastembed._core.recurrent  # in
    room (workers, rows of a chunk times F); best (U, F); places (U, F): the rows of x where those windows begin  # out
    """
    cdef const fe_recurrent *table = &kernels.recurrent[floating is double]
    cdef int64_t chunk, u, last, row, first, filters = best.shape[1], f
    cdef fe_product product
    cdef floating *values
    cdef floating *top
    cdef int32_t *where
    product.panels, product.left_stride, product.out_stride = &panels[0], x.shape[1], filters
    product.columns, product.add = filters, False
    product.depth = panels.shape[0] // ((filters + table.panel - 1) // table.panel * table.panel)
    product.out = &room[worker, 0]
    with nogil:
        while True:
            chunk = fe_job_take(&job.c)
            if chunk < 0:
                break
            last = min((chunk + 1) * SOME, windows.shape[0])
            first = firsts[chunk * SOME]
            product.left = &x[first, 0]
            product.rows = firsts[last - 1] + windows[last - 1] - first
            table.product(&product)
            for u in range(chunk * SOME, last):
                top, where = &best[u, 0], &places[u, 0]
                values = <floating *> product.out + (firsts[u] - first) * filters
                for f in range(filters):
                    top[f], where[f] = values[f], firsts[u]
                for row in range(firsts[u] + 1, firsts[u] + windows[u]):
                    values += filters
                    largest(values, row, filters, top, where)


cdef inline void largest(const floating *values, int32_t row, int64_t filters, floating *top,
                         int32_t *where) noexcept nogil:
    """top, where (F,): the larger of both and its row"""
    cdef int64_t f
    for f in range(filters):
        where[f] = row if values[f] > top[f] else where[f]
        top[f] = values[f] if values[f] > top[f] else top[f]


def back_filters(Job job, const floating[:, ::1] x, const int32_t[:, :] places, const floating[:, :] slopes,
                 floating[:, ::1] gradient):
    """gradient (F, w E) = sum over words of slope times window; FILTERS filters are a chunk.

    x (N, E), places (U, F), slopes (U, F): gradients of ``best``  # in;  gradient  # out
    """
    cdef int64_t chunk, u, f, k, width = gradient.shape[1]
    cdef const floating *window
    cdef floating *sums
    cdef floating slope
    with nogil:
        while True:
            chunk = fe_job_take(&job.c)
            if chunk < 0:
                break
            for f in range(chunk * FEW, min((chunk + 1) * FEW, gradient.shape[0])):
                sums = &gradient[f, 0]
                for k in range(width):
                    sums[k] = 0
                for u in range(places.shape[0]):
                    slope = slopes[u, f]
                    if slope != 0:
                        window = &x[places[u, f], 0]
                        for k in range(width):
                            sums[k] += slope * window[k]


def back_windows(Job job, const floating[:, ::1] weights, const int32_t[:, :] places, const floating[:, :] slopes,
                 floating[:, ::1] dx):
    """dx (N, E) += slope times filter where the windows are; WORDS words are a chunk.

    weights (F, w E), places (U, F), slopes (U, F)  # in;  dx  # in and out
    """
    cdef int64_t chunk, u, f, k, width = weights.shape[1]
    cdef const floating *filter
    cdef floating *window
    cdef floating slope
    with nogil:
        while True:
            chunk = fe_job_take(&job.c)
            if chunk < 0:
                break
            for u in range(chunk * SOME, min((chunk + 1) * SOME, places.shape[0])):
                for f in range(places.shape[1]):
                    slope = slopes[u, f]
                    if slope != 0:
                        window, filter = &dx[places[u, f], 0], &weights[f, 0]
                        for k in range(width):
                            window[k] += slope * filter[k]
