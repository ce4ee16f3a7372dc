"""OneHotEncoder: a row for each token, as scikit-learn's encoder of one column."""

import numpy as np
import pytest

import fastembed as fe
from fastembed.errors import CorpusError, NotFittedError, ParameterError, WordNotFoundError

TOKENS = ["the", "cat", "and", "the", "dog", "and", "Straße", "中文", "the"]


def test_the_same_as_scikit_learn():
    theirs = pytest.importorskip("sklearn.preprocessing", reason="scikit-learn is not installed")
    for case in ({}, {"dtype": np.float32}, {"handle_unknown": "ignore"}, {"dtype": np.int64}):
        other, ours = theirs.OneHotEncoder(**case), fe.OneHotEncoder(**case)
        column = np.array(TOKENS, object).reshape(-1, 1)
        wanted, found = other.fit_transform(column), ours.fit_transform(TOKENS)
        assert found.dtype == wanted.dtype and found.shape == wanted.shape and (found != wanted).nnz == 0
        assert np.array_equal(found.indices, wanted.indices) and np.array_equal(found.indptr, wanted.indptr)
        assert ours.categories_[0].tolist() == other.categories_[0].tolist()
        assert ours.inverse_transform(found).tolist() == other.inverse_transform(wanted)[:, 0].tolist()


def test_unknown_words():
    encoder = fe.OneHotEncoder(handle_unknown="ignore").fit(TOKENS)
    rows = encoder.transform(["cat", "unknown", "the"])
    assert np.diff(rows.indptr).tolist() == [1, 0, 1] and rows.shape == (3, len(encoder.vocabulary_))
    assert encoder.inverse_transform(rows).tolist() == ["cat", None, "the"]
    encoder.set_params(handle_unknown="error")
    with pytest.raises(WordNotFoundError, match=r"token 1 \(from 0\), 'unknown', is not among the 6 words"):
        encoder.transform(["cat", "unknown"])


def test_lists_of_tokens_and_a_corpus_are_one_sequence():
    lists = [TOKENS[:4], TOKENS[4:]]
    wanted = fe.OneHotEncoder().fit_transform(TOKENS)
    assert (fe.OneHotEncoder().fit_transform(iter(lists)) != wanted).nnz == 0
    found = fe.OneHotEncoder().fit_transform(fe.Corpus(lists))
    assert found.shape == wanted.shape and (found != wanted).nnz == 0


def test_in_parts():
    encoder = fe.OneHotEncoder().partial_fit(TOKENS[:3]).partial_fit(TOKENS[3:])
    assert encoder.vocabulary_ == fe.OneHotEncoder().fit(TOKENS).vocabulary_


def test_given_categories_keep_their_order():
    encoder = fe.OneHotEncoder(categories=["the", "cat"], handle_unknown="ignore").fit([])
    assert encoder.transform(["cat", "the", "x"]).toarray().tolist() == [[0, 1], [1, 0], [0, 0]]
    with pytest.raises(ParameterError, match="each once"):
        fe.OneHotEncoder(categories=["a", "a"]).fit([])
    with pytest.raises(WordNotFoundError):
        fe.OneHotEncoder(categories=["the"]).fit(TOKENS)


def test_no_tokens_and_what_are_none():
    assert fe.OneHotEncoder().fit(TOKENS).transform([]).shape == (0, 6)
    with pytest.raises(CorpusError, match="no tokens"):
        fe.OneHotEncoder().fit([])
    with pytest.raises(CorpusError, match="are one str: give a list"):
        fe.OneHotEncoder().fit("the cat")
    with pytest.raises(CorpusError, match=r"item 1 \(from 0\) is int, 5: tokens are str"):
        fe.OneHotEncoder().fit(["a", 5])
    with pytest.raises(ParameterError, match="handle_unknown='warn'"):
        fe.OneHotEncoder(handle_unknown="warn")
    with pytest.raises(NotFittedError, match="fit"):
        fe.OneHotEncoder().transform(["a"])
    with pytest.raises(ParameterError, match="5 columns does not belong to 6 words"):
        fe.OneHotEncoder().fit(TOKENS).inverse_transform(np.zeros((2, 5)))


def test_saved_and_loaded(tmp_path):
    encoder = fe.OneHotEncoder(handle_unknown="ignore", dtype=np.int8).fit(TOKENS)
    encoder.save(tmp_path / "m.fe")
    again = fe.load(tmp_path / "m.fe")
    assert again.vocabulary_ == encoder.vocabulary_ and again.transform(["x", "the"]).dtype == np.int8
