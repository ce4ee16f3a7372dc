"""The training step against five lines of numpy, under every instruction set."""

import numpy as np
import pytest
import reference

from fastembed import memory
from fastembed._core import probe, simd


def rows(random, count, dim, scale=0.5):
    matrix = memory.zeros((count, simd.padded(dim)))
    matrix[:, :dim] = random.uniform(-scale, scale, (count, dim))
    return matrix


SHAPES = [(1, 1), (1, 6), (2, 6), (3, 5), (4, 6), (5, 7), (7, 6), (10, 6), (10, 13), (9, 18), (40, 21), (3, 2), (6, 4)]


@pytest.mark.parametrize("dim", [1, 8, 9, 16, 40, 56, 100, 304])
@pytest.mark.parametrize("shape", SHAPES)
def test_step_equals_numpy(isa, shape, dim):
    """Rows of up to 8 numbers more than whole registers of 16 end in half of one."""
    n_inputs, n_outputs = shape
    random = np.random.default_rng(n_inputs * 100 + n_outputs)
    x, w = rows(random, n_inputs + 2, dim), rows(random, n_outputs + 3, dim)
    labels = random.integers(0, 2, n_outputs).astype(np.uint8)
    input_rows, output_rows = random.permutation(len(x))[:n_inputs], random.permutation(len(w))[:n_outputs]
    new_x, new_w, loss = reference.step(
        x[input_rows].astype(float), w[output_rows].astype(float), labels.astype(float), 0.3
    )
    untouched = np.delete(x, input_rows, 0).copy(), np.delete(w, output_rows, 0).copy()
    got = probe.Step(x, w, labels, 0.3, input_rows, output_rows, dim).run()
    assert got == pytest.approx(loss, rel=2e-6)
    np.testing.assert_allclose(x[input_rows], new_x, rtol=0, atol=3e-6)
    np.testing.assert_allclose(w[output_rows], new_w, rtol=0, atol=3e-6)
    np.testing.assert_array_equal(np.delete(x, input_rows, 0), untouched[0])
    np.testing.assert_array_equal(np.delete(w, output_rows, 0), untouched[1])
    assert not x[:, dim:].any() and not w[:, dim:].any(), "the padding must stay zero"


def loss_of(x, w, labels):
    return reference.step(x, w, labels, 0.0)[2]


def test_gradient_by_central_differences(isa):
    """With lr = 1 the change of a row is minus its gradient (the in-place check of koan)."""
    random, dim, e = np.random.default_rng(3), 7, 1e-5
    x, w = rows(random, 3, dim), rows(random, 8, dim)
    labels = np.array([1, 0, 0, 1, 0, 1, 0, 0], np.uint8)
    x0, w0 = x[:, :dim].astype(float), w[:, :dim].astype(float)
    probe.Step(x, w, labels, 1.0, np.arange(3), np.arange(8)).run()
    for matrix, changed, other in ((x0, x, "x"), (w0, w, "w")):
        for index in np.ndindex(matrix.shape):
            there = []
            for sign in (1, -1):
                moved = matrix.copy()
                moved[index] += sign * e
                there.append(loss_of(moved, w0, labels) if other == "x" else loss_of(x0, moved, labels))
            gradient = (there[0] - there[1]) / (2 * e)
            assert matrix[index] - changed[index] == pytest.approx(gradient, abs=2e-6)


def test_duplicate_rows_lose_no_update(isa):
    random, dim, lr = np.random.default_rng(4), 32, 2e-4
    x, w = rows(random, 3, dim), rows(random, 5, dim)
    input_rows, output_rows = np.array([1, 0, 1, 1]), np.array([2, 4, 4, 0, 4])
    labels = np.array([1, 0, 0, 0, 0], np.uint8)
    new_x, new_w, _ = reference.step(x[input_rows].astype(float), w[output_rows].astype(float), labels, lr)
    want_x, want_w = x.astype(float), w.astype(float)
    np.add.at(want_x, input_rows, new_x - x[input_rows])
    np.add.at(want_w, output_rows, new_w - w[output_rows])
    probe.Step(x, w, labels, lr, input_rows, output_rows).run()
    np.testing.assert_allclose(x, want_x, rtol=0, atol=6e-7)  # a lost update would be of 5e-5
    np.testing.assert_allclose(w, want_w, rtol=0, atol=6e-7)


def test_confidently_wrong_pairs_keep_their_gradient(isa):
    x, w = np.zeros((1, 16), np.float32), np.zeros((2, 16), np.float32)
    x[0, 0], w[0, 0], w[1, 0] = 10, -10, 10  # scores -100 for label 1, +100 for label 0
    loss = probe.Step(x, w, np.array([1, 0], np.uint8), 0.5, np.arange(1), np.arange(2)).run()
    assert loss == pytest.approx(200)
    assert w[0, 0] == pytest.approx(-5) and w[1, 0] == pytest.approx(5)
    assert x[0, 0] == pytest.approx(10 - 5 - 5)


def test_loss_over_many_steps_is_exact(isa):
    """Many factors are multiplied before their logarithm is taken; none may overflow or be lost."""
    x, w = np.zeros((8, 16), np.float32), np.zeros((6, 16), np.float32)
    step = probe.Step(x, w, np.array([1, 0, 0, 0, 0, 0], np.uint8), 0.0, np.arange(8), np.arange(6))
    assert step.run(5000) == pytest.approx(5000 * 48 * np.log(2), rel=1e-7)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_bad_numbers_show_in_the_loss(isa, bad):
    x, w = np.full((2, 16), 0.5, np.float32), np.full((3, 16), 0.5, np.float32)
    x[1, 3] = bad
    loss = probe.Step(x, w, np.array([1, 0, 0], np.uint8), 0.1, np.arange(2), np.arange(3)).run()
    assert not np.isfinite(loss)


@pytest.mark.parametrize("dim", [1, 16, 48, 100, 300])
def test_compose_and_scatter(isa, dim):
    random = np.random.default_rng(dim)
    width = simd.lanes_padded(dim)  # what is behind it is not touched
    matrix, pair = rows(random, 30, dim), np.ascontiguousarray(rows(random, 2, dim)[:, :width])
    named = np.array([3, 0, 29, 3, 7, 7, 7], np.int32)
    mean = matrix[named, :width].mean(0)
    np.testing.assert_allclose(probe.compose(matrix, named, width), [mean] * 2, atol=1e-6)
    matrix[:, width:] = np.nan
    want = matrix.copy()
    np.add.at(want[:, :width], named, pair[0] - pair[1])  # a row named twice receives it twice
    probe.scatter(matrix, named, pair)
    np.testing.assert_allclose(matrix, want, atol=1e-6)


def test_blend_is_a_weighted_mean(isa):
    random = np.random.default_rng(6)
    matrix, weights = rows(random, 9, 100), random.dirichlet(np.ones(9)).astype(np.float32)
    np.testing.assert_allclose(probe.blend(matrix, weights), [weights @ matrix] * 2, atol=1e-6)


def test_mean_and_spread(isa):
    random = np.random.default_rng(5)
    matrix = rows(random, 9, 100)
    np.testing.assert_allclose(probe.mean(matrix), [matrix.mean(0)] * 2, atol=1e-6)
    pair = rows(random, 2, 100)
    want = matrix + 0.25 * (pair[0] - pair[1])
    probe.spread(matrix, pair, 0.25)
    np.testing.assert_allclose(matrix, want, atol=1e-6)


def softmax_loss(x, w, target):
    scores = w @ x
    return np.log(np.exp(scores - scores.max()).sum()) + scores.max() - scores[target]


@pytest.mark.parametrize("dim", [1, 16, 100])
@pytest.mark.parametrize("labels", [1, 2, 3, 7, 16, 33, 500])
def test_softmax_equals_numpy(isa, labels, dim):
    """x += lr sum (y - p) w and w += lr (y - p) x, all as they were; the loss is -log p."""
    random, lr = np.random.default_rng(labels), 0.3
    x, w = rows(random, 1, dim, 2.0), rows(random, labels, dim, 2.0)
    target = int(random.integers(labels))
    x0, w0 = x[0].astype(float), w.astype(float)
    p = np.exp(w0 @ x0 - (w0 @ x0).max())
    gradient = lr * ((np.arange(labels) == target) - p / p.sum())
    step = probe.Step(x, w, np.zeros(labels, np.uint8), lr, np.arange(1), np.arange(labels))
    assert step.softmax(target) == pytest.approx(softmax_loss(x0, w0, target), rel=1e-5, abs=1e-6)
    np.testing.assert_allclose(x[0], x0 + gradient @ w0, rtol=0, atol=5e-6)
    np.testing.assert_allclose(w, w0 + gradient[:, np.newaxis] * x0, rtol=0, atol=5e-6)
    assert not x[:, dim:].any() and not w[:, dim:].any(), "the padding must stay zero"


def test_gradient_of_the_softmax(isa):
    random, dim, e = np.random.default_rng(3), 7, 1e-5
    x, w = rows(random, 1, dim), rows(random, 5, dim)
    x0, w0 = x[0, :dim].astype(float), w[:, :dim].astype(float)
    probe.Step(x, w, np.zeros(5, np.uint8), 1.0, np.arange(1), np.arange(5)).softmax(2)
    for k in range(dim):
        moved = e * (np.arange(dim) == k)
        gradient = (softmax_loss(x0 + moved, w0, 2) - softmax_loss(x0 - moved, w0, 2)) / (2 * e)
        assert x0[k] - x[0, k] == pytest.approx(gradient, abs=2e-6)
    for index in np.ndindex(w0.shape):
        moved = np.zeros_like(w0)
        moved[index] = e
        gradient = (softmax_loss(x0, w0 + moved, 2) - softmax_loss(x0, w0 - moved, 2)) / (2 * e)
        assert w0[index] - w[index] == pytest.approx(gradient, abs=2e-6)


@pytest.mark.parametrize("score", [3e38, -3e38, np.inf, np.nan])
def test_a_softmax_that_overflows_says_so(isa, score):
    x, w = rows(np.random.default_rng(0), 1, 16), rows(np.random.default_rng(1), 3, 16)
    x[0, 0], w[1, 0] = 10, score
    assert not np.isfinite(probe.Step(x, w, np.zeros(3, np.uint8), 0.1, np.arange(1), np.arange(3)).softmax(1))
