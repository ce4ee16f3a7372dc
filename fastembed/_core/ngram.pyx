"""n-grams: counted and smoothed (csrc/ngrams.h tells how they are kept).

Nodes are uint32 (n + 1, 4): word; count, then log10 of the probability; suffix, then log10 of the back-off weight;
first child. The last row has only the end of the children. Those of the highest order end as uint32 (n, 2): word and
probability. Arrays of floats are views of these.

Letters: V words of the vocabulary, N tokens, S sentences, K numbers in a record, P parts, C chunks.
"""

from fastembed._core.job cimport Job, fe_job_add, fe_job_take
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t


cdef extern from "ngrams.h" nogil:
    enum:
        FE_MOST_ORDER
        FE_MOST_WORDS

    ctypedef struct fe_ngram:
        pass

    ctypedef struct fe_packing:
        const int32_t *ids
        const int64_t *offsets
        const int32_t *table
        const int32_t *part
        int order, bits, words
    ctypedef struct fe_growth:
        fe_ngram **nodes
        int64_t *shift
        int64_t *at
        uint32_t *bigrams
    ctypedef struct fe_smoothing:
        double *discount
        double types, add, size

    void fe_ngrams_tally(const fe_packing *packing, int64_t first, int64_t last, int64_t *counts)
    void fe_ngrams_pack(const fe_packing *packing, int64_t first, int64_t last, int64_t *places, uint64_t *records)
    void fe_ngrams_sort(const fe_packing *packing, uint64_t *records, uint64_t *scratch, int64_t n)
    void fe_ngrams_distinct(const fe_packing *packing, const uint64_t *records, int64_t n, int64_t *nodes)
    void fe_ngrams_grow(const fe_packing *packing, const uint64_t *records, int64_t n, fe_growth *growth)
    void fe_ngrams_order(const uint32_t *digits, const uint32_t *rows, int64_t n, int64_t *starts, uint32_t *sorted)
    void fe_ngrams_fill(const uint32_t *rows, int64_t n, const uint32_t *words, const float (*logs)[2], fe_ngram *nodes)
    int64_t fe_ngrams_link(const fe_ngram *parents, int64_t first, int64_t last, fe_ngram *children,
                           const fe_ngram *grandparents)
    void fe_ngrams_continue(const fe_ngram *nodes, int64_t n, uint32_t *counts)
    void fe_ngrams_divide(const fe_ngram *parents, int64_t first, int64_t last, fe_ngram *children,
                          const fe_smoothing *how, float *backoff)
    void fe_ngrams_interpolate(const fe_ngram *parents, int64_t first, int64_t last, fe_ngram *children,
                               const float *backoff, const fe_ngram *shorter)
    void fe_ngrams_log(fe_ngram *nodes, int64_t first, int64_t last, const float *backoff)


MOST_ORDER = FE_MOST_ORDER
RECORD_BITS = 64 * FE_MOST_WORDS
DROPPED = 1 << 31


cdef class Packing:
    """A text and how its n-grams become records.

    Parameters
    ----------
    ids, offsets : the text (N,), (S + 1,)
    table : from its ids to those of the vocabulary (types,)
    part : of the records that begin with each word (V,); -1: they are not packed
    order, bits, words : fields of a record, bits of a field, K
    """
    cdef fe_packing c
    cdef object held
    cdef readonly int words

    def __init__(self, const int32_t[::1] ids, const int64_t[::1] offsets, const int32_t[::1] table,
                 const int32_t[::1] part, int order, int bits):
        self.held = (ids, offsets, table, part)
        self.words = (order * bits + 63) // 64
        self.c.ids, self.c.offsets = &ids[0], &offsets[0]
        self.c.table, self.c.part = &table[0], &part[0]
        self.c.order, self.c.bits, self.c.words = order, bits, self.words

    def tally(self, Job job, const int64_t[::1] bounds, int64_t[:, ::1] counts):
        """Count the records of each part; chunk k of the job is the sentences from bounds[k]; counts (C, P)  # out"""
        cdef int64_t k
        with nogil:
            k = fe_job_take(&job.c)
            while k >= 0:
                fe_ngrams_tally(&self.c, bounds[k], bounds[k + 1], &counts[k, 0])
                k = fe_job_take(&job.c)

    def pack(self, Job job, const int64_t[::1] bounds, int64_t[:, ::1] places, uint64_t[:, ::1] records):
        """Write the records (n, K) of each chunk; those of part p from places[chunk, p] on  # in, moved"""
        cdef int64_t k
        with nogil:
            k = fe_job_take(&job.c)
            while k >= 0:
                fe_ngrams_pack(&self.c, bounds[k], bounds[k + 1], &places[k, 0], &records[0, 0])
                k = fe_job_take(&job.c)

    def sort(self, Job job, const int64_t[::1] bounds, uint64_t[:, ::1] records, uint64_t[:, ::1] scratch,
             int64_t[:, ::1] nodes):
        """Sort the records of each part, which begin at bounds (P + 1,), and count its nodes: nodes (P, order + 1)."""
        cdef int64_t k, n
        with nogil:
            k = fe_job_take(&job.c)
            while k >= 0:
                n = bounds[k + 1] - bounds[k]
                if n:
                    fe_ngrams_sort(&self.c, &records[bounds[k], 0], &scratch[0, 0], n)
                    fe_ngrams_distinct(&self.c, &records[bounds[k], 0], n, &nodes[k, 0])
                    fe_job_add(&job.c, n)
                k = fe_job_take(&job.c)

    def grow(self, Job job, const int64_t[::1] bounds, const uint64_t[:, ::1] records, nodes,
             const int64_t[:, ::1] at, uint32_t[::1] bigrams):
        """Make the nodes of each part: those of order k in nodes[k], its first one at[0, k], the part's from at[p, k].

        bigrams (V,) : becomes the number of children of each word  # out
        """
        cdef int64_t k, n
        cdef int order
        cdef fe_growth growth, own
        cdef uint32_t[:, ::1] rows
        for order in range(2, self.c.order + 1):
            rows = nodes[order]
            growth.nodes[order], growth.shift[order] = <fe_ngram *>&rows[0, 0], at[0, order]
        growth.bigrams = &bigrams[0]
        with nogil:
            k = fe_job_take(&job.c)
            while k >= 0:
                own = growth
                for order in range(2, self.c.order + 1):
                    own.at[order] = at[k, order]
                n = bounds[k + 1] - bounds[k]
                if n:
                    fe_ngrams_grow(&self.c, &records[bounds[k], 0], n, &own)
                k = fe_job_take(&job.c)


def order(const uint32_t[::1] digits, rows, int64_t[::1] starts, uint32_t[::1] to):
    """Sort rows by their digits.

    digits (n,) : of each row; rows : uint32 (n,), in which order they come, None for their own  # in
    starts (D + 1,) : how many rows have a lower digit  # in, moved;  to (n,) : the rows  # out
    """
    cdef const uint32_t[::1] given
    cdef const uint32_t *first = NULL
    if rows is not None:
        given = rows
        first = &given[0]
    with nogil:
        fe_ngrams_order(&digits[0], first, digits.shape[0], &starts[0], &to[0])


def fill(const uint32_t[::1] rows, const uint32_t[::1] words, const float[:, ::1] logs, uint32_t[:, ::1] nodes):
    """Node i becomes row rows[i] of words (n,) and logs (n, 2); it keeps its children."""
    with nogil:
        fe_ngrams_fill(&rows[0], rows.shape[0], &words[0], <const float (*)[2]>&logs[0, 0], <fe_ngram *>&nodes[0, 0])


def link(Job job, const int64_t[::1] bounds, const uint32_t[:, ::1] parents, uint32_t[:, ::1] children, grandparents,
         int64_t[::1] lost):
    """Find the suffixes of the children of each chunk's parents [bounds[k], bounds[k + 1]).

    grandparents : the nodes of the order before the parents', None for words
    lost (C,) : how many have none  # out
    """
    cdef int64_t k
    cdef const uint32_t[:, ::1] rows
    cdef const fe_ngram *above = NULL
    if grandparents is not None:
        rows = grandparents
        above = <const fe_ngram *>&rows[0, 0]
    with nogil:
        k = fe_job_take(&job.c)
        while k >= 0:
            lost[k] = fe_ngrams_link(<const fe_ngram *>&parents[0, 0], bounds[k], bounds[k + 1],
                                     <fe_ngram *>&children[0, 0], above)
            k = fe_job_take(&job.c)


def continuations(const uint32_t[:, ::1] nodes, uint32_t[::1] counts):
    """Add 1 to the counts of every node's suffix."""
    with nogil:
        fe_ngrams_continue(<const fe_ngram *>&nodes[0, 0], nodes.shape[0] - 1, &counts[0])


def divide(Job job, const int64_t[::1] bounds, const uint32_t[:, ::1] parents, uint32_t[:, ::1] children, how,
           float[::1] backoff):
    """Turn the children's counts into discounted shares and write their parents' back-off weights.

    how : (discounts of the counts 0, 1, 2 and more, types, add, size), see fe_smoothing
    """
    cdef int64_t k
    cdef fe_smoothing c
    for k in range(4):
        c.discount[k] = how[0][k]
    c.types, c.add, c.size = how[1:]
    with nogil:
        k = fe_job_take(&job.c)
        while k >= 0:
            fe_ngrams_divide(<const fe_ngram *>&parents[0, 0], bounds[k], bounds[k + 1],
                             <fe_ngram *>&children[0, 0], &c, &backoff[0])
            k = fe_job_take(&job.c)


def interpolate(Job job, const int64_t[::1] bounds, const uint32_t[:, ::1] parents, uint32_t[:, ::1] children,
                const float[::1] backoff):
    """Add to the children's shares those of their suffixes, which are among the parents' order, weighed."""
    cdef int64_t k
    with nogil:
        k = fe_job_take(&job.c)
        while k >= 0:
            fe_ngrams_interpolate(<const fe_ngram *>&parents[0, 0], bounds[k], bounds[k + 1],
                                  <fe_ngram *>&children[0, 0], &backoff[0], <const fe_ngram *>&parents[0, 0])
            k = fe_job_take(&job.c)


def logarithms(Job job, const int64_t[::1] bounds, uint32_t[:, ::1] nodes, backoff):
    """Take log10 of the nodes' probabilities and of their back-off weights, float32 (n,) or None."""
    cdef int64_t k
    cdef const float[::1] weights
    cdef const float *first = NULL
    if backoff is not None:
        weights = backoff
        first = &weights[0]
    with nogil:
        k = fe_job_take(&job.c)
        while k >= 0:
            fe_ngrams_log(<fe_ngram *>&nodes[0, 0], bounds[k], bounds[k + 1], first)
            k = fe_job_take(&job.c)
