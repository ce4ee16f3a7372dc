"""The k best columns of each row of a block of scores: a running selection, block after block."""
from libc.stdint cimport int64_t

cdef enum:
    STEP = 64  # columns tested at once; the test has no branch, so it becomes vector code


cdef void insert(float score, int64_t column, float *best, int64_t *ids, int64_t k) noexcept nogil:
    """best (k,) descending; ties keep the earlier column first."""
    cdef int64_t place = k - 1
    while place > 0 and best[place - 1] < score:
        best[place] = best[place - 1]
        ids[place] = ids[place - 1]
        place -= 1
    best[place] = score
    ids[place] = column


def select(
    const float[:, ::1] scores, const float[::1] scale, int64_t base, float[:, ::1] best, int64_t[:, ::1] ids
):
    """Merge scores[q, j] * scale[j], named base + j, into the k best of every q.

    scores (Q, B), scale (B,)  # in;  best (Q, k) descending, ids (Q, k)  # in and out; start with -inf and -1
    """
    cdef int64_t q, j, first, last, width = scores.shape[1], k = best.shape[1]
    cdef const float *row
    cdef float least
    cdef int found
    if k == 0:
        return
    with nogil:
        for q in range(scores.shape[0]):
            row = &scores[q, 0]
            least = best[q, k - 1]
            last = 0
            while last < width:
                first = last
                last = first + STEP if first + STEP < width else width
                found = 0
                for j in range(first, last):
                    found |= row[j] * scale[j] > least
                if not found:
                    continue
                for j in range(first, last):
                    if row[j] * scale[j] > least:
                        insert(row[j] * scale[j], base + j, &best[q, 0], &ids[q, 0], k)
                        least = best[q, k - 1]


def select_sums(
    const float[:, ::1] cosines, const int64_t[:, :] triples, int64_t base, float[:, ::1] best, int64_t[:, ::1] ids
):
    """As select, for the scores cosines[b] + cosines[c] - cosines[a] of each triple (a, b, c).

    cosines (U, B), triples (Q, 3) of rows of cosines  # in;  best (Q, k), ids (Q, k)  # in and out
    """
    cdef int64_t q, j, first, size, width = cosines.shape[1], k = best.shape[1]
    cdef const float *a
    cdef const float *b
    cdef const float *c
    cdef float[STEP] sums
    cdef float least
    cdef int found
    if k == 0:
        return
    with nogil:
        for q in range(triples.shape[0]):
            least = best[q, k - 1]
            first = 0
            while first < width:
                size = STEP if first + STEP < width else width - first
                a = &cosines[triples[q, 0], first]
                b = &cosines[triples[q, 1], first]
                c = &cosines[triples[q, 2], first]
                found = 0
                for j in range(size):
                    sums[j] = b[j] + c[j] - a[j]
                    found |= sums[j] > least
                if found:
                    for j in range(size):
                        if sums[j] > least:
                            insert(sums[j], base + first + j, &best[q, 0], &ids[q, 0], k)
                            least = best[q, k - 1]
                first += size
