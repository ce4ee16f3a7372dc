"""The softmax over a vocabulary, with its loss: full, sampled, or by a tree (hierarchical).

All three have ``forward(inputs, targets)`` -> losses, which keeps what ``backward`` needs, (B, V) numbers of the full
softmax; ``losses``, exact, which keeps nothing; ``backward(scale)`` -> gradient of the inputs; then
``update(optimizer)``, which takes the optimiser's step, or ``gradients()``. Inputs are (B, K), targets (B,) int32,
losses -log p (B,) float64; ``scale`` multiplies the gradient of the sum of losses (1 / B for the mean).

The parameters are a matrix (V, K) and a bias (V,), whose names are given; an input of a row has no bias of its own.
"""

import numpy as np

from .. import parallel
from .._core import batch, softmax, tables, tree
from .layers import Scratch, grouped, take_rows

NEVER = -1e30  # bias of a word that is never predicted: its probability is exactly 0
WIDE, NARROW = 512, 384  # words of a block, of large vocabularies and of small ones


class Softmax:
    """The full softmax: p = e^s / sum e^s, s = W x + b.

    Parameters
    ----------
    params : Params with ``names``: weights (V, K), bias (V,).
    """

    def __init__(self, params, names=("output", "output.bias"), threads=1):
        self.params, self.names, self.threads = params, names, threads
        self.scratch, self.tape, self.columns = Scratch(params.flat.dtype), None, None
        self.shared = self.rows_gradient = None

    def forward(self, inputs, targets, shared=None):
        """Losses (B,).

        shared : Repeats, whose rows the last n D numbers of the inputs are, which need not be there; ``backward`` then
            gives their gradient as ``rows_gradient`` (U, D), not as that of the inputs.
        """
        self.shared = shared
        return self._forward(inputs, targets, *(self.params[name] for name in self.names))

    def losses(self, inputs, targets):
        """Losses (B,), with nothing kept for ``backward``: no more memory than a block for each thread."""
        self.shared = None
        return self._forward(inputs, targets, *(self.params[name] for name in self.names), kept=False)

    def logprobs(self, scores):
        """log p (B, V) from the scores (B, V)."""
        logs = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
        logs[:, self.params[self.names[1]] == NEVER] = -np.inf
        return logs

    def backward(self, scale):
        """The gradient (B, K) of the inputs."""
        inputs, targets, weights, _, exponentials, peaks, sums = self.tape
        chunks, gradient = -(-len(inputs) // softmax.ROWS), self.scratch("gradient", *inputs.shape)
        self.columns = self.scratch("columns", chunks, len(weights))
        shared, own = self.shared, gradient
        if shared:
            own = gradient[:, : gradient.shape[1] - len(shared.places) * shared.rows.shape[1]]
        arrays = (weights, targets, scale, exponentials, peaks, sums, own, self.columns)
        self._share(lambda job, _: softmax.back_inputs(job, *arrays), chunks)
        if shared:
            self.rows_gradient = self.scratch("rows", *shared.rows.shape)
            arrays = (weights, exponentials, *self._extra(exponentials), shared.pieces, self.rows_gradient)
            self._share(lambda job, worker: softmax.back_shared(job, worker, *arrays), len(shared.pieces))
        return gradient

    def update(self, optimizer):
        """The optimiser's step, which ``optimizer.begin`` has begun, block by block."""
        self._back_weights(optimizer.rule, *((self.params[name], *optimizer.kept_for(name)) for name in self.names))

    def gradients(self):
        """List of (name, None, array); the next ones will be in the same memory."""
        made = [self.scratch(f"gradient.{array.ndim}", *array.shape) for array in self.tape[2:4]]
        self._back_weights(None, *((array, array[:0], array[:0]) for array in made))
        return [(name, None, array) for name, array in zip(self.names, made, strict=True)]

    def _forward(self, inputs, targets, weights, bias, kept=True):
        block = WIDE if len(weights) >= 8 * WIDE else NARROW
        blocks, rows = -(-len(weights) // block), len(inputs)
        places = blocks if kept else min(self.threads, blocks)
        exponentials = self.scratch("exponentials" if kept else "block", places, rows, block + softmax.GAP)
        peaks, sums = self.scratch("sums", 2, blocks, rows)
        own, losses = self.scratch("own", rows), np.empty(rows)
        arrays = (inputs, weights, bias, targets, exponentials, peaks, sums, own, *self._extra(exponentials))
        self._share(lambda job, worker: softmax.scores(job, worker, *arrays), blocks)
        softmax.losses(peaks, sums, own, losses)
        self.tape = (inputs, targets, weights, bias, exponentials, peaks, sums) if kept else None
        self.columns = None  # ``backward`` makes them
        return losses

    def _back_weights(self, rule, weights, bias):
        if self.columns is None:
            raise RuntimeError("backward() comes before gradients() and update()")
        inputs, exponentials = self.tape[0], self.tape[4]
        block = self.scratch("block", self.threads, exponentials.shape[2] - softmax.GAP, inputs.shape[1] + 1)
        arrays = (inputs, exponentials, self.columns, block, rule, weights, bias, *self._extra(exponentials))
        self._share(lambda job, number: softmax.back_weights(job, number, *arrays), len(exponentials))

    def _extra(self, exponentials):
        """The shared rows as fastembed._core.softmax takes them, and its ``room``, for what is computed of a column."""
        rows = self.shared.most if self.shared else 0
        return self.shared and self.shared.arrays, self.scratch("room", self.threads, rows, exponentials.shape[2])

    def _share(self, work, chunks):
        parallel.share(work, chunks, self.threads)


class SampledSoftmax(Softmax):
    """The softmax over the words of a batch and some drawn ones, which estimates the full one (Jean et al. 2015).

    The candidates are the set of all targets of the batch and of ``samples`` drawn words. With s(w) - log Q(w), where
    Q(w) is the probability that w is among the candidates of a row whose target is another, the softmax over the
    candidates has the full one's optimum. Rows being independent, Q(w) = 1 - (1 - p(w))^(B - 1) (1 - q(w))^samples for
    the words' frequencies p and the proposal q. ``forward`` then gives losses of this estimate; losses of the full
    softmax are Softmax's with the same parameters.

    Parameters
    ----------
    samples : words drawn for a batch, with repetition.
    frequencies : (V,) probabilities of the words as targets; a word that is no target has 0.
    proposal : "unigram" draws by ``frequencies``, "log_uniform" by log((i + 2) / (i + 1)) of the id i, which suits
        ids by falling frequency.
    """

    def __init__(self, params, names=("output", "output.bias"), threads=1, *, samples, frequencies, proposal):
        super().__init__(params, names, threads)
        words = len(frequencies)
        ranks = np.arange(words, dtype=np.float64)
        noise = frequencies if proposal == "unigram" else np.log1p(1 / (ranks + 1)) / np.log1p(words)
        self.samples, self.key = samples, (0,)
        self.noise = tables.alias_cells(tables.alias_table(noise))
        self.missed = np.stack([np.log1p(-np.minimum(p, 1 - 1e-12)) for p in (frequencies, noise)])
        self.wanted = np.zeros(words, np.uint8)

    def seed(self, *key):
        """Draw the next candidates from the stream of this key: whole numbers from 0 to 2^64 - 1."""
        self.key = key

    def draw(self, targets):
        """The next candidates (n,) int32, rising, and log Q of each, as the parameters' type."""
        candidates = batch.candidates(self.noise, self.key, self.samples, targets, self.wanted)
        never = (len(targets) - 1) * self.missed[0, candidates] + self.samples * self.missed[1, candidates]
        return candidates, np.log(np.maximum(-np.expm1(never), 1e-30)).astype(self.params.flat.dtype)

    def forward(self, inputs, targets, shared=None):
        """Losses (B,) of the estimate; ``shared`` as Softmax takes it."""
        self.shared = shared
        self.candidates, expected = self.draw(targets)
        weights = self.scratch("weights", len(self.candidates), inputs.shape[1])
        take_rows(self.params[self.names[0]], self.candidates, weights, self.threads)
        bias = self.params[self.names[1]][self.candidates] - expected
        return self._forward(inputs, np.searchsorted(self.candidates, targets).astype(np.int32), weights, bias)

    def gradients(self):
        """List of (name, candidates, array)."""
        return [(name, self.candidates, array) for name, _, array in super().gradients()]

    def update(self, optimizer):
        """The optimiser's step, which ``optimizer.begin`` has begun, for the candidates."""
        apply(optimizer, self.gradients())


class HierarchicalSoftmax:
    """The softmax by a binary tree: p is the product of the probabilities of the turns on a word's path.

    Parameters
    ----------
    params : Params with ``names``: weights and bias of the inner nodes, one less than words that have a path.
    paths : offsets (V + 1,) int64, nodes (P,) int32, codes (P,) uint8: the path of word w is
        nodes[offsets[w]:offsets[w + 1]], as of Vocab.huffman.
    """

    def __init__(self, params, names=("output", "output.bias"), threads=1, *, paths):
        self.params, self.names, self.threads = params, names, threads
        self.paths = paths
        self.scratch, self.tape = Scratch(params.flat.dtype), None

    def losses(self, inputs, targets):
        """As ``forward``."""
        return self.forward(inputs, targets)

    def forward(self, inputs, targets):
        """Losses (B,), exact."""
        offsets, nodes, codes = self.paths
        lengths = offsets[targets + 1] - offsets[targets]
        bounds = np.concatenate([[0], np.cumsum(lengths)])
        rows = np.repeat(np.arange(len(targets)), lengths)
        places = np.arange(len(rows)) + np.repeat(offsets[targets] - bounds[:-1], lengths)
        nodes, codes = nodes[places], codes[places]
        weights, bias = (self.params[name] for name in self.names)
        slopes, losses = np.empty(len(rows), inputs.dtype), np.empty(len(targets))
        arrays = (inputs, weights, bias, bounds, nodes, codes, slopes, losses)
        self._share(lambda job, _: tree.forward(job, *arrays), len(targets))
        self.tape = inputs, bounds, nodes, rows, slopes
        return losses

    def backward(self, scale):
        """The gradient (B, K) of the inputs."""
        inputs, bounds, nodes, _, slopes = self.tape
        gradient = self.scratch("gradient", *inputs.shape)
        slopes *= scale
        arrays = (self.params[self.names[0]], bounds, nodes, slopes, gradient)
        self._share(lambda job, _: tree.back_inputs(job, *arrays), len(inputs))
        return gradient

    def gradients(self):
        """List of (name, nodes, array)."""
        inputs, _, nodes, rows, slopes = self.tape
        unique, pairs, bounds = grouped(nodes)
        gradient = np.empty((len(unique), inputs.shape[1]), inputs.dtype)
        bias = np.empty(len(unique), inputs.dtype)
        arrays = (inputs, bounds, pairs, rows, slopes, gradient, bias)
        self._share(lambda job, _: tree.back_weights(job, *arrays), len(unique))
        return [(name, unique, array) for name, array in zip(self.names, (gradient, bias), strict=True)]

    def update(self, optimizer):
        """The optimiser's step, which ``optimizer.begin`` has begun, for the nodes of these paths."""
        apply(optimizer, self.gradients())

    def logprobs(self, scores):
        """log p (B, V) of every word from the scores (B, V - 2) of the nodes; -inf of words without a path."""
        offsets, nodes, codes = self.paths
        turns = -np.logaddexp(0, scores[:, nodes] * np.where(codes, -1.0, 1.0))
        sums = np.concatenate([np.zeros((len(scores), 1)), np.cumsum(turns, axis=1)], axis=1)
        return np.where(np.diff(offsets), sums[:, offsets[1:]] - sums[:, offsets[:-1]], -np.inf)

    def _share(self, work, rows):
        parallel.share(work, -(-rows // tree.ROWS), self.threads)


def tree_paths(counts):
    """Paths through the Huffman tree of the words whose counts (V,) are not 0, as HierarchicalSoftmax takes them."""
    order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    bounds, nodes, codes = tables.huffman(np.ascontiguousarray(counts[order]))
    lengths, begins = np.zeros((2, len(counts)), np.int64)
    lengths[order], begins[order] = np.diff(bounds), bounds[:-1]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    places = np.arange(offsets[-1]) + np.repeat(begins - offsets[:-1], lengths)
    return offsets, nodes[places], codes[places]


def apply(optimizer, gradients):
    """Take the optimiser's step, which has begun, with gradients (name, rows or None, array)."""
    for name, rows, array in gradients:
        if rows is None:
            optimizer.dense(name, array)
        else:
            optimizer.rows(name, rows, array)
