"""The loop around training: epochs, progress, callbacks, checkpoints, stopping, and where a run stands.

The work itself is a trainer's (fastembed._core): it has ``chunks`` and ``train(job, epoch, schedule, loss,
predictions)``, which every thread calls once a run; one that has ``threads`` of 1 shares each of its steps among
threads itself; one that has ``figures()`` adds them to an epoch's record. A run may stop between any two chunks and go
on later; with one thread the result is then the same as without the stop, bit for bit.
"""

import os
import re
import time
import zlib
from dataclasses import dataclass, field

import numpy as np

from .. import parallel
from .._core.job import Job
from ..errors import CorpusError, ParameterError, TrainingError
from ..io.atomic import sweep
from .progress import LOG, Progress


@dataclass
class Position:
    """How far a run has come in its corpus."""

    corpus: str = ""  # fingerprint of the corpus
    epoch: int = 0  # epochs finished
    chunk: int = 0  # chunks finished of the epoch under way
    seconds: float = 0.0  # spent in the epoch under way
    chunk_tokens: int = 0  # tokens of a chunk in the epoch under way
    loss: np.ndarray = field(default_factory=lambda: np.zeros(0))  # (chunks,) sums of -log p
    predictions: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))  # (chunks,)
    carried: tuple = ()  # arrays (_, rows, units): states that the next chunk begins with

    def begin_epoch(self, chunks):
        """Forget the last epoch's figures, unless this one is under way; CorpusError if it is one of another corpus."""
        if self.chunk == 0:
            self.seconds, self.loss, self.predictions = 0.0, np.zeros(chunks), np.zeros(chunks, np.int64)
        if len(self.loss) != chunks:
            raise CorpusError(f"the run to go on with has {len(self.loss)} chunks and this corpus has {chunks}")

    def mean_loss(self):
        """Mean -log p of a prediction so far in this epoch."""
        return float(self.loss.sum() / max(1, self.predictions.sum()))


ABSURD = 1000  # of -log p: what has been learnt is worth less than nothing
PLACE = {"corpus": str, "epoch": int, "chunk": int, "seconds": float, "chunk_tokens": int}


def place_of(position):
    """The numbers of a Position, for a file's metadata."""
    return {name: kind(getattr(position, name)) for name, kind in PLACE.items()}


def position_of(place, loss, predictions):
    """The Position of place_of's dict and two arrays; ValueError if they make no sense."""
    if set(place) != set(PLACE) or any(type(place[name]) is not kind for name, kind in PLACE.items()):
        raise ValueError("a position with other entries than it should have")
    if min(place["epoch"], place["chunk"], place["seconds"], place["chunk_tokens"]) < 0:
        raise ValueError("a position with a negative number")
    if loss.ndim != 1 or loss.dtype != np.float64 or predictions.shape != loss.shape or predictions.dtype != np.int64:
        raise ValueError("losses of another type or length than predictions")
    if place["chunk"] > len(loss) or (place["chunk"] and not place["chunk_tokens"]):
        raise ValueError("a position behind the last chunk")
    return Position(**place, loss=np.array(loss), predictions=np.array(predictions))


def fingerprint(encoded):
    """A short text that differs for corpora that differ, but for rare changes that keep all counts and sizes."""
    ids = np.ascontiguousarray(encoded.ids[:: max(1, len(encoded.ids) // 65536)])
    marks = (zlib.crc32(array) for array in (encoded.vocab.blob, encoded.offsets[-65536:], ids))
    return "-".join(map(str, (len(encoded.ids), len(encoded.offsets) - 1, *marks)))


def fingerprint_of(numbers):
    """A short text that differs for arrays of numbers that differ."""
    return zlib.crc32(np.ascontiguousarray(numbers))


class Checkpoint:
    """Saves a model now and then while it trains.

    Parameters
    ----------
    folder : where ``checkpoint.fe`` is kept; made if it is missing. None never saves.
    every : epochs (a whole number) or time ("30s", "10m", "2h") between saves; the end of training always saves.
    """

    UNITS = {"s": 1, "m": 60, "h": 3600}

    def __init__(self, folder, every=1):
        self.path = None if folder is None else os.path.join(os.fspath(folder), "checkpoint.fe")
        text = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", every) if isinstance(every, str) else None
        self.seconds = float(text[1]) * self.UNITS[text[2]] if text else None
        self.epochs = None if text else every
        whole = hasattr(every, "__index__") and not isinstance(every, bool) and every >= 1
        if not (self.seconds or (text is None and whole)):
            raise ParameterError(f'every={every!r}: give a number of epochs from 1, or a time such as "30s" or "10m"')
        if self.path is not None:
            try:
                os.makedirs(os.path.dirname(self.path), exist_ok=True)
            except OSError as error:
                raise ParameterError(f"checkpoint={str(folder)!r}: no such folder can be made ({error})") from error
        self.saved = time.monotonic()
        self.ours = False  # whether the file there is of this run

    def exists(self):
        """Whether there is one to resume from."""
        return self.path is not None and os.path.exists(self.path)

    def due(self):
        """Whether it is time to save in the middle of an epoch."""
        return self.path is not None and self.seconds is not None and time.monotonic() - self.saved > self.seconds

    def epoch_due(self, epoch):
        """Whether to save after this many epochs."""
        return self.path is not None and (self.due() or bool(self.epochs and epoch % self.epochs == 0))

    def save(self, model):
        """Save now; TrainingError if the model holds NaN, and the last checkpoint stays.

        A disk that is full is no reason to lose what is being learnt: training goes on with a warning.
        """
        if self.path is None:
            return
        model.check_finite()
        self.saved = time.monotonic()
        sweep(os.path.dirname(self.path))
        try:
            model.save(self.path)
            self.ours = True
        except OSError as error:
            LOG.warning("no checkpoint was saved to %s (%s); training goes on", self.path, error)


@dataclass
class Schedule:
    """Learning rate: linear in the number of tokens seen, from lr to min_lr at the end of the last epoch."""

    lr: float
    min_lr: float
    epochs: int
    tokens: int  # of an epoch: the trainer's unit of work
    words: int | None = None  # of the text in an epoch, if tokens are something else
    unit: str = "words"  # what tokens are

    def at(self, tokens):
        """The learning rate after so many tokens."""
        return self.lr + (self.min_lr - self.lr) * tokens / (self.epochs * self.tokens)

    def of_epoch(self, epoch):
        """What a trainer wants to know: (lr, min_lr, tokens before this epoch, tokens in all)."""
        return self.lr, self.min_lr, epoch * self.tokens, self.epochs * self.tokens


@dataclass
class Stepwise(Schedule):
    """Learning rate: lr in the first ``after`` epochs, then ``decay`` times that of the epoch before."""

    decay: float = 1.0
    after: int = 1

    def at(self, tokens):
        """The learning rate after so many tokens."""
        return self.of_epoch(int(min(tokens / self.tokens, self.epochs - 1)))[0]

    def of_epoch(self, epoch):
        """(lr, lr, 0, 1): it stays the same throughout an epoch."""
        lr = self.lr * self.decay ** max(0, epoch + 1 - self.after)
        return lr, lr, 0, 1


class Loop:
    """Trains a model from its position to the end of its last epoch.

    Parameters
    ----------
    model : has ``threads``, ``history``, ``position`` and ``check_finite()``.
    trainer : see above.
    schedule : Schedule
    callbacks : Callbacks; checkpoint : Checkpoint
    verbose : whether to show the progress.
    """

    def __init__(self, model, trainer, schedule, callbacks, checkpoint, verbose):
        self.model, self.trainer, self.schedule = model, trainer, schedule
        self.callbacks, self.checkpoint, self.verbose = callbacks, checkpoint, verbose
        self.position, self.progress = model.position, None
        self.wants_stop = False

    def run(self):
        """Train. Whatever is raised (Ctrl-C too), the model stands at a chunk's border and can go on from there."""
        total, unit = self.schedule.epochs * self.schedule.tokens, self.schedule.unit
        self.progress = Progress(type(self.model).__name__, total, self.done(), self.verbose, unit)
        try:
            self.wants_stop = self.callbacks.call("on_train_begin", self.model)
            while self.position.epoch < self.schedule.epochs and not self.wants_stop:
                self.epoch()
            self.checkpoint.save(self.model)  # first: a callback may fail
            self.callbacks.call("on_train_end", self.model)
        finally:
            self.progress.close()

    def done(self, more=0):
        """Tokens that are done: of finished epochs, of the position's chunks, and ``more`` of this epoch."""
        tokens, chunks = self.schedule.tokens, self.trainer.chunks
        begun = self.position.chunk and int(tokens * self.position.chunk / chunks)
        return self.position.epoch * tokens + min(tokens, begun + more)

    def epoch(self):
        """Finish the epoch under way, or stop in it if a callback asks to."""
        position = self.position
        position.begin_epoch(self.trainer.chunks)
        while position.chunk < self.trainer.chunks and not self.wants_stop:
            self.chunks()
            if self.checkpoint.due():
                self.checkpoint.save(self.model)
        if position.chunk == self.trainer.chunks:
            self.finish_epoch()

    def chunks(self):
        """Train until the epoch ends, a callback asks to stop or a checkpoint is due."""
        position, job = self.position, Job(self.trainer.chunks, self.position.chunk)
        epoch_schedule = self.schedule.of_epoch(position.epoch)
        started = time.perf_counter()
        before = position.seconds

        def work(job, _):
            self.trainer.train(job, len(self.model.history), epoch_schedule, position.loss, position.predictions)

        try:
            parallel.run(work, job, getattr(self.trainer, "threads", self.model.threads), self.report)
        finally:
            position.chunk = job.next
            position.seconds = before + time.perf_counter() - started
        self.check_loss()

    def report(self, job):
        """Tell the progress bar and the callbacks; runs in the main thread while the workers work."""
        position, schedule, words = self.position, self.schedule, self.done(job.done)
        facts = {
            "epoch": position.epoch + 1,
            "words": words,
            "total_words": schedule.epochs * schedule.tokens,
            "words_per_second": self.progress.rate(words),
            "loss": position.mean_loss(),
            "lr": schedule.at(words),
        }
        self.progress.update(facts)
        if not self.wants_stop:  # else the workers are finishing their chunks
            self.wants_stop = self.callbacks.call("on_progress", self.model, facts)
        if self.wants_stop or self.checkpoint.due():
            job.stop()

    def finish_epoch(self):
        """Write the epoch into the history and tell everybody."""
        position = self.position
        if not position.predictions.any() and position.epoch == 0:
            raise CorpusError(
                "nothing to learn: no word of the vocabulary has another one beside it in its sentence, or subsampling "
                "(sample) has dropped them all"
            )
        self.model.check_finite()
        position.epoch, position.chunk = position.epoch + 1, 0
        record = {
            "epoch": len(self.model.history) + 1,
            "loss": position.mean_loss(),
            "words_per_second": (self.schedule.words or self.schedule.tokens) / max(position.seconds, 1e-9),
            "lr": self.schedule.at(position.epoch * self.schedule.tokens),
            "seconds": position.seconds,
        }
        record |= getattr(self.trainer, "figures", dict)()
        if record["loss"] is not None and record["loss"] > ABSURD:
            LOG.warning("the mean loss is %.3g, far from any model of words: use a smaller lr", record["loss"])
        self.model.history.append(record)
        self.progress.epoch(record)
        self.wants_stop |= self.callbacks.call("on_epoch_end", self.model, record)
        if self.checkpoint.epoch_due(position.epoch):
            self.checkpoint.save(self.model)

    def check_loss(self):
        """Raise TrainingError if numbers have overflowed."""
        position, schedule = self.position, self.schedule
        bad = np.flatnonzero(~np.isfinite(position.loss))
        if len(bad):
            token = position.epoch * schedule.tokens + int(bad[0] * schedule.tokens / self.trainer.chunks)
            raise TrainingError(
                f"the loss became {position.loss[bad[0]]} near token {token:,} (epoch {position.epoch + 1}) at "
                f"learning rate {schedule.at(token):.3g}: numbers overflowed; use a smaller lr"
            )
