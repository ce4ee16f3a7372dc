"""Batches of predictions from a text: the words before each word, in an order that looks random."""

import numpy as np


class Windows:
    """Every prediction of a text with the n words before it.

    Parameters
    ----------
    ids, offsets : sentence s is ids[offsets[s]:offsets[s + 1]].
    n : words of context.
    begin, end : ids of what stands before a sentence and of what ends it (and is predicted too).
    batch : predictions of a batch; the last batch of an epoch has the rest.

    The text is kept as one stream, each sentence with ``end`` behind it; a context that reaches the end of the sentence
    before is ``begin`` from there on.

    >>> windows = Windows(np.int32([5, 6, 7]), np.int64([0, 2, 3]), 2, begin=1, end=2, batch=5)
    >>> contexts, words = windows.at(np.arange(5))
    >>> contexts.tolist(), words.tolist()
    ([[1, 1], [1, 5], [5, 6], [1, 1], [1, 7]], [5, 6, 2, 7, 2])
    """

    def __init__(self, ids, offsets, n, *, begin, end, batch):
        self.n, self.begin, self.end, self.batch = n, begin, end, batch
        ends = np.asarray(offsets[1:]) - offsets[0]
        self.stream = np.full(n + len(ids) + len(ends), end, np.int32)
        words = np.ones(len(self.stream), bool)
        words[:n] = words[n + ends + np.arange(len(ends))] = False
        self.stream[words] = ids
        self.size = len(self.stream) - n
        self.batches = -(-self.size // batch)

    def at(self, places):
        """Contexts (B, n) int32, oldest word first, and the words (B,) int32 that follow, of predictions by number."""
        contexts = np.empty((len(places), self.n), np.int32)
        ended = np.zeros(len(places), bool)
        for back in range(1, self.n + 1):
            words = self.stream[places + (self.n - back)]
            ended |= words == self.end
            contexts[:, self.n - back] = np.where(ended, self.begin, words)
        return contexts, self.stream[places + self.n]

    def batch_at(self, number, key):
        """A batch of an epoch, whose order the tuple ``key`` of whole numbers decides.

        Prediction i of the epoch is number (a i + c) mod N, with random a and c and no common divisor of a and N: all
        come once, neighbours come far apart, and no permutation needs memory.
        """
        step, shift = self._order(key)
        first = number * self.batch
        places = np.arange(first, min(first + self.batch, self.size), dtype=np.uint64)
        return self.at(_affine(places, step, shift, self.size))

    def _order(self, key):
        random = np.random.default_rng(key)
        step = int(random.integers(self.size // 3, self.size // 2 + 1)) or 1
        while np.gcd(step, self.size) != 1:
            step += 1
        return step, int(random.integers(self.size))


def _affine(numbers, step, shift, size):
    """(step numbers + shift) mod size, int64, all below 2^39: step in two parts, for no product to need 64 bits."""
    low, high = np.uint64(step & 0xFFFF), np.uint64(step >> 16)
    size = np.uint64(size)
    product = (numbers * high % size << np.uint64(16)) + numbers * low
    return ((product + np.uint64(shift)) % size).astype(np.int64)
