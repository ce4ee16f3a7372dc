"""The training loop of skip-gram and CBOW, with negative sampling or hierarchical softmax.

Names: T tokens of the corpus, W types (distinct tokens), V words of the model, D dimension, D' its padded row length.
A chunk is a fixed range of token positions. Everything random is a function of (seed, epoch, position or chunk) and
the learning rate of the position, so neither depends on the number of threads.

Threads update shared rows without locks (Hogwild: Recht et al. 2011). An update may get lost when two threads write
the same row at once; rows are many, collisions few, and the loss is kept per chunk, so it has no race. With one
thread there is none at all and a run is reproducible bit by bit.
"""
import numpy as np

from fastembed.memory import zeros

from libc.math cimport isfinite
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from fastembed._core.job cimport Job, fe_job, fe_job_add, fe_job_stop, fe_job_take
from fastembed._core.random cimport fe_alias, fe_alias_draw, fe_rng, fe_rng_at, fe_rng_below, fe_rng_keyed
from fastembed._core.simd cimport BLOCK, PAD, fe_block_rows, fe_loss, fe_step, kernels, step_scratch

cdef extern from "fe.h" nogil:
    void prefetch "FE_PREFETCH_WRITE" (const void *address)


cdef enum:
    RING = 4           # centre words whose negatives are held: a power of two above AHEAD
    FORESEEN = 48      # rows of a word that are fetched before it enters the window; what is beyond waits
    AHEAD = 2          # centre words whose rows are fetched before they are needed
    HOT_LEVELS = 7     # the top of the Huffman tree is always in the cache
    TOGETHER = 16      # context words of one step: an output row sums the gradients of all, and must not jump too far
    CBOW_RATE = 10     # times lr, the rate of CBOW's context rows under the gradient of the mean; see train_centre


cdef struct Gate:
    uint32_t keep      # a token stays if its 32 random bits are below keep; 0 is never, all ones always
    int32_t row        # its row in the model's matrices; where keep is 0, none


cdef struct Plan:                 # what all workers share and none changes, but for the two matrices
    const int32_t *ids            # (T,) type of each token
    const int64_t *offsets        # (sentences + 1,)
    const Gate *gates             # (W,)
    float *inputs                 # (V, D'); with subwords (rows, D'), any number
    float *outputs                # (V, D'), or (V - 1, D') inner nodes
    const fe_alias *noise         # (V,)
    const int64_t *path_offsets   # (V + 1,)
    const int32_t *path_nodes
    const float *path_signs       # -0.0 for label 1, 0.0 for label 0; FE_PAD more may be read
    int64_t tokens, sentences, chunk_tokens
    const int64_t *subword_offsets  # (V + 1,), or NULL where each word has a row of its own in inputs ...
    const int32_t *subword_rows   # ... else the rows of word v are subword_rows[subword_offsets[v] ..]
    int32_t words
    int stride, window, negative, longest_path
    bint cbow, hierarchical, dynamic_window, mean_gradient
    uint64_t seed
    int64_t epoch
    double lr, min_lr, position, horizon     # learning rate: linear from lr at 0 to min_lr at horizon tokens


cdef struct Kept:                 # the tokens of a chunk, and around it, that subsampling lets through
    int32_t *rows                 # (n,)
    int32_t *first                # (n,) where the sentence of each begins ...
    int32_t *last                 # ... and ends, both inclusive
    int n, begin, end             # centres are begin .. end-1, the others their context


cdef struct Scratch:              # what one worker owns
    Kept kept
    fe_step step                  # the centre word at hand
    fe_loss loss
    fe_rng rng
    float **contexts              # the rows of its context words; in CBOW step's only input is their mean
    int n_contexts
    float *composed               # (slots, 2, D') with subwords: the window's words, and what they were on entering
    float *weights                # (2 window,) CBOW with subwords: share of each context word in the mean
    int slots                     # a power of two above 2 window
    float *mean                   # (2, D') the mean, and what it was before the step
    float *mean_row[1]
    int32_t *negatives            # (RING, negative)
    float *path_signs             # the labels of a path, laid for the step
    float *first_signs            # for blocks of 1 .. BLOCK rows: labels 1, 0, 0, ... for every input
    int signs_size


cdef inline bint stays(const Plan *plan, const fe_rng *coins, int64_t position) noexcept nogil:
    cdef Gate gate = plan.gates[plan.ids[position]]
    cdef uint64_t limit = <uint64_t>gate.keep + (gate.keep == 0xFFFFFFFFu)
    return fe_rng_at(coins, position) >> 32 < limit


cdef int64_t sentence_of(const Plan *plan, int64_t position) noexcept nogil:
    """Number of the sentence that holds the token at position, by bisection."""
    cdef int64_t low = 0, high = plan.sentences, middle
    while high - low > 1:
        middle = (low + high) // 2
        if plan.offsets[middle] <= position:
            low = middle
        else:
            high = middle
    return low


cdef void keep_sentence(const Plan *plan, const fe_rng *coins, int64_t begin, int64_t end, Kept *kept,
                        int64_t sentence_begin, int64_t sentence_end) noexcept nogil:
    """Append the kept tokens begin .. end-1 of one sentence, with up to `window` kept ones on either side."""
    cdef int start = kept.n, n = kept.n, found = 0
    cdef int64_t p = begin
    while p > sentence_begin and found < plan.window:
        p -= 1
        found += stays(plan, coins, p)
    while p < begin:
        if stays(plan, coins, p):
            kept.rows[n] = plan.gates[plan.ids[p]].row
            n += 1
        p += 1
    if found:
        kept.begin = n
    while p < end:
        kept.rows[n] = plan.gates[plan.ids[p]].row
        n += stays(plan, coins, p)
        p += 1
    kept.end = n
    found = 0
    while p < sentence_end and found < plan.window:
        if stays(plan, coins, p):
            kept.rows[n] = plan.gates[plan.ids[p]].row
            n += 1
            found += 1
        p += 1
    for i in range(start, n):
        kept.first[i] = start
        kept.last[i] = n - 1
    kept.n = n


cdef void keep_chunk(const Plan *plan, int64_t begin, int64_t end, Kept *kept) noexcept nogil:
    """The centres and contexts of the tokens begin .. end-1. A window reaches over the chunk's borders."""
    cdef fe_rng coins = fe_rng_keyed(plan.seed, plan.epoch, 0xC0)
    cdef int64_t s = sentence_of(plan, begin), p = begin, stop
    kept.n = kept.begin = kept.end = 0
    while p < end:
        stop = min(end, plan.offsets[s + 1])
        if stop > p:
            keep_sentence(plan, &coins, p, stop, kept, plan.offsets[s], plan.offsets[s + 1])
        p = stop
        s += 1


cdef inline void look_ahead(const Plan *plan, Scratch *scratch, int c) noexcept nogil:
    """Draw centre c's negatives and name the rows it will need, so that the step at hand fetches them."""
    cdef Kept *kept = &scratch.kept
    cdef int32_t *negatives = scratch.negatives + (c & (RING - 1)) * plan.negative
    cdef fe_step *step = &scratch.step
    cdef int k, n = 0
    cdef int64_t p
    step.n_upcoming = 0
    if c >= kept.end:
        return
    for k in range(plan.negative):
        negatives[k] = fe_alias_draw(plan.noise, plan.words, &scratch.rng)
        step.upcoming[n] = plan.outputs + <int64_t>negatives[k] * plan.stride
        n += 1
    if plan.hierarchical:
        p = plan.path_offsets[kept.rows[c]]
        prefetch(plan.path_signs + p)
        if c + AHEAD < kept.n:
            prefetch(plan.path_offsets + kept.rows[c + AHEAD])
        for p in range(p + HOT_LEVELS, plan.path_offsets[kept.rows[c] + 1]):
            step.upcoming[n] = plan.outputs + <int64_t>plan.path_nodes[p] * plan.stride
            n += 1
    else:
        step.upcoming[n] = plan.outputs + <int64_t>kept.rows[c] * plan.stride
        n += 1
    if c + plan.window < kept.n and plan.subword_rows == NULL:
        step.upcoming[n] = plan.inputs + <int64_t>kept.rows[c + plan.window] * plan.stride
        n += 1
    step.n_upcoming = n
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


cdef inline void enter(const Plan *plan, Scratch *scratch, int t) noexcept nogil:
    """Compose the vector of token t from its word's rows."""
    cdef int32_t word = scratch.kept.rows[t]
    cdef int64_t first = plan.subword_offsets[word]
    kernels.compose(plan.inputs, plan.subword_rows + first, <int>(plan.subword_offsets[word + 1] - first),
                    plan.stride, composed_row(plan, scratch, t))


cdef inline void leave(const Plan *plan, Scratch *scratch, int t) noexcept nogil:
    """What the vector of token t has learnt goes to all of its word's rows.

    As in fastText every row receives the whole change, so that their mean moves by it.
    """
    cdef int32_t word = scratch.kept.rows[t]
    cdef int64_t first = plan.subword_offsets[word]
    kernels.scatter(plan.inputs, plan.subword_rows + first, <int>(plan.subword_offsets[word + 1] - first),
                    plan.stride, composed_row(plan, scratch, t))


cdef inline void add_context(const Plan *plan, Scratch *scratch, int t, int n) noexcept nogil:
    """Make token t the n-th context word."""
    cdef int32_t word = scratch.kept.rows[t]
    if plan.subword_rows == NULL:
        scratch.contexts[n] = plan.inputs + <int64_t>word * plan.stride
    else:
        scratch.contexts[n] = composed_row(plan, scratch, t)
        scratch.weights[n] = <float>(plan.subword_offsets[word + 1] - plan.subword_offsets[word])


cdef inline void mean_of_contexts(const Plan *plan, Scratch *scratch) noexcept nogil:
    """CBOW's input: the mean of the context words; with subwords that of all their rows, as in fastText."""
    cdef int n = scratch.n_contexts, i
    cdef float rows = 0.0
    if plan.subword_rows == NULL:
        kernels.mean(<const float *const *>scratch.contexts, n, plan.stride, scratch.mean)
        return
    for i in range(n):
        rows += scratch.weights[i]
    for i in range(n):
        scratch.weights[i] /= rows
    kernels.blend(<const float *const *>scratch.contexts, scratch.weights, n, plan.stride, scratch.mean)


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
    step.block = fe_block_rows(n)
    step.signs = scratch.first_signs + (step.block - 1) * scratch.signs_size
    step.n_signs = step.block * step.n_inputs


cdef inline void gather_path(const Plan *plan, Scratch *scratch, int c) noexcept nogil:
    """Point at the output rows of the centre word's path through the tree and lay their labels."""
    cdef fe_step *step = &scratch.step
    cdef int32_t word = scratch.kept.rows[c]
    cdef int64_t begin = plan.path_offsets[word]
    cdef int k, n = <int>(plan.path_offsets[word + 1] - begin)
    for k in range(n):
        step.outputs[k] = plan.outputs + <int64_t>plan.path_nodes[begin + k] * plan.stride
    step.n_outputs = n
    step.block = fe_block_rows(n)
    step.signs = scratch.path_signs
    step.n_signs = n * step.n_inputs
    kernels.lay_signs(step, plan.path_signs + begin, scratch.path_signs)


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
    rows have a learning rate of their own, CBOW_RATE lr (2 window lr if that is less), so that h moves about as fast
    as with the classic behaviour of word2vec.c and gensim, which give the whole dL/dh to each (mean_gradient off).
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
    cdef float share = <float>min(CBOW_RATE, 2 * plan.window) / n if plan.mean_gradient else 1.0
    kernels.spread(scratch.contexts, n, plan.stride, scratch.mean, share)
    return 1


cdef int64_t train_chunk(const Plan *plan, Scratch *scratch, int64_t chunk) noexcept nogil:
    """Train on the centres of one chunk; returns how many predictions were made."""
    cdef int64_t begin = chunk * plan.chunk_tokens, end = min(begin + plan.chunk_tokens, plan.tokens)
    cdef double progress = (plan.position + begin) / plan.horizon
    cdef int64_t predictions = 0
    cdef int c
    keep_chunk(plan, begin, end, &scratch.kept)
    scratch.rng = fe_rng_keyed(plan.seed, plan.epoch, 0x100 + <uint64_t>chunk)
    scratch.step.lr = plan.lr + (plan.min_lr - plan.lr) * progress
    for c in range(scratch.kept.begin, scratch.kept.begin + AHEAD):
        look_ahead(plan, scratch, c)
    if plan.subword_rows != NULL:
        return predictions + train_composed(plan, scratch)
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
    cdef int64_t chunk = fe_job_take(job)
    while chunk >= 0:
        scratch.loss.total = 0
        predictions[chunk] = train_chunk(plan, scratch, chunk)
        kernels.settle(&scratch.loss)
        loss[chunk] = scratch.loss.total
        if not isfinite(loss[chunk]):
            fe_job_stop(job)
        fe_job_add(job, min(plan.chunk_tokens, plan.tokens - chunk * plan.chunk_tokens))
        chunk = fe_job_take(job)


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
    c.contexts = <float **>worker.room(2 * plan.window, np.intp)
    c.mean = <float *>worker.room(2 * plan.stride, np.float32)
    c.slots = 1 << (2 * plan.window).bit_length()
    if plan.subword_rows != NULL:
        c.composed = <float *>worker.room(c.slots * 2 * plan.stride, np.float32)
        c.weights = <float *>worker.room(2 * plan.window, np.float32)
    c.mean_row[0] = c.mean
    c.path_signs = <float *>worker.room(inputs * outputs + 2 * PAD, np.float32)
    c.step.inputs = &c.mean_row[0] if plan.cbow else c.contexts
    c.step.copies = <float **>worker.room(inputs, np.intp)
    c.step.outputs = <float **>worker.room(outputs + 1, np.intp)
    c.step.upcoming = <float **>worker.room(outputs + 1 + FORESEEN, np.intp)
    c.step.scratch = <float *>worker.room(step_scratch(inputs, outputs, plan.stride), np.float32)
    c.step.width = plan.stride
    c.signs_size = inputs * BLOCK + 2 * PAD
    c.first_signs = <float *>worker.room(BLOCK * c.signs_size, np.float32)
    lay_first_signs(c, inputs)
    kernels.settle(&c.loss)
    return worker


cdef void lay_first_signs(Scratch *c, int inputs) noexcept:
    """The labels of negative sampling, once for all."""
    cdef float[BLOCK + 16] first
    cdef int b
    for b in range(BLOCK + 16):
        first[b] = 0.0
    first[0] = -0.0
    c.step.n_inputs = inputs
    for b in range(1, BLOCK + 1):
        c.step.n_outputs = c.step.block = b
        kernels.lay_signs(&c.step, first, c.first_signs + (b - 1) * c.signs_size)


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
    settings : dict with window, negative, cbow, dynamic_window, mean_gradient, seed, chunk_tokens
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
        self.plan.ids, self.plan.tokens = &ids[0], ids.shape[0]
        self.plan.offsets, self.plan.sentences = &offsets[0], offsets.shape[0] - 1
        self.plan.gates = <const Gate *>&gates[0, 0]
        self.plan.inputs, self.plan.outputs = &input_rows[0, 0], &output_rows[0, 0]
        self.plan.words, self.plan.stride = output_rows.shape[0], output_rows.shape[1]
        self.plan.window, self.plan.negative = settings["window"], settings["negative"]
        self.plan.cbow, self.plan.mean_gradient = settings["cbow"], settings["mean_gradient"]
        self.plan.dynamic_window, self.plan.seed = settings["dynamic_window"], settings["seed"]
        self.plan.chunk_tokens = settings["chunk_tokens"]
        if paths is not None:
            self.set_paths(*paths)
        else:
            self.set_noise(noise)
        if subwords is not None:
            self.set_subwords(*subwords, input_rows.shape[0])
        self.chunks = (self.plan.tokens + self.plan.chunk_tokens - 1) // self.plan.chunk_tokens

    def set_noise(self, const uint32_t[:, ::1] noise):
        self.plan.noise = <const fe_alias *>&noise[0, 0]

    def set_subwords(self, const int64_t[::1] offsets, const int32_t[::1] rows, count):
        sizes = np.diff(offsets)
        if len(sizes) != self.plan.words or sizes.min() < 1 or not 0 <= np.min(rows) <= np.max(rows) < count:
            raise ValueError("subword rows do not fit the words or the matrix")
        self.plan.subword_offsets, self.plan.subword_rows = &offsets[0], &rows[0]

    def set_paths(self, const int64_t[::1] offsets, const int32_t[::1] nodes, labels):
        signs = np.zeros(len(labels) + PAD, np.float32)
        signs[:len(labels)][labels != 0] = -0.0
        cdef const float[::1] view = signs
        self.held = (*self.held, signs)
        self.plan.hierarchical = True
        self.plan.negative = 0
        self.plan.path_offsets, self.plan.path_nodes, self.plan.path_signs = &offsets[0], &nodes[0], &view[0]
        self.plan.longest_path = np.diff(offsets).max()

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
        plan.lr, plan.min_lr, plan.position, plan.horizon = schedule
        with nogil:
            train_chunks(&plan, &worker.c, &job.c, loss, predictions)
