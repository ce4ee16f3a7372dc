"""Backoff: the finished n-grams of a model, and the probabilities they give.

Letters: V words of the vocabulary, n n-grams of an order, N words and S sentences of a text.
"""

from functools import cached_property

import numpy as np

from .. import memory, parallel
from .._core import lm, ngram
from .._core.job import Job
from .._core.texts import Texts
from ..errors import FormatError
from .language import BOS

LN10 = float(np.log(10))
_CHUNK = 4096  # words that a thread scores at once, at least
_BYTES = 1 << 14  # of a text that a thread scores at once: their words fit into a near cache
_BLOCK = 1 << 18  # n-grams that are handed out at once


class Backoff:
    """A back-off model over word ids.

    Parameters
    ----------
    nodes : [None, words, bigrams, ...] as smoothing.Smoothing leaves them.
    additive : whether a seen context decides alone, without shorter ones.
    slots : for each order from 2 the hash table that finds n-grams, behind two None; None to make them when needed.
    closed : whether every n-gram's last words are an n-gram too.
    path : of the file that the arrays are in, for messages.
    """

    def __init__(self, nodes, additive=False, slots=None, closed=True, path="the model"):
        self.nodes, self.additive, self.slots, self.closed, self.path = nodes, additive, slots, closed, path
        self.order, self.size = len(nodes) - 1, len(nodes[1]) - 1

    def __getstate__(self):
        """For copies and other processes: without the compiled model, which is made again when it is needed."""
        return {name: value for name, value in vars(self).items() if name != "core"}

    @property
    def counts(self):
        """How many n-grams there are of each order from 1."""
        return [self.size, *(len(self.nodes[k]) - (k < self.order) for k in range(2, self.order + 1))]

    @property
    def nothing(self):
        """Additive: log10 of the probability of any word behind an unseen context; else None."""
        return -float(np.log10(self.size - 1)) if self.additive else None

    @cached_property
    def core(self):
        """The compiled model, with its hash tables."""
        missing = self.slots is None
        if missing:
            self.slots = [None, None, *(empty_slots(count) for count in self.counts[1:])]
        core = lm.Model(self.nodes, self.slots, self.nothing, self.closed)
        if missing and self.order > 1:
            parallel.run(lambda job, _: self._index(job, core), Job(self.order - 1), 1)
        return core

    def _index(self, job, core):
        places = None
        while (k := job.take()) >= 0:
            before, places = places, np.empty(self.counts[k + 1], np.uint32)
            core.index(k + 2, before, places)

    def score(self, words):
        """Natural logarithms (n,) of the probabilities of words int32 (n,)."""
        out = np.empty(len(words))
        self.core.score(words, out)
        return out

    def logprobs(self, ids, offsets, threads=1):
        """As LanguageModel._logprobs."""
        core, sentences, out = self.core, len(offsets) - 1, np.empty(len(ids) + len(offsets) - 1)
        chunks = max(1, min(sentences, len(out) // _CHUNK))
        bounds = np.linspace(0, sentences, chunks + 1).astype(np.int64)
        job = Job(chunks)
        if threads == 1 and chunks == 1:  # a thread would cost more than the work
            core.sentences(job, bounds, ids, offsets, out)
        elif sentences:
            parallel.run(lambda job, _: core.sentences(job, bounds, ids, offsets, out), job, min(threads, chunks))
        return out

    def scores(self, texts, words, threads=1):
        """The sums of those of sentences (S,), with their </s>.

        texts : list of str, words between white space; words : of the vocabulary, a WordMap
        """
        core, texts, out = self.core, Texts(texts), np.empty(len(texts))
        bounds = texts.bounds(_BYTES)
        job = Job(len(bounds) - 1)
        if len(bounds) == 2:  # a thread would cost more than the work
            core.texts(job, texts, words, bounds, out)
        elif len(bounds) > 2:
            parallel.run(lambda job, _: core.texts(job, texts, words, bounds, out), job, min(threads, len(bounds) - 1))
        return out

    def after(self, context):
        """Natural logarithms (V,) of the probabilities of every word after the ids of a context.

        Like all that reads nodes here it raises FormatError where they are damaged: a file's are not read on load.
        """
        words = self.nodes[1].view(np.float32)[:-1, 1].astype(np.float64)
        context = self._recent(context)
        if self.additive and context:
            begin, end, weight = self._context(context)
            words[:] = weight if begin < end else self.nothing
            self._put(words, len(context) + 1, begin, end)
        else:
            for n in range(1, len(context) + 1):
                begin, end, weight = self._context(context[-n:])
                words += weight
                self._put(words, n + 1, begin, end)
        words[BOS] = -np.inf
        if np.isnan(words).any():
            raise self._damaged("it holds probabilities that are no numbers")
        return words * LN10

    def _recent(self, context):
        """The last words of a context, as many as count: a list."""
        context = [int(word) for word in context[max(0, len(context) - self.order + 1) :]]
        if BOS in context:
            context = context[len(context) - 1 - context[::-1].index(BOS) :]
        return context

    def _context(self, words):
        """(first child, last + 1, log10 of the back-off weight) of a context; (0, 0, 0) if it is none."""
        node = words[0]
        for k, word in enumerate(words[1:], 2):
            begin, end = self._children(k - 1, node)
            node = begin + int(np.searchsorted(self.nodes[k][begin:end, 0], word))
            if node >= end or self.nodes[k][node, 0] != word:
                return 0, 0, 0.0
        return *self._children(len(words), node), float(self.nodes[len(words)].view(np.float32)[node, 2])

    def _children(self, order, node):
        begin, end = (int(child) for child in self.nodes[order][node : node + 2, 3])
        if not begin <= end <= self.counts[order]:
            raise self._damaged(f"an n-gram of order {order} leads to those from {begin} to {end} of the next order")
        return begin, end

    def _put(self, logs, order, begin, end):
        """Write the logarithms of an order's nodes to their words' places."""
        words = self._checked(self.nodes[order][begin:end, 0])
        logs[words] = self.nodes[order].view(np.float32)[begin:end, 1]

    def _checked(self, words):
        """The words, if the vocabulary has them."""
        if len(words) and int(words.max()) >= self.size:
            raise self._damaged(f"it holds a word {int(words.max())} of {self.size}")
        return words

    def _damaged(self, message):
        return FormatError(self.path, f"is damaged: {message}")

    # -- files

    def blocks(self, order):
        """The n-grams of an order in their order, some at a time: ids int32 (m, order), log10 (m, 1 or 2)."""
        count = self.counts[order - 1]
        for first in range(0, count, _BLOCK):
            last = min(first + _BLOCK, count)
            width = 2 if order == self.order > 1 else 3
            logs = self.nodes[order].view(np.float32)[first:last, 1:width]
            yield self._ids(order, first, last), np.ascontiguousarray(logs)

    def _ids(self, order, first, last):
        """The words int32 (last - first, order) of a range of nodes."""
        words = self._checked(self.nodes[order][first:last, :1]).astype(np.int32)
        if order == 1 or first == last:
            return words
        ends = self.nodes[order - 1][: self.counts[order - 2] + 1, 3]
        low, high = np.searchsorted(ends, [first, last - 1], "right") - 1
        repeats = np.diff(np.clip(ends[low : high + 2].astype(np.int64), first, last))
        if low < 0 or low > high or (repeats < 0).any() or repeats.sum() != last - first:
            raise self._damaged(f"n-grams of order {order - 1} do not lead to those of order {order}")
        return np.hstack([np.repeat(self._ids(order - 1, low, high + 1), repeats, axis=0), words])

    def tensors(self):
        """Everything as a dict of arrays."""
        assert self.core
        tensors = {f"ngrams.{k}": self.nodes[k] for k in range(1, self.order + 1)}
        return tensors | {f"slots.{k}": self.slots[k] for k in range(2, self.order + 1)}

    @classmethod
    def from_tensors(cls, path, tensors, size, additive, closed):
        """The model of a file's arrays; FormatError if they do not fit together or a vocabulary of so many words."""
        nodes, slots = [None], [None, None]
        while f"ngrams.{len(nodes)}" in tensors and len(nodes) <= ngram.MOST_ORDER:
            nodes.append(tensors[f"ngrams.{len(nodes)}"])
        order = len(nodes) - 1
        slots += [tensors.get(f"slots.{k}") for k in range(2, order + 1)]
        for k in range(1, order + 1):
            shape = (2,) if k == order > 1 else (4,)
            if nodes[k].dtype != np.uint32 or nodes[k].ndim != 2 or nodes[k].shape[1:] != shape:
                raise FormatError(path, f"n-grams of order {k} of a wrong type or shape {nodes[k].shape}", offset=8)
            if k < order and (not len(nodes[k]) or int(nodes[k][-1, 3]) != len(nodes[k + 1]) - (k + 1 < order)):
                raise FormatError(path, f"n-grams of order {k} that do not lead to those of order {k + 1}", offset=8)
            if k > 1 and (slots[k] is None or slots[k].dtype != np.uint32 or slots[k].shape[1:] != (4,)):
                raise FormatError(path, f"n-grams of order {k} without their table", offset=8)
            if k > 1 and (len(slots[k]) % lm.BUCKET or not len(nodes[k]) <= len(slots[k]) < 1 << 32):
                raise FormatError(path, f"n-grams of order {k} with a table of {len(slots[k])}", offset=8)
        if not order or len(nodes[1]) != size + 1:
            raise FormatError(path, f"no n-grams for {size} words", offset=8)
        return cls(nodes, additive, slots, closed, str(path))


def empty_slots(count):
    """A hash table for so many n-grams: half are filled, so that six of seven searches end in the first bucket."""
    slots = memory.zeros((lm.BUCKET * (min(2 * count, lm.MOST) // lm.BUCKET + 1), 4), np.uint32)
    slots[:] = lm.NONE
    return slots
