"""The feed-forward network of a neural language model (Bengio, Ducharme, Vincent and Jauvin 2003)."""

from dataclasses import dataclass
from threading import RLock

import numpy as np

from .layers import Embedding, Scratch, Tanh, alone, dropout_mask, summed
from .optim import clip_scale
from .params import Params, Settings
from .repeats import Repeats, SharedTanh
from .softmax import NEVER, HierarchicalSoftmax, SampledSoftmax, Softmax, apply, tree_paths


@dataclass(frozen=True)
class Shape(Settings):
    """What a Network is like; the names are NNLM's parameters."""

    context: int
    dim: int
    hidden: int
    direct: bool
    output: str
    samples: int
    proposal: str
    dropout: float

    def arrays(self, words):
        """Names and shapes of the parameters for a vocabulary of so many words, one of which is never predicted."""
        inputs = self.context * self.dim
        features = self.hidden + (inputs if self.direct else 0)
        rows = words - 2 if self.output == "hierarchical" else words  # inner nodes of a tree
        return {
            "embedding": (words, self.dim),
            "hidden": (inputs, self.hidden),
            "hidden.bias": (self.hidden,),
            "output": (rows, features),
            "output.bias": (rows,),
        }

    def begin(self, counts, key):
        """New Params: vectors and output uniform in +-0.05, the tanh layer as in Glorot and Bengio 2010, and the
        logarithms of the words' frequencies as biases.

        counts : (V,) of each word as what is predicted. key : tuple of whole numbers, of the random stream.
        """
        params, random = Params(self.arrays(len(counts))), np.random.default_rng(key)
        bounds = {"embedding": 0.05, "hidden": (6 / sum(params.shapes["hidden"])) ** 0.5, "output": 0.05}
        for name, bound in bounds.items():
            params[name][:] = random.uniform(-bound, bound, params.shapes[name])
        if self.output != "hierarchical":
            params["output.bias"][:] = np.where(counts, np.log(np.maximum(counts, 1) / counts.sum()), NEVER)
        return params


class Network:
    """y = b + U tanh(d + H x) + W x over the embeddings x of the context, and the softmax of y.

    W and U lie side by side in one matrix "output" (V, K) over the features (tanh, x); without direct connections over
    tanh alone.

    Letters: B rows of a batch, n words of context, D dim, H hidden, K features, V words.
    """

    def __init__(self, params, shape, counts, threads=1):
        self.params, self.shape, self.threads = params, shape, threads
        self.direct, self.dropout = shape.direct, shape.dropout
        self.embedding = Embedding(params, "embedding", threads)
        self.tanh = Tanh(params, ("hidden", "hidden.bias"), threads)
        self.shared_tanh = SharedTanh(params, ("hidden", "hidden.bias"), threads)
        if shape.output == "hierarchical":
            self.output = self.exact = HierarchicalSoftmax(params, threads=threads, paths=tree_paths(counts))
        else:
            self.output = self.exact = Softmax(params, threads=threads)
        if shape.output == "sampled":
            drawing = {"samples": shape.samples, "frequencies": counts / counts.sum(), "proposal": shape.proposal}
            self.output = SampledSoftmax(params, threads=threads, **drawing)
        self.scratch = Scratch(params.flat.dtype)
        self.mask, self.shared, self.lock = None, None, RLock()

    def features(self, contexts, random=None):
        """Features (B, K) of contexts (B, n) int32; ``random`` draws what drops out."""
        inputs, outputs = self.params["hidden"].shape
        rows = len(contexts)
        features = self.scratch("features", rows, outputs + inputs if self.direct else outputs)
        vectors = features[:, outputs:] if self.direct else self.scratch("vectors", rows, inputs)
        self.embedding.forward(contexts, vectors)
        self.mask = None
        if random is not None:
            self.mask = [dropout_mask(a.shape, self.dropout, random, a.dtype) for a in (vectors, features[:, :outputs])]
            vectors *= self.mask[0]
        self.tanh.forward(vectors, features[:, :outputs])
        if self.mask:
            features[:, :outputs] *= self.mask[1]
        return features

    def forward(self, contexts, words, random=None):
        """Losses (B,) of the words (B,) int32 after contexts."""
        self.shared = None
        if random is not None or not isinstance(self.output, Softmax):
            return self.output.forward(self.features(contexts, random), words)
        inputs, outputs = self.params["hidden"].shape
        self.shared = Repeats(contexts, self.params["embedding"], self.threads)
        features = self.scratch("features", len(words), outputs + inputs if self.direct else outputs)
        self.shared_tanh.forward(self.shared, features[:, :outputs])
        return self.output.forward(features, words, self.shared if self.direct else None)

    def backward(self, scale):
        """Gradients of all but the output layer: a list of (name, rows, array)."""
        gradient = self.output.backward(scale)
        inputs, outputs = self.params["hidden"].shape
        if self.shared:
            rows = self.output.rows_gradient if self.direct else np.empty_like(self.shared.rows)
            gradients = self.shared_tanh.backward(gradient[:, :outputs], rows, add=self.direct)
            return [*gradients, ("embedding", *summed(self.shared.ids, rows, self.threads))]
        vectors = gradient[:, outputs:] if self.direct else self.scratch("vectors.gradient", len(gradient), inputs)
        if self.mask:
            gradient[:, :outputs] *= self.mask[1]
        keep = 1 - self.dropout if self.mask else 1.0
        gradients = self.tanh.backward(gradient[:, :outputs], vectors, add=self.direct, keep=keep)
        if self.mask:
            vectors *= self.mask[0]
        return gradients + self.embedding.backward(vectors)

    @alone
    def losses(self, contexts, words):
        """Exact losses (B,), without dropout."""
        return self.exact.losses(self.features(contexts), words)

    @alone
    def logprobs(self, contexts):
        """log p (B, V) of every word after each context, float64; -inf where it is never predicted."""
        features = self.features(contexts)
        scores = (features @ self.params["output"].T + self.params["output.bias"]).astype(np.float64)
        return self.exact.logprobs(scores)

    @alone
    def step(self, optimizing, batch, rate, key, clip=None):
        """Train on a batch (contexts, words); its losses (B,).

        key : tuple of whole numbers, of the random streams. clip : limit of the norm of all gradients.
        """
        contexts, words = batch
        if self.output is not self.exact:
            self.output.seed(*key, 1)
        losses = self.forward(contexts, words, np.random.default_rng((*key, 2)) if self.dropout else None)
        gradients = self.backward(1 / len(words))
        if clip is None:
            optimizing.begin(rate)
            self.output.update(optimizing)
        else:
            gradients += self.output.gradients()
            optimizing.begin(rate, clip_scale([array for _, _, array in gradients], clip))
        apply(optimizing, gradients)
        return losses
