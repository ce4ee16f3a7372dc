from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t


cdef extern from "strmap.h" nogil:
    ctypedef enum fe_status:
        FE_OK
        FE_NO_MEMORY
        FE_TOO_LARGE
    ctypedef struct fe_word:
        int64_t count
        int64_t bytes
    ctypedef struct fe_token:
        pass
    ctypedef struct fe_strmap:
        fe_word *words
        int64_t size
        uint64_t seed
    fe_token fe_token_padded(const fe_strmap *map, const uint8_t *at, int64_t bytes)

cdef extern from "tokens.h" nogil:
    enum:
        FE_TEXT_PAD
    ctypedef struct fe_texts:
        const int64_t *at
        const int64_t *ends
        int64_t first
        int64_t last


cdef class WordMap:
    cdef fe_strmap map
    cdef fe_status count(self, const fe_token *tokens, int n, int32_t *ids) noexcept nogil
    cdef void find(self, const fe_token *tokens, int n, int32_t *ids) noexcept nogil
    cdef int64_t find_words(self, const fe_texts *texts, uint8_t *room, int32_t *ids, int64_t *counts) noexcept nogil
