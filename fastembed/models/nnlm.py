"""NNLM: the feed-forward neural language model (Bengio, Ducharme, Vincent and Jauvin 2003)."""

import numpy as np

from .. import blas
from ..nn.batches import Windows
from ..nn.feedforward import Network, Shape
from ..nn.optim import OPTIMIZERS
from .language import BOS, EOS
from .neural import NeuralLanguageModel
from .parameters import Choice, Real, Switch, Whole

SCORED = 512  # predictions that are scored at once


class NNLM(NeuralLanguageModel):
    """The feed-forward neural language model: the next word from the vectors of the n words before it.

    y = b + U tanh(d + H x) + W x, where x holds the vectors of the n words side by side and W, the direct connections,
    may be left out; p is the softmax of y over the vocabulary (Bengio, Ducharme, Vincent and Jauvin 2003, "A Neural
    Probabilistic Language Model"). The vectors (``wv``) are a by-product. The full softmax costs 6 V (hidden + n dim)
    operations a word; the sampled one estimates it from some hundred or thousand words; the hierarchical one turns at
    each node of a Huffman tree (Morin and Bengio 2005). Results do not depend on the number of threads.

    >>> import fastembed as fe
    >>> text = ["the cat sat on the mat", "a dog lay on a rug", "the dog sat on the rug"] * 20
    >>> model = fe.NNLM(context=2, dim=8, hidden=16, epochs=20, lr=0.02).fit(text, verbose=0)
    >>> model.next_words("sat on", topn=1)[0][0], model.wv.vectors.shape
    ('the', (12, 8))
    """

    context = Whole(4, "words before the predicted one that are looked at", low=1, high=1000)
    dim = Whole(100, "length of a word's vector", low=1, high=1 << 16)
    hidden = Whole(200, "units of the tanh layer", low=1, high=1 << 16)
    direct = Switch(True, "connect the vectors to the output directly too")
    output = Choice(
        "full",
        "softmax over the whole vocabulary (full), over sampled words (sampled) or by a tree (hierarchical)",
        choices=("full", "sampled", "hierarchical"),
    )
    samples = Whole(1024, "words drawn for each batch, with output=sampled", low=1, high=1 << 24)
    proposal = Choice(
        "unigram",
        "how they are drawn: by their frequency (unigram) or by the logarithm of their rank (log_uniform)",
        choices=("unigram", "log_uniform"),
    )
    optimizer = Choice("adagrad", "how gradients change the parameters", choices=tuple(OPTIMIZERS))
    lr = Real(0.1, "learning rate at the start", low=1e-12, high=1e6)
    min_lr = Real(None, "learning rate at the end, reached linearly; None means lr / 100", low=0, optional=True)
    batch = Whole(512, "predictions of a step", low=1, high=1 << 20)
    dropout = Real(0.0, "share of the vectors' numbers and hidden units that a step leaves out", low=0, high=0.95)
    clip = Real(None, "limit of the norm of a step's gradients; None sets none", low=1e-12, optional=True)
    min_count = Whole(5, "words that occur less often become <unk>", low=1)
    max_vocab = Whole(None, "keep this many of the most frequent words; None keeps all", low=1, optional=True)
    epochs = Whole(5, "passes over the corpus", low=1)
    threads = Whole(None, "worker threads; None means one for each CPU", low=1, high=4096, optional=True)
    seed = Whole(1, "of all that is random", low=0, high=(1 << 63) - 1)

    Shape, Network = Shape, Network
    fixed = ("context", "dim", "hidden", "direct", "output", "optimizer")

    def _batches(self, ids, offsets):
        return self._windows(ids, offsets, self.batch)

    def _windows(self, ids, offsets, batch):
        return Windows(ids, offsets, self._like().context, begin=BOS, end=EOS, batch=batch)

    def _step(self, windows, number, rate, epoch):
        batch = windows.batch_at(number, (self.seed, epoch))
        return self.network.step(self.optimizing, batch, rate, (self.seed, epoch, number), self.clip)

    # -- the contract of language models

    def _logprobs(self, ids, offsets):
        windows, network = self._windows(ids, offsets, SCORED), self.network
        places = np.arange(windows.size)
        with blas.one_thread():
            losses = [network.losses(*windows.at(places[k : k + SCORED])) for k in range(0, windows.size, SCORED)]
        return -np.concatenate(losses) if losses else np.empty(0)

    def _next(self, contexts):
        n = self._like().context
        begin = np.full((len(contexts), n), BOS, np.int32)
        with blas.one_thread():
            return self.network.logprobs(np.concatenate([begin, contexts], axis=1)[:, -n:])
