"""WordMap and Encoder: text to provisional ids, and the merging of what several threads counted (csrc/strmap.h)."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from fastembed._core.job cimport Job, fe_job_add, fe_job_take

import numpy as np


cdef extern from "strmap.h" nogil:
    const int FE_WORD_INLINE
    fe_status fe_strmap_init(fe_strmap *map, uint64_t seed)
    void fe_strmap_free(fe_strmap *map)
    fe_token fe_strmap_token(const fe_strmap *map, const uint8_t *at, int64_t bytes)
    fe_status fe_strmap_add(fe_strmap *map, const fe_token *token, int64_t count, int32_t *id)
    const uint8_t *fe_strmap_bytes(const fe_strmap *map, int64_t id, uint8_t *inside)
    fe_status fe_strmap_merge(fe_strmap *into, const fe_strmap *other, int lowercase, int32_t *table, int64_t *replaced)
    int fe_strmap_clean(const fe_strmap *map)
    fe_status fe_strmap_join(fe_strmap *into, const fe_strmap *other, int32_t *table)
    fe_status fe_strmap_rank(const fe_strmap *map, int by_count, int32_t *order)
    fe_status fe_strmap_count(fe_strmap *map, const fe_token *tokens, int n, int32_t *ids)
    void fe_strmap_find(const fe_strmap *map, const fe_token *tokens, int n, int32_t *ids)

cdef extern from "tokens.h" nogil:
    ctypedef enum fe_separators:
        FE_TEXT
        FE_LISTS
    ctypedef struct fe_encoded:
        int64_t tokens
        int64_t sentences
        int64_t dropped
    fe_status fe_encode(fe_strmap *map, uint8_t *text, int64_t bytes, fe_separators separators, int64_t limit,
                        int32_t *ids, int32_t *ends, fe_encoded *result)
    int64_t fe_find_words(const fe_strmap *map, const fe_texts *texts, uint8_t *room, int32_t *ids, int64_t *counts)
    int64_t fe_last_separator(const uint8_t *text, int64_t bytes, fe_separators separators)
    int64_t fe_first_separator(const uint8_t *text, int64_t bytes, fe_separators separators)

cdef extern from "utf8.h" nogil:
    int64_t fe_utf8_bad(const uint8_t *text, int64_t bytes)

cdef extern from "string.h" nogil:
    void *memcpy(void *to, const void *source, size_t bytes)

TEXT_PAD = FE_TEXT_PAD


cdef int check(fe_status status) except -1:
    if status == FE_TOO_LARGE:
        raise OverflowError("a vocabulary holds at most 2^31 - 1 distinct words")
    if status != FE_OK:
        raise MemoryError("no memory for the vocabulary")
    return 0


cdef class WordMap:
    """Words and counts under ids in order of first occurrence.

    Parameters
    ----------
    seed : of the hash function; maps to be merged share it.
    """
    def __cinit__(self, uint64_t seed, *_others):
        check(fe_strmap_init(&self.map, seed))

    def __dealloc__(self):
        fe_strmap_free(&self.map)

    def __len__(self):
        return self.map.size

    @property
    def seed(self):
        return self.map.seed

    cdef fe_status count(self, const fe_token *tokens, int n, int32_t *ids) noexcept nogil:
        return fe_strmap_count(&self.map, tokens, n, ids)

    cdef void find(self, const fe_token *tokens, int n, int32_t *ids) noexcept nogil:
        fe_strmap_find(&self.map, tokens, n, ids)

    cdef int64_t find_words(self, const fe_texts *texts, uint8_t *room, int32_t *ids, int64_t *counts) noexcept nogil:
        return fe_find_words(&self.map, texts, room, ids, counts)

    def word(self, int64_t number):
        """The bytes of a word."""
        cdef uint8_t inside[16]
        if not 0 <= number < self.map.size:
            raise IndexError(number)
        cdef const uint8_t *at = fe_strmap_bytes(&self.map, number, inside)
        return at[:self.map.words[number].bytes]

    def add(self, const uint8_t[::1] word, int64_t count):  # word (bytes,), not empty
        """Add ``count`` to the word; its id."""
        cdef int32_t number
        cdef fe_token token = fe_strmap_token(&self.map, &word[0], word.shape[0])
        check(fe_strmap_add(&self.map, &token, count, &number))
        return number

    def extend(self, const uint8_t[::1] blob, const int64_t[::1] offsets, const int64_t[::1] counts):
        """Add words, given as ``export`` returns them; their ids (V,) int32."""
        cdef int64_t k, size = counts.shape[0]
        ids = np.empty(max(1, size), np.int32)
        cdef int32_t[::1] to = ids
        cdef fe_token token
        cdef fe_status status = FE_OK
        with nogil:
            for k in range(size):
                token = fe_strmap_token(&self.map, &blob[0] + offsets[k], offsets[k + 1] - offsets[k])
                status = fe_strmap_add(&self.map, &token, counts[k], &to[k])
                if status != FE_OK:
                    break
        check(status)
        return ids[:size]

    def join(self, WordMap other):
        """Add another map's words and counts as they are; a table (len(other),) int32 from its ids to ours."""
        table = np.empty(max(1, len(other)), np.int32)
        cdef int32_t[::1] to = table
        cdef fe_status status
        with nogil:
            status = fe_strmap_join(&self.map, &other.map, &to[0])
        check(status)
        return table[: len(other)]

    def counts(self):
        """The count of every word: (len,) int64."""
        cdef int64_t k
        counts = np.empty(self.map.size, np.int64)
        cdef int64_t[::1] to = counts
        for k in range(self.map.size):
            to[k] = self.map.words[k].count
        return counts

    def merge(self, WordMap other, bint lowercase=False):
        """Add another map's words and counts, made valid UTF-8 and, if asked, lower-case.

        Returns a table (len(other),) int32 from its ids to ours, and the number of U+FFFD put in (once a token).
        """
        table = np.empty(max(1, len(other)), np.int32)
        cdef int32_t[::1] to = table
        cdef int64_t replaced = 0
        cdef fe_status status
        with nogil:
            status = fe_strmap_merge(&self.map, &other.map, lowercase, &to[0], &replaced)
        check(status)
        table = table[: len(other)]
        for number in np.flatnonzero(table < 0):  # lower case beyond ASCII
            word = other.word(number).decode("utf-8", "replace").replace("\0", "\ufffd").lower()
            table[number] = self.add(word.encode(), other.map.words[<int64_t>number].count)
        return table, replaced

    def clean(self):
        """Whether every word is UTF-8 without NUL."""
        cdef int answer
        with nogil:
            answer = fe_strmap_clean(&self.map)
        return bool(answer)

    def ranked(self, bint by_count=True):
        """Ids by count, highest first, ties by bytes, or by bytes alone: (len,) int32."""
        order = np.empty(max(1, len(self)), np.int32)
        cdef int32_t[::1] to = order
        cdef fe_status status
        with nogil:
            status = fe_strmap_rank(&self.map, by_count, &to[0])
        check(status)
        return order[: len(self)]

    def export(self, const int32_t[::1] order):  # order (V,)
        """The words in this order: blob (bytes,) uint8, offsets (V+1,) int64, counts (V,) int64."""
        cdef int64_t k, size = order.shape[0]
        cdef uint8_t inside[16]
        cdef const uint8_t *word
        counts, offsets = np.empty(size, np.int64), np.zeros(size + 1, np.int64)
        cdef int64_t[::1] c = counts, o = offsets
        for k in range(size):
            c[k] = self.map.words[order[k]].count
            o[k + 1] = o[k] + self.map.words[order[k]].bytes
        blob = np.empty(max(1, o[size]), np.uint8)
        cdef uint8_t[::1] b = blob
        with nogil:
            for k in range(size):
                word = fe_strmap_bytes(&self.map, order[k], inside)
                memcpy(&b[0] + o[k], word, o[k + 1] - o[k])
        return blob[: offsets[size]], offsets, counts


cdef class Encoder(WordMap):
    """A WordMap with room for one block of text at a time: the working state of one thread.

    Parameters
    ----------
    seed : as in WordMap.
    size : bytes in the largest block.
    lists : whether the separators are those of token lists (0xFF, 0xFE) rather than white space and newlines.
    limit : longer words (in bytes) are dropped.
    """
    cdef readonly object buffer  # uint8 (size + TEXT_PAD,)
    cdef readonly int64_t dropped
    cdef uint8_t[::1] text
    cdef int32_t[::1] ids, ends
    cdef int64_t limit
    cdef fe_separators separators

    def __init__(self, uint64_t seed, int64_t size, bint lists=False, int64_t limit=1000):
        self.buffer = np.empty(size + TEXT_PAD, np.uint8)
        self.text = self.buffer
        self.ids = np.empty(size // 2 + 1, np.int32)
        self.ends = np.empty(size // 2 + 2, np.int32)
        self.limit = limit
        self.separators = FE_LISTS if lists else FE_TEXT

    def encode(self, int64_t first, int64_t last):
        """Ids of the words of buffer[first:last], and how many ids lie before each end of a sentence.

        The arrays, int32, are views of room that the next call uses again.
        """
        cdef fe_encoded result
        cdef fe_status status
        if not 0 <= first <= last <= self.text.shape[0] - FE_TEXT_PAD:
            raise IndexError((first, last))
        with nogil:
            status = fe_encode(&self.map, &self.text[first], last - first, self.separators, self.limit, &self.ids[0],
                               &self.ends[0], &result)
        check(status)
        self.dropped += result.dropped
        return np.asarray(self.ids)[: result.tokens], np.asarray(self.ends)[: result.sentences]


def first_bad(const uint8_t[::1] text, int64_t first, int64_t last):
    """Index of the first byte of text[first:last] that is NUL or not UTF-8, or -1."""
    cdef int64_t at
    if last <= first:
        return -1
    with nogil:
        at = fe_utf8_bad(&text[first], last - first)
    return at if at < 0 else at + first


def first_separator(const uint8_t[::1] text, int64_t bytes, bint lists):
    """Index of the first separator of text[:bytes], or -1."""
    return fe_first_separator(&text[0], bytes, FE_LISTS if lists else FE_TEXT)


def last_separator(const uint8_t[::1] text, int64_t bytes, bint lists):
    """Index of the last separator of text[:bytes], or -1."""
    return fe_last_separator(&text[0], bytes, FE_LISTS if lists else FE_TEXT)


def remap(const int32_t[::1] ids, const int32_t[::1] table, int32_t[::1] out):  # ids (n,), out (n,)
    """out = table[ids]; ``out`` may be ``ids``."""
    cdef int64_t k
    with nogil:
        for k in range(ids.shape[0]):
            out[k] = table[ids[k]]


def take(Job job):
    """The number of a chunk to work on, or -1."""
    return fe_job_take(&job.c)


def add(Job job, int64_t units):
    """Report units of work as done."""
    fe_job_add(&job.c, units)
