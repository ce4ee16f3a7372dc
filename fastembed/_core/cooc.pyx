"""Co-occurrence counts, row by row.

A segment of the corpus is turned inside out: for each word the places where it occurs. A row of the matrix is then
made by walking its word's places and adding the weight of every neighbour to an array with one cell a column, which
stays in the cache; the cells touched are collected in order and become zero again. There is no hashing and no
sorting, and weights are whole numbers, so that neither the order nor the cutting of the work can change a sum.

Letters: V words, C columns (V, or 2V where left and right neighbours have columns of their own), T tokens.
"""

import numpy as np

from fastembed._core.job cimport Job, fe_job_add, fe_job_take
from fastembed._core.random cimport fe_rng, fe_rng_at, fe_rng_keyed
from libc.math cimport isfinite
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from fastembed.memory import zeros


cdef extern from *:
    """
    #if defined(__GNUC__) || defined(__clang__)
    #define FE_PREFETCH(address) __builtin_prefetch(address)
    #else
    #define FE_PREFETCH(address) ((void)(address))
    #endif
    """
    void FE_PREFETCH(const void *address) nogil

cdef enum:
    GROUP_BITS = 3
    GROUP = 1 << GROUP_BITS  # columns under one mark
    MARKS = 8          # looked at together
    AHEAD = 12         # places ahead whose neighbourhood is fetched
    WIDEST = 0xFFFF    # window that a place has room for

SLACK = GROUP * MARKS      # cells behind the last column that a row may touch; entries behind the last one of a slot
MAX_WINDOW = WIDEST
MAX_SEGMENT = (1 << 32) - 1  # tokens


ctypedef fused cell_t:  # the narrow one where no sum can reach 2^32: twice as many fit the cache
    uint32_t
    int64_t


cdef struct Segment:
    const int32_t *kept
    const uint64_t *places
    const int64_t *begins    # (V + 1,)
    const int64_t *weights   # (window + 1,), of each distance
    int64_t reach            # what one place adds to all cells, at most
    int64_t shift            # from a word to its column as a right neighbour
    bint left_only


cdef struct Slot:  # where a piece of work leaves its rows
    int32_t *columns
    int64_t *units
    int64_t entries


def compact(const int32_t[::1] ids, const int64_t[::1] offsets, thresholds, bounds, uint64_t seed, int32_t[::1] kept):
    """The tokens of a segment that count, without gaps.

    Parameters
    ----------
    ids, offsets : the corpus (T,), (S + 1,)
    thresholds : uint32 (V,), subsampling as in Vocab.keep_thresholds; ids from V on are never kept
    bounds : (begin, end, window): the segment's tokens; up to `window` kept ones before and behind join them
    seed : of subsampling, which depends on nothing but it and the place in the corpus
    kept : out, (end - begin + 2 window,)

    Returns (first, last, count, starts): kept[first:last] are of the segment, kept[:count] all; starts are the places
    in kept where a sentence begins, ended by count.
    """
    cdef const uint32_t[::1] limits = thresholds
    cdef int64_t begin = bounds[0], end = bounds[1], window = bounds[2]
    cdef int64_t sentence = np.searchsorted(offsets, begin, "right") - 1
    cdef int64_t at = begin, n = 0, first = 0, last, more = 0, words = limits.shape[0], sentences = 0
    cdef int64_t final = np.searchsorted(offsets, max(begin, end - 1), "right")  # the end of the last sentence touched
    starts = np.empty(final - sentence + 2, np.int64)
    cdef int64_t[::1] s = starts
    cdef fe_rng rng = fe_rng_keyed(seed, 0xC00C, 0)
    with nogil:
        while at > offsets[sentence] and first < window:
            at -= 1
            first += stays(ids[at], at, &limits[0], words, &rng)
        s[0] = 0
        first = -1
        last = -1
        while at < offsets[final] and more < window:
            if at == begin:
                first = n
            if at == end:
                last = n
            if at == offsets[sentence + 1]:
                sentence += 1
                if s[sentences] != n:
                    sentences += 1
                    s[sentences] = n
            if stays(ids[at], at, &limits[0], words, &rng):
                kept[n] = ids[at]
                n += 1
                more += at >= end
            at += 1
        if last < 0:
            last = n
        sentences += s[sentences] != n
        s[sentences] = n
    return first, last, n, starts[:sentences + 1]


cdef inline int stays(int32_t word, int64_t at, const uint32_t *limits, int64_t words,
                      const fe_rng *rng) noexcept nogil:
    """Whether token `at` is in the vocabulary and not subsampled away."""
    if word >= words:
        return False
    return limits[word] == 0xFFFFFFFFu or <uint32_t>(fe_rng_at(rng, at) >> 32) < limits[word]


def locate(const int32_t[::1] kept, span, const int64_t[::1] starts, int64_t window, int64_t words):
    """Where each word of a segment occurs.

    Parameters
    ----------
    kept, starts : of compact; span : its (first, last)

    Returns (begins int64 (V + 1,), places uint64): those of word w are places[begins[w]:begins[w + 1]], each
    position << 32 | neighbours to the left << 16 | neighbours to the right.
    """
    cdef int64_t first = span[0], last = span[1], at, k, low, high, left, right
    counts = np.zeros(words + 2, np.int64)
    found = zeros((last - first + AHEAD,), np.uint64)
    cdef int64_t[::1] c = counts
    cdef uint64_t[::1] f = found
    with nogil:
        for at in range(first, last):
            c[kept[at] + 2] += 1
        for k in range(words):
            c[k + 2] += c[k + 1]
        for k in range(starts.shape[0] - 1):
            low, high = starts[k], starts[k + 1]
            for at in range(max(low, first), min(high, last)):
                left, right = min(window, at - low), min(window, high - 1 - at)
                f[c[kept[at] + 1]] = <uint64_t>at << 32 | <uint64_t>left << 16 | <uint64_t>right
                c[kept[at] + 1] += 1  # in the end the beginning of the next word
    return counts[:words + 1], found


cdef inline void fetch(const Segment *segment, int64_t k) noexcept nogil:
    """Bring the neighbourhood of a place that will be needed soon into the cache."""
    cdef const int32_t *here = segment.kept + (segment.places[k + AHEAD] >> 32)
    FE_PREFETCH(here - 10)
    FE_PREFETCH(here)
    FE_PREFETCH(here + 10)


cdef void add_neighbours(const Segment *segment, int64_t first, int64_t last, cell_t *cells,
                         uint8_t *marks) noexcept nogil:
    """Add the weights of all neighbours of places[first:last] to the cells (C,), and mark their groups."""
    cdef const int64_t *weights = segment.weights
    cdef const int32_t *ids
    cdef int64_t k, cell, shift = segment.shift
    cdef int d, left, right
    cdef uint64_t place
    for k in range(first, last):
        fetch(segment, k)
        place = segment.places[k]
        ids = segment.kept + (place >> 32)
        left, right = (place >> 16) & WIDEST, place & WIDEST
        for d in range(1, left + 1):
            cell = ids[-d]
            cells[cell] += <cell_t>weights[d]
            marks[cell >> GROUP_BITS] = 1
        if segment.left_only:
            continue
        for d in range(1, right + 1):
            cell = ids[d] + shift
            cells[cell] += <cell_t>weights[d]
            marks[cell >> GROUP_BITS] = 1


cdef int64_t take_row(Slot *slot, cell_t *cells, uint8_t *marks, int64_t columns) noexcept nogil:
    """Move the cells that are not zero to the slot, in order, and clear them; returns how many."""
    cdef int64_t group, block, k, n = slot.entries
    cdef int64_t blocks = columns // (GROUP * MARKS) + 1
    cdef cell_t *cell
    cdef uint64_t any_mark
    for block in range(blocks):
        memcpy(&any_mark, marks + block * MARKS, MARKS)
        if not any_mark:
            continue
        for group in range(block * MARKS, (block + 1) * MARKS):
            if not marks[group]:
                continue
            marks[group] = 0
            cell = cells + group * GROUP
            for k in range(GROUP):  # written in any case, kept if not zero: nothing could predict a branch here
                slot.columns[n] = <int32_t>(group * GROUP + k)
                slot.units[n] = cell[k]
                n += cell[k] != 0
                cell[k] = 0
    slot.entries, n = n, n - slot.entries
    return n


cdef class Cells:
    """The accumulators of one thread: a cell and a mark for each column, zero between any two rows."""
    cdef object cells, marks
    cdef int64_t *c
    cdef uint8_t *m

    def __init__(self, int64_t columns):
        self.cells = zeros((columns + SLACK,), np.int64)
        self.marks = zeros((columns // GROUP + SLACK,), np.uint8)
        self.c = <int64_t *><size_t>self.cells.ctypes.data
        self.m = <uint8_t *><size_t>self.marks.ctypes.data


cdef class Slots:
    """Room for the rows of several pieces of work.

    Parameters
    ----------
    count : number of slots
    entries : how many each can hold
    rows : in how many rows

    Attributes
    ----------
    columns (count, entries + SLACK) int32, units (the same) int64, lengths (rows,) int64: entries a row
    """
    cdef readonly object columns, units, lengths
    cdef readonly int64_t entries
    cdef int32_t *first_columns
    cdef int64_t *first_units
    cdef int64_t *row_lengths

    def __init__(self, int64_t count, int64_t entries, int64_t rows):
        self.entries = entries
        self.columns = zeros((count, entries + SLACK), np.int32)
        self.units = zeros((count, entries + SLACK), np.int64)
        self.lengths = zeros((max(1, rows),), np.int64)
        self.first_columns = <int32_t *><size_t>self.columns.ctypes.data
        self.first_units = <int64_t *><size_t>self.units.ctypes.data
        self.row_lengths = <int64_t *><size_t>self.lengths.ctypes.data

    cdef Slot at(self, int64_t number) noexcept nogil:
        cdef Slot slot
        slot.columns = self.first_columns + number * (self.entries + GROUP * MARKS)
        slot.units = self.first_units + number * (self.entries + GROUP * MARKS)
        slot.entries = 0
        return slot


cdef class Counter:
    """Counts the rows of a segment.

    Parameters
    ----------
    kept, places, begins : of compact and locate
    weights : int64 (window + 1,), what a neighbour at each distance adds
    columns : C
    shift : from a word to its column as a right neighbour; None counts left neighbours alone
    """
    cdef Segment segment
    cdef int64_t columns
    cdef object held

    def __init__(self, const int32_t[::1] kept, const uint64_t[::1] places, const int64_t[::1] begins,
                 const int64_t[::1] weights, int64_t columns, shift):
        self.held = (kept, places, begins, weights)
        self.segment.kept, self.segment.places, self.segment.begins = &kept[0], &places[0], &begins[0]
        self.segment.weights, self.columns = &weights[0], columns
        self.segment.reach = 2 * np.sum(weights)
        self.segment.left_only = shift is None
        self.segment.shift = shift or 0

    def count(self, Job job, Cells cells, Slots slots, const int64_t[:, ::1] pieces):
        """One thread's part of a round: chunk k of the job is pieces[k], and its rows go to slot k.

        pieces (P, 5) : first and last row, first and last place, where in slots.lengths the first row's goes  # in
        """
        cdef int64_t chunk, row, first, last
        cdef int64_t *length
        cdef Slot slot
        cdef const int64_t *piece
        with nogil:
            chunk = fe_job_take(&job.c)
            while chunk >= 0:
                slot = slots.at(chunk)
                piece = &pieces[chunk, 0]
                for row in range(piece[0], piece[1]):
                    first, last = max(self.segment.begins[row], piece[2]), min(self.segment.begins[row + 1], piece[3])
                    length = &slots.row_lengths[piece[4] + row - piece[0]]
                    if (last - first) * self.segment.reach < 1LL << 32:
                        add_neighbours(&self.segment, first, last, <uint32_t *>cells.c, cells.m)
                        length[0] = take_row(&slot, <uint32_t *>cells.c, cells.m, self.columns)
                    else:
                        add_neighbours(&self.segment, first, last, cells.c, cells.m)
                        length[0] = take_row(&slot, cells.c, cells.m, self.columns)
                fe_job_add(&job.c, piece[3] - piece[2])
                chunk = fe_job_take(&job.c)


cdef struct Run:  # rows in order
    const int32_t *columns
    const int64_t *units
    const int64_t *begins


cdef class Merger:
    """Adds up the rows of several runs.

    Parameters
    ----------
    runs : list of (columns int32, units int64, begins int64 (R + 1,)): row r is [begins[r]:begins[r + 1]]
    columns : C
    """
    cdef object held, room
    cdef Run *runs
    cdef int64_t count, columns

    def __init__(self, runs, int64_t columns):
        cdef const int32_t[::1] run_columns
        cdef const int64_t[::1] run_units, begins
        self.held, self.columns, self.count = runs, columns, 0
        self.room = np.zeros(len(runs) * sizeof(Run), np.uint8)
        self.runs = <Run *><size_t>self.room.ctypes.data
        for run_columns, run_units, begins in runs:
            self.runs[self.count].columns = &run_columns[0] if run_columns.shape[0] else NULL
            self.runs[self.count].units = &run_units[0] if run_units.shape[0] else NULL
            self.runs[self.count].begins = &begins[0]
            self.count += 1

    def merge(self, Job job, Cells cells, Slots slots, const int64_t[:, ::1] pieces):
        """One thread's part of a round: chunk k of the job is pieces[k], and its rows go to slot k.

        pieces (P, 3) : first and last row, where in slots.lengths the first row's goes  # in
        """
        cdef int64_t chunk, row, k
        cdef Slot slot
        cdef const int64_t *piece
        with nogil:
            chunk = fe_job_take(&job.c)
            while chunk >= 0:
                slot = slots.at(chunk)
                piece = &pieces[chunk, 0]
                for row in range(piece[0], piece[1]):
                    for k in range(self.count):
                        add_run(&self.runs[k], row, cells.c, cells.m)
                    slots.row_lengths[piece[2] + row - piece[0]] = take_row(&slot, cells.c, cells.m, self.columns)
                fe_job_add(&job.c, piece[1] - piece[0])
                chunk = fe_job_take(&job.c)


cdef void add_run(const Run *run, int64_t row, int64_t *cells, uint8_t *marks) noexcept nogil:
    """Add one row of a run to the cells (C,), and mark their groups."""
    cdef int64_t k
    for k in range(run.begins[row], run.begins[row + 1]):
        cells[run.columns[k]] += run.units[k]
        marks[run.columns[k] >> GROUP_BITS] = 1


def valid(const int64_t[::1] begins, const int32_t[::1] columns, const double[::1] values, int64_t width):
    """Whether these are the rows of a matrix: begins (R + 1,) rise to the end, columns in order within a row and
    below width, values positive and finite."""
    cdef int64_t row, k, before, entries = columns.shape[0], rows = begins.shape[0] - 1
    cdef bint good
    with nogil:
        good = begins[0] == 0 and begins[rows] == entries
        for row in range(rows):
            good = good and 0 <= begins[row] <= begins[row + 1] <= entries
            if not good:
                break
            before = -1
            for k in range(begins[row], begins[row + 1]):
                good = good and before < columns[k] < width and values[k] > 0 and isfinite(values[k])
                before = columns[k]
    return good
