from libc.stdint cimport int32_t, int64_t, uint8_t

from fastembed._core.encode cimport WordMap


cdef object utf8(str text, const uint8_t **at, int64_t *length)


cdef class Texts:
    cdef list held
    cdef const int64_t[::1] places, stops
    cdef readonly object ends
    cdef int64_t find_words(self, WordMap words, const int64_t *bounds, uint8_t *room, int32_t *ids,
                            int64_t *counts) noexcept nogil
