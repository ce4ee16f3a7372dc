"""Texts: many str, whose words several threads look up at once."""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memcpy

from fastembed._core.encode cimport FE_TEXT_PAD, WordMap, fe_texts
from fastembed._core.job cimport Job, fe_job_add, fe_job_take

import numpy as np


cdef extern from "Python.h":
    bint PyUnicode_IS_COMPACT_ASCII(object text)
    const void *PyUnicode_DATA(object text)
    bint PyUnicode_CheckExact(object text)
    void *PyList_GET_ITEM(list texts, int64_t k)

cdef extern from "fe.h" nogil:
    void FE_PREFETCH(const void *at)

cdef enum:
    AHEAD = 16  # str that are asked for before they are looked at

PAD = FE_TEXT_PAD


cdef object utf8(str text, const uint8_t **at, int64_t *length):
    """The UTF-8 of a text, at most as long as the result is held; half a surrogate pair becomes what is no UTF-8."""
    cdef bytes encoded
    if PyUnicode_IS_COMPACT_ASCII(text):
        at[0], length[0] = <const uint8_t *> PyUnicode_DATA(text), len(text)
        return text
    encoded = text.encode("utf-8", "surrogatepass")
    at[0], length[0] = <const uint8_t *> encoded, len(encoded)
    return encoded


cdef inline void fetch(list texts, int64_t k) noexcept:
    if k < len(texts):
        FE_PREFETCH(PyList_GET_ITEM(texts, k))


def plain(list texts):
    """Whether they are str, all of them, and of no class of their own."""
    cdef int64_t k
    for k in range(len(texts)):
        fetch(texts, k + AHEAD)
        if not PyUnicode_CheckExact(texts[k]):
            return False
    return True


cdef class Texts:
    """A list of str, to be read without the GIL.

    Attributes
    ----------
    ends : where each text would end if they stood one behind the other, in bytes of UTF-8: (S + 1,) int64 from 0.
    """
    def __init__(self, list texts):
        cdef int64_t k, total = 0
        cdef const uint8_t *at = NULL
        cdef int64_t length = 0
        places, self.ends = np.empty(len(texts), np.int64), np.zeros(len(texts) + 1, np.int64)
        cdef int64_t[::1] to = places, ends = self.ends
        self.held, self.places, self.stops = [None] * len(texts), places, ends
        for k in range(len(texts)):
            fetch(texts, k + AHEAD)
            self.held[k] = utf8(texts[k], &at, &length)
            total += length
            to[k], ends[k + 1] = <int64_t> at, total

    def bounds(self, int64_t block):
        """(C + 1,) int64: texts before which a chunk of about so many bytes begins, and at last how many there are."""
        texts, total = len(self.ends) - 1, int(self.ends[len(self.ends) - 1])
        inner = np.arange(block, total, block)
        return np.unique(np.concatenate([[0], np.searchsorted(self.ends, inner), [texts]])).astype(np.int64)

    cdef int64_t find_words(self, WordMap words, const int64_t *bounds, uint8_t *room, int32_t *ids,
                            int64_t *counts) noexcept nogil:
        """csrc/tokens.h's fe_find_words of texts [bounds[0], bounds[1])."""
        cdef fe_texts texts
        texts.at, texts.ends = &self.places[0], &self.stops[0]
        texts.first, texts.last = bounds[0], bounds[1]
        return words.find_words(&texts, room, ids, counts)

    def number(self, Job job, int64_t worker, WordMap words, const int64_t[::1] bounds, uint8_t[:, ::1] scratch,
               int32_t[::1] ids, int64_t[::1] counts):
        """The words of texts [bounds[k], bounds[k + 1]), for each chunk k of the job.

        scratch (workers, longest text + PAD) bytes
        ids : those of chunk k from ends[s] // 2 + s on, where s is its first text, -1 for words that are not in the
            map; counts (S,): how many each text has  # out
        """
        cdef int64_t k, s
        cdef const int64_t[::1] ends = self.ends
        with nogil:
            k = fe_job_take(&job.c)
            while k >= 0:
                s = bounds[k]
                self.find_words(words, &bounds[k], &scratch[worker, 0], &ids[ends[s] // 2 + s], &counts[s])
                fe_job_add(&job.c, bounds[k + 1] - s)
                k = fe_job_take(&job.c)


def compact(const int32_t[::1] ids, const int64_t[::1] ends, const int64_t[::1] bounds, const int64_t[::1] offsets,
            int32_t[::1] out):
    """ids as ``Texts.number`` leaves them -> out (offsets[S],), text s from offsets[s] on."""
    cdef int64_t k, s, words
    with nogil:
        for k in range(bounds.shape[0] - 1):
            s, words = bounds[k], offsets[bounds[k + 1]] - offsets[bounds[k]]
            if words:
                memcpy(&out[offsets[s]], &ids[ends[s] // 2 + s], 4 * words)
