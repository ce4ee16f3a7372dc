"""The recurrent network of a language model (Mikolov et al. 2010), unrolled over some steps of a text."""

from dataclasses import dataclass
from threading import RLock

import numpy as np

from .layers import Embedding, Scratch, added, alone, dropout_mask
from .params import Params, Settings
from .recurrent import GRU, LSTM, RNN
from .softmax import NEVER, SampledSoftmax, Softmax, apply

CELLS = {"rnn": RNN, "lstm": LSTM, "gru": GRU}


@dataclass(frozen=True)
class Shape(Settings):
    """What a Network is like; the names are RNNLM's parameters."""

    cell: str
    dim: int
    hidden: int
    layers: int
    tied: bool
    output: str
    samples: int
    proposal: str
    dropout: float

    def arrays(self, words):
        """Names and shapes of the parameters for a vocabulary of so many words."""
        width, shapes = CELLS[self.cell].gates * self.hidden, {"embedding": (words, self.dim)}
        for layer in range(self.layers):
            inputs = self.hidden if layer else self.dim
            shapes |= {f"layers.{layer}.input": (inputs, width), f"layers.{layer}.recurrent": (self.hidden, width)}
            shapes[f"layers.{layer}.bias"] = (width,)
        if not self.tied:
            shapes["output"] = (words, self.hidden)
        return shapes | {"output.bias": (words,)}

    def begin(self, counts, key):
        """New Params: vectors and output uniform in +-0.1, the layers in +-1/sqrt(hidden) with 1 as the bias of forget
        gates (Jozefowicz, Zaremba and Sutskever 2015), and the logarithms of the words' frequencies as biases.

        counts : (V,) of each word as what is predicted. key : tuple of whole numbers, of the random stream.
        """
        params, random = Params(self.arrays(len(counts))), np.random.default_rng(key)
        for name, array in params.items():
            bound = self.hidden**-0.5 if name.startswith("layers.") else 0.1
            array[:] = random.uniform(-bound, bound, array.shape)
            if self.cell == "lstm" and name.startswith("layers.") and name.endswith(".bias"):
                array[self.hidden : 2 * self.hidden] = 1
        params["output.bias"][:] = np.where(counts, np.log(np.maximum(counts, 1) / counts.sum()), NEVER)
        return params


class Network:
    """Embeddings, recurrent layers, a softmax over the vocabulary; dropout in front of each of them but the first.

    With ``tied`` the embeddings are the weights of the softmax too (Press and Wolf 2017).

    Letters: T steps, B rows, N predictions of an Unroll, D dim, H hidden, V words.
    """

    def __init__(self, params, shape, counts, threads=1):
        self.params, self.shape, self.threads, self.dropout = params, shape, threads, shape.dropout
        self.embedding = Embedding(params, "embedding", threads)
        how = {"layers": shape.layers, "dropout": shape.dropout, "dtype": params.flat.dtype, "threads": threads}
        self.layer = CELLS[shape.cell](shape.dim, shape.hidden, params=params.part("layers."), **how)
        self.gradients = params.like([name for name in params if name.startswith("layers.")])
        names = ("embedding" if shape.tied else "output", "output.bias")
        self.output = self.exact = Softmax(params, names, threads)
        if shape.output == "sampled":
            drawing = {"samples": shape.samples, "frequencies": counts / counts.sum(), "proposal": shape.proposal}
            self.output = SampledSoftmax(params, names, threads, **drawing)
        self.scratch, self.tape, self.lock = Scratch(params.flat.dtype), None, RLock()

    def features(self, unroll, state=None, random=None):
        """Outputs of the layers (N, H), and the state after the last steps.

        state : as the layers' initial states; None means zeros. random : draws what drops out.
        """
        steps, rows = unroll.words.shape
        vectors = self.scratch("vectors", steps * rows, self.shape.dim)
        self.embedding.forward(unroll.words.reshape(-1, 1), vectors)
        masks = None
        if random is not None and self.dropout:
            sizes = (vectors.shape, (steps, rows, self.shape.hidden))
            masks = [dropout_mask(size, self.dropout, random, vectors.dtype) for size in sizes]
            vectors *= masks[0]
        outputs, tape = self.layer.forward(
            vectors.reshape(steps, rows, -1), state, lengths=unroll.lengths, random=random if masks else None
        )
        if masks:
            outputs *= masks[1]
        self.tape = unroll, tape, masks
        return unroll.flat(outputs), tape.state

    def forward(self, unroll, state=None, random=None):
        """Losses (N,) of the targets, and the state after the last steps."""
        features, after = self.features(unroll, state, random)
        return self.output.forward(features, unroll.flat(unroll.targets)), after

    def backward(self, scale):
        """Gradients of all but the output layer: a list of (name, rows, array)."""
        unroll, tape, masks = self.tape
        steps, rows = unroll.words.shape
        given = self.output.backward(scale)
        if unroll.lengths is not None:
            whole = np.zeros((steps, rows, self.shape.hidden), given.dtype)
            whole[unroll.alive], given = given, whole
        outputs = given.reshape(steps, rows, -1)
        if masks:
            outputs *= masks[1]
        vectors, _ = self.layer.backward(tape, outputs, grads=self.gradients.part("layers."))
        vectors = vectors.reshape(steps * rows, -1)
        if masks:
            vectors *= masks[0]
        return [(name, None, array) for name, array in self.gradients.items()] + self.embedding.backward(vectors)

    @alone
    def losses(self, unroll, state=None):
        """Exact losses (N,), without dropout, and the state after the last steps."""
        features, after = self.features(unroll, state)
        return self.exact.losses(features, unroll.flat(unroll.targets)), after

    @alone
    def logprobs(self, unroll, state=None):
        """log p (B, V) of every word after each row, float64, -inf where it is never predicted; and the state."""
        self.features(unroll, state)
        after = self.tape[1].state
        top = (after[0] if self.shape.cell == "lstm" else after)[-1]
        scores = top @ self.params[self.exact.names[0]].T + self.params[self.exact.names[1]]
        return self.exact.logprobs(scores.astype(np.float64)), after

    @alone
    def step(self, optimizing, unroll, state, rate, guard, key):
        """Train on an Unroll; its losses (N,), None if the step was left out because it overflowed, and the state.

        guard : Guard; key : tuple of whole numbers, of the random streams. The gradient is that of the sum over the
        steps and the mean over the rows (Zaremba, Sutskever and Vinyals 2014).
        """
        if self.output is not self.exact:
            self.output.seed(*key, 1)
        losses, after = self.forward(unroll, state, np.random.default_rng((*key, 2)) if self.dropout else None)
        gradients = self.backward(1 / unroll.words.shape[1])
        kept = guard.limit is not None or self.shape.tied  # else nobody needs the output's, which are sums of finite
        if kept:  # numbers where the losses are finite
            gradients = added(gradients + self.output.gradients(), self.params)
        scale = guard.scale([array for _, _, array in gradients] + ([] if kept else [losses]))
        if scale is None:
            return None, None
        optimizing.begin(rate, scale)
        if not kept:
            self.output.update(optimizing)
        apply(optimizing, gradients)
        return losses, after
