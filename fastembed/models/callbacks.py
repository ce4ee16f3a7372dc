"""Callback, EarlyStopping, and Callbacks: several as one; fastembed.callbacks says what they are."""

from ..errors import ParameterError

STOP = "stop"


class Callback:
    """Base class with every hook; each may return STOP."""

    def on_train_begin(self, model):
        """Before the first epoch."""

    def on_progress(self, model, progress):
        """About 20 times a second; progress: dict of epoch, words, total_words, words_per_second, loss, lr.

        The model may be asked, and trains meanwhile: to save it, give ``fit`` a checkpoint.
        """

    def on_epoch_end(self, model, record):
        """After each epoch, with its entry of ``model.history``."""

    def on_train_end(self, model):
        """After the last epoch."""


class EarlyStopping(Callback):
    """Stop when a figure has not become better for some epochs.

    Parameters
    ----------
    metric : callable(model) -> float, larger is better; None watches the training loss (smaller is better).
    patience : epochs without a new best that are allowed.
    min_delta : what counts as better.
    """

    def __init__(self, metric=None, *, patience=1, min_delta=0.0):
        if patience < 0 or min_delta < 0:
            raise ParameterError(f"patience={patience}, min_delta={min_delta}: neither may be negative")
        self.metric, self.patience, self.min_delta = metric, patience, min_delta
        self.on_train_begin(None)

    def on_train_begin(self, model):
        self.best, self.waited = -float("inf"), 0

    def on_epoch_end(self, model, record):
        if self.metric is None and record.get("loss") is None:  # a model that is counted has one epoch and no loss
            return None
        value = -record["loss"] if self.metric is None else self.metric(model)
        if value > self.best + self.min_delta:
            self.best, self.waited = value, 0
            return None
        self.waited += 1
        return STOP if self.waited > self.patience else None


HOOKS = [name for name in vars(Callback) if name.startswith("on_")]


class Callbacks:
    """Several callbacks as one."""

    def __init__(self, callbacks):
        callbacks = () if callbacks is None else callbacks
        single = callable(callbacks) or any(hasattr(callbacks, hook) for hook in HOOKS)
        self.callbacks = [callbacks] if single else list(callbacks)
        for callback in self.callbacks:
            if not callable(callback) and not any(hasattr(callback, hook) for hook in HOOKS):
                raise ParameterError(f"{callback!r} is no callback: it is not callable and has no on_... method")

    def call(self, hook, *arguments):
        """Call this hook of all; True if any asks to stop."""
        answers = []
        for callback in self.callbacks:
            method = getattr(callback, hook, None)
            if method is None and hook == "on_epoch_end" and callable(callback):
                method = callback
            if method is not None:
                answers.append(method(*arguments))
        return any(isinstance(answer, str) and answer == STOP for answer in answers)
