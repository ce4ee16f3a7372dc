"""The bidirectional language model of ELMo (Peters et al. 2018): one encoder of words, two stacks of LSTMs that know
nothing of each other, one softmax for both.

Letters: T steps, B rows, P numbers of a word's vector and of a layer's output, D cells of an LSTM, L layers.
"""

from dataclasses import dataclass
from threading import RLock

import numpy as np

from .. import parallel
from ..errors import TrainingError
from . import characters
from .layers import alone, dropout_mask, summed
from .recurrent import LSTM
from .softmax import NEVER, SampledSoftmax, Softmax, apply

SIDES = ("forward", "backward")


@dataclass(frozen=True)
class Shape:
    """What a BiLM is like.

    encoder : characters.Shape, or None where each word has a vector of its own.
    residual : a layer's output is the LSTM's and, from the second layer on, its input.
    clips : of the cells and of the projection, None for none; without a projection (hidden = dim) only the cells'.
    """

    dim: int  # P
    hidden: int  # D
    layers: int  # L
    residual: bool
    clips: tuple
    encoder: characters.Shape | None

    def lstm(self, params, threads=1):
        """One layer over its parameters."""
        how = {"cell_clip": self.clips[0], "dtype": params.flat.dtype, "threads": threads, "params": params}
        if self.hidden != self.dim:
            how |= {"projection": self.dim, "projection_clip": self.clips[1]}
        return LSTM(self.dim, self.hidden, **how)

    def arrays(self, words, characters, softmax=True):
        """Names and shapes of the parameters; words : of the softmax, if there is one, and of the embedding;
        characters : of the alphabet."""
        width = 4 * self.hidden
        shapes = {"embedding": (words, self.dim)} if self.encoder is None else self.encoder.arrays(characters)
        for side in SIDES:
            for layer in range(self.layers):
                name = f"{side}.{layer}.0"
                shapes |= {f"{name}.input": (self.dim, width), f"{name}.recurrent": (self.dim, width)}
                shapes[f"{name}.bias"] = (width,)
                if self.hidden != self.dim:
                    shapes[f"{name}.projection"] = (self.hidden, self.dim)
        if words and softmax:
            shapes |= {"output": (words, self.dim), "output.bias": (words,)}
        return shapes

    def begin(self, params, counts, key):
        """Draw the initial parameters as the original does: kernels of LSTMs uniform by Glorot, the forget gates' bias
        1, the softmax normal with variance 1 / P and, as its biases, the logarithms of the words' frequencies.

        counts : (V,) of words as what is predicted; key : tuple of whole numbers, of the random stream.
        """
        random = np.random.default_rng(key)
        if self.encoder is None:
            params["embedding"][:] = random.uniform(-1, 1, params.shapes["embedding"])
        else:
            self.encoder.begin(params, random)
        for side in SIDES:
            for layer in range(self.layers):
                self._begin_lstm(params, f"{side}.{layer}.0", random)
        params["output"][:] = random.normal(0, self.dim**-0.5, params.shapes["output"])
        params["output.bias"][:] = np.where(counts, np.log(np.maximum(counts, 1) / counts.sum()), NEVER)

    def _begin_lstm(self, params, name, random):
        bound = (6 / (2 * self.dim + 4 * self.hidden)) ** 0.5
        for part in ("input", "recurrent"):
            params[f"{name}.{part}"][:] = random.uniform(-bound, bound, params.shapes[f"{name}.{part}"])
        params[f"{name}.bias"][self.hidden : 2 * self.hidden] = 1
        if self.hidden != self.dim:
            bound = (6 / (self.dim + self.hidden)) ** 0.5
            params[f"{name}.projection"][:] = random.uniform(-bound, bound, (self.hidden, self.dim))


class Direction:
    """L layers of LSTM in one direction, over the parameters of this side of a BiLM."""

    def __init__(self, params, shape, side, threads):
        self.residual, self.tape = shape.residual, None
        own = [name for name in params if name.startswith(f"{side}.")]
        self.gradients = params.like(own)
        self.layers = [shape.lstm(params.part(f"{side}.{layer}."), threads) for layer in range(shape.layers)]
        self.parts = [self.gradients.part(f"{side}.{layer}.") for layer in range(shape.layers)]

    def forward(self, x, states, lengths=None, random=None, rate=0.0):
        """Outputs (T, B, P) of all L layers and the states after them.

        x (T, B, P) words' vectors; states: L pairs (1, B, P), (1, B, D), or None for zeros.
        random : draws what drops out, at the rate, of each layer's input, the residual one too, and of the last output.
        """
        self.tape, outputs, after = [], [], []
        for number, lstm in enumerate(self.layers):
            mask = None if random is None else dropout_mask(x.shape, rate, random, x.dtype)
            x = x if mask is None else x * mask
            y, tape = lstm.forward(x, None if states is None else states[number], lengths=lengths)
            self.tape.append((tape, mask))
            after.append(tape.state)
            x = y + x if number and self.residual else y
            outputs.append(x)
        if random is not None:
            self.tape.append((None, dropout_mask(x.shape, rate, random, x.dtype)))
            outputs[-1] = x * self.tape[-1][1]
        return outputs, after

    def give_back(self):
        """No backward will follow: the layers may have the memory."""
        for tape, _ in self.tape:
            if tape is not None:
                tape.give_back()

    def backward(self, dy):
        """The gradient (T, B, P) of the words' vectors, from that of the last output; ``gradients`` has the others."""
        if len(self.tape) > len(self.layers):
            dy = dy * self.tape[-1][1]
        for number in reversed(range(len(self.layers))):
            tape, mask = self.tape[number]
            dx, _ = self.layers[number].backward(tape, dy, grads=self.parts[number])
            if number and self.residual:
                dx += dy
            dy = dx if mask is None else dx * mask
        return dy


class WordEncoder:
    """A vector of each word of the vocabulary, in place of its characters."""

    def __init__(self, params):
        self.params, self.words = params, None

    def forward(self, words):
        """Vectors (U, P) of words (U,), none twice."""
        self.words = words
        return self.params["embedding"][words]

    def backward(self, gradient):
        """List of (name, rows, array)."""
        return [("embedding", self.words, gradient)]


class BiLM:
    """Both directions over an encoder, and the softmax over both.

    Parameters
    ----------
    params : Params with the arrays of ``shape``.
    encoder : CharacterEncoder or WordEncoder over the same.
    counts : (V,) of the words as what is predicted; None for a network without a softmax.
    samples : words drawn for a step; None for the full softmax.
    dropout : the rate in training.
    """

    def __init__(self, params, shape, encoder, *, counts=None, samples=None, dropout=0.0, threads=1):
        self.params, self.encoder, self.dropout, self.threads = params, encoder, dropout, threads
        self.lock, each = RLock(), max(1, threads // 2)
        self.sides = [Direction(params, shape, side, each) for side in SIDES]
        if counts is not None:
            self.output = self.exact = Softmax(params, threads=threads)
            if samples is not None:
                drawing = {"samples": samples, "frequencies": counts / counts.sum(), "proposal": "log_uniform"}
                self.output = SampledSoftmax(params, threads=threads, **drawing)

    def run(self, vectors, places, states=None, lengths=None, random=None):
        """Outputs of both sides, each L of (T, B, P), and the states after.

        vectors (U, P); places (2, T, B): which of them each side reads; states: for each side as Direction takes them,
        or None; random : a generator for each side, or None.

        Each side has a thread. The outputs may lie in the layers' memory: read them within ``lock``.
        """
        outputs, after = [None, None], [None, None]

        def each(job, _):
            while (side := job.take()) >= 0:
                state, draw = (None if both is None else both[side] for both in (states, random))
                x = vectors[places[side]]
                outputs[side], after[side] = self.sides[side].forward(x, state, lengths, draw, self.dropout)

        parallel.share(each, 2, self.threads)
        return outputs, after

    @alone
    def forward(self, unrolls, states, random=None, exact=False):
        """Losses (2, N) of what follows in both directions, and the states after. Every word is encoded once.

        unrolls : two fastembed.nn.streams.Unroll of the same lengths; exact : by the full softmax.
        """
        words = np.stack([unroll.words for unroll in unrolls])
        unique, places = np.unique(words, return_inverse=True)
        self.places, vectors = places.reshape(words.shape), self.encoder.forward(unique)
        if not np.isfinite(vectors).all():
            raise TrainingError("the words' vectors became NaN or infinite: numbers overflowed; use a smaller lr")
        outputs, after = self.run(vectors, self.places, states, unrolls[0].lengths, random)
        tops = [unroll.flat(found[-1]) for unroll, found in zip(unrolls, outputs, strict=True)]
        targets = [unroll.flat(unroll.targets) for unroll in unrolls]
        self.unroll = unrolls[0]
        losses = (self.exact if exact else self.output).forward(np.concatenate(tops), np.concatenate(targets))
        return losses.reshape(2, -1), after

    def backward(self, scale):
        """Gradients of all but the softmax, whose sum of losses is multiplied by scale: a list of (name, rows,
        array)."""
        tops = self.output.backward(scale)
        shape, dx = self.places.shape[1:], [None, None]
        alive = self.unroll.alive

        def each(job, _):
            while (side := job.take()) >= 0:
                rows = tops[side * len(tops) // 2 : (side + 1) * len(tops) // 2]
                dy = rows.reshape(*shape, -1) if alive is None else np.zeros((*shape, rows.shape[1]), rows.dtype)
                if alive is not None:
                    dy[alive] = rows
                dx[side] = self.sides[side].backward(dy)

        parallel.share(each, 2, self.threads)
        vectors = np.concatenate(dx).reshape(-1, tops.shape[1])
        _, sums = summed(self.places.reshape(-1), vectors, self.threads)
        own = [(name, None, array) for side in self.sides for name, array in side.gradients.items()]
        return self.encoder.backward(sums) + own

    @alone
    def step(self, optimizing, unrolls, states, rate, guard, key):
        """Train on a batch: its losses (2, N), None if the step was left out because it overflowed, and the states.

        guard : fastembed.nn.optim.Guard; key : tuple of whole numbers, of the random streams. As in the original the
        gradient is that of the mean over both directions, times the steps.
        """
        if self.output is not self.exact:
            self.output.seed(*key, 1)
        random = [np.random.default_rng((*key, 2 + side)) for side in (0, 1)] if self.dropout else None
        losses, after = self.forward(unrolls, states, random)
        gradients = self.backward(len(unrolls[0].words) / losses.size) + self.output.gradients()
        scale = guard.scale([losses, *(array for _, _, array in gradients)])
        if scale is None:
            return None, states
        optimizing.begin(rate, scale)
        apply(optimizing, gradients)
        return losses, after
