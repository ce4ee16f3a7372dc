"""fastembed._core.batch: candidates, repeated rows and copied rows."""

import numpy as np
import pytest

from fastembed._core import batch, tables
from fastembed.nn.layers import take_rows

WEIGHTS = np.float64([8, 0, 4, 2, 1, 1, 0])


def noise(weights):
    return tables.alias_cells(tables.alias_table(np.float64(weights)))


def drawn(key, samples=1, targets=(), weights=WEIGHTS):
    wanted = np.zeros(len(weights), np.uint8)
    found = batch.candidates(noise(weights), key, samples, np.int32(targets), wanted)
    assert found.dtype == np.int32 and not wanted.any()
    return found.tolist()


def test_candidates_are_drawn_by_their_weights():
    shares = np.bincount([drawn((seed, 7))[0] for seed in range(20_000)], minlength=7) / 20_000
    assert shares[[1, 6]].tolist() == [0, 0]
    np.testing.assert_allclose(shares, WEIGHTS / 16, atol=0.012)


def test_candidates_are_a_set_that_holds_the_targets():
    assert drawn((1,), 0, [6, 1, 1, 3]) == [1, 3, 6]
    assert drawn((1,), 500, [1]) == [0, 1, 2, 3, 4, 5]
    assert drawn((1,), 3, weights=[1]) == [0]


def test_candidates_depend_on_the_whole_key_and_on_nothing_else():
    many = np.ones(1000)
    keys = [(1, 2, 3), (1, 2, 4), (1, 3, 3), (2, 2, 3), (1, 2, 3, 0), (1, 2), (2**64 - 1,)]
    found = [drawn(key, 20, weights=many) for key in keys]
    assert found == [drawn(key, 20, weights=many) for key in keys]
    assert len({tuple(one) for one in found}) == len(keys)


@pytest.mark.parametrize("wrong", [-1, 7])
def test_a_target_that_is_no_word(wrong):
    with pytest.raises(IndexError, match=f"{wrong} is none of 7"):
        drawn((1,), 3, [0, wrong])
    assert drawn((1,), 0, [2]) == [2]


@pytest.mark.parametrize("words", [1, 2, 200, 256, 257, 70_000, 1 << 24, (1 << 31) - 1])
@pytest.mark.parametrize(("examples", "columns"), [(1, 1), (300, 3), (7, 20)])
def test_repeats_are_those_of_numpy(words, examples, columns):
    random = np.random.default_rng(words)
    ids = random.integers(max(0, words - 400), words, (examples, columns)).astype(np.int32)
    found, starts, bounds, members, places = batch.repeats(ids, words)
    assert (found[places.T] == ids).all()
    for column in range(columns):
        unique, counts = np.unique(ids[:, column], return_counts=True)
        assert found[starts[column] : starts[column + 1]].tolist() == unique.tolist()
        assert np.diff(bounds[starts[column] : starts[column + 1] + 1]).tolist() == counts.tolist()
        order = members[column * examples : (column + 1) * examples]
        assert order.tolist() == np.argsort(ids[:, column], kind="stable").tolist()
    assert starts[0] == bounds[0] == 0 and bounds[-1] == ids.size and starts[-1] == len(found)


def test_no_repeats_among_nothing():
    found, starts, bounds, members, places = batch.repeats(np.zeros((0, 2), np.int32), 5)
    assert (found.size, starts.tolist(), bounds.tolist(), members.size, places.shape) == (0, [0, 0, 0], [0], 0, (2, 0))


@pytest.mark.parametrize("wrong", [-1, 5])
@pytest.mark.parametrize("other", [0, None])
def test_ids_that_are_no_words(wrong, other):
    with pytest.raises(IndexError, match=f"{wrong}.* of 5 words"):
        batch.repeats(np.int32([[wrong if other is None else other, 4], [wrong, 4]]), 5)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_are_copied(dtype, threads):
    random = np.random.default_rng(0)
    matrix, ids = random.random((50, 7)).astype(dtype), random.integers(0, 50, 500).astype(np.int32)
    out = np.empty((500, 7), dtype)
    take_rows(matrix, ids, out, threads)
    assert (out == matrix[ids]).all()
    take_rows(matrix, ids[:0], out[:0], threads)
