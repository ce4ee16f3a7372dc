"""The tokens of a chunk that subsampling lets through, with the sentences around the chunk's borders."""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from fastembed._core.random cimport fe_rng, fe_rng_at

cdef extern from "fe.h" nogil:
    void prefetch "FE_PREFETCH" (const void *address)


cdef enum:
    GATES_AHEAD = 16   # tokens whose gates are fetched before they are asked: a large vocabulary's are in no near cache


cdef struct Gate:
    uint32_t keep      # a token stays if its 32 random bits are below keep; 0 is never, all ones always
    int32_t row        # its row in the model's matrices; where keep is 0, none


cdef struct Text:
    const int32_t *ids            # (T,) type of each token
    const int64_t *offsets        # (sentences + 1,)
    const Gate *gates             # (W,)
    int64_t tokens, sentences
    int window                    # kept tokens of context on either side of a chunk
    fe_rng coins                  # of this epoch, one a position


cdef struct Kept:
    int32_t *rows                 # (n,)
    int32_t *first                # (n,) where the sentence of each begins ...
    int32_t *last                 # ... and ends, both inclusive
    int n, begin, end             # centres are begin .. end-1, the others their context


cdef inline bint stays(const Text *text, int64_t position) noexcept nogil:
    cdef Gate gate = text.gates[text.ids[position]]
    cdef uint64_t limit = <uint64_t>gate.keep + (gate.keep == 0xFFFFFFFFu)
    return fe_rng_at(&text.coins, position) >> 32 < limit


cdef inline int64_t sentence_of(const Text *text, int64_t position) noexcept nogil:
    """Number of the sentence that holds the token at position, by bisection."""
    cdef int64_t low = 0, high = text.sentences, middle
    while high - low > 1:
        middle = (low + high) // 2
        if text.offsets[middle] <= position:
            low = middle
        else:
            high = middle
    return low


cdef inline void keep_sentence(const Text *text, int64_t sentence, int64_t begin, int64_t end,
                               Kept *kept) noexcept nogil:
    """Append the kept tokens begin .. end-1 of one sentence, with up to `window` kept ones on either side."""
    cdef int64_t sentence_begin = text.offsets[sentence], sentence_end = text.offsets[sentence + 1], p = begin
    cdef int start = kept.n, n = kept.n, found = 0, i
    while p > sentence_begin and found < text.window:
        p -= 1
        found += stays(text, p)
    while p < begin:
        if stays(text, p):
            kept.rows[n] = text.gates[text.ids[p]].row
            n += 1
        p += 1
    if found:
        kept.begin = n
    while p < end:
        prefetch(text.gates + text.ids[min(p + GATES_AHEAD, end - 1)])
        kept.rows[n] = text.gates[text.ids[p]].row
        n += stays(text, p)
        p += 1
    kept.end = n
    found = 0
    while p < sentence_end and found < text.window:
        if stays(text, p):
            kept.rows[n] = text.gates[text.ids[p]].row
            n += 1
            found += 1
        p += 1
    for i in range(start, n):
        kept.first[i] = start
        kept.last[i] = n - 1
    kept.n = n


cdef inline void keep_chunk(const Text *text, int64_t begin, int64_t end, Kept *kept) noexcept nogil:
    """The centres and contexts of the tokens begin .. end-1. A window reaches over the chunk's borders."""
    cdef int64_t s = sentence_of(text, begin), p = begin, stop
    kept.n = kept.begin = kept.end = 0
    while p < end:
        stop = min(end, text.offsets[s + 1])
        if stop > p:
            keep_sentence(text, s, p, stop, kept)
        p = stop
        s += 1
