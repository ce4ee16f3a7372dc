"""The encoder of BERT over packed sentences: embeddings, then layers of attention and feed-forward (Devlin et al. 2019).

A batch is one matrix of the N tokens of all its sentences, one sentence behind the other, with offsets (S + 1,): there is
no padding and no mask. Vectors are rows, so a layer computes x W + b with W (inputs, outputs).

Letters: N tokens of a batch, S sentences, T tokens of a sentence, D width, F inner width, L layers, V words.
"""

import re
from dataclasses import dataclass

import numpy as np

from ..errors import ParameterError
from . import plain_attention
from .layers import dropout_mask
from .params import Params


@dataclass(frozen=True)
class EncoderSizes:
    """What an Encoder is like.

    vocab, positions, segments : rows of the three embeddings; a sentence has at most ``positions`` tokens.
    width, layers, heads, inner : D, L, the heads of D / heads numbers each, and F.
    activation : "gelu" (exact) or "gelu_new" (by tanh).
    epsilon : what LayerNorm adds to a variance.
    dropout, attention_dropout : shares of the numbers that training drops: of the embeddings and of what a layer adds to
        its input; of the attention's probabilities.
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
        if self.activation not in ("gelu", "gelu_new"):
            raise ParameterError(f"activation={self.activation!r}: it must be 'gelu' or 'gelu_new'")


class Encoder:
    """A transformer encoder: x = LN(embeddings), and in each layer x = LN(x + attention(x)), x = LN(x + feed-forward(x)).

    Parameters
    ----------
    sizes : EncoderSizes
    params : Params with the names and shapes of ``Encoder.shapes(sizes)``, and perhaps others; None means new ones, all 0.
    threads : worker threads; the result does not depend on it.
    """

    def __init__(self, sizes, params=None, threads=1):
        self.sizes, self.threads = sizes, threads
        self.params = Params(self.shapes(sizes), sizes.dtype) if params is None else params

    @staticmethod
    def shapes(sizes):
        """dict from name to shape. "{l}.attention.qkv" has queries, keys and values side by side; heads lie side by side
        within each."""
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

    def forward(self, ids, offsets, segments=None, *, keep=False, random=None):
        """The states of all layers.

        Parameters
        ----------
        ids : (N,) int32 words of all sentences.
        offsets : (S + 1,) int64: sentence s is ids[offsets[s]:offsets[s + 1]]; it may be empty.
        segments : (N,) int32 of each token; None means 0.
        keep : whether ``backward`` is to follow.
        random : numpy Generator that draws what drops out; None means no dropout.

        Returns
        -------
        states : (L + 1, N, D): what the embeddings give, then each layer.
        tape : Tape for one ``backward``, or None

        Raises ParameterError for ids, segments and offsets that make no sense and for a sentence that is too long.
        """
        segments = np.zeros(len(ids), np.int32) if segments is None else segments
        states, runs = np.empty((self.sizes.layers + 1, len(ids), self.sizes.width), self.sizes.dtype), []
        for first, last in zip(offsets[:-1], offsets[1:], strict=True):
            masks = {} if random is None else self._masks(last - first, random)
            run = plain_attention.Plain(self.sizes, self.params, masks)
            states[:, first:last] = run.forward(ids[first:last], segments[first:last])
            runs.append((first, last, run))
        return states, runs if keep else None

    def _masks(self, tokens, random):
        s = self.sizes
        shapes = {"embeddings": (tokens, s.width)}
        for layer in range(s.layers):
            shapes[f"{layer}.attention"] = (s.heads, tokens, tokens)
            shapes[f"{layer}.attention.output"] = shapes[f"{layer}.outer"] = (tokens, s.width)
        rates = {name: s.attention_dropout if name.endswith("attention") else s.dropout for name in shapes}
        return {name: dropout_mask(shape, rates[name], random, s.dtype) for name, shape in shapes.items()}

    def backward(self, tape, gradient, grads):
        """The gradients of all parameters; gradient (N, D) is that of the last layer's states.

        ``grads`` is a Params with (at least) the encoder's names. Those of the three embeddings are added to, so a tied
        output layer may have put its share there before and they have to be cleared; all others are set.
        """
        for name in self.shapes(self.sizes):
            if not re.fullmatch("embeddings.(words|positions|segments)", name):
                grads[name][:] = 0
        for first, last, run in tape:
            run.backward(gradient[first:last], grads)

    def repack(self):
        """Say that parameters have changed by other means than an optimiser after ``backward``: forward keeps the
        matrices in an order of its own."""


class Transform:
    """y = LN(gelu(x W + b)): the hidden layer of the masked language model's head.

    Parameters
    ----------
    params : Params with ``name`` (D, D), ``name``.bias, ``name``.norm and ``name``.norm.bias (D,).
    """

    def __init__(self, params, name="head", *, activation="gelu", epsilon=1e-12, threads=1):
        self.params, self.name, self.threads = params, name, threads
        self.activation, self.epsilon = activation, epsilon

    def forward(self, inputs):
        """inputs (B, D) -> (B, D)"""
        p, name = self.params, self.name
        h, slope = plain_attention.gelu(plain_attention.dense(inputs, p, name), self.activation)
        y, kept = plain_attention.norm(h, p, name + ".norm", self.epsilon)
        self.tape = inputs, slope, kept
        return y.astype(inputs.dtype)

    def backward(self, gradient, grads):
        """The gradient (B, D) of the inputs; sets those of the parameters in ``grads``."""
        p, name = self.params, self.name
        inputs, slope, kept = self.tape
        for part in ("", ".bias", ".norm", ".norm.bias"):
            grads[name + part][:] = 0
        d = plain_attention.norm_back(gradient, kept, p, name + ".norm", grads)
        return plain_attention.dense_back(d * slope, inputs, p, name, grads).astype(inputs.dtype)
