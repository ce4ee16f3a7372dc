"""Vector exp, sigmoid and tanh against float64, under every instruction set."""

import numpy as np
import pytest

from fastembed._core import probe

EXACT = {"exp": np.exp, "sigmoid": lambda x: np.exp(-np.logaddexp(0, -x)), "tanh": np.tanh}
POINTS = np.concatenate(
    [
        np.linspace(-110, 95, 200_003),
        np.linspace(-1, 1, 100_001),
        np.geomspace(1e-38, 1, 10_001),
        -np.geomspace(1e-38, 1, 10_001),
    ]
).astype(np.float32)


@pytest.mark.parametrize("name", EXACT)
def test_error_in_units_of_the_last_place(isa, name):
    with np.errstate(over="ignore"):
        exact = EXACT[name](POINTS.astype(np.float64))
        rounded = exact.astype(np.float32)
    got = probe.elementwise(name, POINTS)
    finite = np.isfinite(rounded)
    np.testing.assert_array_equal(got[~finite], rounded[~finite])
    if name == "sigmoid":  # what is below e^-87 stays there
        assert (got[POINTS < -87] < 2e-38).all()
        finite &= POINTS >= -87
    error = np.abs(got[finite] - exact[finite]) / np.spacing(np.abs(rounded[finite])).astype(np.float64)
    assert error.max() < 3


@pytest.mark.parametrize(("name", "limits"), [("exp", (0, np.inf)), ("sigmoid", (0, 1)), ("tanh", (-1, 1))])
def test_infinities_and_nan(isa, name, limits):
    got = probe.elementwise(name, np.array([-np.inf, np.inf, np.nan, -3e38, 3e38], np.float32))
    np.testing.assert_allclose(got, [*limits, np.nan, *limits], atol=2e-38)


def test_tanh_keeps_the_sign_of_zero(isa):
    assert np.signbit(probe.elementwise("tanh", np.array([-0.0, 0.0], np.float32))).tolist() == [True, False]


@pytest.mark.parametrize("n", [1, 3, 4, 7, 8, 9, 15, 16, 17, 33])
@pytest.mark.parametrize("name", EXACT)
def test_any_length(isa, name, n):
    x = np.linspace(-2, 2, n + 1, dtype=np.float32)
    np.testing.assert_array_equal(probe.elementwise(name, x[:n]), probe.elementwise(name, x)[:n])
