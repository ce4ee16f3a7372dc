"""TruncatedSVD against scikit-learn's, and as a step after TF-IDF."""

import numpy as np
import pytest
from scipy import sparse

import fastembed as fe
from fastembed.errors import FormatError, NotFittedError, ParameterError
from fastembed.io import native

FIGURES = ("components_", "singular_values_", "explained_variance_", "explained_variance_ratio_")


@pytest.fixture(scope="module")
def documents():
    """Numbers like those of 700 documents and 550 words."""
    random = np.random.default_rng(0)
    dense = random.random((700, 550)) * (random.random((700, 550)) < 0.05 * np.linspace(2, 0.1, 550))
    return sparse.csr_matrix(dense + np.outer(random.random(700) < 0.3, random.random(550) < 0.2))


@pytest.mark.parametrize("turn", [False, True])
def test_the_figures_are_those_of_scikit_learn(documents, turn):
    theirs = pytest.importorskip("sklearn.decomposition", reason="scikit-learn is not installed")
    X = documents.T.tocsr() if turn else documents
    other = theirs.TruncatedSVD(12, algorithm="arpack", random_state=0)
    model = fe.TruncatedSVD(n_components=12, tol=1e-10)
    np.testing.assert_allclose(model.fit_transform(X), other.fit_transform(X), atol=1e-7)
    for name in FIGURES:
        np.testing.assert_allclose(getattr(model, name), getattr(other, name), atol=1e-7, err_msg=name)
    assert model.n_features_in_ == other.n_features_in_
    assert model.get_feature_names_out().tolist() == other.get_feature_names_out().tolist()
    np.testing.assert_allclose(model.transform(X[:9]), other.transform(X[:9]), atol=1e-7)
    np.testing.assert_allclose(model.inverse_transform(np.eye(12)), other.inverse_transform(np.eye(12)), atol=1e-7)


def test_the_default_accuracy(documents):
    exact = np.linalg.svd(documents.toarray())[1]
    for model in (fe.TruncatedSVD(n_components=40), fe.TruncatedSVD(n_components=40, threads=1, seed=7)):
        found = model.fit(documents).singular_values_
        np.testing.assert_allclose(found[:20], exact[:20], rtol=1e-3)
        assert (found <= exact[:40] * (1 + 1e-9)).all() and found[-1] > 0.97 * exact[39]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_type_of_the_numbers_is_kept(documents, dtype):
    model = fe.TruncatedSVD(n_components=5)
    rows = model.fit_transform(documents.astype(dtype))
    assert {rows.dtype, *(getattr(model, name).dtype for name in FIGURES)} == {np.dtype(dtype)}
    np.testing.assert_allclose(model.transform(documents.astype(dtype)), rows, atol=1e-5)


def test_fit_transform_and_transform_agree(documents):
    model = fe.TruncatedSVD(n_components=20)
    rows = model.fit_transform(documents)
    np.testing.assert_allclose(model.transform(documents), rows, atol=0.05 * model.singular_values_[-1])
    np.testing.assert_allclose(model.fit(documents).transform(documents), model.transform(documents.toarray()))


def test_in_a_pipeline(documents):
    pipeline = pytest.importorskip("sklearn.pipeline", reason="scikit-learn is not installed")
    steps = pipeline.make_pipeline(fe.TruncatedSVD(n_components=4, threads=1))
    assert steps.fit_transform(documents).shape == (700, 4) and steps.transform(documents[:3]).shape == (3, 4)


def test_bad_use(documents):
    model = fe.TruncatedSVD(n_components=3)
    for ask in (lambda: model.transform(documents), lambda: model.n_features_in_, lambda: model.inverse_transform([])):
        with pytest.raises(NotFittedError, match="TruncatedSVD"):
            ask()
    with pytest.raises(ParameterError, match="NaN"):
        model.fit([[np.nan, 1.0]])
    assert model.components_ is None
    model.fit(documents)
    with pytest.raises(ParameterError, match="X has 3 columns, this TruncatedSVD was fitted to 550"):
        model.transform(np.ones((2, 3)))
    with pytest.raises(ParameterError, match=r"n_components=600: the matrix \(700 x 550\) has 550"):
        fe.TruncatedSVD(n_components=600).fit(documents)
    with pytest.raises(ParameterError, match=r"n_components=3: the matrix \(4 x 4\) has rank 1"):
        model.fit(np.ones((4, 4)))
    with pytest.raises(ParameterError, match="tol="):
        fe.TruncatedSVD(tol=0)


def test_a_constant_matrix_has_no_variance():
    model = fe.TruncatedSVD(n_components=1).fit(np.ones((4, 4)))
    assert model.explained_variance_ratio_.tolist() == [0]


BROKEN = [
    {"components_": np.zeros((3, 0))},
    {"components_": np.zeros(3)},
    {"components_": np.zeros((2, 9))},
    {"singular_values_": np.zeros((3, 1))},
    {"explained_variance_": np.zeros(3, np.int64)},
    {"singular_values_": np.zeros(3, np.float32)},
]


@pytest.mark.parametrize("change", BROKEN)
def test_files_that_do_not_fit_together_are_refused(documents, change, tmp_path):
    tensors, meta = fe.TruncatedSVD(n_components=3).fit(documents).to_native()
    native.write(tmp_path / "m.fe", tensors | change, meta)
    with pytest.raises(FormatError, match=r"m\.fe: holds arrays of"):
        fe.load(tmp_path / "m.fe")
