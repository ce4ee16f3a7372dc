"""The softmax over a vocabulary: losses and gradients against numpy, float64 differences and each other."""

import numpy as np
import pytest

from fastembed.nn import SGD, Adam, Params
from fastembed.nn.softmax import NEVER, HierarchicalSoftmax, SampledSoftmax, Softmax, tree_paths

V, K, B = 1300, 23, 300  # several blocks and chunks, none of them full
RANDOM = np.random.default_rng(0)
COUNTS = np.sort(RANDOM.integers(1, 1000, V))[::-1].copy()
INPUTS, TARGETS = RANDOM.standard_normal((B, K)), RANDOM.integers(0, V, B).astype(np.int32)
DRAWING = {"samples": 60, "frequencies": COUNTS / COUNTS.sum()}
KINDS = {
    "full": lambda params, threads: Softmax(params, threads=threads),
    "unigram": lambda params, threads: SampledSoftmax(params, threads=threads, proposal="unigram", **DRAWING),
    "log_uniform": lambda params, threads: SampledSoftmax(params, threads=threads, proposal="log_uniform", **DRAWING),
    "tree": lambda params, threads: HierarchicalSoftmax(params, threads=threads, paths=tree_paths(COUNTS)),
}


def layer(kind, dtype=np.float64, threads=1):
    """A layer of its kind and its parameters, always the same."""
    rows = V - 1 if kind == "tree" else V
    params = Params({"output": (rows, K), "output.bias": (rows,)}, dtype)
    for array in params.values():
        array[:] = np.random.default_rng(1).standard_normal(array.shape) / 2
    return KINDS[kind](params, threads), params


def losses(one, inputs=INPUTS, targets=TARGETS):
    """Losses from the same candidates each time."""
    if isinstance(one, SampledSoftmax):
        one.seed(1)
    return one.forward(inputs, targets)


def full_logprobs(params, inputs=INPUTS):
    scores = inputs @ params["output"].T + params["output.bias"]
    return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_every_parameter(kind):
    one, params = layer(kind, threads=2)
    losses(one)
    arrays = {"inputs": (INPUTS, None, one.backward(1.0).copy())}
    arrays |= {name: (params[name], rows, array) for name, rows, array in one.gradients()}
    assert set(arrays) == {"inputs", "output", "output.bias"}
    for array, rows, gradient in arrays.values():
        for _ in range(25):
            place = tuple(RANDOM.integers(size) for size in gradient.shape)
            where = place if rows is None else (rows[place[0]], *place[1:])
            before, sums = array[where], []
            for change in (1e-5, -1e-5):
                array[where] = before + change
                sums.append(losses(one).sum())
            array[where] = before
            assert (sums[0] - sums[1]) / 2e-5 == pytest.approx(gradient[place], abs=1e-6)


def test_full_is_numpy():
    one, params = layer("full")
    np.testing.assert_allclose(losses(one), -full_logprobs(params)[np.arange(B), TARGETS], rtol=1e-12)


@pytest.mark.parametrize("kind", ["full", "tree"])
@pytest.mark.parametrize("threads", [1, 3])
def test_losses_alone_are_those_of_forward(kind, threads):
    one, _ = layer(kind, threads=threads)
    found = one.losses(INPUTS, TARGETS)
    assert (found == one.forward(INPUTS, TARGETS)).all()
    assert kind == "tree" or one.scratch.room["block"].size < one.scratch.room["exponentials"].size


def test_tree_is_a_distribution():
    one, params = layer("tree")
    logs = one.logprobs(INPUTS @ params["output"].T + params["output.bias"])
    np.testing.assert_allclose(np.exp(logs).sum(axis=1), 1)
    np.testing.assert_allclose(losses(one), -logs[np.arange(B), TARGETS])


def test_words_that_are_never_predicted():
    one, params = layer("full")
    params["output.bias"][3] = NEVER
    assert (one.logprobs(INPUTS @ params["output"].T + params["output.bias"])[:, 3] == -np.inf).all()
    losses(one)
    one.backward(1.0)
    assert all(not array[3].any() for _, _, array in one.gradients())
    paths = tree_paths(np.array([5, 0, 3, 1]))
    assert np.diff(paths[0]).tolist() == [1, 0, 2, 2]


@pytest.mark.parametrize("kind", KINDS)
def test_every_isa_and_number_of_threads(kind, isa):
    exact, _ = layer(kind)
    losses(exact)
    gradient = exact.backward(1 / B).copy()
    results = []
    for threads in (1, 3):
        one, params = layer(kind, np.float32, threads)
        found = losses(one, INPUTS.astype(np.float32))
        np.testing.assert_allclose(found, losses(exact), rtol=2e-5)
        np.testing.assert_allclose(one.backward(1 / B), gradient, atol=1e-6)
        optimizer = Adam(params, threads)
        optimizer.begin(0.01)
        one.update(optimizer)
        results.append(params.flat.copy())
    assert (results[0] == results[1]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_an_update_is_the_gradients_step(kind):
    one, params = layer(kind)
    before = {name: array.copy() for name, array in params.items()}
    losses(one)
    one.backward(1.0)
    for name, rows, gradient in one.gradients():
        before[name][slice(None) if rows is None else rows] -= 0.1 * gradient
    optimizer = SGD(params)
    optimizer.begin(0.1)
    one.update(optimizer)
    assert all(np.allclose(params[name], before[name], atol=1e-12) for name in params)


@pytest.mark.parametrize("proposal", ["unigram", "log_uniform"])
def test_the_sampled_optimum_is_the_full_one(proposal):
    """Without inputs that tell anything apart, the biases must become the words' frequencies."""
    counts = np.array([400, 200, 100, 80, 60, 50, 40, 30, 20, 20])
    params = Params({"output": (10, 1), "output.bias": (10,)}, np.float64)
    one = SampledSoftmax(params, samples=3, frequencies=counts / 1000, proposal=proposal)
    optimizer, random, mean = SGD(params), np.random.default_rng(2), np.zeros(10)
    for step in range(6000):
        one.seed(step)
        one.forward(np.zeros((8, 1)), random.choice(10, 8, p=counts / 1000).astype(np.int32))
        one.backward(1 / 8)
        optimizer.begin(0.1 if step < 2000 else 0.03)
        one.update(optimizer)
        mean += params["output.bias"] if step >= 2000 else 0
    shares = np.exp(mean / 4000)
    np.testing.assert_allclose(shares / shares.sum(), counts / 1000, rtol=0.1)


@pytest.mark.parametrize("scale", [1e4, 1e30])
def test_large_scores_do_not_overflow(scale, isa):
    params = Params({"output": (V, K), "output.bias": (V,)})
    params["output"][:, 0] = np.linspace(-1, 1, V)
    inputs = np.zeros((B, K), np.float32)
    inputs[:, 0] = scale
    one = Softmax(params)
    found = one.forward(inputs, np.full(B, V - 1, np.int32))
    assert np.isfinite(found).all() and (found >= 0).all() and np.isfinite(one.backward(1.0)).all()


def test_nan_is_not_lost(isa):
    one, params = layer("full", np.float32)
    params["output"][V // 2] = np.nan
    assert np.isnan(losses(one, INPUTS.astype(np.float32))).all()
