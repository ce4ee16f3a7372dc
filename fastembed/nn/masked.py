"""The masked language model: an encoder, a head that predicts the hidden pieces, one that knows which part follows.

Letters: N tokens of a batch, S sequences, M hidden tokens, D width, V pieces.
"""

from threading import RLock

import numpy as np

from .attention import Encoder, Transform
from .layers import alone
from .optim import clip_scale
from .params import Params
from .softmax import Softmax

SHARP = 3**0.5  # factor of the waves in queries and keys: half of the attention is then where it begins to look
PARTS = ("head", "pooler", "next")  # what a model may lack


def shapes(sizes, parts=("head",)):
    """dict from name to shape of the encoder (EncoderSizes) and of some of PARTS."""
    width, found = sizes.width, Encoder.shapes(sizes)
    if "head" in parts:
        found |= {"head": (width, width), "head.bias": (width,), "head.norm": (width,), "head.norm.bias": (width,)}
        found["output.bias"] = (sizes.vocab,)
    if "pooler" in parts:
        found |= {"pooler": (width, width), "pooler.bias": (width,)}
    if "next" in parts:
        found |= {"next": (width, 2), "next.bias": (2,)}
    return found


def deviation(width):
    """Of the numbers that a model begins with: BERT's 0.02 at a width of 768, rows of the same length at others."""
    return 0.02 * (768 / width) ** 0.5


def begin(sizes, parts, key, counts):
    """New Params: matrices normal with that deviation, positions waves of it, LayerNorms 1, biases 0, but those of
    pieces the logarithms of their frequencies.

    key : tuple of whole numbers, of the random stream. counts : (n,) of each piece in the text, n <= V.
    """
    params, random = Params(shapes(sizes, parts), sizes.dtype), np.random.default_rng(key)
    for name, array in params.items():
        if array.ndim == 2:
            array[:] = random.standard_normal(array.shape, np.float32) * np.float32(deviation(sizes.width))
        elif name.endswith("norm"):
            array[:] = 1
    params["embeddings.positions"][:] = waves(sizes.positions, sizes.width) * deviation(sizes.width)
    if "head" in parts:
        seen = np.maximum(np.pad(counts, (0, sizes.vocab - len(counts))), 0.5)
        params["output.bias"][:] = np.log(seen / seen.sum())
    return params


def frequencies(rows, width):
    """Of the pairs of columns of ``waves``: from 2 a row down to 2 in all rows."""
    return 2.0 * float(rows) ** -np.linspace(0, 1, (width + 1) // 2)


def waves(rows, width):
    """A sine and a cosine of each row's number for each frequency, side by side: (rows, width), of deviation 1 (after
    Vaswani et al. 2017). Neighbours are alike, and turning all pairs by their frequencies leads one row on."""
    angles = np.arange(rows)[:, None] * frequencies(rows, width)
    return 2**0.5 * np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(rows, -1)[:, :width]


def look_aside(params, sizes):
    """Let half of a new model's heads begin with looking at the tokens beside each: one before, one behind, two before
    and so on. Their queries are waves, their keys waves turned; values and what is made of them count twice as much.

    Each head has frequencies of its own: those of the pairs j of columns with j mod heads = head.
    """
    width, size, turns = sizes.width, sizes.width // sizes.heads, frequencies(sizes.positions, sizes.width)
    for layer in range(sizes.layers):
        weights = params[f"{layer}.attention.qkv"]  # (D, 3 D)
        weights[:, : 2 * width] *= 0.5
        weights[:, 2 * width :] *= 2
        params[f"{layer}.attention.output"][:] *= 2
        for head in range((sizes.heads + 1) // 2):
            pairs = np.arange(head, width // 2, sizes.heads)[: size // 2]
            angles = turns[pairs] * (head // 2 + 1) * (1 if head % 2 else -1)
            sine, cosine, query = 2 * pairs, 2 * pairs + 1, head * size + 2 * np.arange(len(pairs))
            key = query + width
            weights[sine, query] += SHARP
            weights[cosine, query + 1] += SHARP
            weights[sine, key] += SHARP * np.cos(angles)  # sin(x - a) = sin x cos a - cos x sin a
            weights[cosine, key] -= SHARP * np.sin(angles)
            weights[sine, key + 1] += SHARP * np.sin(angles)  # cos(x - a) = cos x cos a + sin x sin a
            weights[cosine, key + 1] += SHARP * np.cos(angles)


class MaskedModel:
    """The network.

    Parameters
    ----------
    sizes : EncoderSizes
    params : Params of ``shapes``; without its heads the network only gives states.
    precision : of the encoder's products where nothing is learnt, see Encoder.
    """

    def __init__(self, sizes, params, threads=1, precision="float32"):
        self.sizes, self.params, self.threads, self.precision = sizes, params, threads, precision
        self.encoder = Encoder(sizes, params, threads, precision)
        self.head = Transform(params, activation=sizes.activation, epsilon=sizes.epsilon)
        self.softmax = Softmax(params, ("embeddings.words", "output.bias"), threads)
        self.grads, self.lock = None, RLock()

    def states(self, ids, offsets, segments=None, layers=None):
        """(L + 1, N, D) of packed sequences; with ``layers``, rising numbers from 0 to L, only theirs."""
        return self.encoder.forward(ids, offsets, segments, layers=layers)[0]

    def pooled(self, last, offsets):
        """tanh(x W + b) (S, D) of the first token of each sequence; last (N, D)."""
        return np.tanh(last[offsets[:-1]] @ self.params["pooler"] + self.params["pooler.bias"])

    @alone
    def scores(self, rows):
        """Of every piece, (M, V), for rows (M, D) of the last layer."""
        hidden = self.head.forward(np.ascontiguousarray(rows))
        return hidden @ self.params["embeddings.words"].T + self.params["output.bias"]

    def gradients(self, batch, random=None):
        """Losses (M,) of the hidden tokens of a Batch and those (S,) of its parts, or None; ``grads`` then holds the
        gradients of both means' sum. ``random`` draws what drops out."""
        if self.grads is None:
            self.grads = self.params.like()
        grads = self.grads
        for name in ("positions", "segments"):
            grads[f"embeddings.{name}"][:] = 0
        states, tape = self.encoder.forward(batch.ids, batch.offsets, batch.segments, keep=True, random=random)
        last, gradient = states[-1], np.zeros_like(states[-1])
        hidden = self.head.forward(last[batch.places])
        losses = self.softmax.forward(hidden, batch.targets)
        hidden_gradient = self.softmax.backward(1 / len(losses))
        for name, _, array in self.softmax.gradients():
            grads[name][:] = array
        gradient[batch.places] = self.head.backward(hidden_gradient, grads)
        pairs = None if batch.random is None else self._back_pairs(last, batch, gradient)
        self.encoder.backward(tape, gradient, grads)
        return losses, pairs

    def _back_pairs(self, last, batch, gradient):
        """Losses (S,) of which part follows; adds to gradient (N, D)."""
        p, grads, rows = self.params, self.grads, batch.offsets[:-1]
        pooled = self.pooled(last, batch.offsets)
        logs = pooled @ p["next"] + p["next.bias"]
        logs -= np.logaddexp(logs[:, :1], logs[:, 1:])
        d = (np.exp(logs) - np.eye(2, dtype=logs.dtype)[batch.random]) / len(logs)
        grads["next"][:], grads["next.bias"][:] = pooled.T @ d, d.sum(0)
        d = d @ p["next"].T * (1 - pooled**2)
        grads["pooler"][:], grads["pooler.bias"][:] = last[rows].T @ d, d.sum(0)
        gradient[rows] += d @ p["pooler"].T
        return -logs[np.arange(len(logs)), batch.random].astype(np.float64)

    @alone
    def step(self, optimizer, batch, rate, key, clip=None):
        """Train on a Batch; its losses as ``gradients`` gives them.

        key : tuple of whole numbers, of the random stream of dropout. clip : limit of the norm of all gradients.
        """
        s = self.sizes
        random = np.random.default_rng(key) if s.dropout or s.attention_dropout else None
        found = self.gradients(batch, random)
        optimizer.begin(rate, clip_scale([self.grads.flat], clip))
        for name, array in self.grads.items():
            optimizer.dense(name, array)
        return found

    def judged(self, batch):
        """Losses (M,) float64 and whether each hidden token is the most probable (M,), without dropout."""
        [last] = self.states(batch.ids, batch.offsets, batch.segments, [self.sizes.layers])
        scores = self.scores(last[batch.places])
        rows = np.arange(len(scores))
        peaks = scores.max(1)
        logs = np.log(np.exp(scores - peaks[:, None]).sum(1, dtype=np.float64)) + peaks
        return logs - scores[rows, batch.targets], scores.argmax(1) == batch.targets
