"""Products of numbers rounded to bfloat16, and the encoder that takes them."""

import numpy as np
import pytest
import transformer
from transformer import LARGE, SIZES, expected, make

from fastembed._core import probe, recurrent
from fastembed.errors import ParameterError
from fastembed.nn.attention import Encoder


def rounded(x):
    """x (...) float32 to the nearest bfloat16, halfway to the even one: as a float32."""
    bits = np.asarray(x, np.float32).view(np.uint32).astype(np.uint64)
    near = ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)
    return np.where(np.isnan(x), np.float32(np.nan), near)


def packed(weights):
    return recurrent.panels(weights, 0, weights.shape[1], False, lambda n: np.empty(n, np.float32), True)


def product(left, weights, bias=None):
    bias = np.zeros(weights.shape[1], np.float32) if bias is None else bias
    return probe.dense_bfloat16(left, packed(weights), bias)


def hard_numbers():
    """Ties, numbers around powers of two, the largest, infinities, NaNs, and any bits."""
    bits = np.random.default_rng(1).integers(0, 1 << 32, 3000, np.uint64).astype(np.uint32)
    upper = bits[:1000] & 0xFFFF0000
    edges = np.uint32([0, 0x80000000, 0x7F7FFFFF, 0x7F7F8000, 0x7F7F7FFF, 0x7F800000, 0xFF800000, 0x7FC00000])
    nans = np.uint32([0x7F800001, 0xFF80FFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FBFFFFF])
    return np.concatenate([bits, upper, upper | 0x8000, upper | 0x7FFF, upper | 0x8001, edges, nans]).view(np.float32)


@pytest.mark.parametrize("depth", [1, 32])
@pytest.mark.parametrize("side", ["left", "right"])
def test_rounding(isa, side, depth):
    x = hard_numbers()
    if isa in ("amx", "avx512bf16"):  # take what is smaller for 0
        x = x[~(np.abs(x) < 2.0**-126) | (x == 0)]
    one, numbers = np.ones((1, depth), np.float32), np.zeros((len(x), depth), np.float32)
    numbers[:, 0] = x
    found = product(numbers, one.T)[:, 0] if side == "left" else product(one, numbers.T.copy())[0]
    np.testing.assert_array_equal(found, rounded(x))  # but for the sign of 0, which a sum loses


def test_rounding_as_torch_does():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    x = hard_numbers()
    np.testing.assert_array_equal(rounded(x), torch.from_numpy(x).bfloat16().float().numpy())


@pytest.mark.parametrize("depth", [1, 2, 7, 15, 16, 32, 33, 96, 511, 512, 513, 544, 1030])
@pytest.mark.parametrize("columns", [1, 15, 16, 33, 67])
def test_product_equals_numpy(isa, depth, columns):
    random = np.random.default_rng(depth)
    weights, bias = random.standard_normal((depth, columns), np.float32), random.standard_normal(columns, np.float32)
    left = random.standard_normal((40, depth), np.float32)
    wanted = rounded(left).astype(float) @ rounded(weights).astype(float) + bias
    sizes = np.abs(rounded(left)).astype(float) @ np.abs(rounded(weights)) + np.abs(bias)
    panels = packed(weights)
    whole = probe.dense_bfloat16(left, panels, bias)
    assert (np.abs(whole - wanted) <= 2e-7 * depth**0.5 * sizes).all()
    for rows in [*range(1, 14), 16, 17, 32, 33]:  # no row depends on how many there are
        np.testing.assert_array_equal(probe.dense_bfloat16(left[:rows], panels, bias), whole[:rows])


def attention(qkv, heads):
    """As transformer.attention, with products of rounded numbers: the probabilities before they are divided."""
    q, k, v = (rounded(transformer.heads_of(part, heads)).astype(float) for part in np.split(qkv, 3, axis=1))
    scores = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[2])
    p = np.exp(scores - scores.max(2, keepdims=True))
    return transformer.beside(rounded(p) @ v / p.sum(2, keepdims=True)), p


@pytest.mark.parametrize("activation", ["gelu", "gelu_new"])
@pytest.mark.parametrize("name", SIZES | LARGE)
def test_encoder_equals_numpy(isa, name, activation, monkeypatch):
    """Two numbers that differ by a float's rounding may differ by one of bfloat16: few of them, and no more; some more
    where e^x and GELU are only as right as bfloat16."""
    plain, batch = make(name, activation=activation)
    exact, _ = expected(plain, batch)
    monkeypatch.setattr(transformer, "dense", lambda x, p, name: rounded(x) @ rounded(p[name]) + p[name + ".bias"])
    near = isa == "avx512bf16" and plain.sizes.width // plain.sizes.heads % 32 == 0
    if near:
        monkeypatch.setattr(transformer, "attention", lambda qkv, heads, kept: attention(qkv, heads))
    wanted, _ = expected(plain, batch)
    states, _ = Encoder(plain.sizes, plain.params, 1, "bfloat16").forward(*batch)
    assert states.dtype == np.float32 and np.abs(states - wanted).max() < 0.03
    assert np.abs(states - wanted).mean() < (0.4 if near or name in LARGE else 0.2) * np.abs(states - exact).mean()
    cosines = (states * exact).sum(2) / np.linalg.norm(states, axis=2) / np.linalg.norm(exact, axis=2)
    assert cosines.min() > 0.999
    for threads in (2, 3):
        again, _ = Encoder(plain.sizes, plain.params, threads, "bfloat16").forward(*batch)
        np.testing.assert_array_equal(again, states)


def test_one_layer_of_rounded_products(isa):
    plain, batch = make("long", threads=2)
    encoder = Encoder(plain.sizes, plain.params, 2, "bfloat16")
    np.testing.assert_array_equal(encoder.forward(*batch, layers=[2])[0], encoder.forward(*batch)[0][2:])


@pytest.mark.parametrize("activation", ["gelu", "gelu_new"])
def test_activation_of_large_numbers(isa, activation):
    """Nothing below, the number itself above: half of the inner layer's numbers are -1e30, half 1e4."""
    plain, (ids, offsets, segments) = make("long", activation=activation)
    p, width = plain.params, plain.sizes.width
    bias = np.where(np.arange(plain.sizes.inner) % 2, -1e30, 1e4).astype(np.float32)
    for layer in range(plain.sizes.layers):
        p[f"{layer}.inner.bias"][:] = bias
        p[f"{layer}.outer"][1::2] = 1e25  # times GELU's smallest error it would be seen
        p[f"{layer}.outer"][::2] = 0
        p[f"{layer}.outer"][np.arange(0, 2 * width, 2), np.arange(width)] = 1e-4 * np.arange(width)
    states, _ = Encoder(plain.sizes, p, 1, "bfloat16").forward(ids, offsets, segments, layers=[2])
    np.testing.assert_allclose(states[0], plain.forward(ids, offsets, segments)[0][2], rtol=0.02, atol=0.02)


def test_what_is_learnt_is_not_rounded(isa):
    plain, batch = make("odd")
    encoder = Encoder(plain.sizes, plain.params, 1, "bfloat16")
    before = encoder.forward(*batch)[0]
    states, tape = encoder.forward(*batch, keep=True)
    np.testing.assert_array_equal(states, plain.forward(*batch, keep=True)[0])
    encoder.backward(tape, np.ones_like(states[-1]), plain.params.like())
    plain.params.flat[:] *= 0.5  # as an optimiser would: the matrices are put in order anew
    after = encoder.forward(*batch)[0]
    np.testing.assert_allclose(after[1:], plain.forward(*batch, keep=True)[0][1:], rtol=0, atol=0.1)
    assert np.abs(after - before).max() > 0.5


@pytest.mark.parametrize(("precision", "dtype"), [("float16", np.float32), ("bfloat16", np.float64)])
def test_impossible_precision(precision, dtype):
    plain, _ = make("tiny", dtype)
    with pytest.raises(ParameterError, match=f"precision='{precision}'"):
        Encoder(plain.sizes, precision=precision)
