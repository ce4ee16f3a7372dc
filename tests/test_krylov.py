"""The largest singular values and their vectors, against LAPACK and ARPACK."""

import logging

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import svds

from fastembed.errors import ParameterError
from fastembed.models import krylov, matrix
from fastembed.models.krylov import triplets
from fastembed.models.matrix import Matrix


def words(rows, columns, dtype=np.float64):
    """A matrix like those of words: a few long rows and columns, values that fall slowly."""
    random = np.random.default_rng(rows)
    place = (random.zipf(1.3, 20 * rows) % rows, random.zipf(1.3, 20 * rows) % columns)
    made = sparse.csr_matrix((random.random(20 * rows), place), (rows, columns))
    made.sum_duplicates()
    made.data = np.log1p(made.data)
    return made.astype(dtype)


@pytest.fixture
def as_large(monkeypatch):
    """Small matrices are treated like large ones: by iteration, and in single precision if they are that."""
    monkeypatch.setattr(krylov, "_DOUBLE", 0)
    monkeypatch.setattr(krylov, "_SMALL", 0)


@pytest.mark.parametrize("shape", [(900, 900), (1500, 400), (400, 1500)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_are_those_of_arpack(isa, as_large, shape, dtype):
    made, k = words(*shape, dtype), 40
    found = triplets(Matrix.of(made, 2), k)
    expected = svds(made.astype(float), k, random_state=0)[1][::-1]
    np.testing.assert_allclose(found.values[: k // 2], expected[: k // 2], rtol=1e-3)
    np.testing.assert_allclose(found.values, expected, rtol=3e-2)
    assert found.left.dtype == found.right.dtype == found.values.dtype == dtype
    assert (found.values[:-1] >= found.values[1:]).all()


@pytest.mark.parametrize(("dtype", "close"), [(np.float32, 2e-5), (np.float64, 1e-12)])
def test_vectors_are_orthonormal_and_belong_together(as_large, dtype, close):
    made = words(700, 500, dtype)
    found = triplets(Matrix.of(made, 1), 30)
    for vectors in (found.left, found.right):
        np.testing.assert_allclose(vectors.T @ vectors, np.eye(30), atol=close)
    np.testing.assert_allclose(made @ found.right, found.left * found.values, atol=close * 100)  # by definition
    found = triplets(Matrix.of(made, 1), 30, tol=1e-4)
    np.testing.assert_allclose(made.T @ found.left, found.right * found.values, atol=1e-2)  # as tol says


def test_small_tol_gives_full_accuracy():
    made = words(900, 600)
    found = triplets(Matrix.of(made), 20, tol=1e-10)
    left, values, right = np.linalg.svd(made.toarray())
    np.testing.assert_allclose(found.values, values[:20], rtol=1e-12)
    signs = np.sign((found.right * right[:20].T).sum(0))
    np.testing.assert_allclose(found.right * signs, right[:20].T, atol=1e-7)
    np.testing.assert_allclose(found.left * signs, left[:, :20], atol=1e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_same_bits_from_any_number_of_threads(as_large, monkeypatch, dtype):
    monkeypatch.setattr(matrix, "_CHUNK", 200)
    monkeypatch.setattr(krylov, "_PANEL", 64)
    made, results = words(500, 400, dtype), []
    for threads in (1, 2, 7):
        found = triplets(Matrix.of(made, threads), 10, seed=3)
        results.append(found.left.tobytes() + found.values.tobytes() + found.right.tobytes())
    assert len(set(results)) == 1


@pytest.mark.parametrize(("factor", "k", "tol"), [(1.5, 40, 1e-5), (20, 20, 1e-3)])
def test_one_value_far_above_the_rest(as_large, factor, k, tol):
    """In single precision, where orthogonality is soon lost; from a ratio of 300 on that is not enough."""
    random = np.random.default_rng(0)
    dense = random.random((1000, 600)) * (random.random((1000, 600)) < 0.03)
    dense += factor * np.outer(random.random(1000), random.random(600))
    found = triplets(Matrix.of(dense.astype(np.float32)), k, tol=tol)
    exact = np.linalg.svd(dense.astype(np.float32).astype(float))[1][:k]
    assert found.values.dtype == np.float32
    near = exact[1:] > (1 - 1e-4) * exact[:-1]  # such a pair may mix, and one is in the second half
    paired = np.append(near, False) | np.append(False, near)
    allowed = np.where(paired, 2e-5, 2e-6) if tol < 1e-4 else 3e-2
    np.testing.assert_array_less(np.abs(found.values - exact), allowed * exact)
    np.testing.assert_allclose(found.values[: k // 2], exact[: k // 2], rtol=tol)


def test_seeds_differ_and_signs_do_not(as_large):
    made = words(500, 400)
    one, other = (triplets(Matrix.of(made), 10, tol=1e-9, seed=seed) for seed in (1, 2))
    assert (one.left != other.left).any()
    np.testing.assert_allclose(one.left, other.left, atol=1e-5)
    peaks = np.abs(one.right).argmax(0)
    assert (one.right[peaks, np.arange(10)] > 0).all()


SPECTRA = {
    "identity": np.ones(200),
    "ramp": np.arange(1.0, 101),
    "repeated": np.repeat([3.0, 2, 1], 8),
    "one large": np.r_[1e6, np.ones(99)],
    "falling": np.arange(1.0, 40) ** -2,
}


@pytest.mark.parametrize("small", [0, 512])
@pytest.mark.parametrize("name", SPECTRA)
def test_spectra(monkeypatch, name, small):
    """Also where the powers of M end early and random vectors have to go on."""
    monkeypatch.setattr(krylov, "_SMALL", small)
    values = SPECTRA[name]
    k = min(25, len(values))
    found = triplets(Matrix.of(sparse.diags(values)), k, tol=1e-6)
    np.testing.assert_allclose(found.values, np.sort(values)[::-1][:k], rtol=1e-6)
    np.testing.assert_allclose(found.left.T @ found.left, np.eye(k), atol=1e-9)


def test_values_that_occur_often_in_a_small_matrix():
    found = triplets(Matrix.of(sparse.diags(np.repeat([3.0, 2, 1], 50))), 120)
    np.testing.assert_allclose(found.values, np.repeat([3.0, 2, 1], 50)[:120])


@pytest.mark.parametrize("small", [0, 512])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (17, 8), (8, 17), (16, 16)])
def test_all_values_of_small_matrices(monkeypatch, shape, small):
    monkeypatch.setattr(krylov, "_SMALL", small)
    dense = np.random.default_rng(0).normal(size=shape)
    k = min(shape)
    found = triplets(Matrix.of(dense), k)
    np.testing.assert_allclose(found.values, np.linalg.svd(dense)[1], rtol=1e-9)
    np.testing.assert_allclose((found.left * found.values) @ found.right.T, dense, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("k", [4, 10])
def test_more_values_than_the_rank(as_large, dtype, k):
    random = np.random.default_rng(5)
    dense = (random.normal(size=(60, 3)) @ random.normal(size=(3, 40))).astype(dtype)
    assert len(triplets(Matrix.of(dense), 3).values) == 3
    with pytest.raises(ParameterError, match=rf"k={k}: the matrix \(60 x 40\) has rank 3"):
        triplets(Matrix.of(dense), k)


def test_more_values_than_rows():
    with pytest.raises(ParameterError, match=r"dim=4: the matrix \(3 x 9\) has 3"):
        triplets(Matrix.of(np.ones((3, 9))), 4, name="dim")


def test_too_little_accuracy_is_said(as_large, caplog):
    made = words(3000, 3000, np.float32)
    with caplog.at_level(logging.WARNING, "fastembed"):
        triplets(Matrix.of(made), 2, tol=1e-12)
    assert "less accurate than tol=1e-12" in caplog.text


def test_watch_sees_the_values_grow():
    seen = []
    triplets(Matrix.of(words(900, 900)), 20, watch=lambda size, values, share: seen.append((size, values, share)))
    sizes = [size for size, _, _ in seen]
    assert sizes == sorted(set(sizes)) and len(seen[0][1]) == 20
    assert seen[-1][2] < seen[0][2] and (seen[-1][1] >= seen[0][1] * (1 - 1e-9)).all()


def test_an_exception_in_watch_ends_it():
    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        triplets(Matrix.of(words(900, 900)), 20, watch=interrupt)
