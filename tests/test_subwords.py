"""Character n-grams: which a word has, where they are hashed to, and vectors for words never seen."""

import numpy as np
import pytest

import fastembed as fe
from fastembed.errors import CorpusError, ParameterError, WordNotFoundError
from fastembed.subwords import NGrams, Subwords, means
from fastembed.vocab import Vocab

WORDS = ["where", "a", "of", "naïve", "北京", "x" * 40, "</s>", "𝄞𝄞", "aaaa", "<", ">", "<>"]
TEXT = ["the cat sat on the mat", "the dog sat on the log", "a cat and a dog and a mat"] * 30


def fnv(text):
    """fastText's hash of a string, from the description of FNV-1a; bytes above 127 count as negative numbers."""
    value = 2166136261
    for byte in text.encode():
        value = ((value ^ (byte if byte < 128 else byte | 0xFFFFFF00)) * 16777619) & 0xFFFFFFFF
    return value


@pytest.mark.parametrize("spec", [(3, 6), (1, 1), (1, 3), (2, 2), (0, 4), (5, 50)])
def test_rows_are_hashes_of_the_ngrams(spec):
    ngrams = NGrams(*spec, bucket=9973)
    for word in WORDS:
        assert ngrams.rows(word).tolist() == [fnv(part) % 9973 for part in ngrams.split(word)], word
    offsets, rows = ngrams.table(Vocab(WORDS))
    for v, word in enumerate(WORDS):
        assert rows[offsets[v] : offsets[v + 1]].tolist() == [v, *(len(WORDS) + ngrams.rows(word))]


def test_the_ngrams_of_where():
    assert NGrams(3, 3, 10).split("where") == ["<wh", "whe", "her", "ere", "re>"]
    assert NGrams(1, 2, 10).split("北京") == ["<北", "北", "北京", "京", "京>"]
    assert NGrams(3, 6, 10).split("") == [] == NGrams(3, 6, 10).split("</s>")
    assert NGrams(1, 6, 10).split("") == ["<>"]
    assert NGrams(3, 0, 0).split("where") == [] and not len(NGrams(3, 0, 0).rows("where"))


def test_impossible_ngrams_are_refused():
    for minn, maxn, bucket in ((4, 3, 10), (-1, 3, 10), (3, -1, 10), (3, 6, 0), (3, 6, 1 << 31)):
        with pytest.raises(ParameterError):
            NGrams(minn, maxn, bucket)
    with pytest.raises(ParameterError, match="bucket=0"):
        fe.FastText(bucket=0)
    with pytest.raises(ParameterError, match="minn=7, maxn=6"):
        fe.FastText(minn=7).fit(TEXT)
    with pytest.raises(ParameterError, match="more than"):
        NGrams(3, 6, (1 << 31) - 1).table(Vocab(["a", "b"]))


def test_means_of_rows_at_any_stride_and_alignment():
    random = np.random.default_rng(1)
    wide = random.normal(size=(50, 16)).astype(np.float32)
    offsets, rows = np.array([0, 3, 3, 4, 9]), random.integers(0, 50, 9).astype(np.int32)
    want = [wide[rows[a:b], :10].mean(0) if b > a else np.zeros(10) for a, b in zip(offsets, offsets[1:], strict=False)]
    unaligned = np.frombuffer(b"x" + wide.tobytes(), np.uint8)[1:].view(np.float32).reshape(50, 16)
    for matrix in (wide[:, :10], np.asfortranarray(wide)[:, :10], unaligned[:, :10]):
        np.testing.assert_allclose(means(matrix, offsets, rows), want, atol=1e-6)
    with pytest.raises(ValueError, match="not in the matrix"):
        means(wide[:5], offsets, rows + 5)


@pytest.fixture(scope="module")
def model():
    return fe.FastText(dim=8, min_count=1, epochs=2, bucket=500, sample=0, threads=1, seed=3).fit(TEXT, verbose=0)


def test_words_never_seen_have_vectors(model):
    wv = model.wv
    assert "cats" not in wv and "cat" in wv
    rows = wv.subwords.placed(wv.subwords.ngrams.rows("cats"))
    np.testing.assert_allclose(wv["cats"], wv.subwords.rows[rows].mean(0), atol=1e-6)
    assert wv.similarity("cats", "cat") > wv.similarity("cats", "the")
    assert wv.most_similar("cats", topn=3) and len(wv.nearest_ngrams("cat", 4)) == 4
    assert model.subwords("cats")[0] == "<ca" and model.subwords("cat")[0] == "cat"


def test_a_known_word_is_the_mean_of_its_rows(model):
    offsets, rows = model._subword_rows()
    word = model.wv.get_index("log")
    want = model._inputs[rows[offsets[word] : offsets[word + 1]], :8].mean(0)
    np.testing.assert_allclose(model.wv["log"], want, atol=1e-6)


def test_sentences(model):
    units = [model.wv.get_vector(word, norm=True) for word in ("the", "cats", "sat")]
    np.testing.assert_allclose(model.wv.get_sentence_vector("the cats  sat\n"), np.mean(units, 0), atol=1e-6)
    assert not model.wv.get_sentence_vector("").any() and not model.wv.get_sentence_vector(["", ""]).any()


@pytest.mark.parametrize("word", ["", "</s>"])
def test_words_without_ngrams_are_not_found(model, word):
    with pytest.raises(WordNotFoundError, match="no n-grams"):
        model.wv[word]


def test_odd_words_have_vectors(model):
    for word in ("\ud800\udfff", "<", "\0", "a b\nc", "x" * 2_000_000):
        assert np.isfinite(model.wv[word]).all()
    for key in (3.5, None, b"cat"):
        with pytest.raises((WordNotFoundError, TypeError)):
            model.wv[key]


@pytest.mark.parametrize("change", [{"sg": False}, {"hs": True}, {"maxn": 0}, {"sg": False, "hs": True}, {"minn": 1}])
def test_every_variant_learns(change):
    settings = {"dim": 8, "min_count": 1, "epochs": 8, "bucket": 300, "sample": 0, "threads": 2} | change
    model = fe.FastText(**settings).fit(TEXT, verbose=0)
    assert model.history[-1]["loss"] < model.history[0]["loss"]
    assert np.isfinite(model.wv.vectors).all()


def test_vectors_are_new_in_every_callback():
    seen = []
    model = fe.FastText(dim=4, min_count=1, epochs=3, bucket=100, sample=0, threads=1)
    model.fit(TEXT, verbose=0, callbacks=lambda m, _: seen.append(m.wv["cat"].copy()))
    assert len({tuple(vector) for vector in seen}) == 3 and (model.wv["cat"] == seen[-1]).all()


def test_a_stopped_run_goes_on_as_if_never_stopped(tmp_path):
    def new():
        return fe.FastText(dim=4, min_count=1, epochs=3, bucket=100, sample=0, threads=1)

    whole, part = new().fit(TEXT, verbose=0), new()
    part.fit(TEXT, verbose=0, callbacks=lambda m, r: "stop" if r["epoch"] == 2 else None)
    part.save(tmp_path / "part.fe")
    again = fe.load(tmp_path / "part.fe").fit(TEXT, resume=True, verbose=0)
    assert (again.wv.vectors == whole.wv.vectors).all() and (again.wv["cats"] == whole.wv["cats"]).all()
    with pytest.raises(ParameterError, match="cannot change"):
        again.set_params(maxn=4).fit(TEXT, resume=True, verbose=0)


def test_a_long_word_trains():
    words = "y" * 100_000
    corpus = fe.Corpus([f"{words} and {words}"] * 2, max_word_bytes=200_000)
    model = fe.FastText(dim=4, min_count=1, epochs=1, bucket=100, sample=0).fit(corpus, verbose=0)
    assert words in model.wv


def test_nothing_to_learn_from():
    with pytest.raises(CorpusError):
        fe.FastText(bucket=10).fit([""])


def test_rows_that_do_not_fit_are_refused():
    with pytest.raises(ParameterError, match="needs 10 rows"):
        Subwords(NGrams(3, 6, 10), np.zeros((9, 4), np.float32))
    with pytest.raises(ParameterError, match="places"):
        Subwords(NGrams(3, 6, 10), np.zeros((10, 4), np.float32), np.zeros(9, np.int32))
