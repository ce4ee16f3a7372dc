"""Products of sparse matrices with dense blocks, against scipy, under every instruction set."""

import numpy as np
import pytest
from scipy import sparse

from fastembed import memory
from fastembed.errors import ParameterError
from fastembed.models import matrix
from fastembed.models.matrix import Matrix

SHAPES = [(1, 1, 1.0), (7, 3, 0.5), (3, 50, 0.3), (40, 9, 1.0), (300, 200, 0.02), (1000, 30, 0.001)]


def random_matrix(rows, columns, density, dtype=np.float64):
    random = np.random.default_rng(rows + columns)
    dense = random.normal(size=(rows, columns)) * (random.random((rows, columns)) < density)
    dense[-1, -1] = 0.5
    return sparse.csr_matrix(dense.astype(dtype))


def block_of(length, width, dtype):
    block = memory.zeros((length, width), dtype)
    block[:] = np.random.default_rng(length).normal(size=block.shape)
    return block


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_times_equals_numpy(isa, shape, dtype):
    made = random_matrix(*shape, dtype)
    ours = Matrix.of(made, 1)
    block, out = block_of(shape[1], ours.width, dtype), np.full((shape[0], ours.width), np.nan, dtype)
    ours.times(block, out)
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    np.testing.assert_allclose(out, made.toarray().astype(float) @ block, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_same_bits_from_any_number_of_threads(monkeypatch, dtype):
    monkeypatch.setattr(matrix, "_CHUNK", 50)
    made, results = random_matrix(700, 90, 0.05, dtype), []
    for threads in (1, 2, 7):
        ours = Matrix.of(made, threads)
        assert len(ours.bounds) > 30 and ours.bounds[0] == 0 and ours.bounds[-1] == 700
        out = np.empty((700, ours.width), dtype)
        ours.times(block_of(90, ours.width, dtype), out)
        results.append(out.tobytes())
    assert len(set(results)) == 1


@pytest.mark.parametrize("count", [1, 8, 16, 37])
def test_product_takes_any_number_of_columns(count):
    made = random_matrix(60, 40, 0.2)
    dense = np.random.default_rng(0).normal(size=(40, count))
    np.testing.assert_allclose(Matrix.of(made).product(dense), made @ dense, atol=1e-12)


def test_transpose_sums_and_norm():
    made = random_matrix(60, 40, 0.2)
    ours = Matrix.of(made)
    turned = ours.transposed()
    assert turned.shape == (40, 60)
    np.testing.assert_array_equal(turned.product(np.eye(60)), made.toarray().T)
    np.testing.assert_allclose(ours.row_sums(), made.toarray().sum(1))
    np.testing.assert_allclose(ours.column_sums(), made.toarray().sum(0))
    assert ours.norm2 == pytest.approx((made.toarray() ** 2).sum())


def test_what_scipy_takes_is_taken():
    dense = np.array([[0, 2], [3, 0]])
    for given in (
        dense,
        dense.tolist(),
        sparse.coo_array(dense),
        sparse.csc_matrix(dense, dtype=np.float32),
        dense > 1,
    ):
        expected = np.array(given.toarray() if sparse.issparse(given) else given, float)
        np.testing.assert_array_equal(Matrix.of(given).product(np.eye(2)), expected)
    assert Matrix.of(dense).dtype == np.float64 and Matrix.of(dense.astype(np.float32)).dtype == np.float32


def test_duplicates_are_added_up():
    twice = sparse.csr_matrix((np.ones(3), [1, 1, 0], [0, 2, 3]), (2, 2))
    assert Matrix.of(twice).product(np.eye(2)).tolist() == [[0, 2], [1, 0]]


BAD = [
    (np.zeros((3, 3)), r"\(3 x 3\) is empty"),
    (sparse.csr_matrix((0, 5)), r"\(0 x 5\) is empty"),
    ([[1, np.nan]], r"\(1 x 2\) holds NaN or infinity"),
    ([[1, -np.inf]], "holds NaN or infinity"),
    ([["a"]], "of numbers is needed, not list"),
    ([[1j]], "real numbers is needed, not of complex128"),
    (None, "not NoneType"),
    ("text", "not str"),
]


@pytest.mark.parametrize(("given", "message"), BAD)
def test_what_cannot_be_decomposed_is_refused(given, message):
    with pytest.raises(ParameterError, match=message):
        Matrix.of(given)


@pytest.mark.parametrize("column", [-1, 5, 10**9])
def test_damaged_indices_are_refused(column):
    damaged = random_matrix(5, 5, 0.5)
    damaged.indices[0] = column
    with pytest.raises(ParameterError, match="damaged"):
        Matrix.of(damaged)
