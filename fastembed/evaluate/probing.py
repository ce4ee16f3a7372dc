"""Probes: how much do vectors of words in their sentences say, to a classifier that can do little itself?

Letters: N training and M test vectors, D numbers of a vector, C classes.
"""

from dataclasses import dataclass

import numpy as np

from ..blas import one_thread
from ..errors import ParameterError

RIDGES = tuple(10.0**k for k in range(-6, 1))  # of the mean variance of the features


@dataclass(frozen=True)
class Probe:
    """accuracy : share of the test vectors whose class is right; ridge : the penalty that was chosen."""

    accuracy: float
    ridge: float


def linear_probe(train, classes, test, test_classes, ridge=None):
    """A linear classifier by least squares with a penalty (ridge regression) on one-hot classes.

    Parameters
    ----------
    train, test : (N, D), (M, D) vectors.
    classes, test_classes : (N,), (M,) what they belong to: str or numbers.
    ridge : penalty above 0, as a share of the mean variance of the features; None chooses the one of 1e-6 .. 1 that is
        best on the last tenth of the training vectors.

    Returns a Probe. Raises ParameterError where shapes do not fit, vectors hold NaN or infinity, or there are too few.

    >>> train, test = np.float32([[0, 1], [1, 0], [0, 2], [2, 0]]), np.float32([[0, 3], [3, 0]])
    >>> linear_probe(train, ["N", "V", "N", "V"], test, ["N", "N"], ridge=1e-3)
    Probe(accuracy=0.5, ridge=0.001)
    """
    train, test, names, targets, test_classes = _checked(train, classes, test, test_classes)
    if ridge is not None and not (isinstance(ridge, (int, float, np.number)) and 0 < ridge < np.inf):
        raise ParameterError(f"ridge={ridge!r}: give a finite number above 0, or None")
    if ridge is None and len(train) < 2:
        raise ParameterError("a single training vector leaves none to choose the ridge by: give the ridge")
    with one_thread():
        if ridge is None:
            held = max(1, len(train) // 10)
            inner = _Ridge(train[:-held], targets[:-held], len(names))
            ridge = max(RIDGES, key=lambda share: np.mean(inner.predicted(train[-held:], share) == targets[-held:]))
        found = names[_Ridge(train, targets, len(names)).predicted(test, ridge)]
    return Probe(float(np.mean(found == test_classes)), float(ridge))


class _Ridge:
    """Least squares for any penalty, from one eigenvalue decomposition of X'X."""

    def __init__(self, features, targets, classes):
        self.mean = features.mean(0, dtype=np.float64)
        gram, moments = np.zeros((features.shape[1],) * 2), np.zeros((features.shape[1], classes))
        self.prior = np.bincount(targets, minlength=classes) / max(1, len(targets))
        for start in range(0, len(features), 4096):
            rows = features[start : start + 4096] - self.mean
            gram += rows.T @ rows
            moments += rows.T @ (np.eye(classes)[targets[start : start + 4096]] - self.prior)
        self.values, self.axes = np.linalg.eigh(gram)
        self.moments, self.scale = self.axes.T @ moments, max(np.trace(gram) / len(gram), 1e-30)

    def predicted(self, features, ridge):
        """Class numbers (M,)"""
        weights = self.axes @ (self.moments / (np.maximum(self.values, 0) + ridge * self.scale)[:, None])
        return ((features - self.mean) @ weights + self.prior).argmax(1)


def sense_centroids(train, senses, test, test_senses):
    """Word senses by the nearest centroid: the share of test vectors whose cosine to their sense's mean is largest.

    Parameters
    ----------
    train, test : (N, D), (M, D) vectors of one word in its sentences.
    senses, test_senses : (N,), (M,) what it means there.

    The mean is that of the vectors at length 1 (Loureiro et al. 2021, "Analysis and Evaluation of Language Models for
    Word Sense Disambiguation").
    """
    train, test, names, numbers, test_senses = _checked(train, senses, test, test_senses)
    sums = np.zeros((len(names), train.shape[1]))
    np.add.at(sums, numbers, _normed(train))
    return float(np.mean(names[(_normed(test) @ _normed(sums).T).argmax(1)] == test_senses))


def _normed(rows):
    """Rows at length 1, float64; those of zeros stay."""
    rows = np.asarray(rows, np.float64)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30)


def _checked(train, classes, test, test_classes):
    """(train, test, names of the classes (C,), numbers among them (N,), test_classes), or ParameterError."""
    pairs = [_pair("train", train, classes), _pair("test", test, test_classes)]
    widths = [vectors.shape[1] for vectors, _ in pairs]
    if widths[0] != widths[1]:
        raise ParameterError(f"train has {widths[0]} numbers a vector and test has {widths[1]}")
    try:
        names, numbers = np.unique(pairs[0][1], return_inverse=True)
    except TypeError:
        raise ParameterError("train: classes are str or numbers, not both") from None
    return pairs[0][0], pairs[1][0], names, numbers, pairs[1][1]


def _pair(name, vectors, classes):
    """The arrays of vectors and their classes, or ParameterError."""
    try:
        vectors, classes = np.asarray(vectors), np.asarray(classes)
    except ValueError:  # rows of different lengths
        raise ParameterError(f"{name}: the vectors, or the classes, are no array") from None
    if vectors.ndim != 2 or classes.shape != (len(vectors),) or not vectors.size:
        raise ParameterError(f"{name}: vectors of shape {vectors.shape} and classes of shape {classes.shape}")
    if vectors.dtype.kind not in "fiu":
        raise ParameterError(f"{name}: the vectors should be numbers and have type {vectors.dtype}")
    if not np.isfinite(vectors).all():
        raise ParameterError(f"{name}: the vectors hold NaN or infinity")
    return vectors, classes
