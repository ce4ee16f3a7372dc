"""fastText's supervised .bin: read and written, against the official package, and damaged in every way."""

import struct

import numpy as np
import pytest

import fastembed as fe
from fastembed import io
from fastembed.errors import FormatError

WORDS = ["the", "a", "film", "play", "fine", "dull", "good", "bad", "mät", "北京", "very", "not", "is", "plot"]
SETTINGS = [
    {},
    {"word_ngrams": 3, "bucket": 90},
    {"minn": 2, "maxn": 3, "bucket": 300, "min_count": 3},
    {"word_ngrams": 2, "minn": 1, "maxn": 4, "bucket": 7919},
]
LOSSES = ["softmax", "hs", "ova"]
ASKED = ["the fine film", "", "unheard words so dull", "北京 mät !", "the  the\tthe", "</s>"]
EPSILON = 1e-5  # what fastText adds to a probability before it takes the logarithm


def documents(count, seed=0):
    random = np.random.default_rng(seed)
    texts = [" ".join(random.choice(WORDS, int(random.integers(0, 9)))) for _ in range(count)]
    return texts, [f"class{min(4, int(random.exponential(1.2)))}" for _ in texts]


@pytest.fixture(scope="module", params=LOSSES)
def loss(request):
    return request.param


@pytest.fixture(scope="module", params=SETTINGS, ids=str)
def model(request, loss):
    settings = {"dim": 6, "epochs": 4, "lr": 0.5, "threads": 1, "loss": loss} | request.param
    return fe.FastTextClassifier(**settings).fit(*documents(300), verbose=0)


def official(theirs, texts, classes):
    """The probabilities (n, L) that fastText gives, in the order of classes."""
    labels, scores = theirs.predict(texts, k=-1)
    found = [dict(zip(names, row, strict=True)) for names, row in zip(labels, scores, strict=True)]
    return np.array([[row[f"__label__{name}"] for name in classes] for row in found])


def as_official(model, texts):
    """What fastText reports where p is meant: p + 1e-5, in a tree so at each node; ova's sigmoid comes from a table."""
    if model.loss != "hs":
        return model.predict_proba(texts) + EPSILON
    offsets, nodes, codes = model._labels().huffman()
    outputs = model._outputs[:, : model.dim].astype(float)
    lines = model._lines(fe.models.labelled.of_texts(texts, "__label__"))
    offset, rows = lines.bags(0, len(texts))
    hidden = [model._inputs[rows[a:b], : model.dim].mean(0) for a, b in zip(offset, offset[1:], strict=False)]
    scores = np.array(hidden, float) @ outputs.T
    branches = 1 / (1 + np.exp(scores[:, nodes] * np.where(codes, -1, 1))) + EPSILON
    return np.multiply.reduceat(branches, offsets[:-1], axis=1)[:, model._order]


def assert_agree(ours, theirs, texts):
    expected, found = as_official(ours, texts), official(theirs, texts, ours.classes_)
    if ours.loss == "ova":  # steps of 1/32, rounded down: a quarter of one at most
        assert (found <= expected + 1e-6).all() and (expected - found < 1 / 128 + 1e-6).all()
    else:
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_what_is_written_is_read(model, tmp_path):
    io.save(model, tmp_path / "m.bin")
    again = fe.load(tmp_path / "m.bin")
    assert (again.loss, again.word_ngrams, again.maxn, again.dim) == (model.loss, model.word_ngrams, model.maxn, 6)
    assert again.classes_.tolist() == model.classes_.tolist() and (again.vocab.counts == model.vocab.counts).all()
    np.testing.assert_allclose(again.predict_proba(ASKED), model.predict_proba(ASKED), atol=1e-6)
    io.save(again, tmp_path / "again.bin")
    assert (tmp_path / "again.bin").read_bytes() == (tmp_path / "m.bin").read_bytes()
    vectors = fe.KeyedVectors.load(tmp_path / "m.bin")
    np.testing.assert_allclose(vectors.vectors, model.wv.vectors, atol=1e-6)
    again.fit(*documents(300), resume=True, verbose=0)
    assert again.history[-1]["loss"] < model.history[0]["loss"]
    assert not list(tmp_path.glob(".*"))


def test_the_official_package_predicts_as_ours(model, tmp_path):
    fasttext = pytest.importorskip("fasttext", reason="fasttext is not installed")
    io.save(model, tmp_path / "ours.bin")
    theirs = fasttext.load_model(str(tmp_path / "ours.bin"))
    assert_agree(model, theirs, ASKED + documents(50, seed=1)[0])
    for word in [*model.vocab.words, "films"]:
        rows = theirs.get_word_vector(word)
        if word in model.wv or model.maxn:
            np.testing.assert_allclose(rows, model.wv[word], atol=1e-6)
    theirs.save_model(str(tmp_path / "theirs.bin"))
    assert (tmp_path / "theirs.bin").read_bytes() == (tmp_path / "ours.bin").read_bytes()


@pytest.mark.parametrize("given", SETTINGS, ids=str)
def test_ours_predicts_as_the_official_package(loss, given, tmp_path):
    fasttext = pytest.importorskip("fasttext", reason="fasttext is not installed")
    texts, labels = documents(300)
    text = tmp_path / "text"
    text.write_text("".join(f"__label__{label} {line}\n" for line, label in zip(texts, labels, strict=True)))
    names = {"word_ngrams": "wordNgrams", "min_count": "minCount"}
    # its 0.9.3 leaves up to 9 numbers at the end of the input matrix as they lie in memory; with dim 10 there are none
    settings = {"dim": 10, "epoch": 4, "lr": 0.5, "thread": 10, "verbose": 0, "loss": loss}
    theirs = fasttext.train_supervised(str(text), **settings, **{names.get(k, k): v for k, v in given.items()})
    theirs.save_model(str(tmp_path / "m.bin"))
    ours = fe.load(tmp_path / "m.bin")
    assert_agree(ours, theirs, ASKED + documents(50, seed=1)[0])
    found = ours.test(text)
    assert (found["documents"], found["precision"]) == pytest.approx(theirs.test(str(text))[:2])
    trained = fe.FastTextClassifier(dim=6, **given).fit(text, verbose=0)
    assert sorted(trained.vocab.words) == sorted(theirs.words)
    counts = dict(zip(*theirs.get_words(include_freq=True), strict=True))
    assert dict(zip(trained.vocab.words, trained.vocab.counts.tolist(), strict=True)) == counts
    ours.save(tmp_path / "m.fe")
    again = fe.load(tmp_path / "m.fe")
    np.testing.assert_allclose(again.predict_proba(ASKED), ours.predict_proba(ASKED), atol=1e-12)


def test_negative_sampling_and_quantised_files(tmp_path):
    fasttext = pytest.importorskip("fasttext", reason="fasttext is not installed")
    texts, labels = documents(1200)
    text = tmp_path / "text"
    text.write_text("".join(f"__label__{label} {line}\n" for line, label in zip(texts, labels, strict=True)))
    theirs = fasttext.train_supervised(
        str(text), dim=10, epoch=1, thread=10, loss="ns", verbose=0, minn=2, maxn=3, bucket=300
    )
    theirs.save_model(str(tmp_path / "m.bin"))
    ours = fe.load(tmp_path / "m.bin")
    assert ours.loss == "ova"
    assert_agree(ours, theirs, ASKED)
    theirs.quantize(qnorm=False, retrain=False, cutoff=0)
    theirs.save_model(str(tmp_path / "m.ftz"))
    with pytest.raises(FormatError, match="quantised"):
        fe.load(tmp_path / "m.ftz")


@pytest.fixture(scope="module")
def whole(tmp_path_factory, loss):
    path = tmp_path_factory.mktemp("supervised") / "m.bin"
    settings = {"dim": 4, "epochs": 1, "bucket": 40, "word_ngrams": 2, "maxn": 3, "threads": 1, "loss": loss}
    io.save(fe.FastTextClassifier(**settings).fit(*documents(100), verbose=0), path)
    return path.read_bytes()


def outcome(path, data):
    """The classifier of the damaged file, or None for FormatError; anything else fails the test."""
    path.write_bytes(data)
    try:
        model = fe.load(path)
    except FormatError as error:
        assert str(path) in str(error) and error.offset is not None and "\n" not in str(error)
        return None
    with np.errstate(all="ignore"):
        if isinstance(model, fe.FastTextClassifier):
            assert model.predict_proba(ASKED[:2]).shape == (2, len(model.classes_))
    return model


def test_a_file_cut_anywhere_is_refused(whole, tmp_path):
    for length in range(1, len(whole), 7):
        assert outcome(tmp_path / "x.bin", whole[:length]) is None, length
    assert outcome(tmp_path / "x.bin", whole + b"\0") is None


def test_mutations(whole, tmp_path):
    """Two hundred for each loss."""
    random = np.random.default_rng(0)
    dictionary, refused = HEAD + 28 + 400, 0
    for turn in range(200):
        data = bytearray(whole)
        where = int(random.integers(len(data) if turn % 4 == 0 else dictionary))
        if turn % 2:
            data[where] ^= 1 << int(random.integers(8))
        else:
            data[where : where + 4] = random.bytes(4)
        refused += outcome(tmp_path / "x.bin", bytes(data)) is None
    assert 40 < refused < 200


HEAD = 8 + 12 * 4 + 8
LIES = {  # what the file says -> (byte, value, what the error says)
    "a later version": (4, struct.pack("<i", 13), "later version 13"),
    "no word n-grams": (8 + 5 * 4, struct.pack("<i", 0), "word_ngrams=0"),
    "far too many word n-grams": (8 + 5 * 4, struct.pack("<i", 1 << 30), "word_ngrams="),
    "a loss that does not exist": (8 + 6 * 4, struct.pack("<i", 5), "kind of model or of loss"),
    "another kind of model": (8 + 7 * 4, struct.pack("<i", 1), "labels in a model of kind 1"),
    "no buckets": (8 + 8 * 4, struct.pack("<i", 0), "impossible|input matrix"),
    "fewer labels": (HEAD + 8, struct.pack("<i", 3), "labels of"),
    "a pruned dictionary": (HEAD + 20, struct.pack("<q", 5), "quantised"),
}


@pytest.mark.parametrize("lie", LIES)
def test_lies_are_refused(whole, lie, tmp_path):
    at, value, message = LIES[lie]
    (tmp_path / "x.bin").write_bytes(whole[:at] + value + whole[at + len(value) :])
    with pytest.raises(FormatError, match=message) as caught:
        fe.load(tmp_path / "x.bin")
    assert caught.value.offset is not None


def test_labels_that_make_no_tree(tmp_path):
    model = fe.FastTextClassifier(dim=4, epochs=1, loss="hs", threads=1).fit(*documents(100), verbose=0)
    model._counts = model._counts[::-1].copy()
    io.save(model, tmp_path / "x.bin")
    with pytest.raises(FormatError, match="tree"):
        fe.load(tmp_path / "x.bin")
