"""``fastembed embed``, with a model that needs no training."""

import numpy as np
import pytest
from command import assert_refused, done, run

import fastembed as fe
from fastembed import io
from fastembed.models.contextual import ContextualModel


class Lengths(ContextualModel):
    """Two layers: the length of a word, and its place."""

    depth, width = 2, 3

    def _tokens(self, sentence):
        return sentence.split()

    def _states(self, batch):
        return [
            np.stack([[[len(word)] * 3 for word in words], [[place] * 3 for place in range(len(words))]])
            .reshape(2, -1, 3)
            .astype(np.float32)
            for words in batch
        ]


@pytest.fixture
def text(tmp_path, monkeypatch):
    real = io.load
    monkeypatch.setattr(io, "load", lambda path: Lengths() if str(path) == "model" else real(path))
    (tmp_path / "t.txt").write_text("a bbb\n\nccc a\n")
    return tmp_path / "t.txt"


def test_all_layers_of_every_line(text, tmp_path):
    assert "3 sentences x 3" in done(run("embed", "model", str(text), "-o", str(tmp_path / "o.npz")))
    arrays = np.load(tmp_path / "o.npz")
    assert list(arrays) == ["0", "1", "2"] and arrays["1"].shape == (2, 0, 3)
    assert arrays["2"].tolist() == [[[3] * 3, [1] * 3], [[0] * 3, [1] * 3]]


def test_hdf5(text, tmp_path):
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    done(run("embed", "model", str(text), "-o", str(tmp_path / "o.hdf5"), "--layers", "-1"))
    with h5py.File(tmp_path / "o.hdf5") as file:
        assert sorted(file) == ["0", "1", "2"] and file["2"][:].tolist() == [[0] * 3, [1] * 3]


def test_one_vector_a_line_from_standard_input(text, tmp_path):
    out = str(tmp_path / "o.npy")
    done(run("embed", "model", "-", "-o", out, "--pool", "--layers", "0", stdin="a bbb\n\nxx"))
    assert np.load(tmp_path / "o.npy").tolist() == [[2] * 3, [0] * 3, [2] * 3]


def test_standard_input_is_utf8(text, tmp_path):
    out = str(tmp_path / "o.npz")
    assert_refused(run("embed", "model", "-", "-o", out, stdin=b"a\n\xff bad\n"), 1, "standard input, line 2", "utf-8")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("model", "t.txt", "-o", "o.txt"), 2, "must end in one of .npz, .hdf5"),
        (("model", "t.txt", "-o", "o.npz", "--pool"), 2, "must end in one of .npy"),
        (("model", "t.txt", "-o", "o.npz", "--layers", "2"), 2, "layers=2: give"),
        (("model", "t.txt", "-o", "o.npz", "--layers", "x"), 2, "layers='x': give"),
        (("model", "t.txt", "-o", "o.npz", "--precision", "bfloat16"), 1, "not BERT"),
        (("model", "none.txt", "-o", "o.npz"), 1, "none.txt"),
        (("model", "t.txt", "-o", "."), 1, "is a folder"),
        (("vectors.safetensors", "t.txt", "-o", "o.npz"), 1, "not a contextual model"),
        ((".", "t.txt", "-o", "o.npz"), 1, "a folder without config.json"),
        (("model", "empty.txt", "-o", "o.npz"), 1, "empty"),
    ],
)
def test_what_cannot_be(text, tmp_path, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    fe.KeyedVectors(["a"], np.ones((1, 2), np.float32)).save("vectors.safetensors")
    (tmp_path / "empty.txt").write_text("")
    assert_refused(run("embed", *arguments), code, message)
    assert not list(tmp_path.glob("o.*")) and not list(tmp_path.glob(".*.tmp"))


def test_elmo_is_trained_and_gone_on_with(folder):
    sizes = {
        "--dim": "8",
        "--hidden": "8",
        "--filters": "1:4,2:4",
        "--batch": "2",
        "--min-count": "1",
        "--threads": "1",
    }
    small = [text for pair in sizes.items() for text in pair]
    said = done(run("train", "elmo", "text.txt", "-o", "e.fe", *small))
    assert "3 layers x 16" in said and "wv" not in said
    done(run("train", "elmo", "text.txt", "-o", "f.fe", "--resume", "e.fe"))
    assert fe.load("f.fe").filters == ((1, 4), (2, 4)) and len(fe.load("f.fe").history) == 2
    assert_refused(run("train", "elmo", "text.txt", "-o", "e.fe", "--filters", "1,2"), 2, "is no list of pairs")
    assert "x 16" in done(run("embed", "e.fe", "text.txt", "-o", "o.npz", "--layers", "-1"))


def test_bert_gives_pieces_words_and_sentences(tmp_path, monkeypatch):
    pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    from tiny_bert import folder

    monkeypatch.chdir(tmp_path)
    folder(tmp_path / "m")
    (tmp_path / "t.txt").write_text("the whales\n\nsea\n")
    model = fe.BERT.load("m")
    model.save("m.fe")
    done(run("embed", "m", "t.txt", "-o", "pieces.npz"))
    done(run("embed", "m.fe", "t.txt", "-o", "words.npz", "--words", "--layers", "-1"))
    assert np.load("pieces.npz")["0"].shape == (3, 3, 8) and np.load("words.npz")["0"].shape == (2, 8)
    done(run("embed", "m", "t.txt", "-o", "s.npy", "--pool", "--normalize"))
    expected = model.embed(["the whales", "", "sea"], pool="mean", normalize=True)
    np.testing.assert_allclose(np.load("s.npy"), expected, rtol=1e-5, atol=1e-6)
    done(run("embed", "m", "t.txt", "-o", "s.npy", "--pool", "--normalize", "--precision", "bfloat16"))
    assert 0 < np.abs(np.load("s.npy") - expected).max() < 0.03


def test_a_preset_whose_flags_change_it(tmp_path):
    (tmp_path / "t.txt").write_text("the cat sat on the mat\na dog lay on a rug\n" * 10)
    text = ("train", "elmo", str(tmp_path / "t.txt"), "-o", str(tmp_path / "e.fe"))
    sizes = ("--dim", "4", "--hidden", "8", "--filters", "1:4", "--min-count", "1", "--batch", "2", "--epochs", "1")
    done(run(*text, "--preset", "original", *sizes, "-q"))
    model, original = fe.load(tmp_path / "e.fe"), fe.ELMo.original()
    assert (model.optimizer, model.highway, model.lr) == ("adagrad", original.highway, original.lr)
    assert (model.dim, model.filters, model.epochs) == (4, ((1, 4),), 1)
    assert_refused(run(*text, "--preset", "original", "--resume", text[-1]), 2, "--preset is for a new model")
    assert_refused(run(*text, "--preset", "tiny"), 2, "small")
    assert_refused(run("train", "skipgram", *text[2:], "--preset", "tiny"), 2, "preset")


def test_convert_bert_to_a_folder_and_back(tmp_path):
    pytest.importorskip("tokenizers")
    sizes = {"dim": 8, "layers": 1, "heads": 2, "inner": 16, "vocab_size": 40, "max_length": 16}
    model = fe.BERT(**sizes, epochs=1).fit(["a cat sat", "a dog sat"] * 20, verbose=0)
    model.save(tmp_path / "b.fe")
    assert "BERT" in done(run("convert", str(tmp_path / "b.fe"), str(tmp_path / "folder")))
    done(run("convert", str(tmp_path / "folder"), str(tmp_path / "again.fe")))
    for name in ("folder", "again.fe"):
        assert np.array_equal(fe.load(tmp_path / name).embed(["a cat"])[0], model.embed(["a cat"])[0])
    assert_refused(run("convert", str(tmp_path / "b.fe"), str(tmp_path / "b.vec")), 2, "BERT has no word vectors")
    (tmp_path / "file").touch()
    assert_refused(run("convert", str(tmp_path / "b.fe"), str(tmp_path / "file")), 1, "is a file, not a folder")


def test_convert_elmo_to_a_folder_and_back(tmp_path):
    pytest.importorskip("h5py")
    sizes = {"dim": 8, "hidden": 16, "filters": ((1, 4), (2, 8)), "min_count": 1, "batch": 4}
    model = fe.ELMo(**sizes, epochs=1).fit(["a cat sat", "a dog sat"] * 20, verbose=0)
    model.save(tmp_path / "e.fe")
    done(run("convert", str(tmp_path / "e.fe"), str(tmp_path / "folder")))
    done(run("convert", str(tmp_path / "folder"), str(tmp_path / "again.fe")))
    for name in ("folder", "again.fe"):
        assert np.array_equal(fe.load(tmp_path / name).embed(["a cat"])[0], model.embed(["a cat"])[0])
    words = (tmp_path / "folder" / "vocabulary.txt").read_text(encoding="utf-8").split()
    assert words[:3] == ["<S>", "</S>", "<UNK>"] and "cat" in words
