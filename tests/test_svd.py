"""SVDEmbedding: the vectors are those of the formulas, from text and from ready counts."""

import logging

import numpy as np
import pytest
from scipy import sparse

import fastembed as fe
from fastembed.errors import CorpusError, FormatError, ParameterError
from fastembed.io import native
from fastembed.models.matrix import Matrix
from fastembed.models.pmi import association

ANIMALS, SHIPS = ["cat", "dog", "hen", "pig", "cow"], ["ship", "boat", "sail", "mast", "sea"]


@pytest.fixture(scope="module")
def text():
    """Sentences of animals and sentences of ships."""
    random = np.random.default_rng(0)
    groups = [ANIMALS, SHIPS]
    return [" ".join(random.choice(groups[number % 2], 6)) + " and the a of" for number in range(400)]


@pytest.fixture(scope="module")
def counts(text):
    return fe.Cooccurrence(window=3, min_count=1).fit(text)


def fitted(given, **settings):
    return fe.SVDEmbedding(**{"dim": 4, "min_count": 1, "window": 3} | settings).fit(given, verbose=0)


def factors(counts, **settings):
    """Left vectors, singular values, right vectors by LAPACK."""
    found = association(Matrix.of(counts.matrix), **settings)
    dense = sparse.csr_matrix((found.values, found.columns, found.offsets), found.shape).toarray().astype(float)
    left, values, right = np.linalg.svd(dense)
    return left[:, :4], values[:4], right[:4].T


def same_lines(vectors, expected):
    """Equal but for the signs of whole columns."""
    signs = np.sign((vectors * expected).sum(0))
    np.testing.assert_allclose(vectors * signs, expected, atol=2e-5)


@pytest.mark.parametrize("power", [0, 0.5, 1, -0.5])
@pytest.mark.parametrize(
    "settings", [{}, {"measure": "npmi", "cds": 1}, {"shift": 1.5, "cds": 0.5}, {"measure": "log"}]
)
def test_vectors_are_the_formula(counts, settings, power):
    left, values, right = factors(counts, **{"cds": fe.SVDEmbedding().cds} | settings)
    model = fitted(counts, power=power, **settings)
    np.testing.assert_allclose(model.singular_values, values, rtol=1e-5)
    same_lines(model.wv.vectors, left * values**power)
    both = fitted(counts, power=power, model="w+c", **settings)
    signs = np.sign((right * left).sum(0)) if settings == {"measure": "log"} else 1
    same_lines(both.wv.vectors, (left + right) * values**power * signs)


def test_counts_and_text_give_the_same(text, counts):
    for corpus in (text, fe.Corpus(text), counts):
        assert fitted(corpus).wv.vectors.tobytes() == fitted(text).wv.vectors.tobytes()


def test_the_same_bits_from_any_number_of_threads(text):
    assert len({fitted(text, threads=threads).wv.vectors.tobytes() for threads in (1, 2, 7)}) == 1


def test_words_of_one_kind_are_near(text):
    wv = fitted(text).wv
    assert {word for word, _ in wv.most_similar("cat", topn=4)} == set(ANIMALS) - {"cat"}
    assert {word for word, _ in wv.most_similar("sea", topn=4)} == set(SHIPS) - {"sea"}


def test_history_says_how_it_went(text, caplog):
    with caplog.at_level(logging.INFO, "fastembed"):
        model = fe.SVDEmbedding(dim=4, min_count=1).fit(text)
    (record,) = model.history
    assert 0 < record["loss"] < 1 and record["numbers"] > 0 and record["basis"] >= 4
    assert record["seconds"] >= record["counting"] + record["weighing"] + record["factoring"] - 1e-6
    assert "SVDEmbedding: loss 0." in caplog.text
    assert model.fit(text).history[0]["epoch"] == 1 and len(model.history) == 1


def test_callbacks_are_called(text):
    class Watch(fe.callbacks.Callback):
        def on_train_begin(self, model):
            seen.append("begin")

        def on_epoch_end(self, model, record):
            seen.append(len(model.wv))

        def on_train_end(self, model):
            seen.append("end")

    seen = []
    fe.SVDEmbedding(dim=2, min_count=1).fit(text, callbacks=Watch(), verbose=0)
    assert seen == ["begin", 14, "end"]


def test_a_failed_fit_leaves_the_model_as_it_was(text):
    model = fitted(text)
    before = model.wv.vectors.copy(), list(model.history)
    for bad in (["word"] * 10, ["x y"] * 3):
        with pytest.raises((CorpusError, ParameterError)):
            model.fit(bad, verbose=0)
        assert (model.wv.vectors == before[0]).all() and model.history == before[1]


def test_bad_use(text, counts):
    with pytest.raises(ParameterError, match=r"dim=15: the matrix \(14 x 14\) has 14 singular values"):
        fitted(text, dim=15)
    with pytest.raises(ParameterError, match=r"dim=3: the matrix \(6 x 6\) has rank 2"):
        fitted(["a x", "b x", "c x", "d x", "e x"] * 9, dim=3, measure="log")
    with pytest.raises(ParameterError, match="shift=1e"):
        fitted(text, shift=1e6)
    with pytest.raises(ParameterError, match="measure='mi': give 'ppmi' or 'pmi'"):
        fe.SVDEmbedding(measure="mi")
    with pytest.raises(ParameterError, match="cds="):
        fe.SVDEmbedding(cds=float("nan"))


@pytest.mark.parametrize("values", [np.zeros(3), np.zeros((4, 1)), np.zeros(4, np.int64)])
def test_files_that_do_not_fit_together_are_refused(text, values, tmp_path):
    tensors, meta = fitted(text).to_native()
    native.write(tmp_path / "m.fe", tensors | {"singular_values": values}, meta)
    with pytest.raises(FormatError, match=r"m\.fe: .* singular values"):
        fe.load(tmp_path / "m.fe")
