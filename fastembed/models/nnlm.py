"""NNLM: the feed-forward neural language model (Bengio, Ducharme, Vincent and Jauvin 2003)."""

import json
from copy import copy
from dataclasses import replace

import numpy as np

from .. import blas
from ..errors import FormatError
from ..io import native
from ..nn.batches import Windows
from ..nn.feedforward import Network, Shape
from ..nn.optim import OPTIMIZERS
from ..nn.params import Params
from ..parallel import check_threads
from ..vectors import KeyedVectors
from .callbacks import Callbacks
from .language import BOS, EOS, LanguageModel, language_vocab, numbers_of
from .parameters import Choice, Real, Switch, Whole
from .progress import Progress
from .static import Trained
from .training import Checkpoint, Loop, Position, Schedule, fingerprint, place_of, position_of

SCORED = 512  # predictions that are scored at once


class Trainer:
    """What Loop wants: batches as chunks. Each step is shared among threads; the loop itself needs one."""

    threads = 1

    def __init__(self, model, windows, tokens):
        self.model, self.windows, self.chunks = model, windows, windows.batches
        self.tokens = tokens  # of an epoch

    def train(self, job, epoch, schedule, loss, predictions):
        """Batches until none is left; loss (chunks,) float64, predictions (chunks,) int64  # out"""
        lr, min_lr, before, total = schedule
        network, optimizing = self.model.network, self.model.optimizing
        with blas.one_thread():
            while (number := job.take()) >= 0:
                done = self.tokens * number // self.chunks
                rate = lr + (min_lr - lr) * (before + done) / total
                batch = self.windows.batch_at(number, (self.model.seed, epoch))
                losses = network.step(optimizing, batch, rate, (self.model.seed, epoch, number), self.model.clip)
                loss[number], predictions[number] = losses.sum(), len(losses)
                job.add(self.tokens * (number + 1) // self.chunks - done)


class NNLM(LanguageModel, Trained):
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

    fixed = ("context", "dim", "hidden", "direct", "output", "optimizer")

    def __init__(self, **parameters):
        super().__init__(**parameters)
        self._set_state(self._no_state())

    @property
    def wv(self):
        """The words' vectors as KeyedVectors (V, dim): a view, not a copy; NotFittedError before fit."""
        return KeyedVectors(self._fitted(self.vocab), self.params["embedding"])

    def fit(self, corpus, y=None, *, callbacks=(), verbose=1, resume=False, checkpoint=None, every=1):
        """Train on a corpus; returns self.

        Parameters
        ----------
        corpus : Corpus, or anything that Corpus takes.
        y : ignored; scikit-learn's pipelines pass it.
        callbacks : see fastembed.callbacks.
        verbose : 0 for silence; else a progress bar on a terminal, log lines of logger "fastembed" elsewhere.
        resume : go on instead of starting anew. A run that was stopped goes on where it was; a finished model trains
            `epochs` more on this corpus, whose new words are <unk>.
        checkpoint : folder to save the whole state to while training; with resume, a new model starts from it.
        every : how often, in epochs or as a time ("10m").

        ``history`` holds the mean loss of each epoch's predictions as they were trained: with dropout, and with
        output="sampled" of the estimate, which is no perplexity. Raises CorpusError if there is nothing to learn from,
        ParameterError for impossible parameters, TrainingError if numbers overflow. The model is then as it was before;
        if it was going on with a stopped run, it is as in the run's last checkpoint, or without one not fitted.
        """
        self.check_params()
        callbacks, checkpoint = Callbacks(callbacks), Checkpoint(checkpoint, every)
        encoded, how = self._read(corpus)
        mark = fingerprint(encoded)
        return self._train(
            lambda: self._begin(encoded, how, mark, resume),
            lambda: self._loop(encoded, callbacks, verbose, checkpoint),
            mark,
            resume,
            checkpoint,
        )

    def to_native(self):
        """The whole state as (tensors, texts): parameters, the optimiser's state, vocabulary, position, history."""
        tensors, meta = native.pack_vectors(self.wv)
        tensors |= self.params.tensors("params.") | self.optimizing.tensors()
        del tensors["params.embedding"]  # it is "vectors"
        tensors |= {"vocab.counts": self.vocab.counts, "loss": self.position.loss}
        tensors["predictions"] = self.position.predictions
        trained = copy(self)  # whose fixed parameters are those that the arrays have
        trained.__dict__.update(zip(self.fixed, self._shape, strict=True))
        return tensors, meta | trained._meta() | {"position": json.dumps(place_of(self.position))}

    @classmethod
    def from_native(cls, path, tensors, meta):
        """The model of a native file's arrays and texts; FormatError if they do not fit together."""
        model = cls()
        try:
            model._restore_meta(meta)
            position = position_of(json.loads(meta["position"]), tensors["loss"], tensors["predictions"])
            vocab = native.unpack_vocab(path, tensors)
            if len(vocab) < 4 or "vocab.counts" not in tensors:
                raise ValueError("a vocabulary without words or counts")
            tensors = tensors | {"params.embedding": tensors["vectors"]}
            params = Params.restored(Shape.of(model).arrays(len(vocab)), tensors, "params.")
            optimizing = OPTIMIZERS[model.optimizer](params)
            optimizing.restore(tensors)
        except FormatError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            raise FormatError(path, f"is no complete {cls.__name__}: {error}") from error
        model._set_state((vocab, params, optimizing, position, model.history, model._made_with(), model._text()))
        return model

    # -- state: (vocab, params, optimizing, position, history, values of the fixed parameters, (tokenizer, lowercase))

    def _state(self):
        return (
            self.vocab, self.params, self.optimizing, self.position, list(self.history), self._shape, self._text()
        )  # fmt: skip

    def _set_state(self, state):
        self.vocab, self.params, self.optimizing, self.position, self.history, self._shape, text = state
        self.tokenizer, self.lowercase = text
        self._network = None

    def _no_state(self):
        return None, None, None, Position(), [], self._made_with(), ("whitespace", False)

    def _text(self):
        return self.tokenizer, self.lowercase

    def _made_with(self):
        return tuple(getattr(self, name) for name in self.fixed)

    def _matrices(self):
        return (self.params.flat,)

    @property
    def network(self):
        """The Network over the parameters."""
        threads = check_threads(self.threads)
        if self._network is None or (self._network.threads, self._network.shape) != (threads, self._like()):
            self._network = Network(self.params, self._like(), target_counts(self.vocab), threads)
        return self._network

    def _like(self):
        """The Shape of the network: of the fixed parameters as trained, of the others as they are now."""
        return replace(Shape.of(self), **dict(zip(self.fixed[:-1], self._shape, strict=False)))

    # -- the beginning of a run

    def _begin(self, encoded, how, mark, resume):
        """New parameters for this corpus, or copies of the old ones to go on with."""
        if resume and self.vocab is not None:
            vocab, history, text = self.vocab, list(self.history), self._text()
            params, optimizing = self._copied()
        else:
            vocab = language_vocab(encoded.vocab, len(encoded.offsets) - 1, self.min_count, self.max_vocab)
            history, text = [], (how["tokenizer"], how["lowercase"])
            params = Shape.of(self).begin(target_counts(vocab), (self.seed, 0))
            optimizing = OPTIMIZERS[self.optimizer](params)
        self._set_state((vocab, params, optimizing, Position(corpus=mark), history, self._made_with(), text))

    def _copied(self):
        params = Params(self.params.shapes)
        params.flat[:] = self.params.flat
        optimizing = OPTIMIZERS[self.optimizer](params)
        optimizing.restore(self.optimizing.tensors())
        return params, optimizing

    def _loop(self, encoded, callbacks, verbose, checkpoint):
        """Everything that a run needs, put together."""
        lr = float(self.lr)
        min_lr = lr / 100 if self.min_lr is None else float(self.min_lr)
        ids = numbers_of(self.vocab, encoded.vocab)[encoded.ids]
        windows = self._windows(ids, encoded.offsets, self.batch)
        schedule = Schedule(lr, min_lr, int(self.epochs), len(ids))
        self.position.chunk_tokens = self.position.chunk_tokens or -(-len(ids) // windows.batches)
        self.optimizing.threads = check_threads(self.threads)
        progress = Progress("NNLM", schedule.epochs * len(ids), self.position.epoch * len(ids), verbose)
        return Loop(self, Trainer(self, windows, len(ids)), schedule, callbacks, progress, checkpoint)

    def _windows(self, ids, offsets, batch):
        return Windows(ids, offsets, self._like().context, begin=BOS, end=EOS, batch=batch)

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


def target_counts(vocab):
    """How often each word (V,) is what is predicted: <s> never, any other at least once."""
    counts = np.maximum(vocab.counts, 1)
    counts[BOS] = 0
    return counts
