"""Association measures against their formulas in numpy."""

import numpy as np
import pytest
from scipy import sparse

from fastembed.errors import ParameterError
from fastembed.models import matrix
from fastembed.models.matrix import Matrix
from fastembed.models.pmi import MEASURES, association


def counts_of(rows, columns, dtype=np.float64):
    random = np.random.default_rng(rows)
    dense = np.where(random.random((rows, columns)) < 0.3, random.integers(1, 30, (rows, columns)) / 2, 0)
    dense[rows // 2] = 0
    dense[:, columns // 2] = 0
    return sparse.csr_matrix(dense.astype(dtype))


def formula(counts, measure, shift, cds):
    """The measure of every pair that was seen, 0 elsewhere."""
    n = counts.toarray().astype(float)
    if measure == "log":
        return np.log(1 + n)
    contexts = np.where(n.sum(0) > 0, n.sum(0) ** cds, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = np.outer(n.sum(1), contexts / np.nansum(contexts))
        pmi = np.where(n > 0, np.log(n / expected / shift), 0)
        if measure == "pmi":
            return pmi
        positive = np.maximum(pmi, 0)
        return positive if measure == "ppmi" else np.where(n > 0, np.minimum(positive / -np.log(n / n.sum()), 1), 0)


def dense(found):
    return sparse.csr_matrix((found.values, found.columns, found.offsets), found.shape).toarray()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize(("shift", "cds"), [(1, 0.75), (1, 1), (5, 0.75), (0.5, 0), (2.5, 1)])
@pytest.mark.parametrize("measure", MEASURES)
def test_measures_are_their_formulas(measure, shift, cds, dtype):
    counts = counts_of(40, 30, dtype)
    found = association(Matrix.of(counts, 2), measure=measure, shift=shift, cds=cds)
    np.testing.assert_allclose(dense(found), formula(counts, measure, shift, cds), rtol=1e-6, atol=1e-7)
    assert found.dtype == np.float32 and found.values.all(), "zeros are not kept"


def test_the_same_bits_from_any_number_of_threads(monkeypatch):
    monkeypatch.setattr(matrix, "_CHUNK", 30)
    counts = counts_of(200, 100)
    results = [association(Matrix.of(counts, threads)) for threads in (1, 2, 7)]
    assert len({found.values.tobytes() + found.columns.tobytes() + found.offsets.tobytes() for found in results}) == 1


def test_zeros_that_are_stored_say_nothing():
    counts = counts_of(40, 30)
    padded = sparse.csr_matrix(counts + sparse.csr_matrix(np.ones((40, 30))))
    padded.data -= 1
    assert (padded.data == 0).any()
    for measure in MEASURES:
        found, expected = (association(Matrix.of(given), measure=measure) for given in (padded, counts))
        assert np.array_equal(dense(found), dense(expected))


def test_words_that_always_meet_have_npmi_one():
    together = sparse.csr_matrix(np.diag([3.0, 1, 7]))
    np.testing.assert_allclose(dense(association(Matrix.of(together), measure="npmi", cds=1)), np.eye(3), rtol=1e-6)


def test_negative_counts_are_refused():
    with pytest.raises(ParameterError, match=r"the counts hold a negative number \(-2\)"):
        association(Matrix.of([[1, -2], [3, 4]]))


def test_counts_without_a_sum_are_refused():
    with pytest.raises(ParameterError, match="their sum is infinite"):
        association(Matrix.of([[1e308, 1e308], [1e308, 1]]))


def test_a_shift_that_leaves_nothing_is_said():
    with pytest.raises(ParameterError, match="no pair of words has a ppmi above zero with shift=1e"):
        association(Matrix.of(counts_of(40, 30)), shift=1e6)
