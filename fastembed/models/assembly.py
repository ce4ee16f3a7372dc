"""Assembly: n-grams in any order of their own, as files have them, become a Backoff, one order after the other.

Letters: n n-grams of an order.
"""

import numpy as np

from .. import memory, parallel
from .._core import lm, ngram
from .._core.job import Job
from ..errors import FormatError
from .backoff import Backoff, empty_slots


class Assembly:
    """What grows into a Backoff; its hash tables find the contexts of the n-grams to come.

    Parameters
    ----------
    path : of the file, for errors.
    threads : worker threads; the result does not depend on it.
    """

    def __init__(self, path, threads=None):
        self.path, self.threads = path, threads
        self.nodes, self.slots, self.places, self.closed = [None], [None, None], None, True

    def add(self, ids, logs, line):
        """Take the n-grams of the next order.

        Parameters
        ----------
        ids : int32 (n, order); of the first order 0, 1, 2, ...
        logs : float32 (n, 2), log10 of their probabilities and back-off weights.
        line : the number of the first one's line.

        Raises FormatError, with the line, for an n-gram that comes twice or whose context is none.
        """
        words, count = np.ascontiguousarray(ids[:, -1]).view(np.uint32), len(ids)
        nodes = memory.zeros((count + 1, 4), np.uint32)
        if ids.shape[1] == 1:
            ngram.fill(words, words, logs, nodes)
            self.nodes.append(nodes)
            return
        if count > lm.MOST:
            raise FormatError(self.path, f"{count} n-grams of one order, more than {lm.MOST}", line=line)
        parents = self._parents(ids, line)
        self.closed = self.closed and not (self._found(ids, 1) == lm.NONE).any()
        rows, _ = _sorted(words, len(self.nodes[1]) - 1)
        rows, self.nodes[-1][:, 3] = _sorted(parents, len(self.nodes[-1]) - 1, rows)
        ngram.fill(rows, words, logs, nodes)
        again = np.flatnonzero(nodes[1:count, 0] == nodes[: count - 1, 0])
        again = again[parents[rows[again]] == parents[rows[again + 1]]]
        if len(again):
            raise FormatError(self.path, "an n-gram that has come before", line=line + int(rows[again + 1].min()))
        self.nodes.append(nodes)
        self._index(count)

    def finish(self):
        """The Backoff of all that came."""
        if len(self.nodes) > 2:
            self.nodes[-1] = np.ascontiguousarray(self.nodes[-1][:-1, :2])
        return Backoff(self.nodes, slots=self.slots, closed=self.closed)

    def _found(self, ids, first):
        """Slots uint32 (n,) of the n-grams of one word less, from column ``first`` on; lm.NONE of what is none."""
        core, places = lm.Model(self.nodes, self.slots), np.empty(len(ids), np.uint32)
        job = Job(-(-len(ids) // lm.ROWS))
        parallel.run(lambda job, _: core.find(job, ids, first, places), job, self.threads)
        return places

    def _parents(self, ids, line):
        """The nodes uint32 (n,) of the contexts."""
        parents = self._found(ids, 0)
        lost = parents == lm.NONE
        if lost.any():
            message = "an n-gram whose first words, its context, are none"
            raise FormatError(self.path, message, line=line + int(np.argmax(lost)))
        if self.places is None:
            return parents
        numbers = np.empty(len(self.slots[-1]), np.uint32)
        numbers[self.places] = np.arange(len(self.places), dtype=np.uint32)
        return numbers[parents]

    def _index(self, count):
        """Fill the hash table of the last order."""
        self.slots.append(empty_slots(count))
        before, self.places = self.places, np.empty(count, np.uint32)
        lm.Model(self.nodes, self.slots).index(len(self.nodes) - 1, before, self.places)


def _sorted(digits, size, rows=None):
    """(rows uint32 (n,) by their digits, else as they came; how many have a lower digit (size + 1,))."""
    starts = np.zeros(size + 1, np.int64)
    np.cumsum(np.bincount(digits, minlength=size), out=starts[1:])
    to = np.empty(len(digits), np.uint32)
    ngram.order(digits, rows, starts.copy(), to)
    return to, starts
