"""Rows of words' character n-grams, and words' vectors as means of rows (csrc/subwords.h)."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

import numpy as np

from fastembed._core.job cimport Job, fe_job_add, fe_job_take
from fastembed._core.random cimport fe_rng, fe_rng_keyed, fe_rng_next

cdef extern from "subwords.h" nogil:
    ctypedef struct fe_ngrams:
        int64_t minn
        int64_t maxn
        uint32_t bucket
        int32_t base
        int hashes
    int64_t fe_ngram_rows(const fe_ngrams *spec, const uint8_t *bounded, int64_t bytes, int32_t *rows)
    void fe_mean_of_rows(const uint8_t *matrix, int64_t stride, const int32_t *rows, int64_t n, int64_t dim,
                         float *mean)


cdef inline int64_t bound(const uint8_t *word, int64_t bytes, uint8_t *bounded) noexcept nogil:
    """Write <word>; returns its length."""
    bounded[0] = c'<'
    memcpy(bounded + 1, word, bytes)
    bounded[bytes + 1] = c'>'
    return bytes + 2


def rows_of(const uint8_t[::1] blob, const int64_t[::1] offsets, spec, whole):
    """The rows of every word, one word after another: offsets (V + 1,) int64, rows (L,) int32.

    Parameters
    ----------
    blob, offsets : the bytes (N,) of all words, at least one byte, and where each begins (V + 1,).
    spec : (minn, maxn, bucket, base, hashes): n-gram rows are base .. base + bucket - 1; hashes 0 is fastText's way,
        1 to 4 floret's.
    whole : uint8 (V,), 1 for words that have no n-grams: each word's first row is then its own number. None leaves
        that row out.
    """
    cdef fe_ngrams c
    cdef int64_t words = offsets.shape[0] - 1, v, length, at = 0, own = whole is not None
    cdef const uint8_t[::1] alone = np.zeros(words, np.uint8) if whole is None else whole
    cdef uint8_t[::1] bounded = np.empty(int(np.diff(offsets).max(initial=0)) + 2, np.uint8)
    cdef int32_t[::1] r
    c.minn, c.maxn, c.bucket, c.base, c.hashes = spec
    starts = np.zeros(words + 1, np.int64)
    cdef int64_t[::1] s = starts
    with nogil:
        for v in range(words):
            length = bound(&blob[0] + offsets[v], offsets[v + 1] - offsets[v], &bounded[0])
            at += own + (0 if alone[v] else fe_ngram_rows(&c, &bounded[0], length, NULL))
            s[v + 1] = at
    rows = np.empty(at + 1, np.int32)
    r = rows
    with nogil:
        for v in range(words):
            r[s[v]] = <int32_t>v
            length = bound(&blob[0] + offsets[v], offsets[v + 1] - offsets[v], &bounded[0])
            if not alone[v]:
                fe_ngram_rows(&c, &bounded[0], length, &r[s[v] + own])
    return starts, rows[:at]


def means(Job job, const uint8_t[::1] matrix, shape, const int64_t[::1] starts, const int32_t[::1] rows,
          float[:, ::1] out):
    """One thread's part of out[v] (V, D) = mean of the rows starts[v] .. starts[v + 1] - 1 of a matrix.

    matrix : its bytes; shape : (its rows, bytes from row to row). Chunk k of the job's n is the k-th n-th of the words.
    """
    cdef int64_t count = shape[0], stride = shape[1], words = out.shape[0], dim = out.shape[1], k, v
    cdef int64_t chunks = job.chunks
    if not words:
        return
    if starts.shape[0] != words + 1 or starts[0] != 0 or starts[words] > rows.shape[0]:
        raise ValueError("lists of rows that do not fit the words")
    if len(rows) and (np.min(rows) < 0 or np.max(rows) >= count or (count - 1) * stride + 4 * dim > matrix.shape[0]):
        raise ValueError("rows that are not in the matrix")
    cdef const int32_t *first = &rows[0] if rows.shape[0] else NULL
    with nogil:
        k = fe_job_take(&job.c)
        while k >= 0:
            for v in range(words * k // chunks, words * (k + 1) // chunks):
                fe_mean_of_rows(&matrix[0], stride, first + starts[v], starts[v + 1] - starts[v], dim, &out[v, 0])
            fe_job_add(&job.c, 1)
            k = fe_job_take(&job.c)


def fill_uniform(Job job, float[:, ::1] rows, int64_t dim, float limit, uint64_t seed):
    """One thread's part of rows (R, D') = uniform in +-limit, the padding left as it is.

    Row r has a random stream of its own. Chunk k of the job's n is the k-th n-th of the rows.
    """
    cdef int64_t count = rows.shape[0], chunks = job.chunks, k, r, d
    cdef float scale = limit / 8388608.0  # 24 random bits, 0 in the middle
    cdef fe_rng rng
    with nogil:
        k = fe_job_take(&job.c)
        while k >= 0:
            for r in range(count * k // chunks, count * (k + 1) // chunks):
                rng = fe_rng_keyed(seed, 0xF1, r)
                for d in range(dim):
                    rows[r, d] = (<int64_t>(fe_rng_next(&rng) >> 40) - 8388608) * scale
            fe_job_add(&job.c, 1)
            k = fe_job_take(&job.c)
