"""How a padded batch of sequences is computed: without its padding, shared out among threads, in either direction."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..errors import ParameterError


@dataclass(frozen=True)
class Share:
    """Some sequences of a batch of B, sorted by length, the longest first; its rows are their N tokens, time step after
    time step.

    lanes : (b,) which sequences of the batch
    places : (N,) int64, row t B + b of the batch for each row
    pieces : (_, 4) int64, the plan (see fastembed._core.recurrent)
    first : the row of the states that belongs to row 0
    initial : the row of the states where the b initial ones begin
    final : (b,) rows of the states where each sequence ends
    whole : whether the rows are those of the batch, in order
    chained : whether the states that the rows start from lie in order
    """

    lanes: np.ndarray
    places: np.ndarray
    pieces: np.ndarray
    first: int
    initial: int
    final: np.ndarray
    whole: bool
    chained: bool


def check_lengths(lengths, steps, batch):
    """``lengths`` (B,) as bytes of int64, None where all have as many steps; or ParameterError."""
    if lengths is None:
        return None
    array = np.asarray(lengths)
    if array.shape != (batch,) or array.dtype.kind not in "iu":
        raise ParameterError(f"lengths should be {batch} whole numbers, one for each sequence, and is {lengths!r:.80}")
    wrong = np.flatnonzero((array < 0) | (array > steps))
    if len(wrong):
        raise ParameterError(f"lengths[{wrong[0]}] is {array[wrong[0]]}: it must be from 0 to the {steps} steps of x")
    return None if (array == steps).all() else array.astype(np.int64).tobytes()


@lru_cache(maxsize=64)
def shares(steps, batch, lengths, count, reverse):
    """The batch in ``count`` shares of nearly equal work; ``lengths`` as check_lengths gives them."""
    array = np.full(batch, steps) if lengths is None else np.frombuffer(lengths, np.int64)
    order = np.argsort(-array, kind="stable")
    parts = np.array_split(order, count) if lengths is None else [order[k::count] for k in range(count)]
    return [_share(array[lanes], lanes, batch, reverse) for lanes in parts if array[lanes].any()]


def _share(lengths, lanes, batch, reverse):
    """lengths (b,), falling; lanes (b,)"""
    alive = np.arange(lengths[0])[:, None] < lengths  # (T, b)
    sizes = alive.sum(1)
    offsets = np.cumsum(sizes) - sizes
    step, lane = np.nonzero(alive)
    places, rows, count = step * batch + lanes[lane], len(step), len(lanes)
    ends = np.maximum(lengths - 1, 0)
    if reverse:
        pieces, first, initial = _backwards(sizes, offsets, rows), 0, rows
        final = np.arange(count)
    else:
        before = np.concatenate([[0], offsets[:-1] + count])
        pieces, first, initial = np.stack([offsets, before, np.zeros_like(sizes), sizes], 1), count, 0
        final = count + offsets[ends] + np.arange(count)
    final = np.where(lengths > 0, final, initial + np.arange(count))
    return Share(
        lanes, places, np.ascontiguousarray(pieces), first, initial, final,
        whole=rows == len(lanes) * len(sizes) and np.array_equal(lanes, np.arange(batch)),
        chained=bool((np.diff(pieces[:, 1] - pieces[:, 0]) == 0).all()),
    )  # fmt: skip


def _backwards(sizes, offsets, rows):
    """Pieces from the last step to the first: sequences that go on, then those that begin there."""
    pieces = []
    for t in range(len(sizes) - 1, -1, -1):
        going = sizes[t + 1] if t + 1 < len(sizes) else 0
        if going:
            pieces.append((offsets[t], offsets[t + 1], 0, going))
        if sizes[t] > going:
            pieces.append((offsets[t] + going, rows + going, going, sizes[t] - going))
    return np.array(pieces, np.int64)
