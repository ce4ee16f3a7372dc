"""The training loop of skip-gram and CBOW, with negative sampling or hierarchical softmax.

Names: T tokens of the corpus, W types (distinct tokens), V words of the model, D dimension, D' its padded row length.
A chunk is a fixed range of token positions. Everything random is a function of (seed, epoch, position or chunk) and
the learning rate of the position, so neither depends on the number of threads.

A drawn negative serves up to USES centre words, so that few output rows are new to the caches at each. The centres lie
farther apart than two windows reach: no context word meets a draw twice, and each negative by itself is any word with
the same probability as if it were drawn anew.

Threads update shared rows without locks (Hogwild: Recht et al. 2011). An update may get lost when two threads write
the same row at once; rows are many, collisions few, and the loss is kept per chunk, so it has no race. With one
thread there is none at all and a run is reproducible bit by bit.
"""
import numpy as np

from fastembed.memory import zeros

from libc.math cimport isfinite
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from fastembed._core.hot cimport HOT, Hot, hot_begin, hot_meet, hot_or_shared
from fastembed._core.job cimport Job, fe_job, fe_job_add, fe_job_stop, fe_job_take
from fastembed._core.kept cimport Gate, Kept, Text, keep_chunk
from fastembed._core.random cimport fe_alias, fe_alias_cell, fe_alias_draw
from fastembed._core.random cimport fe_rng, fe_rng_below, fe_rng_keyed, fe_rng_next
from fastembed._core.simd cimport PAD, fe_loss, fe_named, fe_step, kernels, lanes_padded, step_scratch

cdef extern from "fe.h" nogil:
    void prefetch "FE_PREFETCH_WRITE" (const void *address)


cdef enum:
    RING = 64          # centre words whose negatives are held: a power of two
    USES = 5           # centre words that a drawn negative serves at most ...
    APART = 24         # ... and how far one is from the next at least
    FORESEEN = 48      # rows of a word that are fetched before it enters the window; what is beyond waits
    AHEAD = 2          # centre words whose rows are fetched before they are needed
    HOT_LEVELS = 10    # the top of the Huffman tree, 1 / 2 MB at dim 100, is always in the second-level cache
    TOGETHER = 16      # context words of one step: an output row sums the gradients of all, and must not jump too far


cdef struct Plan:                 # what all workers share and none changes, but for the two matrices
    Text text
    float *inputs                 # (V, D'); with subwords (rows, D'), any number
    float *outputs                # (V, D'), or (V - 1, D') inner nodes
    const fe_alias *noise         # (V,)
    const int64_t *path_offsets   # (V + 1,)
    const int32_t *paths          # at each node of a path: 2 node + label
    const int64_t *subword_offsets  # (V + 1,), or NULL where each word has a row of its own in inputs ...
    const int32_t *subword_rows   # ... else the rows of word v are subword_rows[subword_offsets[v] ..]
    int64_t chunk_tokens
    int32_t words
    int stride, width, dim        # floats from row to row, how many of them the kernels touch, and of numbers
    int window, negative, longest_path
    int fresh, apart              # negatives that a centre draws; the others are of the centre `apart` before it
    bint cbow, hierarchical, dynamic_window, mean_gradient
    int threads, nodes            # inner nodes of the tree, the last one its root
    uint64_t seed
    int64_t epoch
    double lr, min_lr, position, horizon     # learning rate: linear from lr at 0 to min_lr at horizon tokens


cdef struct Scratch:              # what one worker owns
    Kept kept
    fe_step step                  # the centre word at hand
    fe_loss loss
    Hot hot                       # its own rows of the tree's top, where there are several threads
    fe_rng rng
    float **contexts              # the rows of its context words; in CBOW step's only input is their mean
    int n_contexts
    float *composed               # (slots, 2, D') with subwords: the window's words, and what they were on entering
    float *weights                # (2 window,) CBOW with subwords: share of each context word in the mean
    int slots                     # a power of two above 2 window
    float *mean                   # (2, D') the mean, and what it was before the step
    float *mean_row[1]
    int32_t *negatives            # (RING, negative)
    uint64_t *draws               # (negative,) random numbers that the next fresh negatives will be made of
    float *signs                  # (TOGETHER,) of label 1, then of label 0; or a path's, laid for a step


cdef inline int fresh_negatives(const Plan *plan, Scratch *scratch, int c) noexcept nogil:
    """How many of its negatives centre c draws: all, where the centre whose it would keep is of another chunk."""
    return plan.fresh if c - scratch.kept.begin >= plan.apart else plan.negative


cdef inline void draw(const Plan *plan, Scratch *scratch, int c) noexcept nogil:
    """Draw the random numbers of centre c's fresh negatives; fetch the cells of the alias table that they fall into."""
    cdef int k
    if c < scratch.kept.end:
        for k in range(fresh_negatives(plan, scratch, c)):
            scratch.draws[k] = fe_rng_next(&scratch.rng)
            prefetch(fe_alias_cell(plan.noise, plan.words, scratch.draws[k]))


cdef inline int upcoming_negatives(const Plan *plan, Scratch *scratch, int c) noexcept nogil:
    """Settle centre c's negatives and name their rows and the word's own; returns how many."""
    cdef int32_t *negatives = scratch.negatives + (c & (RING - 1)) * plan.negative
    cdef const int32_t *before = scratch.negatives + ((c - plan.apart) & (RING - 1)) * plan.negative
    cdef float **upcoming = scratch.step.upcoming
    cdef int k, fresh = fresh_negatives(plan, scratch, c), kept = plan.negative - fresh
    for k in range(kept):
        negatives[k] = before[fresh + k]
    for k in range(fresh):
        negatives[kept + k] = fe_alias_draw(plan.noise, plan.words, scratch.draws[k])
    for k in range(plan.negative):
        upcoming[k] = plan.outputs + <int64_t>negatives[k] * plan.stride
    upcoming[plan.negative] = plan.outputs + <int64_t>scratch.kept.rows[c] * plan.stride
    draw(plan, scratch, c + 1)
    return plan.negative + 1


cdef inline int upcoming_path(const Plan *plan, Scratch *scratch, int c) noexcept nogil:
    """Name the rows of centre c's path; returns how many. Paths, and where they begin, are fetched further ahead."""
    cdef Kept *kept = &scratch.kept
    cdef const int64_t *path = plan.path_offsets + kept.rows[c]
    cdef int64_t p
    cdef int n = 0
    if c + 2 * AHEAD < kept.n:
        prefetch(plan.path_offsets + kept.rows[c + 2 * AHEAD])
        p = plan.path_offsets[kept.rows[c + AHEAD]]
        prefetch(plan.paths + p)
        prefetch(plan.paths + p + PAD)
    for p in range(path[0] + HOT_LEVELS, path[1]):
        scratch.step.upcoming[n] = hot_or_shared(&scratch.hot, plan.paths[p] >> 1)
        n += 1
    return n


cdef inline void look_ahead(const Plan *plan, Scratch *scratch, int c) noexcept nogil:
    """Name the rows that centre c will need, so that the step at hand fetches them."""
    cdef Kept *kept = &scratch.kept
    cdef fe_step *step = &scratch.step
    step.n_upcoming = 0
    if c >= kept.end:
        return
    if plan.hierarchical:
        step.n_upcoming = upcoming_path(plan, scratch, c)
    else:
        step.n_upcoming = upcoming_negatives(plan, scratch, c)
    if c + plan.window < kept.n and plan.subword_rows == NULL:
        step.upcoming[step.n_upcoming] = plan.inputs + <int64_t>kept.rows[c + plan.window] * plan.stride
        step.n_upcoming += 1
    if plan.subword_rows != NULL:
        foresee_subwords(plan, scratch, c + plan.window)


cdef inline void foresee_subwords(const Plan *plan, Scratch *scratch, int t) noexcept nogil:
    """Name the rows of token t, which soon enters the window; fetch the list of those of the tokens after it."""
    cdef const int32_t *words = scratch.kept.rows
    cdef fe_step *step = &scratch.step
    cdef int64_t p, first
    if t + 2 < scratch.kept.n:
        prefetch(plan.subword_offsets + words[t + 2])
        prefetch(plan.subword_rows + plan.subword_offsets[words[t + 1]])
    if t < scratch.kept.n:
        first = plan.subword_offsets[words[t]]
        for p in range(first, min(plan.subword_offsets[words[t] + 1], first + FORESEEN)):
            step.upcoming[step.n_upcoming] = plan.inputs + <int64_t>plan.subword_rows[p] * plan.stride
            step.n_upcoming += 1


cdef inline float *composed_row(const Plan *plan, Scratch *scratch, int t) noexcept nogil:
    """Where the vector of token t is kept while it is inside the window."""
    return scratch.composed + <int64_t>(t & (scratch.slots - 1)) * 2 * plan.stride


cdef inline fe_named rows_of(const Plan *plan, int32_t word) noexcept nogil:
    """The rows whose mean is a word's vector."""
    cdef int64_t first = plan.subword_offsets[word]
    cdef fe_named named
    named.matrix, named.stride, named.width = plan.inputs, plan.stride, plan.width
    named.rows, named.n = plan.subword_rows + first, <int>(plan.subword_offsets[word + 1] - first)
    return named


cdef inline void enter(const Plan *plan, Scratch *scratch, int t) noexcept nogil:
    """Compose the vector of token t from its word's rows."""
    cdef fe_named named = rows_of(plan, scratch.kept.rows[t])
    kernels.compose(&named, composed_row(plan, scratch, t))


cdef inline void leave(const Plan *plan, Scratch *scratch, int t) noexcept nogil:
    """What the vector of token t has learnt goes to all of its word's rows.

    As in fastText every row receives the whole change, so that their mean moves by it.
    """
    cdef fe_named named = rows_of(plan, scratch.kept.rows[t])
    kernels.scatter(&named, composed_row(plan, scratch, t))


cdef inline void add_context(const Plan *plan, Scratch *scratch, int t, int n) noexcept nogil:
    """Make token t the n-th context word."""
    cdef int32_t word = scratch.kept.rows[t]
    if plan.subword_rows == NULL:
        scratch.contexts[n] = plan.inputs + <int64_t>word * plan.stride
    else:
        scratch.contexts[n] = composed_row(plan, scratch, t)
        if plan.cbow:
            scratch.weights[n] = <float>(plan.subword_offsets[word + 1] - plan.subword_offsets[word])


cdef inline void mean_of_contexts(const Plan *plan, Scratch *scratch) noexcept nogil:
    """CBOW's input: the mean of the context words; with subwords that of all their rows, as in fastText."""
    cdef int n = scratch.n_contexts, i
    cdef float rows = 0.0
    if plan.subword_rows == NULL:
        kernels.mean(<const float *const *>scratch.contexts, n, plan.width, scratch.mean)
        return
    for i in range(n):
        rows += scratch.weights[i]
    for i in range(n):
        scratch.weights[i] /= rows
    kernels.blend(<const float *const *>scratch.contexts, scratch.weights, n, plan.width, scratch.mean)


cdef inline int gather_contexts(const Plan *plan, Scratch *scratch, int c) noexcept nogil:
    """Point at the context words of centre c; returns how many."""
    cdef Kept *kept = &scratch.kept
    cdef int reach = plan.window, i, n = 0
    if plan.dynamic_window:
        reach = 1 + <int>fe_rng_below(&scratch.rng, plan.window)
    for i in range(max(c - reach, kept.first[c]), c):
        add_context(plan, scratch, i, n)
        n += 1
    for i in range(c + 1, min(c + reach, kept.last[c]) + 1):
        add_context(plan, scratch, i, n)
        n += 1
    scratch.n_contexts = n
    return n


cdef inline void gather_word(const Plan *plan, Scratch *scratch, int c) noexcept nogil:
    """Point at the output rows of centre c and its negatives; the word itself is no negative."""
    cdef fe_step *step = &scratch.step
    cdef int32_t word = scratch.kept.rows[c]
    cdef const int32_t *negatives = scratch.negatives + (c & (RING - 1)) * plan.negative
    cdef int k, n = 1
    step.outputs[0] = plan.outputs + <int64_t>word * plan.stride
    for k in range(plan.negative):
        step.outputs[n] = plan.outputs + <int64_t>negatives[k] * plan.stride
        n += negatives[k] != word
    step.n_outputs = n
    step.signs = scratch.signs + TOGETHER - step.n_inputs  # label 1 for every input, then label 0


cdef inline void gather_path(const Plan *plan, Scratch *scratch, int c) noexcept nogil:
    """Point at the output rows of the centre word's path through the tree and lay their labels."""
    cdef fe_step *step = &scratch.step
    cdef int32_t word = scratch.kept.rows[c]
    cdef int64_t begin = plan.path_offsets[word]
    cdef int k, n = <int>(plan.path_offsets[word + 1] - begin)
    for k in range(n):
        step.outputs[k] = hot_or_shared(&scratch.hot, plan.paths[begin + k] >> 1)
    step.n_outputs = n
    step.signs = scratch.signs
    kernels.lay_signs(step, plan.paths + begin, scratch.signs)


cdef inline void gather_outputs(const Plan *plan, Scratch *scratch, int c, int inputs) noexcept nogil:
    """Make the step ready for centre c but for its input rows, of which there will be so many."""
    scratch.step.n_inputs = inputs
    if plan.hierarchical:
        gather_path(plan, scratch, c)
    else:
        gather_word(plan, scratch, c)


cdef inline void train_contexts(const Plan *plan, Scratch *scratch, int c, int n) noexcept nogil:
    """Skip-gram: the n context rows meet the outputs, up to TOGETHER at a time."""
    cdef int start = 0
    while start < n:
        gather_outputs(plan, scratch, c, min(TOGETHER, n - start))
        scratch.step.inputs = scratch.contexts + start
        kernels.step(&scratch.step, &scratch.loss)
        scratch.step.n_upcoming = 0
        start += TOGETHER


cdef inline int64_t train_centre(const Plan *plan, Scratch *scratch, int c) noexcept nogil:
    """One step; returns how many predictions that was.

    CBOW: the input is the mean h = 1/n sum x_i, and each context row gets its share: dL/dx_i = 1/n dL/dh. Context
    rows have a learning rate of their own, lr times the harmonic mean of n and 2 window, the most there can be: h then
    moves up to twice as fast as with the classic behaviour of word2vec.c and gensim, which give the whole dL/dh to each
    (mean_gradient off), and as fast in a full window. With a rate that is the same for all n, steps with few context
    words move them so far that analogies suffer.
    """
    cdef int n = gather_contexts(plan, scratch, c)
    if n == 0:
        return 0
    if not plan.cbow:
        train_contexts(plan, scratch, c, n)
        return n
    gather_outputs(plan, scratch, c, 1)
    mean_of_contexts(plan, scratch)
    kernels.step(&scratch.step, &scratch.loss)
    cdef float share = 4.0 * plan.window / (n + 2.0 * plan.window) if plan.mean_gradient else 1.0
    kernels.spread(scratch.contexts, n, plan.width, scratch.mean, share)
    return 1


cdef int64_t train_chunk(const Plan *plan, Scratch *scratch, int64_t chunk) noexcept nogil:
    """Train on the centres of one chunk; returns how many predictions were made."""
    cdef int64_t begin = chunk * plan.chunk_tokens, end = min(begin + plan.chunk_tokens, plan.text.tokens)
    cdef double progress = (plan.position + begin) / plan.horizon
    cdef int64_t predictions = 0
    cdef int c
    keep_chunk(&plan.text, begin, end, &scratch.kept)
    scratch.rng = fe_rng_keyed(plan.seed, plan.epoch, 0x100 + <uint64_t>chunk)
    scratch.step.lr = plan.lr + (plan.min_lr - plan.lr) * progress
    draw(plan, scratch, scratch.kept.begin)
    for c in range(scratch.kept.begin, scratch.kept.begin + AHEAD):
        look_ahead(plan, scratch, c)
    if plan.subword_rows != NULL:
        return train_composed(plan, scratch)
    for c in range(scratch.kept.begin, scratch.kept.end):
        look_ahead(plan, scratch, c + AHEAD)
        predictions += train_centre(plan, scratch, c)
    return predictions


cdef int64_t train_composed(const Plan *plan, Scratch *scratch) noexcept nogil:
    """The centres of a chunk where words have subwords: each token's vector is composed once, when it enters the
    window, and what it has learnt goes to its rows once, when it leaves."""
    cdef Kept *kept = &scratch.kept
    cdef int first = max(0, kept.begin - plan.window), entered = first, left = first, c
    cdef int64_t predictions = 0
    for c in range(kept.begin, kept.end):
        while left < c - plan.window:
            leave(plan, scratch, left)
            left += 1
        while entered < min(kept.n, c + plan.window + 1):
            enter(plan, scratch, entered)
            entered += 1
        look_ahead(plan, scratch, c + AHEAD)
        predictions += train_centre(plan, scratch, c)
    while left < entered:
        leave(plan, scratch, left)
        left += 1
    return predictions


cdef void train_chunks(const Plan *plan, Scratch *scratch, fe_job *job, double[::1] loss,
                       int64_t[::1] predictions) noexcept nogil:
    """Work until no chunk is left; a loss that is no number stops the run."""
    cdef int64_t done, chunk = fe_job_take(job), begun = min(plan.threads, predictions.shape[0] - chunk)
    hot_begin(&scratch.hot)
    while chunk >= 0:
        scratch.loss.total = 0
        predictions[chunk] = train_chunk(plan, scratch, chunk)
        kernels.settle(&scratch.loss)
        loss[chunk] = scratch.loss.total
        if not isfinite(loss[chunk]):
            fe_job_stop(job)
        fe_job_add(job, min(plan.chunk_tokens, plan.text.tokens - chunk * plan.chunk_tokens))
        done, chunk = chunk, fe_job_take(job)
        begun = chunk - done if chunk >= 0 else begun  # the one that is done and the other threads' meanwhile
        hot_meet(&scratch.hot, 1.0 / begun)


cdef class Worker:
    """The memory of one thread; numpy owns it."""
    cdef Scratch c
    cdef list arrays

    cdef void *room(self, Py_ssize_t count, dtype) except NULL:
        """A new zeroed array of count items, aligned to cache lines and owned by this worker."""
        array = zeros((count,), dtype)
        self.arrays.append(array)
        return <void *><size_t>array.ctypes.data


cdef Worker new_worker(const Plan *plan):
    cdef Worker worker = Worker()
    cdef Scratch *c = &worker.c
    cdef Py_ssize_t tokens = plan.chunk_tokens + 2 * plan.window + 1
    cdef int inputs = 1 if plan.cbow else min(2 * plan.window, TOGETHER)
    cdef int outputs = plan.longest_path if plan.hierarchical else 1 + plan.negative
    worker.arrays = []
    c.kept.rows = <int32_t *>worker.room(tokens, np.int32)
    c.kept.first = <int32_t *>worker.room(tokens, np.int32)
    c.kept.last = <int32_t *>worker.room(tokens, np.int32)
    c.negatives = <int32_t *>worker.room(RING * max(1, plan.negative), np.int32)
    c.draws = <uint64_t *>worker.room(max(1, plan.negative), np.uint64)
    c.contexts = <float **>worker.room(2 * plan.window, np.intp)
    c.slots = 1 << (2 * plan.window).bit_length()
    if plan.subword_rows != NULL:
        c.composed = <float *>worker.room(c.slots * 2 * plan.stride, np.float32)
        c.weights = <float *>worker.room(2 * plan.window, np.float32)
    c.mean = <float *>worker.room(2 * plan.stride, np.float32)
    c.mean_row[0] = c.mean
    c.signs = <float *>worker.room(inputs * outputs + TOGETHER + 2 * PAD, np.float32)
    c.step.inputs = &c.mean_row[0] if plan.cbow else c.contexts
    c.step.copies = <float **>worker.room(outputs, np.intp)
    c.step.outputs = <float **>worker.room(outputs + 1, np.intp)
    c.step.upcoming = <float **>worker.room(outputs + 1 + FORESEEN, np.intp)
    c.step.scratch = <float *>worker.room(step_scratch(inputs, outputs, plan.stride), np.float32)
    c.step.width, c.step.dim = plan.width, plan.dim
    for i in range(TOGETHER):
        c.signs[i] = -0.0
    kernels.settle(&c.loss)
    c.hot.n = min(HOT, plan.nodes) if plan.threads > 1 else 0
    c.hot.first, c.hot.stride, c.hot.shared = plan.nodes - c.hot.n, plan.stride, plan.outputs
    c.hot.rows = <float *>worker.room(max(1, c.hot.n) * plan.stride, np.float32)
    return worker


cdef class Trainer:
    """A model's matrices, its corpus and its settings, ready to train one epoch after the other.

    Parameters
    ----------
    corpus : (ids int32 (T,), offsets int64 (S + 1,), gates uint32 (W, 2)): a gate is the keep threshold of a type
        and its row in the matrices (2^32 - 1 for none).
    inputs, outputs : float32 (V, D'), trained in place; D' is a multiple of FE_PAD and the padding is zero. With
        subwords, inputs has any number of rows.
    noise : uint32 (V, 2) alias table, or None
    paths : (offsets int64 (V + 1,), nodes int32, labels uint8) of the Huffman tree, or None; exactly one is given.
    subwords : (offsets int64 (V + 1,), rows int32): the rows of inputs whose mean is a word's vector, at least one a
        word; or None.
    settings : dict with dim, window, negative, cbow, dynamic_window, mean_gradient, seed, chunk_tokens, threads
    """
    cdef Plan plan
    cdef object held          # keeps the arrays behind the pointers alive
    cdef readonly int64_t chunks

    def __init__(self, corpus, inputs, outputs, noise, paths, settings, subwords=None):
        cdef const int32_t[::1] ids = corpus[0]
        cdef const int64_t[::1] offsets = corpus[1]
        cdef const uint32_t[:, ::1] gates = corpus[2]
        cdef float[:, ::1] input_rows = inputs, output_rows = outputs
        self.held = (corpus, inputs, outputs, noise, paths, subwords)
        if settings["chunk_tokens"] < 1 or settings["window"] < 1:
            raise ValueError("chunk_tokens and window start from 1")
        if ids.shape[0] == 0 or offsets.shape[0] < 2 or offsets[offsets.shape[0] - 1] != ids.shape[0]:
            raise ValueError("sentence offsets do not fit the tokens")
        if input_rows.shape[1] != output_rows.shape[1] or input_rows.shape[1] % 16:
            raise ValueError("row lengths differ or are no multiple of 16")
        self.plan.text.ids, self.plan.text.tokens = &ids[0], ids.shape[0]
        self.plan.text.offsets, self.plan.text.sentences = &offsets[0], offsets.shape[0] - 1
        self.plan.text.gates = <const Gate *>&gates[0, 0]
        self.plan.text.window = settings["window"]
        self.plan.inputs, self.plan.outputs = &input_rows[0, 0], &output_rows[0, 0]
        self.plan.words, self.plan.stride = output_rows.shape[0], output_rows.shape[1]
        self.plan.dim, self.plan.width = settings["dim"], lanes_padded(settings["dim"])
        self.plan.window, self.plan.negative = settings["window"], settings["negative"]
        self.plan.cbow, self.plan.mean_gradient = settings["cbow"], settings["mean_gradient"]
        self.plan.dynamic_window, self.plan.seed = settings["dynamic_window"], settings["seed"]
        self.plan.chunk_tokens, self.plan.threads = settings["chunk_tokens"], settings["threads"]
        if paths is not None:
            self.set_paths(*paths)
        else:
            self.set_noise(noise)
        if subwords is not None:
            self.set_subwords(*subwords, input_rows.shape[0])
        self.chunks = (ids.shape[0] + self.plan.chunk_tokens - 1) // self.plan.chunk_tokens

    def set_noise(self, const uint32_t[:, ::1] noise):
        """A centre draws a USES-th of its negatives, unless rows would have left the caches before they serve again."""
        self.plan.apart = max(APART, 2 * self.plan.window + 1)
        self.plan.fresh = (self.plan.negative + USES - 1) // USES if self.plan.apart < RING else self.plan.negative
        self.plan.noise = <const fe_alias *>&noise[0, 0]

    def set_subwords(self, const int64_t[::1] offsets, const int32_t[::1] rows, count):
        sizes = np.diff(offsets)
        if len(sizes) != self.plan.words or sizes.min() < 1 or not 0 <= np.min(rows) <= np.max(rows) < count:
            raise ValueError("subword rows do not fit the words or the matrix")
        self.plan.subword_offsets, self.plan.subword_rows = &offsets[0], &rows[0]
        self.plan.fresh = self.plan.negative  # vectors made of subwords are worse with negatives that serve again

    def set_paths(self, const int64_t[::1] offsets, nodes, labels):
        paths = np.zeros(len(nodes) + PAD, np.int32)
        paths[:len(nodes)] = 2 * nodes + labels.astype(np.int32)
        cdef const int32_t[::1] view = paths
        self.held = (*self.held, paths)
        self.plan.hierarchical = True
        self.plan.negative = 0
        self.plan.path_offsets, self.plan.paths = &offsets[0], &view[0]
        self.plan.longest_path, self.plan.nodes = np.diff(offsets).max(), offsets.shape[0] - 2

    def train(self, Job job, int64_t epoch, schedule, double[::1] loss, int64_t[::1] predictions):
        """One thread's part of an epoch. Call it through parallel.run with a Job of `chunks` chunks.

        Parameters
        ----------
        schedule : (lr, min_lr, position, horizon): the learning rate falls linearly from lr at token 0 to min_lr at
            token `horizon`; `position` counts the tokens trained before this epoch.
        loss, predictions : (chunks,) out: the sum of -log p of each chunk and how many predictions made it.
        """
        if not loss.shape[0] == predictions.shape[0] == self.chunks == job.chunks:
            raise ValueError(f"{self.chunks} chunks do not fit arrays of {loss.shape[0]} and {predictions.shape[0]}")
        cdef Plan plan = self.plan
        cdef Worker worker = new_worker(&plan)
        plan.epoch = epoch
        plan.text.coins = fe_rng_keyed(plan.seed, epoch, 0xC0)
        plan.lr, plan.min_lr, plan.position, plan.horizon = schedule
        with nogil:
            train_chunks(&plan, &worker.c, &job.c, loss, predictions)
