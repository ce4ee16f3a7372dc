"""What the neural models share: parameters, optimisers, layers, batches."""

import numpy as np
import pytest

from fastembed.errors import ParameterError, TrainingError
from fastembed.nn import SGD, AdaGrad, Adam, AdamW, Params
from fastembed.nn.batches import Windows
from fastembed.nn.layers import dropout_mask, grouped
from fastembed.nn.optim import Guard, clip_scale, norm
from fastembed.nn.repeats import Repeats

SHAPES = {"a": (3, 5), "b": (7,), "c": (40_000,)}


def filled(dtype=np.float32, seed=0):
    params = Params(SHAPES, dtype)
    for array in params.values():
        array[:] = np.random.default_rng(seed).standard_normal(array.shape)
    return params


def test_params_are_views_of_one_buffer():
    params = filled()
    assert list(params) == list(SHAPES) and len(params) == 3
    assert all(np.shares_memory(array, params.flat) and array.flags.c_contiguous for array in params.values())
    assert all(array.ctypes.data % 64 == 0 for array in params.values())
    params.flat[:] = 0
    assert not params["a"].any()
    assert params.like(["b"], np.float64)["b"].dtype == np.float64


def test_params_come_back_from_tensors():
    params = filled()
    again = Params.restored(SHAPES, params.tensors("x."), "x.")
    assert (again.flat == params.flat).all()


@pytest.mark.parametrize(
    "bad", [{}, {"x.a": np.zeros((5, 3), np.float32)}, {"x.a": np.zeros((3, 5))}], ids=["missing", "shape", "type"]
)
def test_other_tensors_are_refused_before_memory_is_taken(bad, monkeypatch):
    monkeypatch.setattr("fastembed.memory.zeros", lambda *_: pytest.fail("memory was taken"))
    with pytest.raises(ValueError, match="x.a should be"):
        Params.restored({"a": (3, 5)}, bad, "x.")


def reference(kind, value, gradient, state, step, lr):
    """One step of each optimiser in numpy."""
    if kind is SGD:
        return value - lr * gradient
    if kind is AdaGrad:
        state["squares"] = state.get("squares", 0) + gradient**2
        return value - lr * gradient / (np.sqrt(state["squares"]) + 1e-10)
    state["means"] = 0.9 * state.get("means", 0) + 0.1 * gradient
    state["squares"] = 0.999 * state.get("squares", 0) + 0.001 * gradient**2
    mean, square = state["means"] / (1 - 0.9**step), state["squares"] / (1 - 0.999**step)
    return value - lr * mean / (np.sqrt(square) + 1e-8)


@pytest.mark.parametrize("kind", [SGD, AdaGrad, Adam])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_optimisers_are_as_written(kind, dtype, isa):
    params, random = filled(dtype), np.random.default_rng(1)
    optimizer = kind(params, threads=2)
    expected, state = params["c"].astype(np.float64), {}
    for step in (1, 2, 3):
        gradient = random.standard_normal(40_000).astype(dtype)
        optimizer.begin(0.1, scale=0.5)
        optimizer.dense("c", gradient)
        expected = reference(kind, expected, gradient.astype(np.float64) / 2, state, step, 0.1)
        np.testing.assert_allclose(params["c"], expected, atol=1e-5 if dtype == np.float32 else 1e-12)
    assert (params["a"] == filled(dtype)["a"]).all()


@pytest.mark.parametrize("kind", [SGD, AdaGrad, Adam])
def test_rows_are_as_dense_and_others_stay(kind):
    some, whole = filled(), filled()
    gradient = np.zeros((3, 5), np.float32)
    gradient[[2, 0]] = [[1], [2]]
    rows, dense = kind(some), kind(whole)
    for optimizer in (rows, dense):
        optimizer.begin(0.1)
    rows.rows("a", np.int32([2, 0]), gradient[[2, 0]])
    rows.rows("b", np.int32([3]), np.float32([1]))
    dense.dense("a", gradient)
    assert (some["a"] == whole["a"]).all()
    assert (some["b"] != whole["b"]).tolist() == [False] * 3 + [True] + [False] * 3


@pytest.mark.parametrize("kind", [SGD, AdaGrad, Adam, AdamW])
def test_gradients_that_do_not_fit_are_refused(kind):
    """They would be read, or written to, behind the end of an array."""
    params = filled()
    optimizer, before, one = kind(params), params.flat.copy(), np.ones((1, 5), np.float32)
    optimizer.begin(0.1)
    for gradient in (one, np.ones((3, 5)), [1, 2]):
        with pytest.raises(ParameterError, match=r"the gradient of a should be float32 \(3, 5\) and is"):
            optimizer.dense("a", gradient)
    for ids, gradients, said in (
        ([3], one, "ids from 3 to 3: a has 3 rows"),
        ([-1], one, "ids from -1 to -1"),
        ([0, 1], one, r"should be float32 \(2, 5\)"),
        ([0], one[:, :4].copy(), r"should be float32 \(1, 5\)"),
    ):
        with pytest.raises(ParameterError, match=said):
            optimizer.rows("a", np.int32(ids), gradients)
    with pytest.raises(ParameterError, match=r"should be int32 \(n,\)"):
        optimizer.rows("a", np.int64([0]), one)
    optimizer.rows("a", np.zeros(0, np.int32), one[:0])
    assert np.array_equal(params.flat, before)


@pytest.mark.parametrize("kind", [SGD, AdaGrad, Adam])
def test_an_optimiser_goes_on_from_its_tensors(kind):
    one, gradient = filled(), np.float32([1, 2, 3, 4, 5, 6, 7])
    first = kind(one)
    first.begin(0.1)
    first.dense("b", gradient)
    two = Params.restored(SHAPES, one.tensors())
    second = kind(two)
    second.restore(first.tensors())
    for optimizer in (first, second):
        optimizer.begin(0.1)
        optimizer.dense("b", gradient)
    assert (one.flat == two.flat).all()
    with pytest.raises(ValueError, match="number of steps"):
        second.restore(first.tensors() | {"optimizer.steps": np.array([-1])})


def test_norms_and_clipping():
    arrays = [np.full((3, 4), 2.0), np.ones(10_000, np.float32)]
    assert norm(arrays) == pytest.approx(np.sqrt(48 + 10_000))
    assert clip_scale(arrays, None) == 1 and clip_scale(arrays, 1e9) == 1
    assert clip_scale(arrays, 1.0) == pytest.approx(1 / norm(arrays))
    assert clip_scale([np.zeros(3)], 1.0) == 1
    with pytest.raises(TrainingError, match="smaller lr"):
        clip_scale([np.float32([np.nan])], 1.0)


def test_steps_that_overflow_are_left_out_but_not_for_ever():
    guard, good, bad = Guard(limit=2.0, patience=2), [np.float32([3, 4])], [np.float32([1, np.nan])]
    assert [guard.scale(arrays) for arrays in (good, bad, bad, good, bad)] == [0.4, None, None, 0.4, None]
    assert guard.skipped == 3 and guard.scale(bad) is None
    with pytest.raises(TrainingError, match="3 steps in a row"):
        guard.scale(bad)
    free = Guard()
    assert free.scale(good) == 1 and free.scale(bad) is None


def test_adagrad_may_start_with_a_sum():
    params = Params({"w": (2,)})
    optimizer = AdaGrad(params, initial=1.0)
    optimizer.begin(0.5)
    optimizer.dense("w", np.float32([3, 0]))
    assert params["w"].tolist() == pytest.approx([-1.5 / np.sqrt(10), 0])


def test_grouped():
    unique, order, bounds = grouped(np.int32([7, 3, 7, 5]))
    assert unique.tolist() == [3, 5, 7] and order.tolist() == [1, 3, 0, 2] and bounds.tolist() == [0, 1, 2, 4]


def test_repeats_are_each_row_once():
    ids, matrix = (
        np.random.default_rng(0).integers(0, 9, (700, 3)).astype(np.int32),
        np.random.default_rng(1).random((9, 4)),
    )
    found = Repeats(ids, matrix)
    assert (found.rows[found.places.T] == matrix[ids]).all() and len(found.ids) == 27
    for row in range(27):
        column = np.searchsorted(found.starts, row, "right") - 1
        members = found.members[found.bounds[row] : found.bounds[row + 1]]
        assert members.tolist() == np.flatnonzero(ids[:, column] == found.ids[row]).tolist()
    assert found.pieces[:, 1:].ravel().tolist() == [0, 9, 9, 18, 18, 27] and found.most == 9


def test_dropout_keeps_the_mean():
    mask = dropout_mask((500, 400), 0.3, np.random.default_rng(0))
    assert mask.dtype == np.float32 and set(np.unique(mask)) == {np.float32(0), np.float32(1 / 0.7)}
    assert abs((mask == 0).mean() - 0.3) < 0.005


def windows(sentences, n=3, batch=4):
    ids = np.concatenate(sentences).astype(np.int32)
    return Windows(ids, np.cumsum([0, *map(len, sentences)]), n, begin=1, end=2, batch=batch)


def test_windows_are_those_of_the_language_models():
    from fastembed.models.language import contexts_of

    sentences = [[5], [6, 7, 8, 9, 10], [11, 12]]
    mine = windows(sentences)
    contexts, words = contexts_of(np.concatenate(sentences).astype(np.int32), np.cumsum([0, 1, 5, 2]), 3)
    found = mine.at(np.arange(mine.size))
    assert (found[0] == contexts).all() and (found[1] == words).all()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_an_epoch_has_every_prediction_once_in_its_own_order(size):
    mine = windows([list(range(10, 10 + size))], batch=16)
    epochs = [[mine.batch_at(k, (1, epoch))[1].tolist() for k in range(mine.batches)] for epoch in (0, 1)]
    flat = [sum(epoch, []) for epoch in epochs]
    assert sorted(flat[0]) == sorted(flat[1]) == [2, *range(10, 10 + size)]
    assert size < 1000 or flat[0] != flat[1]
    assert [len(batch) for batch in epochs[0][:-1]] == [16] * (mine.batches - 1)


def test_the_order_is_right_for_large_corpora():
    from fastembed.nn.batches import _affine

    size, step, shift = (1 << 38) + 7, (1 << 37) + 12345, (1 << 38) - 3
    numbers = np.array([0, 1, 123_456_789_012, size - 1], np.uint64)
    assert _affine(numbers, step, shift, size).tolist() == [(step * int(n) + shift) % size for n in numbers]
