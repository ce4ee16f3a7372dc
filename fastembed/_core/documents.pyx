"""Counter: documents to rows of ids and counts (csrc/words.h, csrc/bag.h)."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

from fastembed._core.encode cimport FE_NO_MEMORY, FE_OK, WordMap, fe_status, fe_token, fe_token_padded

cimport cython

import numpy as np


cdef extern from "words.h" nogil:
    const int FE_WORDS_PAD
    const int FE_CODES
    const int FE_CLASS_WORD
    const int FE_CLASS_SPACE
    ctypedef struct fe_document:
        const void *at
        int64_t length
        int width
        int ascii
    ctypedef struct fe_cut:
        int spaced
        int shortest
        int lowercase
        const uint8_t *classes
        const uint32_t *lower
    ctypedef struct fe_words:
        uint8_t *text
        uint32_t *starts
        int64_t count
    void fe_cut_words(const fe_document *document, const fe_cut *how, uint8_t *room, fe_words *words)
    void fe_cut_chars(const fe_document *document, const fe_cut *how, fe_words *chars)
    void fe_chars_of_words(const fe_words *words, fe_words *chars)
    void fe_words_drop(fe_words *words, const int32_t *ids)

cdef extern from "bag.h" nogil:
    ctypedef struct fe_mark:
        uint32_t documents
    ctypedef struct fe_bag:
        fe_mark *marks
        int32_t *ids
        uint32_t *counts
        int64_t marked
        int64_t size
    void fe_bag_free(fe_bag *bag)
    fe_status fe_bag_reserve(fe_bag *bag, int64_t ids, int64_t more)
    fe_status fe_bag_next(fe_bag *bag)
    void fe_bag_add(fe_bag *bag, const int32_t *ids, int n)

cdef extern from "string.h" nogil:
    void *memcpy(void *to, const void *source, size_t bytes)

cdef extern from *:
    """
    #if PY_VERSION_HEX >= 0x030C0000
    #define fe_unicode_ready(text) 0 /* always is */
    #else
    #define fe_unicode_ready(text) PyUnicode_READY(text)
    #endif
    """
    int fe_unicode_ready(object text) except -1
    int64_t PyUnicode_GET_LENGTH(object text)
    int PyUnicode_KIND(object text)
    int PyUnicode_IS_ASCII(object text)
    const void *PyUnicode_DATA(object text)

cdef enum:
    BATCH = 32  # tokens that are looked up at a time
    CHAR = 1
    CHAR_WB = 2

CODES, WORD, SPACE, PAD = FE_CODES, FE_CLASS_WORD, FE_CLASS_SPACE, FE_WORDS_PAD
LONGEST = (1 << 30) - 64  # characters of a document; places in its text, 4 bytes a character, are 32-bit numbers
UNITS = ("word", "char", "char_wb")


cdef int check(fe_status status) except -1:
    if status == FE_NO_MEMORY:
        raise MemoryError("no memory for the counts of the documents")
    if status != FE_OK:
        raise OverflowError("at most 2^31 - 1 different terms and 2^32 - 1 documents can be counted")
    return 0


@cython.final
cdef class Counter:
    """Counts documents, one row each: the working state of one thread.

    Parameters
    ----------
    words : WordMap of the terms.
    learn : whether new terms enter the map; else threads may share it and unknown terms are passed over.
    stop : WordMap of words to leave out, or None.
    unit : one of UNITS: what n-grams are made of.
    low, high : shortest and longest n-grams.
    spaced, shortest, lowercase : as in fe_cut.
    classes, lower : (CODES,) uint8 and uint32 tables, or None as long as all documents are ASCII.
    """
    cdef readonly WordMap words, stop
    cdef bint learn
    cdef int unit, low, high, waiting
    cdef fe_cut how
    cdef fe_bag bag
    cdef fe_token[BATCH] batch
    cdef const uint8_t[::1] classes
    cdef const uint32_t[::1] lower
    cdef uint8_t[::1] text, room
    cdef uint32_t[::1] starts, chars
    cdef int32_t[::1] dropped

    def __init__(self, WordMap words, bint learn, stop, str unit, tuple ngrams, tuple cut):
        self.words, self.learn, self.stop = words, learn, stop
        self.unit, (self.low, self.high) = UNITS.index(unit), ngrams
        self.how.spaced, self.how.shortest, self.how.lowercase = cut

    def __dealloc__(self):
        fe_bag_free(&self.bag)

    def tables(self, const uint8_t[::1] classes, const uint32_t[::1] lower):
        """Take the class and the lower case of every character, (CODES,) each: needed beyond ASCII."""
        self.classes, self.lower = classes, lower
        self.how.classes, self.how.lower = &classes[0], &lower[0]

    def count(self, texts):
        """Count documents, a list of str or Tokens (models/analysis.py), into rows.

        Returns ids and counts of the entries, (n,) int32 and uint32, and where each row ends, int64.
        """
        if isinstance(texts, list):
            return self.count_texts(texts)
        return self.count_tokens(texts.text, texts.bytes, texts.rows)

    cdef count_texts(self, list texts):
        cdef int64_t k, size = len(texts), characters = 0, room = 0
        documents = np.empty(max(1, size) * sizeof(fe_document), np.uint8)
        cdef uint8_t[::1] structs = documents
        cdef fe_document *document = <fe_document *> &structs[0]
        for k in range(size):
            text = texts[k]
            fe_unicode_ready(text)
            document[k].at, document[k].length = PyUnicode_DATA(text), PyUnicode_GET_LENGTH(text)
            document[k].width, document[k].ascii = PyUnicode_KIND(text), PyUnicode_IS_ASCII(text)
            characters = max(characters, document[k].length)
            room = max(room, document[k].length * (1 if document[k].ascii else 4))
        self.reserve(characters, room)
        ends = np.empty(max(1, size), np.int64)
        cdef int64_t[::1] to = ends
        cdef fe_status status = FE_OK
        self.bag.size = 0
        with nogil:
            for k in range(size):
                status = self.count_text(&document[k])
                if status != FE_OK:
                    break
                to[k] = self.bag.size
        check(status)
        return *self.taken(), ends[:size]

    cdef count_tokens(self, const uint8_t[::1] text, const int64_t[::1] bytes, const int64_t[::1] tokens):
        """Count documents that are cut into tokens.

        text: a space, every token of all documents with a space behind it, PAD bytes more; bytes (all tokens,): the
        length of each; tokens (documents,): how many each has.
        """
        cdef int64_t k, place = 1, size = tokens.shape[0]
        starts = np.empty(bytes.shape[0] + 1, np.uint32)
        cdef uint32_t[::1] first = starts
        cdef fe_words words
        ends = np.empty(max(1, size), np.int64)
        cdef int64_t[::1] to = ends
        cdef fe_status status = FE_OK
        self.bag.size = 0
        with nogil:
            for k in range(bytes.shape[0]):
                first[k] = <uint32_t> place
                place += bytes[k] + 1
            first[bytes.shape[0]] = <uint32_t> place
            place = 0
            for k in range(size):
                words.text, words.starts, words.count = <uint8_t *> &text[0], &first[place], tokens[k]
                place += tokens[k]
                status = fe_bag_next(&self.bag)
                if status == FE_OK:
                    status = self.grams(&words, 1)
                if status != FE_OK:
                    break
                to[k] = self.bag.size
        check(status)
        return *self.taken(), ends[:size]

    def documents(self):
        """In how many documents each term was: (len(words),) int64."""
        cdef int64_t k
        found = np.zeros(len(self.words), np.int64)
        cdef int64_t[::1] to = found
        for k in range(min(found.shape[0], self.bag.marked)):
            to[k] = self.bag.marks[k].documents
        return found

    cdef reserve(self, int64_t characters, int64_t bytes):
        """Room for a document of so many characters that takes so many bytes of UTF-8."""
        if self.text is None or self.text.shape[0] < bytes + 8 + FE_WORDS_PAD:
            self.text = np.empty(bytes + 8 + FE_WORDS_PAD, np.uint8)
        if self.room is None or self.room.shape[0] < characters + FE_WORDS_PAD:
            self.room = np.empty(characters + FE_WORDS_PAD, np.uint8)
            self.starts = np.empty(characters + 3, np.uint32)
            self.chars = np.empty(characters + 3 if self.unit == CHAR_WB else 1, np.uint32)
            self.dropped = np.empty(characters // 2 + 2 + BATCH if self.stop is not None else 1, np.int32)

    cdef taken(self):
        """Copies of the entries."""
        cdef int64_t size = self.bag.size
        ids, counts = np.empty(max(1, size), np.int32), np.empty(max(1, size), np.uint32)
        cdef int32_t[::1] i = ids
        cdef uint32_t[::1] c = counts
        if size:
            with nogil:
                memcpy(&i[0], self.bag.ids, size * sizeof(int32_t))
                memcpy(&c[0], self.bag.counts, size * sizeof(uint32_t))
        return ids[:size], counts[:size]

    cdef fe_status count_text(self, const fe_document *document) noexcept nogil:
        cdef fe_words words, chars
        cdef fe_status status = fe_bag_next(&self.bag)
        if status != FE_OK:
            return status
        words.text, words.starts = &self.text[0], &self.starts[0]
        if self.unit == CHAR:
            fe_cut_chars(document, &self.how, &words)
            return self.grams(&words, 0)
        fe_cut_words(document, &self.how, &self.room[0], &words)
        if self.unit == CHAR_WB:
            chars.starts = &self.chars[0]
            fe_chars_of_words(&words, &chars)
            return self.grams_within(&chars)
        if self.stop is not None:
            self.drop(&words)
        return self.grams(&words, 1)

    cdef void drop(self, fe_words *words) noexcept nogil:
        """Leave out the stop words."""
        cdef int64_t first = 0
        cdef int k, n
        while first < words.count:
            n = <int> min(<int64_t> BATCH, words.count - first)
            for k in range(n):
                self.batch[k] = fe_token_padded(&self.stop.map, words.text + words.starts[first + k],
                                                words.starts[first + k + 1] - 1 - words.starts[first + k])
            self.stop.find(self.batch, n, &self.dropped[first])
            first += n
        fe_words_drop(words, &self.dropped[0])

    cdef fe_status grams(self, const fe_words *words, int64_t gap) noexcept nogil:
        """Count the n-grams of units that lie ``gap`` bytes apart."""
        cdef int64_t k, n
        cdef fe_status status
        for n in range(self.low, min(<int64_t> self.high, words.count) + 1):
            for k in range(words.count - n + 1):
                status = self.push(words.text + words.starts[k], words.starts[k + n] - gap - words.starts[k])
                if status != FE_OK:
                    return status
        return self.flush()

    cdef fe_status grams_within(self, const fe_words *chars) noexcept nogil:
        """Count the n-grams of characters inside each word with the spaces around it; all of it if it is not longer."""
        cdef int64_t first = 0, last, k, n, length
        cdef fe_status status = FE_OK
        while first + 1 < chars.count:
            last = first + 1
            while chars.text[chars.starts[last]] != 32:
                last += 1
            length = last - first + 1
            for n in range(self.low, min(<int64_t> self.high, length - 1) + 1):
                for k in range(first, last + 2 - n):
                    status = self.push(chars.text + chars.starts[k], chars.starts[k + n] - chars.starts[k])
                    if status != FE_OK:
                        return status
            if length <= self.high:
                status = self.push(chars.text + chars.starts[first], chars.starts[last + 1] - chars.starts[first])
                if status != FE_OK:
                    return status
            first = last
        return self.flush()

    cdef inline fe_status push(self, const uint8_t *at, int64_t bytes) noexcept nogil:
        self.batch[self.waiting] = fe_token_padded(&self.words.map, at, bytes)
        self.waiting += 1
        return self.flush() if self.waiting == BATCH else FE_OK

    cdef fe_status flush(self) noexcept nogil:
        """Look up what waits and count it in the present row."""
        cdef int32_t[BATCH] ids
        cdef fe_status status = FE_OK
        cdef int n = self.waiting
        self.waiting = 0
        if self.learn:
            status = self.words.count(self.batch, n, ids)
        else:
            self.words.find(self.batch, n, ids)
        if status == FE_OK:
            status = fe_bag_reserve(&self.bag, self.words.map.size, n)
        if status == FE_OK:
            fe_bag_add(&self.bag, ids, n)
        return status
