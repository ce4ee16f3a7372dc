"""Pointwise mutual information: how much more often than chance two words meet, from a co-occurrence matrix.

With n(w, c) the count of a pair, N the sum of all counts, n(w) that of a row and n(c) that of a column (Church and
Hanks 1990, "Word Association Norms, Mutual Information, and Lexicography"; Levy, Goldberg and Dagan 2015, "Improving
Distributional Similarity with Lessons Learned from Word Embeddings"):

    pmi(w, c) = log n(w, c) - log n(w) - log q(c),   q(c) = n(c)^cds / sum over c' of n(c')^cds

cds < 1 makes rare contexts likelier than they are and so takes from the pairs with them. log k is taken from all: the
shift by k, which is what skip-gram with k negatives factors implicitly.
"""

import numpy as np

from .. import memory, parallel
from .._core import pmi
from .._core.job import Job
from ..errors import ParameterError
from .matrix import Matrix

MEASURES = tuple(pmi.MEASURES)


def association(counts, *, measure="ppmi", shift=1.0, cds=0.75):
    """The Matrix (n, m) float32 of an association measure.

    Parameters
    ----------
    counts : Matrix (n, m) of counts, none negative.
    measure : "ppmi" keeps the positive pmi; "pmi" keeps both signs, of the pairs that were seen; "npmi" divides the
        positive pmi by -log p(w, c), so that it is at most 1 (Bouma 2009, "Normalized (Pointwise) Mutual Information in
        Collocation Extraction"); "log" is log(1 + n), without shift and cds.
    shift : k, at least 1 for the usual meaning; log k is taken from the pmi.
    cds : context distribution smoothing, the exponent of n(c).

    Raises ParameterError for negative counts, and if nothing is left.
    """
    if counts.values.min() < 0:
        raise ParameterError(f"the counts hold a negative number ({counts.values.min():g})")
    margins = (*_margins(counts, shift, cds), pmi.MEASURES[measure])
    values, kept = memory.zeros((len(counts.values),)), np.zeros(counts.shape[0], np.int64)
    places = (counts.offsets, counts.columns)
    _by_rows(counts, lambda job: pmi.weigh(job, counts.bounds, counts.values, places, margins, (values, kept)))
    offsets = np.concatenate([[0], np.cumsum(kept)])
    if not offsets[-1]:
        raise ParameterError(f"no pair of words has a {measure} above zero with shift={shift:g}")
    new = (offsets, np.empty(offsets[-1], np.int32), np.empty(offsets[-1], np.float32))
    _by_rows(counts, lambda job: pmi.compact(job, counts.bounds, (*places, values), new))
    return Matrix(*new, counts.shape, counts.threads)


def _margins(counts, shift, cds):
    """log n(w) + log k (n,), log q(c) (m,), log N; what is empty counts as one, as no pair needs it."""
    rows, columns = counts.row_sums(), counts.column_sums()
    total = rows.sum()
    if not np.isfinite(total):
        raise ParameterError("the counts are too large: their sum is infinite")
    logs = cds * np.log(np.where(columns > 0, columns, 1))
    most = logs.max()
    smoothed = logs - most - np.log(np.exp(logs - most, where=columns > 0, out=np.zeros_like(logs)).sum())
    own = np.log(np.where(rows > 0, rows, 1))
    return own + np.log(shift), smoothed, float(np.log(total))


def _by_rows(counts, call):
    """Call ``call(job)`` in every thread; the job's chunks are those of the counts' rows."""
    job = Job(len(counts.bounds) - 1)
    parallel.run(lambda job, number: call(job), job, min(counts.threads, job.chunks))
