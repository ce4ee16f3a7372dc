"""Products of matrices that are not packed beforehand (csrc/gemm.inc and BLAS), through one function."""

import threading

import numpy as np
import pytest

from fastembed._core import probe, simd

LINE = 5  # numbers behind every row of a matrix, which nothing may touch


def numbers(random, rows, columns, dtype, turned=False):
    """(rows, columns) of small whole numbers, whose sums of products are exact, a part of a larger matrix."""
    if turned:
        return numbers(random, columns, rows, dtype).T
    return random.integers(-8, 9, (rows, columns + LINE)).astype(dtype)[:, :columns]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("left_turned", [False, True])
@pytest.mark.parametrize("right_turned", [False, True])
def test_product_equals_numpy(isa, dtype, left_turned, right_turned):
    random = np.random.default_rng(1)
    sizes = [(16, 1, 1), (17, 15, 33), (48, 16, 95), (49, 33, 96), (100, 47, 97), (31, 64, 511), (50, 65, 512)]
    sizes += [(64, 255, 513), (97, 257, 40), (513, 70, 30), (530, 300, 1030), (1, 3, 2), (15, 40, 40), (3, 4, 0)]
    for rows, columns, depth in sizes:
        a = numbers(random, rows, depth, dtype, left_turned)
        b = numbers(random, depth, columns, dtype, right_turned)
        for add in (False, True):
            whole = random.integers(-8, 9, (rows + 1, columns + LINE)).astype(dtype)
            expected = whole.copy()
            expected[:rows, :columns] = a @ b + (expected[:rows, :columns] if add else 0)
            probe.multiply(a, b, add, whole[:rows, :columns])
            np.testing.assert_array_equal(whole, expected, f"{(rows, columns, depth)}, {add=}")


def test_what_was_in_a_result_before_does_not_matter(isa):
    random = np.random.default_rng(2)
    a, b = (random.standard_normal(shape, np.float32) for shape in ((40, 600), (600, 70)))
    found = np.full((40, 70), np.nan, np.float32)
    probe.multiply(a, b, False, found)
    np.testing.assert_allclose(found, a.astype(float) @ b, rtol=1e-5, atol=1e-4)


def test_nan_and_infinity_stay_in_their_rows_and_columns(isa):
    a, b, out = np.ones((40, 30), np.float32), np.ones((30, 70), np.float32), np.empty((40, 70), np.float32)
    a[7, 3], b[5, 69] = np.nan, np.inf
    probe.multiply(a, b, False, out)
    assert np.isnan(out[7]).all() and np.isinf(np.delete(out, 7, 0)[:, 69]).all()
    assert (np.delete(out, 7, 0)[:, :69] == 30).all()


def test_products_at_the_same_time(isa):
    """Each has memory of its own for what it packs."""
    random = np.random.default_rng(3)
    works = [
        (numbers(random, 200, 300, np.float32), numbers(random, 300, 90, np.float32), np.empty((200, 90), np.float32))
        for _ in range(6)
    ]

    def work(a, b, out):
        for _ in range(30):
            probe.multiply(a, b, False, out)
            wrong.append((out != a @ b).any())

    wrong = []
    threads = [threading.Thread(target=work, args=arrays) for arrays in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wrong) == 180 and not any(wrong)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_does_not_depend_on_how_many_there_are(isa, dtype):
    """Else a sentence's vectors would depend on the others of its batch. Of BLAS this cannot be said."""
    random = np.random.default_rng(4)
    for columns, depth in ((33, 40), (70, 600), (300, 130)):
        a, b = (random.standard_normal(shape).astype(dtype) for shape in ((130, depth), (depth, columns)))
        whole = np.empty((130, columns), dtype)
        probe.multiply(a, b, False, whole)
        for rows in (1, 2, 5, 6, 7, 11, 47, 49, 97):
            part = np.empty((rows, columns), dtype)
            probe.multiply(a[-rows:], b, False, part)
            if simd.lanes() == 16:
                np.testing.assert_array_equal(part, whole[-rows:])
            np.testing.assert_allclose(part, whole[-rows:], rtol=1e-4, atol=1e-4)
