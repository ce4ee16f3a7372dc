"""NeuralLanguageModel: what language models that are networks share. How they train, go on and are saved."""

import json
from copy import copy
from dataclasses import replace

import numpy as np

from .. import blas
from ..errors import FormatError
from ..io import native
from ..nn.optim import OPTIMIZERS
from ..nn.params import Params
from ..parallel import check_threads
from ..vectors import KeyedVectors
from .language import BOS, LanguageModel, language_vocab, numbers_of
from .static import Trained
from .training import Loop, Position, Schedule, place_of, position_of


class Trainer:
    """What Loop wants: batches as chunks. Each step is shared among threads; the loop itself needs one.

    Parameters
    ----------
    step : callable(number of the batch, learning rate, epoch) -> losses of its predictions; None if it was left out.
    batches, tokens : of an epoch.
    """

    threads = 1

    def __init__(self, step, batches, tokens):
        self.step, self.chunks, self.tokens = step, batches, tokens

    def train(self, job, epoch, schedule, loss, predictions):
        """Batches until none is left; loss (chunks,) float64, predictions (chunks,) int64  # out"""
        lr, min_lr, before, total = schedule
        with blas.one_thread():
            while (number := job.take()) >= 0:
                done = self.tokens * number // self.chunks
                losses = self.step(number, lr + (min_lr - lr) * (before + done) / total, epoch)
                if losses is not None:
                    loss[number], predictions[number] = losses.sum(), len(losses)
                job.add(self.tokens * (number + 1) // self.chunks - done)


class NeuralLanguageModel(LanguageModel, Trained):
    """Base of the language models that are networks.

    A subclass sets ``Shape`` and ``Network`` (fastembed.nn) and ``fixed``, parameters that cannot change when training
    goes on, the last of which is the optimizer; it writes

    * ``_batches(ids, offsets)``: an object with ``batches``, how many there are in an epoch;
    * ``_step(batches, number, rate, epoch)``: train on one, as Trainer's ``step``;
    * ``_logprobs`` and ``_next`` of LanguageModel.
    """

    Shape = Network = None

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
        return self._fit_text(corpus, callbacks, verbose, resume, checkpoint, every)

    def to_native(self):
        """The whole state as (tensors, texts): parameters, the optimiser's state, vocabulary, position, history."""
        tensors, meta = native.pack_vectors(self.wv)
        tensors |= self.params.tensors("params.") | self.optimizing.tensors()
        del tensors["params.embedding"]  # it is "vectors"
        tensors |= {"vocab.counts": self.vocab.counts, "loss": self.position.loss}
        tensors["predictions"] = self.position.predictions
        tensors |= {f"carried.{number}": array for number, array in enumerate(self.position.carried)}
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
            position.carried = carried_of(tensors)
            vocab = native.unpack_vocab(path, tensors)
            if len(vocab) < 4 or "vocab.counts" not in tensors:
                raise ValueError("a vocabulary without words or counts")
            tensors = tensors | {"params.embedding": tensors["vectors"]}
            params = Params.restored(cls.Shape.of(model).arrays(len(vocab)), tensors, "params.")
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

    def _matrices(self):
        return (self.params.flat,)

    @property
    def network(self):
        """The Network over the parameters."""
        threads = check_threads(self.threads)
        if self._network is None or (self._network.threads, self._network.shape) != (threads, self._like()):
            self._network = self.Network(self.params, self._like(), target_counts(self.vocab), threads)
        return self._network

    def _like(self):
        """The Shape of the network: of the fixed parameters as trained, of the others as they are now."""
        return replace(self.Shape.of(self), **dict(zip(self.fixed[:-1], self._shape, strict=False)))

    # -- the beginning of a run

    def _begin(self, encoded, how, mark, resume):
        """New parameters for this corpus, or copies of the old ones to go on with."""
        if resume and self.vocab is not None:
            vocab, history, text = self.vocab, list(self.history), self._text()
            params, optimizing = self._copied()
        else:
            vocab = language_vocab(encoded.vocab, len(encoded.offsets) - 1, self.min_count, self.max_vocab)
            history, text = [], (how["tokenizer"], how["lowercase"])
            params = self.Shape.of(self).begin(target_counts(vocab), (self.seed, 0))
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
        ids = numbers_of(self.vocab, encoded.vocab)[encoded.ids]
        found = self._batches(ids, encoded.offsets)
        schedule = self._schedule(*self._rates(float(self.lr) / 100), len(ids))
        self.position.chunk_tokens = self.position.chunk_tokens or -(-len(ids) // found.batches)
        self.optimizing.threads = check_threads(self.threads)
        trainer = Trainer(lambda *which: self._step(found, *which), found.batches, len(ids))
        return Loop(self, trainer, schedule, callbacks, checkpoint, verbose)

    def _schedule(self, lr, min_lr, tokens):
        return Schedule(lr, min_lr, int(self.epochs), tokens)


def carried_of(tensors):
    """Position's ``carried`` of a file; ValueError if it makes no sense."""
    found = []
    while f"carried.{len(found)}" in tensors:
        array = tensors[f"carried.{len(found)}"]
        if array.ndim != 3 or array.dtype != np.float32 or not np.isfinite(array).all():
            raise ValueError("states to go on with that are no numbers")
        found.append(np.array(array))
    return tuple(found)


def target_counts(vocab):
    """How often each word (V,) is what is predicted: <s> never, any other at least once."""
    counts = np.maximum(vocab.counts, 1)
    counts[BOS] = 0
    return counts
