"""GloVe's training loop over the non-zero numbers of a co-occurrence matrix, in blocks that threads can share out.

Names: V words, D' padded row length, P parts. Word i is in part i mod P (so every part has words of all frequencies),
and block (p, q) holds the entries whose row is in part p and whose column is in part q. An epoch has P rounds of P
blocks; round r works on the blocks (p, p + shift_r mod P), of which no two share a row or a column. So a block has to
wait for the two blocks of the round before that share its rows or its columns, and for nothing else; threads never
touch the same row at once, and every row sees its updates in the same order for any number of threads.

The order of the rounds, of the rows within a block and of the entries within a row is drawn from the seed and is the
same in every epoch, as in Stanford's program, which shuffles its file once. With a new order in each epoch the loss
ends 2 % higher, also when it is measured at the end.
"""
import numpy as np

from fastembed.memory import zeros

from libc.math cimport exp, isfinite, log
from libc.stdint cimport int32_t, int64_t, uint16_t, uint64_t

from fastembed._core.job cimport Job, fe_job, fe_job_add, fe_job_stop, fe_job_take
from fastembed._core.random cimport fe_rng, fe_rng_below, fe_rng_keyed
from fastembed._core.simd cimport GLOVE_PAST, PAD, fe_glove, fe_glove_entry, kernels

cdef extern from "fe.h" nogil:
    void prefetch "FE_PREFETCH_WRITE" (const void *address)

cdef extern from "turns.h" nogil:
    ctypedef int64_t fe_turn
    void fe_turn_wait(fe_turn *turn, int64_t number)
    void fe_turn_set(fe_turn *turn, int64_t number)


cdef struct Stored:               # an entry of a block
    uint16_t row, column          # numbers within their parts
    float logarithm


cdef struct Plan:                 # what all workers share
    fe_glove model
    const Stored *entries         # block by block, each row by row
    const int64_t *starts         # (P * P + 1,)
    const int32_t *shifts         # (P,) of the rounds
    fe_turn *row_turns            # (P,)
    fe_turn *column_turns         # (P,)
    int64_t parts, epoch
    uint64_t seed
    double x_max, alpha


cdef struct Run:                  # entries of one row
    int32_t row
    int32_t n
    int64_t start


cdef struct Scratch:              # what one worker owns
    fe_glove_entry *entries       # of the block at hand, in the order of training
    Run *runs


cdef int64_t find_runs(const Plan *plan, int64_t block, Run *runs, fe_rng *rng) noexcept nogil:
    """The rows of a block, in random order; returns how many."""
    cdef const Stored *entries = plan.entries
    cdef int64_t k, n = -1, other, end = plan.starts[block + 1]
    cdef Run run
    for k in range(plan.starts[block], end):
        if n < 0 or entries[k].row != entries[k - 1].row:
            n += 1
            runs[n].row, runs[n].start, runs[n].n = entries[k].row, k, 0
        runs[n].n += 1
    for k in range(n, 0, -1):
        other = fe_rng_below(rng, <uint64_t>k + 1)
        run = runs[k]
        runs[k] = runs[other]
        runs[other] = run
    return n + 1


cdef void shuffle_run(const Plan *plan, const Run *run, int32_t part, fe_glove_entry *out, fe_rng *rng) noexcept nogil:
    """out (run.n,) = the entries of a run in random order, with their weights f = min(1, (x / x_max)^alpha)."""
    cdef const Stored *entry = plan.entries + run.start
    cdef int32_t k, other
    cdef double log_max = log(plan.x_max)
    for k in range(run.n):
        other = fe_rng_below(rng, <uint64_t>k + 1)
        out[k] = out[other]
        out[other].column = entry[k].column * <int32_t>plan.parts + part
        out[other].logarithm = entry[k].logarithm
        out[other].weight = <float>exp(min(0.0, plan.alpha * (entry[k].logarithm - log_max)))


cdef void fetch_row(const fe_glove *model, int32_t row) noexcept nogil:
    cdef const float *address = model.words + <int64_t>row * 2 * model.stride
    cdef int k = 0
    while k < 2 * model.stride:
        prefetch(address + k)
        k += PAD


cdef double train_block(const Plan *plan, Scratch *scratch, int32_t row_part, int32_t column_part) noexcept nogil:
    """Train on one block; returns its loss."""
    cdef int64_t block = row_part * plan.parts + column_part, at = 0, k, n_runs
    cdef int64_t n = plan.starts[block + 1] - plan.starts[block]
    cdef fe_rng rng = fe_rng_keyed(plan.seed, 0, block)
    cdef double loss = 0
    cdef Run *runs = scratch.runs
    if n == 0:
        return 0
    n_runs = find_runs(plan, block, runs, &rng)
    for k in range(n_runs):
        shuffle_run(plan, runs + k, column_part, scratch.entries + at, &rng)
        runs[k].row = runs[k].row * <int32_t>plan.parts + row_part
        at += runs[k].n
    for k in range(GLOVE_PAST):
        scratch.entries[n + k] = scratch.entries[n - 1]
    at = 0
    for k in range(n_runs):
        fetch_row(&plan.model, runs[min(k + 1, n_runs - 1)].row)
        loss += kernels.glove(&plan.model, runs[k].row, scratch.entries + at, runs[k].n)
        at += runs[k].n
    return loss


cdef void train_chunks(const Plan *plan, Scratch *scratch, fe_job *job, double[::1] loss,
                       int64_t[::1] predictions) noexcept nogil:
    """Work until no chunk is left; chunk r P + p is block (p, p + shift_r). A loss that is no number stops the run."""
    cdef int64_t parts = plan.parts, base = plan.epoch * parts * parts, chunk = fe_job_take(job), round, row, column
    cdef int64_t block, before
    while chunk >= 0:
        round, row = chunk // parts, chunk % parts
        column = (row + plan.shifts[round]) % parts
        if round > 0:
            before = (column + parts - plan.shifts[round - 1]) % parts
            fe_turn_wait(plan.row_turns + row, base + chunk - parts + 1)
            fe_turn_wait(plan.column_turns + column, base + (round - 1) * parts + before + 1)
        loss[chunk] = train_block(plan, scratch, <int32_t>row, <int32_t>column)
        fe_turn_set(plan.row_turns + row, base + chunk + 1)
        fe_turn_set(plan.column_turns + column, base + chunk + 1)
        block = row * parts + column
        predictions[chunk] = plan.starts[block + 1] - plan.starts[block]
        if not isfinite(loss[chunk]):
            fe_job_stop(job)
        fe_job_add(job, predictions[chunk])
        chunk = fe_job_take(job)


def count(Job job, const int64_t[::1] offsets, const int32_t[::1] columns, int64_t[:, ::1] counts):
    """counts (P, P) += how many entries each block has; chunk p of the job is the rows of part p.

    offsets (V + 1,), columns: of the matrix in compressed rows  # in
    """
    cdef int64_t part, row, k, parts = counts.shape[0], words = offsets.shape[0] - 1
    with nogil:
        part = fe_job_take(&job.c)
        while part >= 0:
            row = part
            while row < words:
                for k in range(offsets[row], offsets[row + 1]):
                    counts[part, columns[k] % parts] += 1
                row += parts
            part = fe_job_take(&job.c)


def place(Job job, matrix, int64_t[:, ::1] places, uint64_t[::1] entries):
    """Write the entries of the matrix (offsets, columns, values) to their blocks; chunks as in count().

    places (P, P): where each block begins, moved to its end  # in, out
    entries (n,): each a Stored  # out
    """
    cdef const int64_t[::1] offsets = matrix[0]
    cdef const int32_t[::1] columns = matrix[1]
    cdef const double[::1] values = matrix[2]
    cdef int64_t part, row, k, column, at, parts = places.shape[0], words = offsets.shape[0] - 1
    cdef Stored *stored = <Stored *>&entries[0]
    with nogil:
        part = fe_job_take(&job.c)
        while part >= 0:
            row = part
            while row < words:
                for k in range(offsets[row], offsets[row + 1]):
                    column = columns[k] % parts
                    at = places[part, column]
                    places[part, column] = at + 1
                    stored[at].row = <uint16_t>(row // parts)
                    stored[at].column = <uint16_t>(columns[k] // parts)
                    stored[at].logarithm = <float>log(values[k])
                row += parts
            part = fe_job_take(&job.c)


cdef class Trainer:
    """Trains both sides of a model on a sorted matrix.

    Parameters
    ----------
    blocks : (entries (n,), starts (P * P + 1,)), made with place().
    sides : words and contexts, float32 (V, 2, D'), and their biases (V, 2): numbers and sums of squares; updated.
    settings : dict with dim, x_max, alpha, seed
    begin : (epoch, chunk) where training starts.
    """
    cdef Plan plan
    cdef object held          # keeps the arrays behind the pointers alive
    cdef int64_t largest, longest
    cdef int dim
    cdef readonly int64_t chunks

    def __init__(self, blocks, sides, settings, begin):
        cdef const uint64_t[::1] entries = blocks[0]
        cdef const int64_t[::1] starts = blocks[1]
        cdef float[:, :, ::1] words = sides[0], contexts = sides[1]
        cdef float[:, ::1] word_biases = sides[2], context_biases = sides[3]
        self.plan.parts = <int64_t>(round((starts.shape[0] - 1) ** 0.5))
        self.chunks = self.plan.parts * self.plan.parts
        if starts.shape[0] != self.chunks + 1 or starts[self.chunks] != entries.shape[0] or not entries.shape[0]:
            raise ValueError("the blocks do not fit the entries")
        if words.shape[2] % PAD or words.shape[1] != 2 or not words.shape[2] == contexts.shape[2] >= settings["dim"]:
            raise ValueError("row lengths differ or are no multiple of 16")
        if (words.shape[0] - 1) // self.plan.parts > 65535:
            raise ValueError(f"{self.plan.parts} parts are too few for {words.shape[0]} words")
        self.plan.entries, self.plan.starts = <const Stored *>&entries[0], &starts[0]
        self.plan.model.words, self.plan.model.contexts = &words[0, 0, 0], &contexts[0, 0, 0]
        self.plan.model.word_biases, self.plan.model.context_biases = &word_biases[0, 0], &context_biases[0, 0]
        self.plan.model.stride = words.shape[2]
        self.plan.x_max, self.plan.alpha = settings["x_max"], settings["alpha"]
        self.plan.seed, self.dim = settings["seed"], settings["dim"]
        turns = np.full((2, self.plan.parts), begin[0] * self.chunks + begin[1], np.int64)
        cdef int64_t[:, ::1] view = turns
        self.plan.row_turns, self.plan.column_turns = <fe_turn *>&view[0, 0], <fe_turn *>&view[1, 0]
        self.largest = np.diff(starts).max()
        self.longest = (words.shape[0] + self.plan.parts - 1) // self.plan.parts
        self.held = (blocks, sides, turns)

    def train(self, Job job, int64_t epoch, schedule, double[::1] loss, int64_t[::1] predictions):
        """One thread's part of an epoch. Call it through parallel.run with a Job of `chunks` chunks.

        Parameters
        ----------
        schedule : (lr, ...)
        loss, predictions : (chunks,) out: the sum of f d^2 / 2 of each chunk and how many entries made it.
        """
        if not loss.shape[0] == predictions.shape[0] == self.chunks == job.chunks:
            raise ValueError(f"{self.chunks} chunks do not fit arrays of {loss.shape[0]} and {predictions.shape[0]}")
        cdef Plan plan = self.plan
        cdef Scratch scratch
        shifts = np.random.default_rng(plan.seed).permutation(plan.parts).astype(np.int32)
        cdef const int32_t[::1] shifts_view = shifts
        room = zeros((self.largest + GLOVE_PAST, 3)), zeros((self.longest, 2), np.int64)
        cdef float[:, ::1] entries = room[0]
        cdef int64_t[:, ::1] runs = room[1]
        scratch.entries, scratch.runs = <fe_glove_entry *>&entries[0, 0], <Run *>&runs[0, 0]
        plan.shifts, plan.epoch, plan.model.lr = &shifts_view[0], epoch, schedule[0]
        plan.model.width = (self.dim + kernels.lanes - 1) // kernels.lanes * kernels.lanes
        with nogil:
            train_chunks(&plan, &scratch, &job.c, loss, predictions)
