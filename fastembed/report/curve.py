"""A picture of how a training run went: loss, learning rate and speed, epoch by epoch."""

import math

from ..errors import NotFittedError
from .scene import FAINT, INK, PALETTE, Scene

WIDTH, HEIGHT = 900, 520


def training_curve(model, path):
    """Draw a fitted model's history and write it to ``path`` (.svg, or .png with the extra "plot").

    Parameters
    ----------
    model : a fitted model, or its ``history`` (a list of dicts with epoch, loss, lr, words_per_second).
    path : the file to write; the folder must exist.

    Returns the path. Raises NotFittedError if no epoch was trained.
    """
    history = model if isinstance(model, list) else getattr(model, "history", None)
    if not history:
        raise NotFittedError("there is no training history yet: call fit() first")
    scene = Scene(WIDTH, HEIGHT)
    name = "" if isinstance(model, list) else type(model).__name__ + ": "
    scene.text(28, 34, f"{name}{len(history)} epoch{'s' if len(history) > 1 else ''} of training", size=18, bold=True)
    _panel(scene, (70, 80, 560, 460), "loss", _series(history, "loss"), PALETTE[0])
    _panel(scene, (650, 80, 870, 225), "learning rate", _series(history, "lr"), PALETTE[1])
    _panel(scene, (650, 320, 870, 460), "words per second", _series(history, "words_per_second"), PALETTE[2])
    return scene.save(path)


def _series(history, key):
    """[(epoch, value)] of the epochs that have a finite value."""
    pairs = [(entry.get("epoch", i + 1), entry.get(key)) for i, entry in enumerate(history)]
    return [(float(x), float(y)) for x, y in pairs if y is not None and math.isfinite(y)]


def ticks(low, high, wanted=5):
    """Round numbers that cover low..high: at least two, about ``wanted``."""
    if high <= low:
        pad = abs(low) * 0.1 or 1.0
        low, high = low - pad, high + pad
    step = 10.0 ** math.floor(math.log10((high - low) / wanted))
    step *= next(m for m in (1, 2, 5, 10) if (high - low) / (step * m) <= wanted)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [n * step for n in range(first, last + 1)]


def short(value):
    """A number in few characters: 0.05, 4, 1.2M."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            return f"{value / (1e3 if unit == 'k' else limit):.4g}{unit}"
    return f"{round(value, 10):.4g}"


def _panel(scene, box, title, series, colour):
    """One chart inside box (left, top, right, bottom) of [(epoch, value)]."""
    left, top, right, bottom = box
    scene.text(left, top - 14, title, size=13, bold=True)
    if not series:
        scene.text((left + right) / 2, (top + bottom) / 2, "not recorded", colour=FAINT, anchor="middle")
        return
    values = ticks(min(y for _, y in series), max(y for _, y in series))
    first, last = series[0][0], series[-1][0]
    epochs = [e for e in ticks(first, last, 6) if first <= e <= last and e == int(e)] if last > first else [first]
    inset = 14

    def place(x, y):
        along = 0.5 if last == first else (x - first) / (last - first)
        height = (y - values[0]) / (values[-1] - values[0])
        return left + inset + along * (right - left - 2 * inset), bottom - height * (bottom - top)

    for value in values:
        y = place(first, value)[1]
        scene.line([(left, y), (right, y)], "#e4e7eb", 1)
        scene.text(left - 8, y + 4, short(value), size=11, anchor="end")
    for epoch in epochs:
        scene.text(place(epoch, values[0])[0], bottom + 18, short(epoch), size=11, anchor="middle")
    scene.text((left + right) / 2, bottom + 36, "epoch", size=11, colour=INK, anchor="middle")
    points = [place(x, y) for x, y in series]
    scene.line(points, colour, 2)
    for x, y in points if len(points) <= 40 else points[-1:]:
        scene.dot(x, y, 3.5, colour)
