"""Small KeyedVectors for tests."""

import numpy as np

from fastembed.vectors import KeyedVectors
from fastembed.vocab import Vocab

GOLDEN_WORDS = ["the", "König", "水滸傳", "naïve", "don't", "1984", "x"]


def golden():
    """The vectors of tests/golden: exact in every format, with large, tiny and many-digit numbers."""
    rows = np.array([[(-1) ** (v + d) * (v + 1) / (d + 3) for d in range(5)] for v in range(7)], np.float32)
    rows[1] = [0, 1, -1, 1e-30, 3.4e38]
    rows[2, :2] = [1 / 3, 123456.789]
    return KeyedVectors(Vocab(GOLDEN_WORDS), rows)


def random_vectors(words=500, dim=20, seed=0, padded=None):
    """Random vectors; with ``padded``, a view of rows of so many floats."""
    rows = np.zeros((words, padded or dim), np.float32)
    rows[:, :dim] = np.random.default_rng(seed).normal(size=(words, dim))
    return KeyedVectors(Vocab([f"w{v}" for v in range(words)], np.arange(words, 0, -1)), rows[:, :dim])


def same(one, two):
    """Whether two KeyedVectors hold the same words and the same bits."""
    return list(one.index_to_key) == list(two.index_to_key) and np.array_equal(
        np.ascontiguousarray(one.vectors).view(np.uint32), np.ascontiguousarray(two.vectors).view(np.uint32)
    )
