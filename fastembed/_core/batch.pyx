"""What a step of training does to a batch before the products: draw candidates, find rows that repeat, copy rows.

Letters: B examples, n columns of ids, V words, U distinct rows.
"""
from cython cimport floating
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from fastembed._core.job cimport Job, fe_job_take
from fastembed._core.random cimport fe_alias, fe_alias_draw, fe_rng, fe_rng_keyed, fe_rng_next

import numpy as np

cdef enum:
    TALL = 64     # rows of a chunk
    DIGITS = 256  # of a number of 8 bits

ROWS = TALL


def candidates(const uint32_t[:, ::1] noise, key, int64_t samples, const int32_t[::1] targets, uint8_t[::1] wanted):
    """The set of the targets and of ``samples`` words drawn from an alias table: rising, (at most V,) int32.

    noise (V, 2): an alias table; key: whole numbers from 0 to 2^64 - 1, of the random stream; targets (B,)  # in
    wanted (V,): zeros, before and after

    Raises IndexError if a target is no word.
    """
    cdef fe_rng rng = fe_rng_keyed(0xCA, len(key), 0)
    cdef int64_t _draw, k, n = 0, wrong = -1, size = wanted.shape[0]
    cdef uint64_t part
    for part in key:
        rng = fe_rng_keyed(rng.state, part, 0)
    found = np.empty(min(size, samples + targets.shape[0]), np.int32)
    cdef int32_t[::1] out = found
    with nogil:
        for _draw in range(samples):
            wanted[fe_alias_draw(<const fe_alias *> &noise[0, 0], <uint32_t> size, fe_rng_next(&rng))] = 1
        for k in range(targets.shape[0]):
            if not 0 <= targets[k] < size:
                wrong = k
                break
            wanted[targets[k]] = 1
        for k in range(size):
            if wanted[k]:
                wanted[k] = 0
                out[n] = <int32_t> k
                n += 1
    if wrong >= 0:
        raise IndexError(f"{targets[wrong]} is none of {size} words")
    return found[:n]


cdef void sort_by_id(const int32_t[:, ::1] ids, int64_t column, int bits, int32_t *order, int32_t *room) noexcept nogil:
    """order (B,): the examples by their ids of a column, those of one id in their order; room (B,)  # out"""
    cdef int64_t starts[DIGITS + 1]
    cdef int64_t b, batch = ids.shape[0], place
    cdef int shift, digit, passes = (bits + 7) // 8
    cdef int32_t *source = order if passes % 2 == 0 else room  # so that the last pass writes to ``order``
    cdef int32_t *to = room if passes % 2 == 0 else order
    for b in range(batch):
        source[b] = <int32_t> b
    for shift in range(0, 8 * passes, 8):
        memset(starts, 0, sizeof(starts))
        for b in range(batch):
            starts[(ids[b, column] >> shift & 0xFF) + 1] += 1
        for digit in range(DIGITS):
            starts[digit + 1] += starts[digit]
        for b in range(batch):
            digit = ids[source[b], column] >> shift & 0xFF
            place = starts[digit]
            starts[digit] = place + 1
            to[place] = source[b]
        source, to = to, source


def repeats(const int32_t[:, ::1] ids, int64_t words):
    """The distinct ids of each column, as nn.repeats.Repeats has them: (ids (U,), starts, bounds, members, places).

    Raises IndexError if an id (B, n) is none of so many words.
    """
    cdef int64_t batch = ids.shape[0], columns = ids.shape[1], column, k, row = -1, at = 0
    cdef int bits = int(words - 1).bit_length()
    cdef int32_t before = 0, b
    unique, places = np.empty(batch * columns, np.int32), np.empty((columns, batch), np.int32)
    starts, bounds = np.empty(columns + 1, np.int64), np.empty(batch * columns + 1, np.int64)
    members = np.empty(batch * columns, np.int64)
    cdef int32_t[::1] u = unique, order = np.empty(2 * batch, np.int32)
    cdef int32_t[:, ::1] p = places
    cdef int64_t[::1] s = starts, m = members, bound = bounds
    with nogil:
        for column in range(columns):
            s[column] = row + 1
            if batch:
                sort_by_id(ids, column, bits, &order[0], &order[batch])
            for k in range(batch):
                b = order[k]
                if k == 0 or ids[b, column] != before:
                    before = ids[b, column]
                    row += 1
                    u[row], bound[row] = before, at
                p[column, b] = <int32_t> row
                m[at] = b
                at += 1
        s[columns] = row + 1
        bound[row + 1] = at
    if row >= 0 and not 0 <= unique[: row + 1].min() <= unique[: row + 1].max() < words:
        raise IndexError(f"ids from {unique[: row + 1].min()} to {unique[: row + 1].max()} of {words} words")
    return unique[: row + 1], starts, bounds[: row + 2], members, places


def take(Job job, const floating[:, ::1] matrix, const int32_t[::1] ids, floating[:, ::1] out):
    """out (n, D) = matrix[ids]; ROWS rows are a chunk."""
    cdef int64_t chunk, row
    with nogil:
        while True:
            chunk = fe_job_take(&job.c)
            if chunk < 0:
                break
            for row in range(chunk * TALL, min((chunk + 1) * TALL, ids.shape[0])):
                memcpy(&out[row, 0], &matrix[ids[row], 0], out.shape[1] * sizeof(floating))
