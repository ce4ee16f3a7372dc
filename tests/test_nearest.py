"""The running selection of the best columns, against a full sort."""

import numpy as np
import pytest

from fastembed._core.nearest import select, select_sums


def empty(count, k):
    return np.full((count, k), -np.inf, np.float32), np.full((count, k), -1, np.int64)


@pytest.mark.parametrize("widths", [[1], [64], [63, 1, 65], [200, 7, 128, 1]])
@pytest.mark.parametrize("k", [0, 1, 2, 9])
def test_blocks_give_what_one_sort_gives(widths, k):
    rng = np.random.default_rng(sum(widths) + k)
    scores = rng.normal(size=(5, sum(widths))).astype(np.float32)
    scale = rng.uniform(0.5, 2, sum(widths)).astype(np.float32)
    best, ids = empty(5, k)
    at = 0
    for width in widths:
        select(scores[:, at : at + width].copy(), scale[at : at + width], at, best, ids)
        at += width
    expected = np.argsort(-scores * scale, axis=1, kind="stable")[:, :k]
    assert np.array_equal(ids[:, : expected.shape[1]], expected) and (ids[:, expected.shape[1] :] == -1).all()
    assert np.array_equal(best[:, : expected.shape[1]], np.take_along_axis(scores * scale, expected, 1))


def test_of_equal_scores_the_earlier_column_wins():
    best, ids = empty(1, 3)
    for base in (0, 100):
        select(np.ones((1, 100), np.float32), np.ones(100, np.float32), base, best, ids)
    assert ids.tolist() == [[0, 1, 2]]


def test_numbers_that_are_none_are_never_chosen():
    scores = np.full((1, 70), np.nan, np.float32)
    scores[0, 65] = -3
    best, ids = empty(1, 2)
    select(scores, np.ones(70, np.float32), 0, best, ids)
    assert ids.tolist() == [[65, -1]]


@pytest.mark.parametrize("width", [1, 64, 130])
def test_sums_are_those_of_three_rows(width):
    rng = np.random.default_rng(width)
    cosines = rng.normal(size=(20, 2 * width)).astype(np.float32)
    triples = rng.integers(0, 20, (50, 3))
    best, ids = empty(50, 4)
    for base in (0, width):
        select_sums(cosines[:, base : base + width].copy(), triples, base, best, ids)
    a, b, c = (cosines[triples[:, k]] for k in range(3))
    expected = np.argsort(-(b + c - a), axis=1, kind="stable")[:, :4]
    assert np.array_equal(ids[:, : expected.shape[1]], expected)
