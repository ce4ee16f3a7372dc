"""What models of single words share: vocabularies to learn from, and how training starts, goes on and recovers."""

import contextlib

import numpy as np

from ..corpus import Corpus
from ..errors import CorpusError, FastembedError, FormatError, ParameterError, TrainingError
from ..io import native
from ..vocab import Vocab
from .base import Estimator
from .callbacks import Callbacks
from .training import Checkpoint, fingerprint


def check_vocab(types, vocab, min_count):
    """CorpusError if nothing can be learned from the words that pruning left of a corpus's types."""
    if len(types) == 1:
        raise CorpusError(f"nothing to learn from one word: {types.words[0]!r} is all that the corpus holds")
    if len(vocab) < 2:
        raise CorpusError(
            f"min_count={min_count} leaves {len(vocab)} of {len(types)} words and at least 2 are needed; "
            f"the most frequent, {types.words[0]!r}, occurs {types.counts[0]} times"
        )


def merged(vocab, more, most=None):
    """The Vocab with the words of both, counts summed, and where each word of ``vocab``, then each new one, goes.

    most : how many words there may be in all; no word of ``vocab`` goes.
    """
    new = [word for word in more.words if word not in vocab.index]
    new = new if most is None else new[: max(0, most - len(vocab))]
    words = vocab.words + new
    counts = np.concatenate([vocab.counts, np.zeros(len(new), np.int64)])
    index = vocab.index | {word: len(vocab) + i for i, word in enumerate(new)}
    kept = [k for k, word in enumerate(more.words) if word in index]
    np.add.at(counts, [index[more.words[k]] for k in kept], more.counts[kept])
    order = sorted(range(len(words)), key=lambda i: (-counts[i], words[i].encode("utf-8", "replace")))
    return Vocab([words[i] for i in order], counts[order]), np.argsort(order)


class Trained(Estimator):
    """A model that is trained in epochs and can go on.

    Subclasses have ``_state()``, ``_set_state(state)``, ``_no_state()``, ``position``, ``vocab`` (None before fit) and
    ``_shape``, the values of the ``fixed`` parameters as trained.
    """

    fixed = ("dim",)  # parameters that cannot change when training goes on

    def check_params(self):
        """Raise ParameterError if an attribute was set to what its parameter does not allow, or the rate would rise."""
        super().check_params()
        min_lr = getattr(self, "min_lr", None)
        if min_lr is not None and min_lr > self.lr:
            raise ParameterError(f"min_lr={min_lr:g} is above lr={self.lr:g}: the rate falls from lr to min_lr")

    def _rates(self, least):
        """Learning rates at the beginning and the end of a run, (lr, min_lr); ``least``: what min_lr=None means."""
        return float(self.lr), least if self.min_lr is None else float(self.min_lr)

    def _fit_text(self, corpus, callbacks, verbose, resume, checkpoint, every, **start):
        """``fit`` of the models that have ``_begin`` and ``_loop`` for the text that they ``_read``.

        start : what else ``_begin`` takes.
        """
        self.check_params()
        callbacks, checkpoint = Callbacks(callbacks), Checkpoint(checkpoint, every)
        encoded, how = self._read(corpus, resume)
        mark = fingerprint(encoded)
        return self._train(
            lambda: self._begin(encoded, how, mark, resume, **start),
            lambda: self._loop(encoded, callbacks, verbose, checkpoint),
            mark,
            resume,
            checkpoint,
        )

    def _read(self, corpus, resume):
        """What ``fit`` was given: (Encoded, whatever else ``_begin`` wants to know of it)."""
        return (corpus if isinstance(corpus, Corpus) else Corpus(corpus, threads=self.threads)).encode(), None

    def _train(self, begin, make_loop, mark, resume, checkpoint):
        """Run a Loop, anew or from where the model or its checkpoint stands; returns self.

        Parameters
        ----------
        begin : callable that gives the model the state in which training starts, unless a stopped run goes on.
        make_loop : callable that returns the Loop.
        mark : fingerprint of what is trained on.
        """
        opened = resume and self._open_checkpoint(checkpoint)
        if opened and self.position.corpus == mark and self.position.epoch >= self.epochs:
            return self  # that run was complete
        before = self._state()
        in_place = resume and self.position.corpus == mark and self.position.epoch < self.epochs
        try:
            if not in_place:
                begin()
            loop = make_loop()
        except BaseException:
            self._set_state(before)
            raise
        try:
            loop.run()
        except (TrainingError, CorpusError):
            self._recover(before, in_place, checkpoint)
            raise
        return self

    def _made_with(self):
        """The values of the fixed parameters as they are now."""
        return tuple(getattr(self, name) for name in self.fixed)

    def _open_checkpoint(self, checkpoint):
        """What resuming starts from: a model without a state takes the checkpoint's; whether it did."""
        opened = self.vocab is None and checkpoint.exists()
        if opened:
            self._set_state(self._read_state(checkpoint.path))
            checkpoint.ours = True
        if self.vocab is not None and self._shape != self._made_with():
            trained = ", ".join(f"{name}={value}" for name, value in zip(self.fixed, self._shape, strict=True))
            raise ParameterError(f"the model was trained with {trained}, which cannot change when training goes on")
        return opened

    def _recover(self, before, in_place, checkpoint):
        """After a failed run: the last checkpoint of this run, or the state before it if that was not trained over."""
        self._set_state(self._no_state() if in_place else before)
        if checkpoint.ours:
            with contextlib.suppress(FastembedError, OSError):
                self._set_state(self._read_state(checkpoint.path))

    def _read_state(self, path):
        """The state of a model file of this class and with these parameters."""
        tensors, meta = native.read(path)
        if meta.get("class") != type(self).__name__:
            raise FormatError(path, f"holds a {meta.get('class')}, not a {type(self).__name__}")
        native.check_version(path, meta)
        saved = type(self).from_native(path, tensors, meta)
        free = ("threads", "epochs")  # what may change between the parts of a run
        changed = [k for k, v in saved.get_params().items() if k not in free and getattr(self, k) != v]
        if changed:
            said = ", ".join(f"{k}={getattr(saved, k)!r}" for k in changed)
            raise ParameterError(f"the checkpoint {path} was made with {said}; this model has other values")
        return saved._state()

    def __getstate__(self):
        """For copies and other processes: what is made again when it is needed stays behind."""
        return vars(self) | {name: None for name in ("_network", "_reading") if name in vars(self)}

    def check_finite(self):
        """Raise TrainingError if a vector holds NaN or infinity."""
        for rows in self._matrices():
            for start in range(0, len(rows), 4096):
                if not np.isfinite(rows[start : start + 4096]).all():
                    epoch = self.position.epoch + 1
                    raise TrainingError(
                        f"vectors hold NaN or infinity after epoch {epoch}: use a smaller lr ({self.lr:g})"
                    )
