"""fastText's .bin: read and written, against the official package and gensim, and damaged in every way."""

import struct

import numpy as np
import pytest

import fastembed as fe
from fastembed import io
from fastembed.errors import FormatError, ParameterError
from fastembed.subwords import NGrams
from fastembed.vocab import Vocab

TEXT = ["the cat sat on the mät 北京", "the dog sat on the log", "a cat and a dog and a mat"] * 30
UNKNOWN = ["cats", "doggish", "北京人", "thé", "on the"]


@pytest.fixture(scope="module", params=[{}, {"sg": False}, {"hs": True}, {"maxn": 0}], ids=str)
def model(request):
    settings = {"dim": 6, "min_count": 1, "epochs": 2, "bucket": 300, "sample": 0, "threads": 1}
    return fe.FastText(**(settings | request.param)).fit(TEXT, verbose=0)


def words_of(model):
    return model.wv.index_to_key + (UNKNOWN if model.maxn else [])


def test_what_is_written_is_read(model, tmp_path):
    model.wv.save(tmp_path / "vectors.bin")
    io.save(model, tmp_path / "model.bin")
    for name in ("vectors.bin", "model.bin"):
        again = fe.KeyedVectors.load(tmp_path / name)
        assert again.vocab.words == model.vocab.words and (again.vocab.counts == model.vocab.counts).all()
        np.testing.assert_allclose(again[words_of(model)], model.wv[words_of(model)], atol=1e-6)
    again = fe.load(tmp_path / "model.bin")
    assert (again.sg, again.hs, again.dim, again.maxn) == (model.sg, model.hs, 6, model.maxn)
    assert (again.context_vectors == model.context_vectors).all()  # which brings the matrices into memory
    np.testing.assert_allclose(again.wv[words_of(model)], model.wv[words_of(model)], atol=1e-6)
    io.save(again, tmp_path / "again.bin")
    assert (tmp_path / "again.bin").read_bytes() == (tmp_path / "model.bin").read_bytes()
    assert not list(tmp_path.glob(".*"))


def test_a_model_is_saved_as_the_ending_says(model, tmp_path):
    io.save(model, tmp_path / "a.bin")
    model.save(tmp_path / "b.BIN")
    assert (tmp_path / "a.bin").read_bytes() == (tmp_path / "b.BIN").read_bytes()
    with pytest.raises(ParameterError, match=r"name must end in \.fe or \.bin; model\.wv\.save\('.*m\.vec'\) writes"):
        model.save(tmp_path / "m.vec")
    model.save(tmp_path / "m.fe")
    assert len(fe.load(tmp_path / "m.fe").history) == len(model.history) == 2


def test_a_loaded_model_trains_on(model, tmp_path):
    io.save(model, tmp_path / "m.bin")
    again = fe.load(tmp_path / "m.bin").set_params(sample=0, epochs=1)
    again.fit(["the parrot sat on the cat"] * 20, resume=True, verbose=0)
    assert "parrot" not in model.wv and "parrot" in again.wv and len(again.history) == 1
    assert (again.wv["cat"] != model.wv["cat"]).any()


def test_native_vectors_keep_their_subwords(model, tmp_path):
    model.wv.save(tmp_path / "v.safetensors")
    again = fe.load(tmp_path / "v.safetensors")
    assert (again[words_of(model)] == model.wv[words_of(model)]).all()


def test_the_official_package_and_ours_agree(model, tmp_path):
    fasttext = pytest.importorskip("fasttext", reason="fasttext is not installed")
    io.save(model, tmp_path / "ours.bin")
    theirs = fasttext.load_model(str(tmp_path / "ours.bin"))
    for word in words_of(model):
        np.testing.assert_allclose(theirs.get_word_vector(word), model.wv[word], atol=1e-6)
        assert theirs.get_subwords(word)[0] == model.subwords(word)
    theirs.save_model(str(tmp_path / "theirs.bin"))
    assert (tmp_path / "theirs.bin").read_bytes() == (tmp_path / "ours.bin").read_bytes()


def test_gensim_and_ours_agree(model, tmp_path):
    gensim = pytest.importorskip("gensim.models.fasttext", reason="gensim is not installed")
    io.save(model, tmp_path / "ours.bin")
    theirs = gensim.load_facebook_model(str(tmp_path / "ours.bin"))
    for word in words_of(model):
        np.testing.assert_allclose(theirs.wv[word], model.wv[word], atol=1e-6)
    gensim.save_facebook_model(theirs, str(tmp_path / "theirs.bin"))
    again = fe.KeyedVectors.load(tmp_path / "theirs.bin")
    np.testing.assert_allclose(again[words_of(model)], model.wv[words_of(model)], atol=1e-6)


def test_their_models(tmp_path):
    fasttext = pytest.importorskip("fasttext", reason="fasttext is not installed")
    text = tmp_path / "text"
    text.write_text("\n".join(TEXT))
    for kind, loss in (("skipgram", "ns"), ("cbow", "hs")):
        settings = {"dim": 5, "minCount": 1, "bucket": 200, "thread": 10, "t": 1, "epoch": 2, "verbose": 0}
        theirs = fasttext.train_unsupervised(str(text), model=kind, loss=loss, **settings)
        theirs.save_model(str(tmp_path / "m.bin"))
        ours = fe.load(tmp_path / "m.bin")
        assert (ours.sg, ours.hs) == (kind == "skipgram", loss == "hs")
        for word in [*theirs.words, *UNKNOWN]:
            np.testing.assert_allclose(ours.wv[word], theirs.get_word_vector(word), atol=1e-6)
        ours.set_params(sample=0, epochs=1).fit(TEXT, resume=True, verbose=0)
        assert np.isfinite(ours.wv.vectors).all()


def test_a_compact_table(tmp_path):
    """floret's rows for the same words, its text, and nothing that a .bin could hold."""
    settings = {"dim": 6, "min_count": 1, "epochs": 4, "bucket": 150, "sample": 0, "hash_count": 2, "threads": 1}
    model = fe.FastText(**settings).fit(TEXT, verbose=0)
    assert model.history[-1]["loss"] < model.history[0]["loss"] and "cats" not in model.wv
    model.save(tmp_path / "m.fe")
    for again in (fe.load(tmp_path / "m.fe"), fe.load(tmp_path / "m.fe").fit(TEXT, resume=True, verbose=0)):
        assert again.wv["cats"].shape == (6,) and len(again.wv.nearest_ngrams("cat", 3)) == 3
    io.save(model, tmp_path / "m.floret")
    header, *lines = (tmp_path / "m.floret").read_text().splitlines()
    assert header == "150 6 3 6 2 2166136261 < >"
    table = np.array([line.split()[1:] for line in lines], np.float32)
    assert [line.split()[0] for line in lines] == [str(row) for row in range(150)]
    for word in [*model.wv.index_to_key, "cats"]:
        rows = model.wv.subwords.ngrams.rows(word)
        np.testing.assert_allclose(table[rows].mean(0), model.wv[word], atol=1e-6)
    with pytest.raises(ParameterError, match="hash_count"):
        io.save(model, tmp_path / "m.bin")
    with pytest.raises(ParameterError, match="hash_count"):
        model.wv.save(tmp_path / "m.bin")


def test_floret_hashes_to_the_same_rows(tmp_path):
    floret = pytest.importorskip("floret", reason="floret is not installed")
    text = tmp_path / "text"
    text.write_text("\n".join(TEXT))
    settings = {"dim": 5, "minCount": 1, "bucket": 997, "thread": 10, "epoch": 1, "verbose": 0, "minn": 2, "maxn": 5}
    theirs = floret.train_unsupervised(str(text), mode="floret", hashCount=3, **settings)
    ngrams = NGrams(2, 5, 997, 3)
    for word in ["cat", "cats", "mät", "北京人", "antidisestablishmentarianism"]:
        names, rows = theirs.get_subwords(word)
        assert names == ngrams.split(word)
        assert (rows - len(theirs.words)).tolist() == ngrams.rows(word).tolist()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("fasttext") / "m.bin"
    model = fe.FastText(dim=4, min_count=1, epochs=1, bucket=40, sample=0, threads=1).fit(TEXT, verbose=0)
    io.save(model, path)
    return path.read_bytes()


def outcome(path, data):
    """KeyedVectors of the damaged file, or None for FormatError; anything else fails the test."""
    path.write_bytes(data)
    try:
        return fe.KeyedVectors.load(path)
    except FormatError as error:
        assert str(path) in str(error) and error.offset is not None and "\n" not in str(error)
        return None


def test_a_file_cut_anywhere_is_refused(whole, tmp_path):
    for length in range(0, len(whole), 7):
        if length:
            assert outcome(tmp_path / "x.bin", whole[:length]) is None, length
    assert outcome(tmp_path / "x.bin", whole + b"\0") is None


def test_five_hundred_mutations(whole, tmp_path):
    random = np.random.default_rng(0)
    dictionary = HEAD + 28 + 200
    refused = 0
    for turn in range(500):
        data = bytearray(whole)
        where = int(random.integers(len(data) if turn % 4 == 0 else dictionary))
        if turn % 2:
            data[where] ^= 1 << int(random.integers(8))
        else:
            data[where : where + 4] = random.bytes(4)
        wv = outcome(tmp_path / "x.bin", bytes(data))
        refused += wv is None
        assert wv is None or wv.vectors.shape == (len(wv.vocab), 4)
    assert 100 < refused < 500


HEAD = 8 + 12 * 4 + 8
LIES = {  # what the file says -> (byte, value, what the error says)
    "a later version": (4, struct.pack("<i", 13), "later version 13"),
    "an old version": (4, struct.pack("<i", 10), "too old"),
    "a huge dimension": (8, struct.pack("<i", 1 << 30), "input matrix"),
    "no buckets": (8 + 8 * 4, struct.pack("<i", 0), "input matrix"),
    "minn above maxn": (8 + 9 * 4, struct.pack("<i", 9), "minn=9"),
    "a model of no kind": (8 + 7 * 4, struct.pack("<i", 7), "kind of model"),
    "two billion words": (HEAD, struct.pack("<ii", (1 << 31) - 1, (1 << 31) - 1), "cannot be in a file"),
    "words that are no labels": (HEAD + 4, struct.pack("<i", 3), "labels"),
    "a pruned dictionary": (HEAD + 20, struct.pack("<q", 5), "quantised"),
}


@pytest.mark.parametrize("lie", LIES)
def test_lies_are_refused(whole, lie, tmp_path):
    at, value, message = LIES[lie]
    (tmp_path / "x.bin").write_bytes(whole[:at] + value + whole[at + len(value) :])
    with pytest.raises(FormatError, match=message) as caught:
        fe.load(tmp_path / "x.bin")
    assert caught.value.offset is not None


def test_words_that_are_not_utf8(whole, tmp_path):
    (tmp_path / "x.bin").write_bytes(whole.replace(b"dog\0", b"d\xffg\0"))
    with pytest.raises(FormatError, match="UTF-8"):
        fe.load(tmp_path / "x.bin")
    assert "d\ufffdg" in fe.load(tmp_path / "x.bin", errors="replace").wv
    (tmp_path / "x.bin").write_bytes(whole.replace(b"dog\0", b"cat\0"))
    with pytest.raises(FormatError, match="second time"):
        fe.load(tmp_path / "x.bin")


def test_words_that_the_format_cannot_hold(tmp_path):
    kv = fe.KeyedVectors(Vocab(["a", "b\0c"]), np.ones((2, 3), np.float32))
    with pytest.raises(ParameterError, match="b"):
        kv.save(tmp_path / "x.bin", format="fasttext")
    assert not list(tmp_path.iterdir())
