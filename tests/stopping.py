"""Runs that end in their middle, and what has to hold when they go on."""

import contextlib

import numpy as np

import fastembed as fe
from fastembed import parallel


class StopAt(fe.callbacks.Callback):
    """Stop, or raise, once so many words are done."""

    def __init__(self, words, error=None):
        self.words, self.error = words, error

    def on_progress(self, model, progress):
        if progress["words"] >= self.words:
            if self.error:
                raise self.error
            return fe.callbacks.STOP
        return None


def state(one):
    """All numbers with which a language model goes on: parameters, the optimiser's slots, carried states."""
    slots, carried = one.optimizing.slots.values(), getattr(one.position, "carried", None) or ()
    return np.concatenate([one.params.flat, *(s.flat for s in slots), *(a.ravel() for a in carried)])


def assert_goes_on_exactly(make, text, at, error, folder, monkeypatch, look=lambda one: None):
    """A model of ``make()``, stopped by ``error`` (None: STOP) at so many words each time, saved, loaded and gone on
    with, ends as one that was never stopped."""
    monkeypatch.setattr(parallel, "POLL_SECONDS", 1e-4)
    whole, parts, stops = make().fit(text, verbose=0), make(), set()
    for words in at:
        with contextlib.suppress(KeyboardInterrupt):
            parts.fit(text, verbose=0, resume=True, callbacks=[StopAt(words, error)])
        look(parts)
        parts.save(folder / "m.fe")
        parts = fe.load(folder / "m.fe")
        stops.add((parts.position.epoch, parts.position.chunk))
    assert any(chunk for _, chunk in stops), "no stop fell into an epoch"
    assert parts.position.epoch < parts.epochs, "every stop fell behind the end"
    parts.fit(text, verbose=0, resume=True)
    assert (state(parts) == state(whole)).all()
    losses = [{name: number for name, number in record.items() if "loss" in name} for record in whole.history]
    assert [{name: record[name] for name in loss} for loss, record in zip(losses, parts.history, strict=True)] == losses


def assert_starts_from_a_checkpoint(make, text, folder):
    """A new model of ``make()`` takes over where another's checkpoint of the second epoch of three was left."""
    whole = make().fit(text, verbose=0)
    stop = lambda _, record: fe.callbacks.STOP if record["epoch"] == 2 else None  # noqa: E731
    make().fit(text, verbose=0, checkpoint=folder, callbacks=stop)
    second = make().fit(text, verbose=0, checkpoint=folder, resume=True)
    assert (state(second) == state(whole)).all() and len(second.history) == 3
