"""The encoder of BERT over packed sentences (Devlin et al. 2019): embeddings, then layers of attention.

A batch is one matrix of the N tokens of all its sentences, one sentence behind the other, with offsets (S + 1,): there
is no padding and no mask. Vectors are rows, so a layer computes x W + b with W (inputs, outputs).

Letters: N tokens of a batch, S sentences, D width, F inner width, L layers, V words.
"""

from dataclasses import dataclass
from operator import index

import numpy as np

from .. import blas, parallel
from .._core import attention, recurrent, simd
from ..errors import ParameterError
from .layers import Loan, summed
from .params import Params

BACK = 128  # rows of a block on the way back
LEAST = 32  # rows of a part of a batch that is worth a thread: each reads all weights from memory
MATRICES = {"qkv": "attention.qkv", "output": "attention.output", "inner": "inner", "outer": "outer"}
VECTORS = {  # of a layer, by the names of the Stack
    "qkv_bias": "attention.qkv.bias",
    "output_bias": "attention.output.bias",
    "inner_bias": "inner.bias",
    "outer_bias": "outer.bias",
    "middle_scale": "attention.norm",
    "middle_bias": "attention.norm.bias",
    "top_scale": "norm",
    "top_bias": "norm.bias",
}
BACKWARD_VECTORS = (  # in the order of the Stack's field of that name
    "norm",
    "norm.bias",
    "outer.bias",
    "attention.norm",
    "attention.norm.bias",
    "attention.output.bias",
    "attention.qkv.bias",
    "inner.bias",
)
PRECISIONS = ("float32", "bfloat16")
EMBEDDINGS = ("embeddings.words", "embeddings.positions", "embeddings.segments")


@dataclass(frozen=True)
class EncoderSizes:
    """What an Encoder is like.

    vocab, positions, segments : rows of the three embeddings; a sentence has at most ``positions`` tokens.
    width, layers, heads, inner : D, L, the heads of D / heads numbers each, and F.
    activation : "gelu" (exact) or "gelu_new" (by tanh).
    epsilon : what LayerNorm adds to a variance.
    dropout : share of the embeddings' numbers, and of what a layer adds to its input, that training leaves out.
    attention_dropout : share of the attention's probabilities, likewise.
    dtype : float32, or float64 for gradient checks.
    """

    vocab: int
    positions: int
    segments: int
    width: int
    layers: int
    heads: int
    inner: int
    activation: str = "gelu"
    epsilon: float = 1e-12
    dropout: float = 0.0
    attention_dropout: float = 0.0
    dtype: type = np.float32

    def __post_init__(self):
        for name in ("vocab", "positions", "segments", "width", "layers", "heads", "inner"):
            if getattr(self, name) < 1:
                raise ParameterError(f"{name}={getattr(self, name)!r}: it must be at least 1")
        if self.width % self.heads:
            raise ParameterError(f"width={self.width} is no multiple of heads={self.heads}")
        if self.activation not in attention.ACTIVATIONS:
            raise ParameterError(f"activation={self.activation!r}: it must be 'gelu' or 'gelu_new'")
        for name in ("dropout", "attention_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ParameterError(f"{name}={getattr(self, name)!r}: it must be at least 0 and below 1")

    def batch(self, tokens):
        """The sizes of a Stack for so many tokens."""
        return tokens, self.width, self.inner, self.layers, self.heads


class Tape:
    """What ``forward`` keeps for one ``backward``."""

    def __init__(self, stack, batch, loan):
        self.stack, self.batch, self.loan = stack, batch, loan


class Encoder:
    """x = LN(embeddings), and in each layer x = LN(x + attention(x)), x = LN(x + feed-forward(x)).

    Parameters
    ----------
    sizes : EncoderSizes
    params : Params with the names and shapes of ``shapes(sizes)``, and perhaps others; None means new ones, all 0.
    threads : worker threads; the result does not depend on it.
    precision : of the numbers that the layers' matrix products take where no ``backward`` is to follow: "float32", or
        "bfloat16", of 8 bits, rounded to the nearest. Sums, LayerNorm, attention and activations stay float32, but
        where the CPU has AVX512_BF16 and no AMX attention's products are rounded, too (for heads of a multiple of 32
        numbers), e^x is right to 1e-4 of itself and GELU to 1e-4.

    >>> sizes = EncoderSizes(vocab=10, positions=8, segments=2, width=6, layers=2, heads=2, inner=12)
    >>> encoder = Encoder(sizes)
    >>> encoder.params.flat[:] = np.random.default_rng(1).normal(0, 0.02, encoder.params.flat.shape)
    >>> states, tape = encoder.forward(np.int32([1, 2, 3, 4, 5]), np.int64([0, 3, 5]), keep=True)
    >>> states.shape
    (3, 5, 6)
    >>> grads = encoder.params.like()
    >>> encoder.backward(tape, np.ones((5, 6), np.float32), grads)
    """

    def __init__(self, sizes, params=None, threads=1, precision="float32"):
        if precision not in PRECISIONS or (precision == "bfloat16" and sizes.dtype != np.float32):
            raise ParameterError(f"precision={precision!r}: it must be 'float32', or 'bfloat16' for float32 parameters")
        self.sizes, self.threads, self.rounded = sizes, threads, precision == "bfloat16"
        self.params = Params(self.shapes(sizes), sizes.dtype) if params is None else params
        self._panels, self._store = {}, {}

    @staticmethod
    def shapes(sizes):
        """dict from name to shape. "{l}.attention.qkv" has queries, keys and values side by side, and the heads side by
        side within each."""
        width, inner = sizes.width, sizes.inner
        shapes = {
            "embeddings.words": (sizes.vocab, width),
            "embeddings.positions": (sizes.positions, width),
            "embeddings.segments": (sizes.segments, width),
            "embeddings.norm": (width,),
            "embeddings.norm.bias": (width,),
        }
        for layer in range(sizes.layers):
            shapes |= {
                f"{layer}.attention.qkv": (width, 3 * width),
                f"{layer}.attention.qkv.bias": (3 * width,),
                f"{layer}.attention.output": (width, width),
                f"{layer}.attention.output.bias": (width,),
                f"{layer}.attention.norm": (width,),
                f"{layer}.attention.norm.bias": (width,),
                f"{layer}.inner": (width, inner),
                f"{layer}.inner.bias": (inner,),
                f"{layer}.outer": (inner, width),
                f"{layer}.outer.bias": (width,),
                f"{layer}.norm": (width,),
                f"{layer}.norm.bias": (width,),
            }
        return shapes

    # ---- forward ----

    def forward(self, ids, offsets, segments=None, *, keep=False, random=None, layers=None):
        """The states of all layers, or of some.

        Parameters
        ----------
        ids : (N,) int32 words of all sentences.
        offsets : (S + 1,) int64: sentence s is ids[offsets[s]:offsets[s + 1]]; it may be empty.
        segments : (N,) int32 of each token; None means 0.
        keep : whether ``backward`` is to follow.
        random : numpy Generator that draws what drops out; None means no dropout.
        layers : whose states are wanted, rising numbers from 0 to L, for less memory and time; None means all.

        Returns
        -------
        states : (L + 1, N, D): what the embeddings give, then each layer; they have to stay as they are until
            ``backward``. With ``layers`` only theirs.
        tape : Tape for one ``backward``, or None

        Raises ParameterError for ids, segments, offsets and layers that make no sense and for a sentence that is too
        long.
        """
        sizes, batch, wanted = self.sizes, self._batch(ids, offsets, segments), self._wanted(layers, keep)
        tokens, offsets = len(batch[0]), batch[1]
        states, loan = np.empty((len(wanted), tokens, sizes.width), sizes.dtype), Loan(self._store, sizes.dtype)
        drops = (0, 0.0, 0.0)
        if random is not None:
            drops = (int(random.integers(1 << 63)), sizes.dropout, sizes.attention_dropout)
        size, rounded = np.dtype(sizes.dtype).itemsize, self.rounded and not keep
        stack = attention.Stack(sizes.batch(tokens), size, sizes.activation, sizes.epsilon, drops, rounded)
        if tokens:
            blocks, cut = blocks_for(offsets, self.threads, rounded)
            stack.hold(**dict(zip(("ids", "offsets", "segments"), batch, strict=True)), blocks=blocks)
            stack.hold(turns=np.zeros(len(blocks), np.int64) if cut else None)
            rows = self._rows(dict(zip(wanted, states, strict=True)), loan, tokens)
            self._hold_layers(stack, rows, loan, keep, 2 if cut else 1)
            stack.hold(room=loan("room", min(self.threads, len(blocks)), self._room(blocks, offsets, rounded)))
            parallel.share(stack.forward, len(blocks), self.threads)
        if keep:
            return states, Tape(stack, batch, loan)
        loan.give_back()
        return states, None

    def _batch(self, ids, offsets, segments):
        """ids, offsets without empty sentences, segments; or ParameterError."""
        ids, offsets = np.ascontiguousarray(ids, np.int32), np.ascontiguousarray(offsets, np.int64)
        segments = np.zeros(len(ids), np.int32) if segments is None else np.ascontiguousarray(segments, np.int32)
        if not len(offsets) or offsets[0] != 0 or offsets[-1] != len(ids) or (np.diff(offsets) < 0).any():
            raise ParameterError(f"offsets have to rise from 0 to the {len(ids)} tokens")
        if segments.shape != ids.shape:
            raise ParameterError(f"there are {len(ids)} tokens and {len(segments)} segments")
        longest = np.diff(offsets).max(initial=0)
        if longest > self.sizes.positions:
            raise ParameterError(f"a sentence has {longest} tokens; there are {self.sizes.positions} positions")
        for name, array, limit in (("ids", ids, self.sizes.vocab), ("segments", segments, self.sizes.segments)):
            if len(array) and not 0 <= array.min() <= array.max() < limit:
                raise ParameterError(f"{name} have to be from 0 to {limit - 1}, and are {array.min()} to {array.max()}")
        return ids, np.unique(offsets), segments

    def _wanted(self, layers, keep):
        """The numbers of the layers whose states are wanted; or ParameterError."""
        every = range(self.sizes.layers + 1)
        if layers is None:
            return list(every)
        try:
            wanted = [index(k) for k in layers]
        except TypeError:
            wanted = []
        if keep or not wanted or any(k not in every for k in wanted) or sorted(set(wanted)) != wanted:
            raise ParameterError(
                f"layers={layers!r}: give rising numbers from 0 to {every[-1]}, or None, which a backward needs"
            )
        return wanted

    def _rows(self, given, loan, tokens):
        """Memory for the states of every layer: what is given, while others take turns in two places."""
        every, width = range(self.sizes.layers + 1), self.sizes.width
        return [given[k] if k in given else loan(f"rows.{k % 2}", tokens, width) for k in every]

    def _hold_layers(self, stack, states, loan, keep, places):
        """Give a Stack the parameters and the memory for all rows; states : (N, D) for the embeddings and each layer;
        places : of heads, where they are not kept."""
        sizes, params, (tokens, width) = self.sizes, self.params, states[0].shape
        names = {"words": "words", "positions": "positions", "kinds": "segments", "scale": "norm", "bias": "norm.bias"}
        stack.hold(x=states[0], **{ours: params[f"embeddings.{name}"] for ours, name in names.items()})
        widths = {"context": width, "middle": width, "middle_stats": 2, "a": width, "u": sizes.inner}
        widths |= {"top": width, "top_stats": 2}
        if keep:
            stack.hold(sums=loan("sums", tokens, width), stats=loan("stats", tokens, 2))
        heads = [loan(f"{number}.heads", tokens, 3 * width) for number in range(sizes.layers if keep else places)]
        for layer, matrices in enumerate(self._packed(False, keep, self.rounded and not keep)):
            stack.hold_layer(layer, heads=heads[layer % len(heads)], **matrices)
            stack.hold_layer(layer, x=states[layer], y=states[layer + 1])
            stack.hold_layer(layer, **{ours: params[f"{layer}.{name}"] for ours, name in VECTORS.items()})
            if keep:
                arrays = {name: loan(f"{layer}.{name}", tokens, n) for name, n in widths.items()}
                stack.hold_layer(layer, logs=loan(f"{layer}.logs", sizes.heads, tokens), **arrays)

    def _room(self, blocks, offsets, rounded=False):
        """Numbers that a worker needs."""
        rows, longest = (blocks[:, 1] - blocks[:, 0]).max(), np.diff(offsets).max()
        return attention.room_needed(self.sizes.batch(0), rows, longest, rounded)

    def _packed(self, turn, anew, rounded=False):
        """The matrices of each layer, or their transposes, as panels, by the names of the Stack: those of the call
        before or, if ``anew`` or if the kernels have changed since, new ones in their memory."""
        isa, panels = self._panels.get((turn, rounded), (None, None))
        if anew or isa != simd.active():
            places = [(layer, name) for layer in range(self.sizes.layers) for name in MATRICES]
            weights = [self.params[f"{layer}.{MATRICES[name]}"] for layer, name in places]
            shapes = [matrix.shape[:: -1 if turn else 1] for matrix in weights]
            steps = 2 if rounded else 1  # numbers of the depth that share a place
            sizes = [attention.panels_size(-(-k // steps), columns, weights[0].itemsize) for k, columns in shapes]
            loan, ends = Loan(self._store, self.sizes.dtype), np.cumsum(sizes)
            flat = loan(f"panels.{turn}.{rounded}", ends[-1])  # in order of use: a product fetches the next one's
            parts = np.split(flat, ends[:-1])

            def work(job, _):
                while (number := job.take()) >= 0:
                    matrix = weights[number]
                    recurrent.panels(matrix, 0, matrix.shape[1], turn, lambda count: parts[number], rounded)

            parallel.share(work, len(places), self.threads)
            loan.give_back()
            panels = [dict(zip(MATRICES, parts[k:], strict=False)) for k in range(0, len(parts), len(MATRICES))]
            self._panels[turn, rounded] = simd.active(), panels
        return panels

    def repack(self):
        """Say that parameters have changed by other means than an optimiser's step after ``backward``: without
        ``keep``, ``forward`` uses the matrices as it once put them in order."""
        self._panels.clear()

    # ---- back ----

    def backward(self, tape, gradient, grads):
        """The gradients of all parameters.

        Parameters
        ----------
        tape : of the ``forward`` that gave the states; it is used up.
        gradient : (N, D), that of the last layer's states.
        grads : Params with (at least) the encoder's names. The gradients of the three embeddings are added to what is
            there, so a tied output layer may have been before and they have to be cleared; all others are set.

        Raises ParameterError for shapes that do not fit, and for a tape that has been used or is another encoder's.
        """
        if not isinstance(tape, Tape) or tape.loan.store is not self._store:
            raise ParameterError("the tape is not of a forward, with keep, of this encoder")
        if tape.stack is None:
            raise ParameterError("this tape has been used by a backward before: call forward again")
        ids, offsets, segments = tape.batch
        if gradient.shape != (len(ids), self.sizes.width):
            raise ParameterError(f"gradient has shape {gradient.shape} and should have {(len(ids), self.sizes.width)}")
        stack, loan, tape.stack = tape.stack, tape.loan, None
        if len(ids):
            with blas.one_thread():
                flow = self._backward_layers(stack, loan, np.asarray(gradient, self.sizes.dtype), offsets, grads)
            starts = np.repeat(offsets[:-1], np.diff(offsets))
            positions = np.arange(len(ids)) - starts
            for name, rows in (("words", ids), ("positions", positions), ("segments", segments)):
                unique, sums = summed(rows, flow, self.threads)
                grads[f"embeddings.{name}"][unique] += sums
        else:
            for name in self.shapes(self.sizes):
                if name not in EMBEDDINGS:
                    grads[name][:] = 0
        loan.give_back()
        self.repack()

    def _backward_layers(self, stack, loan, gradient, offsets, grads):
        """Sets all gradients but the embeddings'; returns that of their sums (N, D)."""
        sizes, blocks = self.sizes, whole_blocks(offsets, BACK)
        tokens, width = gradient.shape
        flows = [loan(f"flow.{k}", tokens, width) for k in range(4)]
        flow, below, outer, output = flows
        flow[:] = gradient
        vectors = loan("vectors", len(blocks), 9 * width + sizes.inner)
        middle = loan("middle_flow", tokens, width)
        stack.hold(blocks=blocks, vectors=vectors, middle_flow=middle)
        stack.hold(output_flow=output if stack.drops else middle)
        stack.hold(inner_flow=loan("inner_flow", tokens, sizes.inner), heads_flow=loan("heads_flow", tokens, 3 * width))
        stack.hold(room=loan("room.back", min(self.threads, len(blocks)), self._room(blocks, offsets)))
        packed = self._packed(True, True)
        for layer in reversed(range(sizes.layers)):
            stack.hold(flow=flow, below=below, outer_flow=outer if stack.drops else flow)
            stack.hold_layer(layer, **packed[layer])
            parallel.share(lambda job, n, layer=layer: stack.backward_rows(job, n, layer), len(blocks), self.threads)
            self._set_vectors(layer, vectors.sum(axis=0), grads)
            stack.hold(**{f"d_{ours}": grads[f"{layer}.{name}"] for ours, name in MATRICES.items()})
            chunks = stack.chunks_of_matrices()
            parallel.share(lambda job, _, layer=layer: stack.backward_matrices(job, layer), chunks, self.threads)
            flow, below = below, flow
        stack.hold(flow=flow)
        ends = np.zeros((2, width), sizes.dtype)
        stack.backward_embeddings(ends)
        grads["embeddings.norm"][:], grads["embeddings.norm.bias"][:] = ends
        return flow

    def _set_vectors(self, layer, sums, grads):
        """sums (9 D + F,) of a layer's scales and biases, in the order of BACKWARD_VECTORS"""
        first = 0
        for name in BACKWARD_VECTORS:
            vector = grads[f"{layer}.{name}"]
            vector[:] = sums[first : first + vector.size]
            first += vector.size


class Transform:
    """y = LN(gelu(x W + b)): the hidden layer of a masked language model's head.

    Parameters
    ----------
    params : Params with ``name`` (D, D), ``name``.bias, ``name``.norm and ``name``.norm.bias (D,).
    """

    def __init__(self, params, name="head", *, activation="gelu", epsilon=1e-12):
        self.params, self.name, self.activation, self.epsilon = params, name, activation, epsilon
        self.tape = None

    def forward(self, inputs):
        """inputs (B, D) -> (B, D)"""
        weights, bias, scale, shift = (self.params[name] for name in self._names())
        with blas.one_thread():
            rows = inputs @ weights + bias
        slopes = np.ones_like(rows)
        attention.activate(self.activation, rows, slopes)
        rows -= rows.mean(axis=1, keepdims=True)
        deviations = np.sqrt((rows * rows).mean(axis=1, keepdims=True) + rows.dtype.type(self.epsilon))
        rows /= deviations
        self.tape = inputs, slopes, rows, deviations
        return rows * scale + shift

    def backward(self, gradient, grads):
        """The gradient (B, D) of the inputs; sets those of the parameters in ``grads``."""
        inputs, slopes, rows, deviations = self.tape
        weights, _, scale, _ = (self.params[name] for name in self._names())
        of_weights, of_bias, of_scale, of_shift = (grads[name] for name in self._names())
        of_scale[:], of_shift[:] = (gradient * rows).sum(axis=0), gradient.sum(axis=0)
        flow = gradient * scale
        flow -= flow.mean(axis=1, keepdims=True) + rows * (flow * rows).mean(axis=1, keepdims=True)
        flow *= slopes / deviations
        of_bias[:] = flow.sum(axis=0)
        with blas.one_thread():
            np.matmul(inputs.T, flow, out=of_weights)
            return flow @ weights.T

    def _names(self):
        return [self.name + ending for ending in ("", ".bias", ".norm", ".norm.bias")]


def whole_blocks(offsets, limit):
    """Blocks (_, 6) as a Stack takes them, of whole sentences, with so many rows or one sentence."""
    bounds = [0]
    for s in range(1, len(offsets) - 1):
        if offsets[s + 1] - offsets[bounds[-1]] > limit:
            bounds.append(s)
    first, last = np.array(bounds), np.array([*bounds[1:], len(offsets) - 1])
    nobody = np.zeros(len(bounds), np.int64)
    return np.ascontiguousarray(np.stack([offsets[first], offsets[last], first, last, nobody, nobody], axis=1))


def cut_blocks(offsets, parts):
    """So many blocks of as many rows each; every one waits for those that share a sentence with it."""
    edges = offsets[-1] * np.arange(parts + 1) // parts
    first = np.searchsorted(offsets, edges[:-1], "right") - 1
    last = np.searchsorted(offsets, edges[1:], "left")
    begin = np.searchsorted(edges, offsets[first], "right") - 1
    end = np.searchsorted(edges, offsets[last], "left")
    return np.ascontiguousarray(np.stack([edges[:-1], edges[1:], first, last, begin, end], axis=1))


def blocks_for(offsets, threads, rounded=False):
    """(blocks, whether they cut sentences): whole sentences, if there are enough of them to keep all threads busy."""
    blocks = whole_blocks(offsets, attention.NEAR[rounded])
    parts = min(threads, int(offsets[-1]) // LEAST)
    if parts <= 1 or len(blocks) >= 4 * threads:
        return blocks, False
    return cut_blocks(offsets, parts), True
