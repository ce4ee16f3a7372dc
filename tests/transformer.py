"""A transformer encoder in numpy, sentence by sentence, forward and back: what the compiled one is compared with."""

import numpy as np
from scipy.special import erf

from fastembed.nn.attention import Encoder, EncoderSizes

ROOT_2, ROOT_PI = 2**0.5, np.pi**0.5
SIZES = {
    "tiny": {"vocab": 5, "positions": 6, "segments": 2, "width": 4, "layers": 2, "heads": 2, "inner": 6},
    "odd": {"vocab": 30, "positions": 70, "segments": 3, "width": 27, "layers": 3, "heads": 3, "inner": 37},
    "wide": {"vocab": 50, "positions": 40, "segments": 1, "width": 192, "layers": 1, "heads": 6, "inner": 600},
    "long": {"vocab": 50, "positions": 90, "segments": 1, "width": 64, "layers": 2, "heads": 1, "inner": 1664},
}
LARGE = {  # of heads, and of what a product takes at once
    "broad": {"vocab": 20, "positions": 20, "segments": 1, "width": 1664, "layers": 1, "heads": 13, "inner": 64},
    "tall": {"vocab": 20, "positions": 1600, "segments": 1, "width": 96, "layers": 1, "heads": 1, "inner": 100},
}
LENGTHS = {
    "tiny": [3, 0, 1, 5],
    "odd": [1, 0, 0, 66, 5, 17, 2, 31, 0],
    "wide": [7, 40, 19],
    "long": [1, 65, 33, 90],
    "broad": [3, 20],
    "tall": [1601 - 32, 15],
}


def gelu(x, kind="gelu"):
    """x times the normal distribution's probability below x, exactly or by tanh, and its derivative."""
    if kind == "gelu":
        below = (1 + erf(x / ROOT_2)) / 2
        return x * below, below + x * np.exp(-x * x / 2) / (ROOT_2 * ROOT_PI)
    inner, slope = ROOT_2 / ROOT_PI * (x + 0.044715 * x**3), ROOT_2 / ROOT_PI * (1 + 3 * 0.044715 * x * x)
    t = np.tanh(inner)
    return x * (1 + t) / 2, (1 + t) / 2 + x * (1 - t * t) * slope / 2


def add(total, part):
    total += part


def norm(y, p, name, epsilon):
    """Rows of mean 0 and variance 1, scaled and shifted; and what norm_back needs."""
    centred = y - y.mean(1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(1, keepdims=True) + epsilon)
    return centred / deviation * p[name] + p[name + ".bias"], (centred / deviation, deviation)


def norm_back(d, kept, p, name, grads):
    rows, deviation = kept
    add(grads[name], (d * rows).sum(0))
    add(grads[name + ".bias"], d.sum(0))
    d = d * p[name]
    return (d - d.mean(1, keepdims=True) - rows * (d * rows).mean(1, keepdims=True)) / deviation


def dense(x, p, name):
    return x @ p[name] + p[name + ".bias"]


def dense_back(d, x, p, name, grads):
    add(grads[name], x.T @ d)
    add(grads[name + ".bias"], d.sum(0))
    return d @ p[name].T


def heads_of(x, heads):
    """(T, D) -> (heads, T, D / heads)"""
    return x.reshape(len(x), heads, -1).transpose(1, 0, 2)


def beside(x):
    """(heads, T, D / heads) -> (T, D)"""
    return x.transpose(1, 0, 2).reshape(x.shape[1], -1)


def attention(qkv, heads, kept=1.0):
    """The context (T, D) of qkv (T, 3 D), and the probabilities (heads, T, T); kept is what dropout multiplies."""
    q, k, v = (heads_of(part, heads) for part in np.split(qkv, 3, axis=1))
    scores = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[2])
    p = np.exp(scores - scores.max(2, keepdims=True))
    p /= p.sum(2, keepdims=True)
    return beside(p * kept @ v), p


def attention_back(d, qkv, p, heads, kept=1.0):
    q, k, v = (heads_of(part, heads) for part in np.split(qkv, 3, axis=1))
    d = heads_of(d, heads)
    dp = d @ v.transpose(0, 2, 1) * kept
    ds = p * (dp - (dp * p).sum(2, keepdims=True)) / np.sqrt(q.shape[2])
    parts = ds @ k, ds.transpose(0, 2, 1) @ q, (p * kept).transpose(0, 2, 1) @ d
    return np.concatenate([beside(part) for part in parts], axis=1)


class Plain:
    """The encoder of one sentence; p is a mapping of parameters, sizes an EncoderSizes.

    masks : what dropout multiplies with, by the names "embeddings", "{l}.attention", "{l}.attention.output",
        "{l}.outer"; nothing where there is none.
    """

    def __init__(self, sizes, p, masks=None):
        self.sizes, self.p, self.masks = sizes, p, masks or {}

    def mask(self, name):
        return self.masks.get(name, 1.0)

    def forward(self, ids, segments):
        """States (L + 1, T, D)."""
        p, s = self.p, self.sizes
        self.ids, self.segments, self.kept = ids, segments, []
        y = p["embeddings.words"][ids] + p["embeddings.positions"][: len(ids)] + p["embeddings.segments"][segments]
        x, self.first = norm(y, p, "embeddings.norm", s.epsilon)
        states = [x * self.mask("embeddings")]
        for layer in range(s.layers):
            states.append(self.layer(states[-1], f"{layer}."))
        return np.stack(states)

    def layer(self, x, name):
        p, s = self.p, self.sizes
        qkv = dense(x, p, name + "attention.qkv")
        context, probabilities = attention(qkv, s.heads, self.mask(name + "attention"))
        y = x + dense(context, p, name + "attention.output") * self.mask(name + "attention.output")
        a, first = norm(y, p, name + "attention.norm", s.epsilon)
        u = dense(a, p, name + "inner")
        h, slope = gelu(u, s.activation)
        y = a + dense(h, p, name + "outer") * self.mask(name + "outer")
        out, second = norm(y, p, name + "norm", s.epsilon)
        self.kept.append((x, qkv, context, probabilities, first, a, h, slope, second))
        return out

    def backward(self, d, grads):
        """Adds to grads; d (T, D) of the last states."""
        for layer in reversed(range(self.sizes.layers)):
            d = self.layer_back(d, f"{layer}.", *self.kept[layer], grads)
        d = norm_back(d * self.mask("embeddings"), self.first, self.p, "embeddings.norm", grads)
        np.add.at(grads["embeddings.words"], self.ids, d)
        np.add.at(grads["embeddings.segments"], self.segments, d)
        add(grads["embeddings.positions"][: len(d)], d)

    def layer_back(self, d, name, x, qkv, context, probabilities, first, a, h, slope, second, grads):
        p, heads = self.p, self.sizes.heads
        d = norm_back(d, second, p, name + "norm", grads)
        dh = dense_back(d * self.mask(name + "outer"), h, p, name + "outer", grads)
        d = d + dense_back(dh * slope, a, p, name + "inner", grads)
        d = norm_back(d, first, p, name + "attention.norm", grads)
        dcontext = dense_back(d * self.mask(name + "attention.output"), context, p, name + "attention.output", grads)
        dqkv = attention_back(dcontext, qkv, probabilities, heads, self.mask(name + "attention"))
        return d + dense_back(dqkv, x, p, name + "attention.qkv", grads)


def make(name, dtype=np.float32, threads=1, seed=1, **how):
    """An encoder with random parameters, and a batch for it: ids, offsets, segments."""
    sizes = EncoderSizes(**(SIZES | LARGE)[name], dtype=dtype, **how)
    encoder, random = Encoder(sizes, threads=threads), np.random.default_rng(seed)
    for key, array in encoder.params.items():
        spread = array.shape[0] ** -0.5 if key[0].isdigit() and array.ndim == 2 else 0.3
        array[:] = random.normal(1.0 if key.endswith("norm") else 0.0, spread, array.shape).astype(np.float32)
    offsets = np.cumsum([0, *LENGTHS[name]])
    ids = random.integers(0, sizes.vocab, offsets[-1]).astype(np.int32)
    return encoder, (ids, offsets, random.integers(0, sizes.segments, len(ids)).astype(np.int32))


def expected(encoder, batch, gradient=None, masks=lambda first, last: {}):
    """States, and gradients if that of the last states is given, by the encoder in numpy; float64."""
    ids, offsets, segments = batch
    p = {name: array.astype(np.float64) for name, array in encoder.params.items()}
    grads, states = {name: np.zeros_like(array) for name, array in p.items()}, []
    for first, last in zip(offsets[:-1], offsets[1:], strict=True):
        if first < last:
            plain = Plain(encoder.sizes, p, masks(first, last))
            states.append(plain.forward(ids[first:last], segments[first:last]))
            if gradient is not None:
                plain.backward(gradient[first:last].astype(np.float64), grads)
    return np.concatenate(states, axis=1), grads
