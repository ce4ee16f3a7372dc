"""RNNLM: the recurrent neural language model (Mikolov et al. 2010; Zaremba, Sutskever and Vinyals 2014)."""

import numpy as np

from .. import blas
from ..errors import ParameterError, TrainingError
from ..nn.optim import OPTIMIZERS, Guard
from ..nn.streams import Sentences, Streams, Text, Unroll
from ..nn.unrolled import CELLS, Network, Shape
from .language import BOS, EOS
from .neural import NeuralLanguageModel
from .parameters import Choice, Real, Switch, Whole
from .progress import LOG
from .training import Schedule, Stepwise

ROWS, STEPS = 32, 64  # of a batch when a text is scored


class RNNLM(NeuralLanguageModel):
    """The recurrent neural language model: the next word from a state that has read all words before it.

    Embeddings, recurrent layers and a softmax over the vocabulary (Mikolov et al. 2010, "Recurrent neural network based
    language model"; with LSTM as in Zaremba, Sutskever and Vinyals 2014, "Recurrent Neural Network Regularization").
    The text is read as ``batch`` streams side by side; gradients go back through ``unroll`` steps, states go on to the
    next step of training, also over the borders of sentences. A sentence that is scored begins with a state of zeros
    and <s>; ``perplexity(corpus, carry=True)`` reads a text as training does. A step whose gradients overflow is left
    out. Results do not depend on the number of threads but for the order of sums in the layers' gradients.

    >>> import fastembed as fe
    >>> text = ["the cat sat on the mat", "a dog lay on a rug", "the dog sat on the rug"] * 20
    >>> model = fe.RNNLM(dim=8, hidden=16, layers=1, batch=4, unroll=10, epochs=20, lr=0.02).fit(text, verbose=0)
    >>> model.next_words("the cat sat on", topn=1)[0][0], model.wv.vectors.shape
    ('the', (12, 8))
    """

    cell = Choice("lstm", "kind of the recurrent layers", choices=tuple(CELLS))
    dim = Whole(200, "length of a word's vector", low=1, high=1 << 16)
    hidden = Whole(200, "units of a recurrent layer", low=1, high=1 << 16)
    layers = Whole(2, "recurrent layers", low=1, high=100)
    tied = Switch(False, "use the words' vectors as weights of the output too; dim must equal hidden")
    output = Choice(
        "full", "softmax over the whole vocabulary (full) or over sampled words (sampled)", choices=("full", "sampled")
    )
    samples = Whole(1024, "words drawn for each batch, with output=sampled", low=1, high=1 << 24)
    proposal = Choice(
        "unigram",
        "how they are drawn: by their frequency (unigram) or by the logarithm of their rank (log_uniform)",
        choices=("unigram", "log_uniform"),
    )
    optimizer = Choice("adam", "how gradients change the parameters", choices=tuple(OPTIMIZERS))
    lr = Real(0.005, "learning rate at the start", low=1e-12, high=1e6)
    min_lr = Real(None, "learning rate at the end, reached linearly; None means lr / 100", low=0, optional=True)
    decay = Real(None, "instead, the rate's factor after each epoch from decay_after on", low=0, high=1, optional=True)
    decay_after = Whole(4, "epochs with the full learning rate, if there is a decay", low=1)
    batch = Whole(20, "streams that the text is cut into, read side by side", low=1, high=1 << 20)
    unroll = Whole(35, "words of each that a step reads", low=1, high=1 << 20)
    dropout = Real(0.0, "share of the numbers in front of each layer that a step leaves out", low=0, high=0.95)
    clip = Real(5.0, "limit of the norm of a step's gradients; None sets none", low=1e-12, optional=True)
    min_count = Whole(5, "words that occur less often become <unk>", low=1)
    max_vocab = Whole(None, "keep this many of the most frequent words; None keeps all", low=1, optional=True)
    epochs = Whole(5, "passes over the corpus", low=1)
    threads = Whole(None, "worker threads; None means one for each CPU", low=1, high=4096, optional=True)
    seed = Whole(1, "of all that is random", low=0, high=(1 << 63) - 1)

    Shape, Network = Shape, Network
    fixed = ("cell", "dim", "hidden", "layers", "tied", "output", "optimizer")

    def check_params(self):
        """ParameterError if an attribute, or two together, are impossible."""
        super().check_params()
        if self.tied and self.dim != self.hidden:
            raise ParameterError(f"tied=True needs vectors as long as a state: dim={self.dim}, hidden={self.hidden}")

    def perplexity(self, corpus, carry=False):
        """The perplexity of a text, per word with </s>, unknown words as <unk>: exp of the mean of -logprob.

        corpus : Corpus, or anything that Corpus takes. Figures beside it: ``fe.evaluate.perplexity``.
        carry : read the text in order as training does, the state going on from sentence to sentence, in 32 streams
            side by side (fewer in a text below 32,000 words); else each sentence begins anew.
        """
        if not carry:
            return super().perplexity(corpus)
        ids, offsets = self._numbered(self.corpus(corpus))
        rows = max(1, min(ROWS, len(ids) // 1000))
        streams, state, total = self._streams(ids, offsets, rows, STEPS), None, 0.0
        with blas.one_thread():
            for number in range(streams.batches):
                losses, state = self.network.losses(streams.batch_at(number), state)
                total += losses.sum()
        return float(np.exp(total / streams.size)) if streams.size else float("nan")

    # -- training

    def _batches(self, ids, offsets):
        self.guard = Guard(self.clip)
        return self._streams(ids, offsets, self.batch, self.unroll)

    def _streams(self, ids, offsets, rows, steps):
        return Streams(ids, offsets, begin=BOS, end=EOS, rows=rows, steps=steps)

    def _step(self, streams, number, rate, epoch):
        unroll, key = streams.batch_at(number), (self.seed, epoch, number)
        state = _fresh(self.position.carried, unroll) if number else None
        try:
            losses, after = self.network.step(self.optimizing, unroll, state, rate, self.guard, key)
        except ParameterError as error:  # the layers take no such numbers
            raise TrainingError(f"{error}: numbers overflowed in epoch {epoch + 1}; use a smaller lr") from error
        if losses is None and self.guard.running == 1:
            LOG.warning("step %d of epoch %d is left out: its gradients overflowed", number + 1, epoch + 1)
        self.position.carried = () if after is None else after if isinstance(after, tuple) else (after,)
        return losses

    def _schedule(self, lr, min_lr, tokens):
        if self.decay is None:
            return Schedule(lr, min_lr, int(self.epochs), tokens)
        return Stepwise(lr, lr, int(self.epochs), tokens, decay=float(self.decay), after=int(self.decay_after))

    # -- the contract of language models

    def _logprobs(self, ids, offsets):
        text, network = Text(ids, offsets, begin=BOS, end=EOS), self.network
        logs = np.empty(text.size)
        with blas.one_thread():
            for parts in Sentences(text, tokens=ROWS * STEPS, rows=ROWS):
                state = None
                for unroll, places in parts:
                    losses, state = network.losses(unroll, state)
                    logs[unroll.flat(places)] = -losses
        return logs

    def _next(self, contexts):
        words, lengths = _from_begin(contexts)
        with blas.one_thread():
            return self.network.logprobs(Unroll(words, words, lengths))[0]

    def _walk(self, ids):
        """As LanguageModel's, but each word is read once."""
        state, words, network = None, _from_begin(np.array([ids], np.int32))[0], self.network
        while True:
            with blas.one_thread():
                logs, state = network.logprobs(Unroll(words, words, None), state)
            words = np.array([[(yield logs[0])]], np.int32)


def _fresh(carried, unroll):
    """The state to go on with: that carried, but zeros in rows that go on with <s>, so that this beginning, from which
    sentences are scored, is learnt too; None if there is none."""
    parts = tuple(np.where((unroll.words[0] == BOS)[:, None], 0, part).astype(part.dtype) for part in carried)
    return (parts if len(parts) > 1 else parts[0]) if parts else None


def _from_begin(contexts):
    """Contexts (B, n) as what is read, (T, B) int32 from one <s> on, and lengths (B,); </s> counts as <s>."""
    contexts = np.where(contexts == EOS, BOS, contexts)
    begins = np.cumprod(contexts == BOS, axis=1).sum(axis=1)
    steps = np.arange(contexts.shape[1] - begins.min() + 1)[:, None]
    padded = np.concatenate([np.full((len(contexts), 1), BOS), contexts], axis=1)
    words = padded[np.arange(len(contexts)), np.minimum(steps + begins, contexts.shape[1])]
    return words.astype(np.int32), contexts.shape[1] - begins + 1
