"""Streams of text for recurrent language models: rows that go on from one batch to the next, and batches of sentences.

Letters: T steps, B rows, S sentences.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Unroll:
    """Some steps of all rows.

    words, targets : (T, B) int32: what is read, and what is to be predicted from it and all before it.
    lengths : (B,) int64 steps of each row, as the layers of fastembed.nn take them; None means T for all.
    """

    words: np.ndarray
    targets: np.ndarray
    lengths: np.ndarray | None

    @property
    def alive(self):
        """(T, B): whether there is something at a place; None means everywhere."""
        return None if self.lengths is None else np.arange(len(self.words))[:, None] < self.lengths

    def flat(self, array):
        """array (T, B, ...) without the places behind the ends: (N, ...)"""
        return array.reshape(-1, *array.shape[2:]) if self.lengths is None else array[self.alive]


class Text:
    """Every prediction of a text by its place: <s> w1 ... wn is read, w1 ... wn </s> predicted, sentence by sentence.

    Parameters
    ----------
    ids, offsets : sentence s is ids[offsets[s]:offsets[s + 1]].
    begin, end : ids of <s> and </s>.
    backward : </s> wn ... w1 is read and wn ... w1 <s> predicted.
    order : (S,) sentences in the order in which they come; None means as they are.

    >>> text = Text(np.int32([5, 6, 7]), np.int64([0, 2, 3]), begin=1, end=2)
    >>> [array.tolist() for array in text.at(np.arange(text.size))]
    [[1, 5, 6, 1, 7], [5, 6, 2, 7, 2]]
    """

    def __init__(self, ids, offsets, *, begin, end, backward=False, order=None):
        self.ids, self.backward = ids, backward
        self.begin, self.end = (end, begin) if backward else (begin, end)
        firsts, lengths = np.asarray(offsets[:-1]), np.diff(offsets)
        if order is not None:
            firsts, lengths = firsts[order], lengths[order]
        self.firsts, self.lengths = firsts, lengths
        self.starts = np.concatenate([[0], np.cumsum(lengths + 1)])
        self.size = int(self.starts[-1])

    def at(self, places):
        """What is read and what follows, int32, at places (...) from 0 to size - 1."""
        sentence = np.searchsorted(self.starts, places, "right") - 1
        step, length = places - self.starts[sentence], self.lengths[sentence]
        word = self.firsts[sentence] + (length - step - 1 if self.backward else step)  # that is predicted
        last, before = len(self.ids) - 1, 1 if self.backward else -1
        if last < 0:
            return np.full(places.shape, self.begin, np.int32), np.full(places.shape, self.end, np.int32)
        read = np.where(step == 0, self.begin, self.ids[np.clip(word + before, 0, last)])
        follows = np.where(step == length, self.end, self.ids[np.clip(word, 0, last)])
        return read.astype(np.int32, copy=False), follows.astype(np.int32, copy=False)


class Streams:
    """Batches for truncated back-propagation through time: the text cut into B rows, each read on from batch to batch.

    Parameters
    ----------
    ids, offsets, begin, end, backward : as in Text.
    rows : B; their lengths differ by one prediction at most, some are empty if the text is shorter than that.
    steps : T predictions of a row in a batch; the last batch of an epoch has fewer.
    shuffle : mix the sentences anew for every key; else they stay in order.

    Every prediction comes once in an epoch. The states after a batch are those before the next one, also across the
    borders of sentences; in front of batch 0 there are none.

    >>> streams = Streams(np.int32([5, 6, 7]), np.int64([0, 2, 3]), begin=1, end=2, rows=2, steps=2)
    >>> for number in range(streams.batches):
    ...     unroll = streams.batch_at(number)
    ...     print(unroll.words.tolist(), unroll.targets.tolist(), unroll.lengths)
    [[1, 6], [5, 1]] [[5, 2], [6, 7]] None
    [[6, 7]] [[2, 2]] [0 1]
    """

    def __init__(self, ids, offsets, *, begin, end, rows, steps, backward=False, shuffle=False):
        self.steps, self.shuffle = steps, shuffle
        self._of = {"ids": ids, "offsets": offsets, "begin": begin, "end": end, "backward": backward}
        self._key, self._text = None, Text(**self._of)
        self.size = self._text.size
        bounds = np.arange(rows + 1) * self.size // rows
        self.firsts, self.lengths = bounds[:-1], np.diff(bounds)
        self.batches = -(-int(self.lengths.max()) // steps)

    def batch_at(self, number, key=()):
        """The Unroll of a batch of an epoch, whose order of sentences, if shuffled, the tuple ``key`` of whole numbers
        decides."""
        if self.shuffle and key != self._key:
            order = np.random.default_rng(key).permutation(len(self._of["offsets"]) - 1)
            self._key, self._text = key, Text(**self._of, order=order)
        first = number * self.steps
        return unroll(self._text, self.firsts + first, np.clip(self.lengths - first, 0, self.steps))


def unroll(text, firsts, lengths):
    """The Unroll of rows of a Text that begin at places ``firsts`` (B,) and have ``lengths`` (B,) steps, the longest at
    least one; behind its end a row holds some place again."""
    steps = np.arange(lengths.max())[:, None]
    places = np.clip(firsts + np.minimum(steps, np.maximum(lengths - 1, 0)), 0, text.size - 1)
    return Unroll(*text.at(places), None if (lengths == len(steps)).all() else lengths)


class Sentences:
    """Batches of sentences of similar length, for scoring a text: each sentence for itself.

    Parameters
    ----------
    text : Text
    tokens : places of a batch, at most, unless one step of ``rows`` sentences has more.
    rows : sentences of a batch, at most.

    Iterating gives lists of (Unroll, places (T, B) of its predictions in the text); the states after an Unroll are
    those before the next one of the same list, so that a sentence of any length needs no more memory than a batch.
    """

    def __init__(self, text, *, tokens=4096, rows=64):
        self.text, self.tokens, self.rows = text, tokens, rows

    def __iter__(self):
        lengths = self.text.lengths + 1
        order = np.argsort(-lengths, kind="stable")
        for first in range(0, len(order), self.rows):
            chosen = order[first : first + self.rows]
            yield self._parts(self.text.starts[chosen], lengths[chosen])

    def _parts(self, firsts, lengths):
        steps = max(1, self.tokens // len(firsts))
        for first in range(0, int(lengths.max()), steps):
            left = np.clip(lengths - first, 0, steps)
            found = unroll(self.text, firsts + first, left)
            yield found, firsts + first + np.arange(len(found.words))[:, None]
