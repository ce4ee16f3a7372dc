"""Texts: many str, whose words several threads look up at once."""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memcpy

from fastembed._core.encode cimport FE_TEXT_PAD, WordMap
from fastembed._core.job cimport Job, fe_job_add, fe_job_take

import numpy as np


cdef extern from "Python.h":
    bint PyUnicode_IS_COMPACT_ASCII(object text)
    const void *PyUnicode_DATA(object text)

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


cdef class Texts:
    """A list of str, to be read without the GIL.

    Attributes
    ----------
    ends : where each text would end if they stood one behind the other, in bytes of UTF-8: (S + 1,) int64 from 0.
    """
    cdef list held
    cdef const int64_t[::1] places
    cdef readonly object ends

    def __init__(self, list texts):
        cdef int64_t k, total = 0
        cdef const uint8_t *at = NULL
        cdef int64_t length = 0
        places, self.ends = np.empty(len(texts), np.int64), np.zeros(len(texts) + 1, np.int64)
        cdef int64_t[::1] to = places, ends = self.ends
        self.held, self.places = [None] * len(texts), places
        for k in range(len(texts)):
            self.held[k] = utf8(texts[k], &at, &length)
            total += length
            to[k], ends[k + 1] = <int64_t> at, total

    def number(self, Job job, int64_t worker, WordMap words, const int64_t[::1] bounds, uint8_t[:, ::1] scratch,
               int32_t[::1] ids, int64_t[::1] counts):
        """The words of texts [bounds[k], bounds[k + 1]), for each chunk k of the job.

        scratch (workers, longest text + PAD) bytes
        ids : text s from ends[s] // 2 + s on, -1 for words that are not in the map; counts (S,): how many  # out
        """
        cdef int64_t k, s
        cdef const int64_t[::1] ends = self.ends
        cdef uint8_t *room = &scratch[worker, 0]
        with nogil:
            k = fe_job_take(&job.c)
            while k >= 0:
                for s in range(bounds[k], bounds[k + 1]):
                    memcpy(room, <const void *> self.places[s], ends[s + 1] - ends[s])
                    counts[s] = words.find_words(room, ends[s + 1] - ends[s], &ids[ends[s] // 2 + s])
                fe_job_add(&job.c, bounds[k + 1] - bounds[k])
                k = fe_job_take(&job.c)


def compact(const int32_t[::1] ids, const int64_t[::1] ends, const int64_t[::1] offsets, int32_t[::1] out):
    """ids as ``Texts.number`` leaves them -> out (offsets[S],), text s from offsets[s] on."""
    cdef int64_t s
    with nogil:
        for s in range(ends.shape[0] - 1):
            if offsets[s] < offsets[s + 1]:
                memcpy(&out[offsets[s]], &ids[ends[s] // 2 + s], 4 * (offsets[s + 1] - offsets[s]))
