"""Numbers as text: read correctly rounded, written with the digits that read back."""

from fractions import Fraction

import numpy as np
import pytest

from fastembed._core.textvec import NUMBER_BYTES, format_float, parse_float

FLT_MAX = float(np.finfo(np.float32).max)


def nearest_float(text):
    """The float32 nearest to a decimal, by exact arithmetic; ties go to the even one."""
    exact = Fraction(text)
    guess = np.float32(np.clip(float(exact), -FLT_MAX, FLT_MAX))
    with np.errstate(over="ignore"):
        around = [np.nextafter(guess, np.float32(-np.inf)), guess, np.nextafter(guess, np.float32(np.inf))]
    around = [f for f in around if np.isfinite(f)]
    return float(min(around, key=lambda f: (abs(Fraction(float(f)) - exact), int(f.view(np.uint32)) & 1)))


def every_exponent():
    bits = np.random.default_rng(1).integers(0, 2**32, 20000, dtype=np.uint64).astype(np.uint32)
    numbers = bits.view(np.float32)
    powers = (2.0 ** np.arange(-149, 128)).astype(np.float32)
    usual = np.random.default_rng(2).normal(scale=0.1, size=20000).astype(np.float32)
    return np.concatenate([numbers[np.isfinite(numbers)], powers, usual, -powers])


def test_written_numbers_read_back_to_the_same_bits():
    for number in every_exponent():
        text = format_float(number)
        assert np.float32(parse_float(text)).view(np.uint32) == number.view(np.uint32), text
        assert np.float32(text.decode()) == number, text
        assert len(text) < NUMBER_BYTES


def test_written_numbers_are_short():
    numbers = np.random.default_rng(3).normal(size=2000).astype(np.float32)
    longer = sum(len(format_float(x)) > len(np.format_float_positional(x, trim="-")) for x in numbers)
    assert longer == 0
    assert [format_float(x) for x in (0.1, 1, -2.5, 100, 1e-7, 1e20, 0.0, -0.0, 1e15)] == [
        b"0.1", b"1", b"-2.5", b"100", b"1e-07", b"1e+20", b"0", b"-0", b"1e+15"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "1", "-1.5", "+.5", "5.", "00012.50", "1e5", "1E-5", "1e+05", "0.000000123", "123456789012",
        "1.0000000596046448",  # rounds to a double between two floats
        "1.00000005960464477539062500000001", "1.000000059604644775390625", "16777217.0000000000000001",
        "3.4028235677973366e38", "1e-45", "7e-46", "1.17549435e-38", "9007199254740993", "1e-400",
        "0.30000001192092896", "8388609.5", "123456789012345678901234567890", "0." + "0" * 60 + "1",
    ],
)  # fmt: skip
def test_numbers_are_correctly_rounded(text):
    assert parse_float(text.encode()) == nearest_float(text)


def test_random_decimals_are_correctly_rounded():
    rng = np.random.default_rng(4)
    for _ in range(3000):
        digits = "".join(map(str, rng.integers(0, 10, rng.integers(1, 25))))
        text = f"{'-' * int(rng.integers(2))}{digits[: rng.integers(1, 4)]}.{digits}e{rng.integers(-30, 20)}"
        assert parse_float(text.encode()) == nearest_float(text), text


def test_a_number_is_read_from_every_place_in_the_buffer():
    for length in range(1, 30):
        text = ("0." + "123456789" * 4)[: length + 2]
        assert parse_float(text.encode()) == nearest_float(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "+",
        ".",
        "e5",
        "1e",
        "1e+",
        "nan",
        "NaN",
        "inf",
        "-inf",
        "infinity",
        "0x10",
        "1_0",
        "1,5",
        "--1",
        "1.2.3",
    ]
    + ["1e99999999999", "1e39", "3.5e38", "-1e50", "1" * 40, "1" * 200, "1 ", " 1", "1\0", "１"],
)
def test_what_is_no_finite_float_is_refused(text):
    assert parse_float(text.encode()) is None


def test_the_decimal_point_of_the_locale_matters_to_the_slow_path_only():
    assert parse_float(b"0.25", ord(",")) == 0.25
    assert parse_float(b"1.5e-30", ord(",")) is None  # strtof in the C locale wants a point
