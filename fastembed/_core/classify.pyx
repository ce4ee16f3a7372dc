"""FastText's classifier: documents as bags of rows, and the training of a linear model over the mean of a bag.

Names: N documents, T tokens, W types (distinct tokens), V words of the model, B buckets, L labels, D dimension, D' its
padded row length. A chunk is a fixed range of documents in the order of the epoch; what is random is a function of
(seed, epoch, chunk), and the learning rate of the chunk, so neither depends on the number of threads. Threads update
shared rows without locks (Hogwild, as in sgns.pyx); with one thread a run is reproducible bit by bit.
"""
import numpy as np

from fastembed.memory import zeros

from libc.math cimport isfinite
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from fastembed._core.job cimport Job, fe_job, fe_job_add, fe_job_stop, fe_job_take
from fastembed._core.random cimport fe_rng, fe_rng_below, fe_rng_keyed
from fastembed._core.simd cimport PAD, fe_loss, fe_named, fe_step, kernels, lanes_padded

cdef extern from "fe.h" nogil:
    void prefetch "FE_PREFETCH_WRITE" (const void *address)

cdef extern from "subwords.h" nogil:
    uint32_t FNV_OFFSET "FE_FNV_OFFSET"
    uint32_t fe_fnv_byte(uint32_t hash, uint8_t byte)

cdef enum:
    SILENT = -2                        # the row of a type that is no part of the text
    SOFTMAX = 0
    HIERARCHICAL = 1
    ONE_VS_ALL = 2
    WORD_NGRAM = 116049371             # fastText's factor in the hash of consecutive words

LOSSES = {"softmax": SOFTMAX, "hs": HIERARCHICAL, "ova": ONE_VS_ALL}


cdef struct Text:
    const int32_t *ids                 # (T,)
    const int64_t *spans               # (N, 2) tokens of each document
    const int32_t *own                 # (W,) row of each type, -1 for unknown words; the last type ends every document
    const int64_t *offsets             # (W + 1,)
    const int32_t *rows                # the rows of type t's character n-grams are rows[offsets[t]:offsets[t + 1]]
    const int32_t *hashes              # (W,)
    const int32_t *places              # (B,) where bucket rows stand behind the words, or NULL: by their number
    int64_t documents, bucket
    int32_t last, words
    int word_ngrams


cdef inline int64_t add_type(const Text *text, int32_t type, int32_t *rows, int64_t n, int32_t *hashes,
                             int64_t *m) noexcept nogil:
    """Append the rows of a type and its hash; returns how many rows there are."""
    cdef int64_t p
    if text.own[type] == SILENT:
        return n
    if text.own[type] >= 0:
        rows[n] = text.own[type]
        n += 1
    for p in range(text.offsets[type], text.offsets[type + 1]):
        rows[n] = text.rows[p]
        n += 1
    hashes[m[0]] = text.hashes[type]
    m[0] += 1
    return n


cdef int64_t expand(const Text *text, int64_t document, int32_t *rows, int32_t *hashes) noexcept nogil:
    """Write the rows of a document: its words, their n-grams, and n-grams of words; returns how many.

    The end of a document is a word too. Hashes are extended by their sign, as fastText has them in signed integers.
    """
    cdef int64_t n = 0, m = 0, t, i, j
    cdef uint64_t hash
    cdef int32_t row
    for t in range(text.spans[2 * document], text.spans[2 * document + 1]):
        n = add_type(text, text.ids[t], rows, n, hashes, &m)
    n = add_type(text, text.last, rows, n, hashes, &m)
    if text.word_ngrams < 2:
        return n
    for i in range(m):
        hash = <uint64_t><int64_t>hashes[i]
        for j in range(i + 1, min(m, i + text.word_ngrams)):
            hash = hash * <uint64_t>WORD_NGRAM + <uint64_t><int64_t>hashes[j]
            row = <int32_t>(hash % <uint64_t>text.bucket)
            rows[n] = text.words + (row if text.places == NULL else text.places[row])
            n += 1
    return n


cdef int64_t size_of(const Text *text, int64_t document, int64_t *tokens) noexcept nogil:
    """How many rows and tokens expand() will write at most."""
    cdef int64_t n = 1, m = 1, t, reach = text.word_ngrams - 1
    cdef int32_t type
    for t in range(text.spans[2 * document], text.spans[2 * document + 1]):
        type = text.ids[t]
        if text.own[type] != SILENT:
            n += 1 + text.offsets[type + 1] - text.offsets[type]
            m += 1
    tokens[0] = m
    reach = min(reach, m - 1)
    return n + reach * m - reach * (reach + 1) // 2


def hash_words(const uint8_t[::1] blob, const int64_t[::1] offsets):
    """fastText's hash of each word: blob (bytes,), at least one byte, offsets (W + 1,) -> int32 (W,)."""
    cdef int64_t k, at, words = offsets.shape[0] - 1
    cdef uint32_t hash
    hashes = np.empty(words, np.int32)
    cdef int32_t[::1] out = hashes
    with nogil:
        for k in range(words):
            hash = FNV_OFFSET
            for at in range(offsets[k], offsets[k + 1]):
                hash = fe_fnv_byte(hash, blob[at])
            out[k] = <int32_t>hash
    return hashes


cdef class Lines:
    """Documents as numbers.

    Parameters
    ----------
    ids : int32 (T,) types; spans : int64 (N, 2) where each document begins and ends among them.
    types : (own, offsets, rows, hashes), as in Text; rows count the words too.
    buckets : (V, B, word_ngrams, places or None); B is at least 1.
    """
    cdef Text c
    cdef object held          # keeps the arrays behind the pointers alive
    cdef readonly int64_t rows, tokens

    def __init__(self, const int32_t[::1] ids, const int64_t[:, ::1] spans, types, buckets):
        cdef const int32_t[::1] own = types[0], rows = types[2], hashes = types[3], places
        cdef const int64_t[::1] offsets = types[1]
        cdef int64_t k, tokens
        self.held = (ids, spans, types, buckets)
        if not own.shape[0] == hashes.shape[0] == offsets.shape[0] - 1 or ids.shape[0] < 1 or spans.shape[1] != 2:
            raise ValueError("arrays of types that do not fit each other")
        self.c.ids, self.c.own, self.c.offsets, self.c.hashes = &ids[0], &own[0], &offsets[0], &hashes[0]
        self.c.rows = &rows[0] if rows.shape[0] else NULL
        self.c.documents, self.c.last = spans.shape[0], <int32_t>(own.shape[0] - 1)
        self.c.spans = &spans[0, 0] if spans.shape[0] else NULL
        self.c.words, self.c.bucket, self.c.word_ngrams = buckets[0], buckets[1], buckets[2]
        if buckets[3] is not None:
            places = buckets[3]
            self.c.places = &places[0]
        with nogil:
            for k in range(self.c.documents):
                self.rows = max(self.rows, size_of(&self.c, k, &tokens))
                self.tokens = max(self.tokens, tokens)

    def __len__(self):
        return self.c.documents

    def used(self, uint8_t[::1] marks):
        """marks (B,) = 1 for every bucket of an n-gram of words; those of characters are in the table of rows."""
        cdef int32_t[::1] rows = np.empty(self.rows, np.int32), hashes = np.empty(self.tokens, np.int32)
        cdef Text text = self.c
        cdef int64_t k, n, i
        text.places = NULL
        with nogil:
            for k in range(text.documents):
                n = expand(&text, k, &rows[0], &hashes[0])
                for i in range(n):
                    if rows[i] >= text.words:
                        marks[rows[i] - text.words] = 1

    def bags(self, int64_t first, int64_t last):
        """The rows of documents first .. last - 1, one after another: offsets (n + 1,) int64, rows int32."""
        cdef int64_t k, n = 0, tokens, bound = 1
        with nogil:
            for k in range(first, last):
                bound += size_of(&self.c, k, &tokens)
        offsets, rows = np.zeros(last - first + 1, np.int64), np.empty(bound, np.int32)
        cdef int64_t[::1] o = offsets
        cdef int32_t[::1] r = rows, hashes = np.empty(max(1, self.tokens), np.int32)
        with nogil:
            for k in range(first, last):
                n += expand(&self.c, k, &r[n], &hashes[0])
                o[k - first + 1] = n
        return offsets, rows[:n]


cdef struct Plan:                      # what all workers share and none changes, but for the two matrices
    Text text
    float *inputs                      # (R, D')
    float *outputs                     # (L, D'), or (L - 1, D') inner nodes
    const int32_t *labels              # those of document d are labels[label_offsets[d]:label_offsets[d + 1]]
    const int64_t *label_offsets       # (N + 1,)
    const int64_t *order               # (N,) of this epoch
    const int64_t *path_offsets        # (L + 1,)
    const int32_t *paths               # at each node of a path: 2 node + label
    int64_t chunk, epoch
    uint64_t seed
    int stride, width, n_labels, loss
    double lr, min_lr, position, horizon  # learning rate: linear from lr at 0 to min_lr at horizon documents


cdef struct Scratch:                   # what one worker owns
    fe_step step
    fe_loss loss
    float *pair                        # (2, D') the mean of a document, and what it was before the step
    float *row[1]
    float *signs
    int32_t *rows
    int32_t *hashes


cdef inline void learn_path(const Plan *plan, Scratch *scratch, int32_t label) noexcept nogil:
    """The nodes on a label's way through the tree: left or right?"""
    cdef int64_t begin = plan.path_offsets[label]
    cdef fe_step *step = &scratch.step
    cdef int k, n = <int>(plan.path_offsets[label + 1] - begin)
    for k in range(n):
        step.outputs[k] = plan.outputs + <int64_t>(plan.paths[begin + k] >> 1) * plan.stride
    step.n_outputs = n
    kernels.lay_signs(step, plan.paths + begin, scratch.signs)
    kernels.step(step, &scratch.loss)


cdef inline void learn_each(const Plan *plan, Scratch *scratch, int64_t begin, int64_t end) noexcept nogil:
    """Every label by itself: is it one of the document's?"""
    cdef int64_t k
    for k in range(begin, end):
        scratch.signs[plan.labels[k]] = -0.0
    kernels.step(&scratch.step, &scratch.loss)
    for k in range(begin, end):
        scratch.signs[plan.labels[k]] = 0.0


cdef int64_t train_document(const Plan *plan, Scratch *scratch, int64_t document, fe_rng *rng) noexcept nogil:
    """One step; returns whether there was anything to learn.

    The document is h = 1/n sum x_i, so each row gets its share of h's gradient: dL/dx_i = 1/n dL/dh. Of several labels
    the softmaxes take one at random.
    """
    cdef int64_t begin = plan.label_offsets[document], end = plan.label_offsets[document + 1], target = begin
    cdef float *pair = scratch.pair
    cdef fe_named named
    cdef float share
    cdef int k
    named.n = <int>expand(&plan.text, document, scratch.rows, scratch.hashes)
    if named.n == 0 or begin == end:
        return 0
    named.matrix, named.rows, named.stride, named.width = plan.inputs, scratch.rows, plan.stride, plan.width
    kernels.compose(&named, pair)
    if end - begin > 1:
        target += fe_rng_below(rng, <uint32_t>(end - begin))
    if plan.loss == SOFTMAX:
        scratch.loss.total += kernels.softmax_step(&scratch.step, plan.labels[target])
    elif plan.loss == HIERARCHICAL:
        learn_path(plan, scratch, plan.labels[target])
    else:
        learn_each(plan, scratch, begin, end)
    share = 1.0 / <float>named.n
    for k in range(plan.width):
        pair[k] = pair[plan.width + k] + (pair[k] - pair[plan.width + k]) * share
    kernels.scatter(&named, pair)
    return 1


cdef void train_chunks(const Plan *plan, Scratch *scratch, fe_job *job, double[::1] loss,
                       int64_t[::1] predictions) noexcept nogil:
    """Work until no chunk is left; a loss that is no number stops the run."""
    cdef int64_t chunk = fe_job_take(job), begin, end, k
    cdef fe_rng rng
    while chunk >= 0:
        begin, end = chunk * plan.chunk, min((chunk + 1) * plan.chunk, plan.text.documents)
        rng = fe_rng_keyed(plan.seed, plan.epoch, 0x100 + <uint64_t>chunk)
        scratch.step.lr = plan.lr + (plan.min_lr - plan.lr) * (plan.position + begin) / plan.horizon
        scratch.loss.total = 0
        predictions[chunk] = 0
        for k in range(begin, end):
            predictions[chunk] += train_document(plan, scratch, plan.order[k], &rng)
        kernels.settle(&scratch.loss)
        loss[chunk] = scratch.loss.total
        if not isfinite(loss[chunk]):
            fe_job_stop(job)
        fe_job_add(job, end - begin)
        chunk = fe_job_take(job)


cdef class Trainer:
    """A classifier's matrices, its documents and its settings, ready to train one epoch after the other.

    Parameters
    ----------
    lines : Lines of N documents
    targets : (labels int32, offsets int64 (N + 1,)): document d has labels[offsets[d]:offsets[d + 1]].
    inputs, outputs : float32 (R, D'), (L, D'), trained in place; D' is a multiple of FE_PAD and the padding is zero.
    paths : (offsets int64 (L + 1,), nodes int32, codes uint8) of the Huffman tree, or None
    settings : dict with dim, loss (of LOSSES), seed, chunk (documents)
    """
    cdef Plan plan
    cdef Lines lines
    cdef object held, order
    cdef int longest
    cdef readonly int64_t chunks

    def __init__(self, Lines lines, targets, inputs, outputs, paths, settings):
        cdef const int32_t[::1] labels = targets[0]
        cdef const int64_t[::1] offsets = targets[1]
        cdef float[:, ::1] input_rows = inputs, output_rows = outputs
        if input_rows.shape[1] != output_rows.shape[1] or input_rows.shape[1] % PAD or settings["chunk"] < 1:
            raise ValueError("row lengths differ or are no multiple of 16, or chunks are empty")
        if offsets.shape[0] != len(lines) + 1 or offsets[len(lines)] != labels.shape[0] or not labels.shape[0]:
            raise ValueError("labels do not fit the documents")
        self.lines, self.order = lines, (-1, None)
        self.plan.text = lines.c
        self.plan.inputs, self.plan.outputs = &input_rows[0, 0], &output_rows[0, 0]
        self.plan.stride, self.plan.width = input_rows.shape[1], lanes_padded(settings["dim"])
        self.plan.labels, self.plan.label_offsets = &labels[0], &offsets[0]
        self.plan.n_labels, self.plan.loss = output_rows.shape[0], LOSSES[settings["loss"]]
        self.plan.seed, self.plan.chunk = settings["seed"], settings["chunk"]
        self.longest = self.plan.n_labels
        self.held = (targets, inputs, outputs)
        if self.plan.loss == HIERARCHICAL:
            self.set_paths(*paths)
        self.chunks = (len(lines) + self.plan.chunk - 1) // self.plan.chunk

    def set_paths(self, const int64_t[::1] offsets, nodes, codes):
        paths = np.zeros(len(nodes) + PAD, np.int32)
        paths[:len(nodes)] = 2 * nodes + codes.astype(np.int32)
        cdef const int32_t[::1] view = paths
        self.held = (*self.held, offsets, paths)
        self.plan.path_offsets, self.plan.paths = &offsets[0], &view[0]
        self.longest = np.diff(offsets).max()

    def train(self, Job job, int64_t epoch, schedule, double[::1] loss, int64_t[::1] predictions):
        """One thread's part of an epoch. Call it through parallel.run with a Job of `chunks` chunks.

        Parameters
        ----------
        schedule : (lr, min_lr, position, horizon): the learning rate falls linearly from lr at document 0 to min_lr at
            document `horizon`; `position` counts those trained before this epoch.
        loss, predictions : (chunks,) out: the sum of -log p of each chunk and how many documents made it.
        """
        if not loss.shape[0] == predictions.shape[0] == self.chunks == job.chunks:
            raise ValueError(f"{self.chunks} chunks do not fit arrays of {loss.shape[0]} and {predictions.shape[0]}")
        cdef Plan plan = self.plan
        cdef Scratch scratch
        cdef int k
        made, order = self.order
        if made != epoch:  # every thread that comes here makes the same one
            order = np.random.default_rng((plan.seed, epoch)).permutation(len(self.lines))
            self.order = epoch, order
        cdef const int64_t[::1] order_view = order
        room = zeros((2 * plan.stride,)), zeros((self.longest + 2 * PAD,)), zeros((self.longest + 2 * PAD,))
        numbers = np.empty(self.lines.rows, np.int32), np.empty(self.lines.tokens, np.int32)
        pointers = np.zeros(self.longest, np.intp)
        cdef float[::1] pair = room[0], signs = room[1], scores = room[2]
        cdef int32_t[::1] rows = numbers[0], hashes = numbers[1]
        cdef Py_ssize_t[::1] outputs = pointers
        plan.order, plan.epoch = &order_view[0], epoch
        plan.lr, plan.min_lr, plan.position, plan.horizon = schedule
        scratch.pair = scratch.row[0] = &pair[0]
        scratch.signs, scratch.rows, scratch.hashes = &signs[0], &rows[0], &hashes[0]
        scratch.step.inputs, scratch.step.n_inputs = scratch.row, 1
        scratch.step.width = scratch.step.dim = plan.width
        scratch.step.outputs, scratch.step.n_outputs = <float **>&outputs[0], self.longest
        scratch.step.signs, scratch.step.scratch = &signs[0], &scores[0]
        scratch.step.copies, scratch.step.upcoming, scratch.step.n_upcoming = NULL, NULL, 0  # one input: no copies
        if plan.loss != HIERARCHICAL:
            for k in range(plan.n_labels):
                outputs[k] = <Py_ssize_t>(plan.outputs + <int64_t>k * plan.stride)
        kernels.settle(&scratch.loss)
        with nogil:
            train_chunks(&plan, &scratch, &job.c, loss, predictions)
