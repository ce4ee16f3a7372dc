"""Model: probabilities of a back-off model of n-grams (csrc/lm.c).

Letters: V words of the vocabulary, N tokens, S sentences, C chunks.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from fastembed._core.encode cimport FE_TEXT_PAD, WordMap, fe_texts
from fastembed._core.job cimport Job, fe_job_add, fe_job_take
from fastembed._core.texts cimport Texts, utf8

import numpy as np


cdef extern from "ngrams.h" nogil:
    enum:
        FE_LM_BUCKET
        FE_UNK
        FE_EOS

    ctypedef struct fe_ngram:
        pass
    ctypedef struct fe_longest:
        pass
    ctypedef struct fe_lm_slot:
        pass
    ctypedef struct fe_lm:
        int order, additive, closed
        double nothing
        const fe_ngram **nodes
        const fe_longest *longest
        const fe_lm_slot **slots
        uint64_t *count
        uint64_t *size

    void fe_lm_index(const fe_lm *lm, int order, const uint32_t *contexts, fe_lm_slot *slots, uint32_t *places)
    void fe_lm_find(const fe_lm *lm, const int32_t *rows, int64_t n, const int *shape, uint32_t *places)
    void fe_lm_score(const fe_lm *lm, const int32_t *words, int64_t n, double *out)
    void fe_lm_sentences(const fe_lm *lm, const int32_t *ids, const int64_t *offsets, int64_t first, int64_t last,
                         double *out)

cdef enum:
    SHORT = 2048  # bytes of a text that is scored without memory of its own
    FEW = 1026    # its words, <s> and </s>, at most
    ROOM = 2112   # SHORT and what a search overwrites
    CHUNK = 1 << 14  # n-grams that a thread finds at once

BUCKET, ROWS = FE_LM_BUCKET, CHUNK
NONE = 0xFFFFFFFF
MOST = (<int64_t>1 << 32) - 2 * FE_LM_BUCKET  # n-grams of an order: their table has more slots, below 2^32


cdef class Model:
    """A back-off model to ask.

    Parameters
    ----------
    nodes : of the orders from 1, in a list that begins with None; the highest one's (n, 2) if it is not 1, else there
        are orders to come, and nothing can be scored yet
    slots : uint32 (size, 4) of the orders from 2, in a list that begins with two None; read-only if filled already
    additive : None, or log10 of the probability behind an unseen context
    closed : whether every n-gram's suffix is an n-gram
    """
    cdef fe_lm c
    cdef object held

    def __init__(self, nodes, slots, additive=None, bint closed=True):
        cdef const uint32_t[:, ::1] rows
        cdef int k
        self.held = (list(nodes), list(slots))
        self.c.order = len(nodes) - (1 if len(nodes) == 2 or nodes[len(nodes) - 1].shape[1] == 2 else 0)
        self.c.additive, self.c.nothing = additive is not None, additive or 0.0
        self.c.closed = closed
        for k in range(1, len(nodes)):
            rows = nodes[k]
            if k == self.c.order and k > 1:
                self.c.longest = <const fe_longest *>&rows[0, 0]
            else:
                self.c.nodes[k] = <const fe_ngram *>&rows[0, 0]
            self.c.count[k] = rows.shape[0] - (k < self.c.order or k == 1)
            if k > 1:
                rows = slots[k]
                self.c.slots[k], self.c.size[k] = <const fe_lm_slot *>&rows[0, 0], rows.shape[0]

    def index(self, int order, contexts, uint32_t[::1] places):
        """Fill the slots of an order.

        contexts : places of the n-grams of the order before, None for words  # in;  places (n,) of this order's  # out
        """
        cdef uint32_t[:, ::1] rows = self.held[1][order]
        cdef const uint32_t[::1] before
        cdef const uint32_t *first = NULL
        if contexts is not None:
            before = contexts
            first = &before[0]
        with nogil:
            fe_lm_index(&self.c, order, first, <fe_lm_slot *>&rows[0, 0], &places[0])

    def find(self, Job job, const int32_t[:, ::1] rows, int first, uint32_t[::1] places):
        """ROWS n-grams are a chunk.

        rows (n, width) : width - 1 words from column ``first``, 0 or 1, on are an n-gram  # in
        places (n,) : its slot, or the word itself if it is one; NONE if it is none  # out
        """
        cdef int64_t k, at
        cdef int[2] shape
        shape[0], shape[1] = rows.shape[1], rows.shape[1] - 1
        with nogil:
            k = fe_job_take(&job.c)
            while k >= 0:
                at = k * CHUNK
                fe_lm_find(&self.c, &rows[at, first], min(CHUNK, places.shape[0] - at), shape, &places[at])
                k = fe_job_take(&job.c)

    def score(self, const int32_t[::1] words, double[::1] out):
        """out (n,) : natural logarithms of the probabilities of words (n,), which begin with <s>, whose is 0  # out"""
        with nogil:
            fe_lm_score(&self.c, &words[0], words.shape[0], &out[0])

    def sentences(self, Job job, const int64_t[::1] bounds, const int32_t[::1] ids, const int64_t[::1] offsets,
                  double[::1] out):
        """Natural logarithms of the probabilities of all words and, behind each sentence, of its </s>.

        bounds (C + 1,) : sentences before which a chunk begins; ids (N,), offsets (S + 1,) : the text  # in
        out (N + S,)  # out
        """
        cdef int64_t k
        cdef const int32_t *first = &ids[0] if ids.shape[0] else NULL
        with nogil:
            k = fe_job_take(&job.c)
            while k >= 0:
                fe_lm_sentences(&self.c, first, &offsets[0], bounds[k], bounds[k + 1], &out[0])
                fe_job_add(&job.c, bounds[k + 1] - bounds[k])
                k = fe_job_take(&job.c)

    def texts(self, Job job, Texts texts, WordMap words, const int64_t[::1] bounds, double[::1] out):
        """The natural logarithms of the probabilities of sentences that white space divides, with their </s>.

        words : of the vocabulary; bounds (C + 1,) : sentences before which a chunk begins  # in
        out (S,)  # out
        """
        cdef int64_t k, most = np.diff(texts.ends[bounds]).max(initial=0), sentences = np.diff(bounds).max(initial=0)
        cdef uint8_t[::1] room = np.empty(np.diff(texts.ends).max(initial=0) + FE_TEXT_PAD, np.uint8)
        cdef int32_t[::1] ids = np.empty(most // 2 + sentences, np.int32)
        cdef double[::1] logs = np.empty(most // 2 + 2 * sentences)
        cdef int64_t[::1] offsets = np.zeros(sentences + 1, np.int64)
        with nogil:
            k = fe_job_take(&job.c)
            while k >= 0:
                texts.find_words(words, &bounds[k], &room[0], &ids[0], &offsets[1])
                self.sum(&ids[0], bounds[k + 1] - bounds[k], &offsets[0], &logs[0], &out[bounds[k]])
                fe_job_add(&job.c, bounds[k + 1] - bounds[k])
                k = fe_job_take(&job.c)

    def text(self, WordMap words, str sentence):
        """The same of one sentence; None if it is too long to be scored this way."""
        cdef uint8_t[ROOM] room
        cdef int32_t[FEW] ids
        cdef double[FEW] logs
        cdef int64_t[2] offsets
        cdef int64_t[2] ends
        cdef int64_t address
        cdef fe_texts texts
        cdef const uint8_t *at = NULL
        cdef double total
        _held = utf8(sentence, &at, &ends[1])
        if ends[1] > SHORT:
            return None
        address, ends[0], offsets[0] = <int64_t> at, 0, 0
        texts.at, texts.ends, texts.first, texts.last = &address, ends, 0, 1
        words.find_words(&texts, room, ids, &offsets[1])
        self.sum(ids, 1, offsets, logs, &total)
        return total

    cdef void sum(self, int32_t *ids, int64_t n, int64_t *offsets, double *logs, double *out) noexcept nogil:
        """Sums of logarithms (n,) of sentences whose lengths are offsets[1 ..], which become offsets; -1 is <unk>."""
        cdef int64_t s, k
        for s in range(n):
            offsets[s + 1] += offsets[s]
        for k in range(offsets[n]):
            ids[k] = ids[k] if ids[k] > FE_EOS else FE_UNK
        fe_lm_sentences(&self.c, ids, offsets, 0, n, logs)
        k = 0
        for s in range(n):
            out[s] = 0
            while k <= offsets[s + 1] + s:
                out[s] += logs[k]
                k += 1
