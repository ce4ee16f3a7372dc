"""Smoothing: from the counts of n-grams to the probabilities and back-off weights of a model.

All methods are one formula (csrc/ngrams.h): a count loses a discount or gains a constant, and what that leaves goes to
the next shorter context. Modified Kneser-Ney is that of Chen and Goodman 1998, "An Empirical Study of Smoothing
Techniques for Language Modeling", as KenLM estimates it (Heafield et al. 2013, "Scalable Modified Kneser-Ney Language
Model Estimation"); Witten-Bell that of the same report.
"""

from dataclasses import dataclass

import numpy as np

from .. import parallel
from .._core import ngram
from .._core.job import Job
from .language import BOS
from .progress import LOG

FALLBACK = (0.0, 0.5, 1.0, 1.5)  # discounts where they cannot be estimated
_CHUNKS = 256  # of nodes


@dataclass(frozen=True)
class Method:
    """How counts become probabilities.

    kneser_ney : shorter n-grams count the different words before them, and discounts are estimated.
    interpolated : probabilities of the shorter context are mixed in.
    types : a context gives as much weight away as it has different words behind it, times this.
    add : what every count gains.
    """

    kneser_ney: bool = False
    interpolated: bool = False
    types: float = 0.0
    add: float = 0.0

    @classmethod
    def named(cls, name, alpha):
        """The Method of the parameters ``smoothing`` and ``alpha``."""
        return {
            "mle": cls(),
            "laplace": cls(add=1.0),
            "lidstone": cls(add=float(alpha)),
            "witten_bell": cls(interpolated=True, types=1.0),
            "kneser_ney": cls(kneser_ney=True, interpolated=True),
        }[name]


class Smoothing:
    """Smooths the nodes of a trie, in place.

    Parameters
    ----------
    nodes : of trie.Counting.
    method : Method
    prune : for each order from 1 on the largest count of the n-grams to leave out.
    space, threads : where arrays go, and how many work.
    """

    def __init__(self, nodes, method, prune, space, threads):
        self.nodes, self.method, self.space, self.threads = nodes, method, space, threads
        self.order, self.size = len(nodes) - 1, len(nodes[1]) - 2  # words that can follow: all but <s>
        self.prune = [*prune, *[prune[-1] if prune else 0] * self.order][: self.order]
        self.discounts = [None]

    def run(self):
        """The finished nodes, the highest order's as (n, 2); they replace those that were given."""
        nodes, order, backoff = self.nodes, self.order, [None]
        for k in range(1, order):
            above = nodes[k - 1] if k > 1 else None
            self._each(ngram.link, nodes[k], nodes[k + 1], above, np.zeros(_CHUNKS, np.int64))
        keep = self._count()
        for k in range(1, order):
            backoff.append(self.space.zeros((len(nodes[k]) - 1,), np.float32))
            how = self.discounts[k + 1], self.method.types, self.method.add, float(self.size)
            self._each(ngram.divide, nodes[k], nodes[k + 1], how, backoff[k])
        if any(self.prune):
            self._drop(keep, backoff)
        self._words()
        for k in range(1, order if self.method.interpolated else 1):
            self._each(ngram.interpolate, nodes[k], nodes[k + 1], backoff[k])
        for k in range(1, order + 1):
            self._each(ngram.logarithms, nodes[k], backoff[k] if k < order else None)
        if order > 1:
            nodes[order] = np.ascontiguousarray(nodes[order][:-1, :2])
        return nodes

    def _each(self, function, nodes, *others):
        """Call function(job, bounds, nodes, ...) in all threads over chunks of these nodes."""
        bounds = np.linspace(0, len(nodes) - 1, _CHUNKS + 1).astype(np.int64)
        parallel.run(lambda job, _: function(job, bounds, nodes, *others), Job(_CHUNKS), self.threads)

    # -- counts

    def _count(self):
        """Put the counts that matter in place and estimate discounts; returns which nodes of each order stay."""
        nodes, keep = self.nodes, [None]
        adjusted = self._continuations() if self.method.kneser_ney else [None] * (self.order + 1)
        for k in range(1, self.order + 1):
            counts = nodes[k][:-1, 1]
            low = self.prune[k - 1]
            keep.append(counts > low if low else None)
            own = adjusted[k] if adjusted[k] is not None else counts
            if k == 1:
                own[BOS] = 0  # it never follows
            self.discounts.append(self._discount(k, own))
            if own is not counts:
                counts[:] = own
            if low and k > 1:
                counts[~keep[k]] |= ngram.DROPPED
        return keep

    def _continuations(self):
        """For each order but the highest how many different words stand before a node, or its count if it has <s>."""
        nodes, result, low, high = self.nodes, [None], BOS, BOS + 1
        for k in range(1, self.order):
            result.append(self.space.zeros((len(nodes[k]) - 1,), np.uint32))

        def work(job, _):
            k = job.take()
            while k >= 0:
                ngram.continuations(nodes[k + 1], result[k])
                k = job.take()

        parallel.run(work, Job(self.order, min(1, self.order)), min(self.threads, self.order))
        for k in range(1, self.order):
            result[k][low:high] = nodes[k][low:high, 1]
            low, high = int(nodes[k][low, 3]), int(nodes[k][high, 3])
        return [*result, None]

    def _discount(self, order, counts):
        """Discounts of the counts 0, 1, 2, and 3 and more (Chen and Goodman's equation 26)."""
        if not self.method.kneser_ney:
            return (0.0,) * 4
        n = np.zeros(6)
        for first in range(0, len(counts), 1 << 20):
            n += np.bincount(np.minimum(counts[first : first + (1 << 20)], 5), minlength=6)
        if n[1:4].all():
            share = n[1] / (n[1] + 2 * n[2])
            found = (0.0, *(k - (k + 1) * share * n[k + 1] / n[k] for k in (1, 2, 3)))
            if all(0 <= found[k] <= k for k in (1, 2, 3)):
                return found
        LOG.warning(
            "n-grams of order %d are too few or too regular to estimate discounts (%d, %d, %d, %d of count 1 to 4): "
            "Kneser-Ney uses %g, %g and %g instead", order, *n[1:5].astype(int), *FALLBACK[1:],
        )  # fmt: skip
        return FALLBACK

    def _drop(self, keep, backoff):
        """Take out the nodes that do not stay."""
        new = [None]
        for k in range(1, self.order + 1):
            size = len(self.nodes[k]) - 1
            stay = np.ones(size, bool) if k == 1 or keep[k] is None else keep[k]
            new.append((stay, np.concatenate([[0], np.cumsum(stay)]).astype(np.uint32)))
        for k in range(1, self.order + 1):
            stay, _ = new[k]
            kept = self.nodes[k][np.append(stay, True)]
            if k < self.order:
                kept[:, 3] = new[k + 1][1][kept[:, 3]]
                backoff[k] = backoff[k][stay]
            if k > 2:
                kept[:-1, 2] = new[k - 1][1][kept[:-1, 2]]
            self.nodes[k] = kept

    def _words(self):
        """The probabilities of the words alone, which are mixed with equal ones for all."""
        counts = self.nodes[1][:-1, 1].astype(np.float64)
        counts[BOS] = 0
        lose, how = np.array(self.discounts[1]), self.method
        discount, types = lose[np.minimum(counts, 3).astype(int)], how.types * np.count_nonzero(counts)
        whole = counts.sum() + types + how.add * self.size
        probs = (counts - discount + how.add) / whole
        if how.interpolated:
            probs += (discount.sum() + types) / whole / self.size
        probs[BOS] = 1  # as KenLM writes it: it is given
        self.nodes[1].view(np.float32)[:-1, 1] = probs
