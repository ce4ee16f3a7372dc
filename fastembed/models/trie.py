"""Counting: a text to the trie of its n-grams (csrc/ngrams.h), by sorting.

Every place of the text becomes a record, its next words packed into a few integers. Records that begin with
neighbouring words make a part; parts are sorted one by one, and sorted records are the nodes of all orders in their
order. Parts that fit into the memory budget together make a round; its nodes follow those of the round before.

Letters: V words, S sentences, P parts, K numbers in a record.
"""

import numpy as np

from .. import memory, parallel
from .._core import ngram
from .._core.job import Job
from ..errors import CorpusError, ParameterError
from .language import EOS
from .space import Pile

NODE = 16  # bytes
_PARTS = 512  # about so many, unless words that begin many records make fewer
_CHUNKS = 64  # of sentences


class Counting:
    """Counts the n-grams of a text.

    Parameters
    ----------
    encoded : Encoded
    table : from its ids to those of the vocabulary.
    counts : of the words of the vocabulary (V,).
    order : of the longest n-grams.

    Raises ParameterError where n-grams are too long to be packed, CorpusError where there are too many.
    """

    def __init__(self, encoded, table, counts, order):
        self.text, self.table, self.counts, self.order = encoded, table, counts, order
        self.bits, self.starts = int(len(counts)).bit_length(), counts.copy()
        self.starts[EOS] = 0  # no record begins with it
        if order * self.bits > ngram.RECORD_BITS:
            most = ngram.RECORD_BITS // self.bits
            raise ParameterError(f"order={order}: with {len(counts)} words an n-gram can have {most} words")
        if self.starts.sum() >= 1 << 31:
            raise CorpusError(f"{self.starts.sum()} tokens: n-grams can be counted of at most {(1 << 31) - 1}")
        sentences = len(encoded.offsets) - 1
        self.chunks = np.linspace(0, sentences, min(_CHUNKS, sentences) + 1).astype(np.int64)

    def run(self, space, threads, report=None):
        """The nodes of all orders with their counts: [None, words (V + 1, 4), bigrams, ...], uint32.

        Parameters
        ----------
        space : Space; what sorting takes comes out of its budget, and is given back.
        report : called with the tokens done, now and then.

        Raises ParameterError if the budget is too small for the records that begin with one word.
        """
        words = np.zeros((len(self.counts) + 1, 4), np.uint32)
        words[:-1, 0], words[:-1, 1] = np.arange(len(self.counts)), self.counts
        if self.order == 1:
            return [None, words]
        bounds = self._parts()
        rounds, threads = self._rounds(bounds, space.left, threads)
        bigrams, at = np.zeros(len(self.counts), np.uint32), np.zeros(self.order + 1, np.int64)
        if len(rounds) == 1:
            part = _Round(self, bounds, threads)
            part.run(0, report)
            nodes = part.grow(at, bigrams, space.zeros, 1)
        else:
            nodes = self._in_files([bounds[first : last + 1] for first, last in rounds], bigrams, threads, report)
        np.cumsum(bigrams, out=words[1:, 3])
        nodes[1] = words
        for k in range(2, self.order):
            nodes[k][-1, 3] = len(nodes[k + 1]) - 1
        return nodes

    def _in_files(self, rounds, bigrams, threads, report):
        """The nodes of several rounds, each of the parts with these bounds, memory-mapped."""
        at, done, piles = np.zeros(self.order + 1, np.int64), 0, []
        try:
            while len(piles) < self.order - 1:
                piles.append(Pile(4))
            for bounds in rounds:
                part = _Round(self, bounds, threads)
                part.run(done, report)
                for pile, nodes in zip(piles, part.grow(at, bigrams, np.zeros, 0)[2:], strict=True):
                    pile.append(nodes)
                at, done = at + part.nodes, done + part.size
            return [None, None, *(pile.finish(1) for pile in piles)]
        finally:
            for pile in piles:
                pile.close()

    def _parts(self):
        """Words before which a part ends, from 0 to V."""
        ends = np.cumsum(self.starts)
        wanted = np.arange(1, _PARTS) * (ends[-1] / _PARTS)
        return np.unique(np.concatenate([[0], np.searchsorted(ends, wanted) + 1, [len(ends)]]))

    def _rounds(self, bounds, budget, threads):
        """Pairs (first part, last + 1) of rounds that fit the budget, and how many threads do."""
        sizes = np.add.reduceat(self.starts, bounds[:-1])
        record = 8 * -(-self.order * self.bits // 64)
        heaviest, each = int(sizes.max()), record + NODE * (self.order - 1)
        least = heaviest * (record + each)
        if budget < least:
            raise ParameterError(
                f"memory of {budget} bytes: the {heaviest} n-grams that begin with the same few words need {least}"
            )
        threads = max(1, min(threads, budget // 4 // (record * heaviest)))
        room, rounds, first = (budget - threads * record * heaviest) // each, [], 0
        while first < len(sizes):
            last = first + max(1, int(np.searchsorted(np.cumsum(sizes[first:]), room, "right")))
            rounds.append((first, last))
            first = last
        return rounds, threads


class _Round:
    """The records of some parts: packed, sorted, made into nodes.

    bounds : words before which a part ends, the first one the round's first word (P + 1,)
    """

    def __init__(self, task, bounds, threads):
        self.task, self.threads = task, threads
        part = np.full(len(task.counts), -1, np.int32)
        part[bounds[0] : bounds[-1]] = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
        text = task.text
        self.packing = ngram.Packing(text.ids, text.offsets, task.table, part, task.order, task.bits)
        self.parts = len(bounds) - 1

    def run(self, done, report):
        """Pack and sort; `done`: tokens of the rounds before."""
        packing, chunks = self.packing, self.task.chunks
        counts = np.zeros((len(chunks) - 1, self.parts), np.int64)
        self._each(len(counts), lambda job: packing.tally(job, chunks, counts))
        self.begins = np.concatenate([[0], np.cumsum(counts.sum(axis=0))])
        self.size, most = int(self.begins[-1]), int(np.diff(self.begins).max())
        places = self.begins[:-1] + np.cumsum(counts, axis=0) - counts
        self.records = memory.zeros((self.size, packing.words), np.uint64)
        self._each(len(counts), lambda job: packing.pack(job, chunks, places, self.records))
        self.found = np.zeros((self.parts, self.task.order + 1), np.int64)
        scratch = [memory.zeros((most, packing.words), np.uint64) for _ in range(self.threads)]

        def work(job, number):
            packing.sort(job, self.begins, self.records, scratch[number], self.found)

        progress = report and (lambda job: report(done + job.done))
        parallel.run(work, Job(self.parts), min(self.threads, self.parts), progress)

    def grow(self, before, bigrams, zeros, extra):
        """The nodes of each order, in arrays that ``zeros`` makes, with so many rows more.

        before : how many nodes of each order the rounds before made.
        bigrams (V,) : becomes the number of children of each word  # out
        """
        order, self.nodes = self.task.order, self.found.sum(axis=0)
        arrays = [None, None, *(zeros((int(self.nodes[k]) + extra, 4), np.uint32) for k in range(2, order + 1))]
        at = before + np.concatenate([np.zeros((1, order + 1), np.int64), np.cumsum(self.found, axis=0)])
        self._each(self.parts, lambda job: self.packing.grow(job, self.begins, self.records, arrays, at, bigrams))
        del self.records
        return arrays

    def _each(self, chunks, work):
        parallel.run(lambda job, _: work(job), Job(chunks), min(self.threads, chunks))
