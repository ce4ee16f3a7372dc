"""Batches for a masked language model: a text in sequences, some of whose pieces are hidden (Devlin et al. 2019).

Letters: N tokens of a batch, S sequences, M hidden tokens, V pieces.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Batch:
    """ids (N,) int32 as the network sees them; offsets (S + 1,) int64: sequence s is ids[offsets[s]:offsets[s + 1]];
    segments (N,) int32; places (M,) int64 of the hidden tokens, rising, and what they are, targets (M,) int32;
    random (S,) int32: 1 where the second part of a sequence is not the one that follows, or None without parts.
    """

    ids: np.ndarray
    offsets: np.ndarray
    segments: np.ndarray
    places: np.ndarray
    targets: np.ndarray
    random: np.ndarray | None = None


class Sequences:
    """A text in sequences: whole sentences, as many as there is room for, or one by one; a longer one is cut.

    Parameters
    ----------
    ids, offsets : sentence s is ids[offsets[s]:offsets[s + 1]].
    room : pieces of a sequence, at most.
    pack : whether a sequence has several sentences.

    Attributes
    ----------
    bounds : (R + 1,) int64; sequence r is ids[bounds[r]:bounds[r + 1]].

    >>> Sequences(np.arange(9), np.int64([0, 2, 3, 9]), room=4).bounds.tolist()
    [0, 3, 7, 9]
    """

    def __init__(self, ids, offsets, room, pack=True):
        self.ids, self.offsets = ids, offsets
        bounds, at, end = [0], 0, len(ids)
        while at < end:
            last = int(offsets[np.searchsorted(offsets, at + room, "right") - 1])
            if last <= at or not pack:
                last = int(min(at + room, offsets[np.searchsorted(offsets, at, "right")]))
            at = last
            bounds.append(at)
        self.bounds = np.array(bounds, np.int64)

    def __len__(self):
        return len(self.bounds) - 1

    def at(self, number):
        """The pieces of a sequence."""
        return self.ids[self.bounds[number] : self.bounds[number + 1]]

    def halves(self, number, random):
        """The pieces of a sequence in two parts, between two sentences if it has more than one."""
        first, last = self.bounds[number], self.bounds[number + 1]
        inner = self.offsets[np.searchsorted(self.offsets, first, "right") : np.searchsorted(self.offsets, last)]
        middle = inner[random.integers(len(inner))] if len(inner) else (first + last) // 2
        return self.ids[first:middle], self.ids[middle:last]


@dataclass(frozen=True)
class Masking:
    """How batches are made.

    cls, sep, mask : ids of the tokens that begin and end sequences, and that hide.
    ordinary : ids (n,) int32 of the pieces that are no special tokens: only they are hidden and take others' places.
    inside : bool (V,), whether a piece goes on a word.
    room : tokens of a sequence, at most.
    share : of the pieces that are hidden: 80 % of them by ``mask``, 10 % by any piece, 10 % by themselves.
    words : hide whole words. pairs : make sequences of two parts, half of them with a second part from elsewhere.
    """

    cls: int
    sep: int
    mask: int
    ordinary: np.ndarray
    inside: np.ndarray
    room: int
    share: float = 0.15
    words: bool = False
    pairs: bool = False

    def batch(self, sequences, numbers, random):
        """The Batch of these sequences; ``random`` (a numpy Generator) draws everything."""
        parts = [self._parts(sequences, number, random) for number in numbers]
        rows = [
            np.concatenate([[self.cls], first, [self.sep], *([second, [self.sep]] if self.pairs else [])])
            for first, second, _ in parts
        ]
        ids = np.concatenate(rows).astype(np.int32)
        offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
        segments = np.zeros(len(ids), np.int32)
        if self.pairs:
            for start, end, (first, _, _) in zip(offsets[:-1], offsets[1:], parts, strict=True):
                segments[start + len(first) + 2 : end] = 1
        places = self.chosen(ids, offsets, random)
        targets = ids[places].copy()
        draw = random.random(len(places))
        others = self.ordinary[random.integers(len(self.ordinary), size=len(places))]
        ids[places] = np.where(draw < 0.8, self.mask, np.where(draw < 0.9, others, targets))
        labels = np.array([strange for _, _, strange in parts], np.int32) if self.pairs else None
        return Batch(ids, offsets, segments, places, targets, labels)

    def _parts(self, sequences, number, random):
        """(first part, second part or None, whether the second is from elsewhere) of a sequence."""
        if not self.pairs:
            return sequences.at(number)[: self.room - 2], None, False
        first, second = sequences.halves(number, random)
        strange = random.random() < 0.5 or not len(first) or not len(second)
        if strange:
            other = (number + random.integers(1, max(2, len(sequences)))) % len(sequences)
            second = sequences.halves(other, random)[1]
        first = first[: self.room - 4]
        return first, second[: self.room - 3 - len(first)], strange

    def chosen(self, ids, offsets, random):
        """Places (M,) int64 of the tokens to hide, of those that are no special ones: ``share`` of each sequence, at
        least one. Whole words are taken in a random order while they fit, a first one also if it does not."""
        usual = np.isin(ids, self.ordinary)
        begins = ~self.inside[ids] | ~usual if self.words else np.ones(len(ids), bool)
        begins[offsets[:-1]] = True
        unit = np.cumsum(begins) - 1  # of each token, which are hidden together
        starts = np.flatnonzero(begins)
        row = np.searchsorted(offsets, starts, "right") - 1  # the sequence of each unit
        sizes = np.bincount(unit) * usual[starts]
        budget = np.maximum(1, np.rint(self.share * np.add.reduceat(usual, offsets[:-1]))).astype(np.int64)
        draw = np.where(sizes > 0, random.random(len(starts)), 2.0)
        order = np.lexsort((draw, row))
        firsts = np.searchsorted(row, np.arange(len(budget)))  # of each sequence, in ``order`` as in ``row``
        total = np.cumsum(sizes[order])
        total -= np.repeat((total - sizes[order])[firsts], np.diff(np.append(firsts, len(row))))
        taken = np.zeros(len(starts), bool)
        taken[order] = (total <= budget[row[order]]) & (sizes[order] > 0)
        taken[order[firsts]] |= sizes[order[firsts]] > 0
        return np.flatnonzero(taken[unit])
