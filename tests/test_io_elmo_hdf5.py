"""bilm-tf's files of ELMo: the same numbers as the original, and what is refused."""

import copy
import json

import elmo_reference
import numpy as np
import pytest

import fastembed as fe
from fastembed.errors import FormatError, ParameterError

h5py = pytest.importorskip("h5py", reason="h5py is not installed")

SENTENCES = ["a bank by the river", "", "it", "über 是 " + "x" * 60, "the bank lent me money"]


def loaded(folder, vocabulary=None):
    return fe.ELMo.load(folder / "options.json", folder / "weights.hdf5", vocabulary).set_params(threads=1)


def changed(**changes):
    options = copy.deepcopy(elmo_reference.OPTIONS)
    for name, value in changes.items():
        group, key = name.split("__")
        options[group][key] = value
    return options


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"lstm__use_skip_connections": False, "char_cnn__activation": "tanh", "char_cnn__n_highway": 0},
        {"lstm__n_layers": 3, "lstm__dim": 5, "char_cnn__filters": [[2, 5]]},
    ],
    ids=["residual", "plain", "without projections"],
)
def test_the_numbers_of_the_original(tmp_path, changes):
    options = changed(**changes)
    oracle = elmo_reference.Bilm(options, elmo_reference.write(tmp_path, options))
    for sentence, states in zip(SENTENCES, loaded(tmp_path).embed(SENTENCES), strict=True):
        oracle.state = {}
        np.testing.assert_allclose(states, oracle(0, sentence.split()), atol=1e-5, rtol=1e-5)


def test_states_go_on_as_in_the_original(tmp_path):
    oracle = elmo_reference.Bilm(elmo_reference.OPTIONS, elmo_reference.write(tmp_path))
    model = loaded(tmp_path)
    for batch in (SENTENCES[:3], SENTENCES, SENTENCES[3:]):
        found = model.embed(batch, stateful=True)
        for row, (sentence, states) in enumerate(zip(batch, found, strict=True)):
            wanted = oracle(row, sentence.split())
            assert states.shape == wanted.shape == (3, len(sentence.split()), 10)
            np.testing.assert_allclose(states, wanted, atol=1e-5, rtol=1e-5)


def test_a_folder_is_loaded(tmp_path):
    elmo_reference.write(tmp_path)
    (found,), (wanted,) = fe.load(tmp_path).embed(["a bank"]), loaded(tmp_path).embed(["a bank"])
    assert (found == wanted).all()


def test_golden_files_of_bilm_tf(shared):
    folder = shared / "golden" / "elmo" / "bilm-tf"
    if not folder.is_dir():
        pytest.skip(f"no golden files at {folder}")
    model = fe.ELMo.load(folder / "options.json", folder / "lm_weights.hdf5")
    rows = json.loads((folder / "lm_embeddings_sentences.json").read_text())
    files = [h5py.File(folder / f"lm_embeddings_{k}.hdf5", "r") for k in range(3)]
    for number in range(10):
        found = model.embed([row[number] for row in rows], layers=-1, stateful=True)
        for states, file in zip(found, files, strict=True):
            wanted = np.concatenate(list(file[str(number)][()]), axis=-1)
            np.testing.assert_allclose(states, wanted, atol=1e-6, rtol=1e-5)


def test_written_files_are_read_and_hold_the_same(tmp_path):
    arrays = elmo_reference.write(tmp_path)
    (tmp_path / "new").mkdir()
    loaded(tmp_path).to_hdf5(tmp_path / "new" / "options.json", tmp_path / "new" / "weights.hdf5")
    with h5py.File(tmp_path / "new" / "weights.hdf5") as file:
        for name, array in arrays.items():
            np.testing.assert_allclose(file[name][()], array, atol=3e-7)
    assert json.loads((tmp_path / "new" / "options.json").read_text())["lstm"] == elmo_reference.OPTIONS["lstm"]
    one, two = loaded(tmp_path).embed(SENTENCES), loaded(tmp_path / "new").embed(SENTENCES)
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(one, two, strict=True))


TEXT = ["the river bank was green", "the bank lent me money"] * 10
SMALL = {"dim": 6, "hidden": 8, "filters": ((1, 4), (2, 4)), "min_count": 1, "batch": 2, "samples": None, "threads": 1}


@pytest.mark.parametrize("chars", ["bytes", None])
def test_a_trained_model_with_its_softmax(tmp_path, chars):
    model = fe.ELMo(chars=chars, **SMALL).fit(TEXT, verbose=0)
    paths = [tmp_path / name for name in ("o.json", "w.hdf5", "words.txt")]
    model.to_hdf5(*paths)
    again = fe.ELMo.load(*paths)
    np.testing.assert_allclose(again.perplexity(TEXT), model.perplexity(TEXT), rtol=1e-5)
    if chars:
        more = fe.ELMo.load(*paths[:2]).set_params(**SMALL).fit(TEXT, verbose=0, resume=True)
        assert more.perplexity(TEXT).forward < 100
    with pytest.raises(ParameterError, match="unicode"):
        fe.ELMo(chars="unicode", **SMALL).fit(TEXT, verbose=0).to_hdf5(*paths)


def test_words_without_a_softmax(tmp_path):
    """As bilm-tf dumps the weights of models without characters."""
    paths = [tmp_path / name for name in ("o.json", "w.hdf5", "words.txt")]
    trained = fe.ELMo(chars=None, **SMALL).fit(TEXT, verbose=0)
    trained.to_hdf5(*paths)
    with h5py.File(paths[1], "a") as file:
        del file["softmax"]
    model = fe.ELMo.load(*paths).set_params(**SMALL)
    with pytest.raises(ParameterError, match="no softmax"):
        model.perplexity(TEXT)
    model.save(tmp_path / "m.fe")
    again = fe.load(tmp_path / "m.fe")
    for one, two, three in zip(model.embed(TEXT), again.embed(TEXT), trained.embed(TEXT), strict=True):
        assert np.array_equal(one, two) and np.array_equal(one, three)
    again.fit(TEXT, verbose=0, resume=True)
    assert again.vocab.words == trained.vocab.words and again.perplexity(TEXT).forward < 100
    again.save(tmp_path / "m.fe")
    assert fe.load(tmp_path / "m.fe").perplexity(TEXT) == again.perplexity(TEXT)


@pytest.mark.parametrize("word", ["\u3000", "\u00a0a", "\u2028", "\x85", "a\x0b", "\ufeff"])
def test_words_of_wide_blanks_come_back(tmp_path, word):
    paths = [tmp_path / name for name in ("o.json", "w.hdf5", "words.txt")]
    model = fe.ELMo(**SMALL).fit([["a", word, "b"]] * 9, verbose=0)
    model.to_hdf5(*paths)
    assert fe.ELMo.load(*paths).vocab.words == model.vocab.words


@pytest.mark.parametrize("word", ["a\nb", "a ", "\rb"])
def test_words_that_no_line_holds(tmp_path, word):
    paths = [tmp_path / name for name in ("o.json", "w.hdf5", "words.txt")]
    model = fe.ELMo(**SMALL).fit([["a", word, "b"]] * 9, verbose=0)
    with pytest.raises(ParameterError, match="a line break or a blank"):
        model.to_hdf5(*paths)
    assert not list(tmp_path.iterdir())
    model.to_hdf5(*paths[:2])


W_0 = "RNN_1/RNN/MultiRNNCell/Cell0/LSTMCell/W_0"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a: a.pop("CNN/b_cnn_1"), "lacks CNN/b_cnn_1"),
        (lambda a: a.update({W_0: a[W_0][:, :-4]}), r"Cell0/LSTMCell/W_0 has shape \(10, 32\)"),
        (lambda a: a.update({W_0: a[W_0].astype(np.int32)}), "should hold floats"),
        (lambda a: a["CNN_proj/W_proj"].__setitem__((2, 1), np.nan), r"CNN_proj/W_proj holds nan at \[2, 1\]"),
        (lambda a: a["char_embed"].__setitem__((7, 0), -np.inf), r"char_embed holds -inf at \[7, 0\]"),
        (lambda a: a.update({"CNN/W_cnn_2": a["CNN/W_cnn_1"]}), "holds CNN/W_cnn_2, which the options do not have"),
        (lambda a: a.update({W_0.replace("Cell0", "Cell2"): a[W_0]}), "Cell2"),
    ],
)
def test_weights_that_do_not_fit(tmp_path, change, said):
    elmo_reference.write(tmp_path, change=change)
    with pytest.raises(FormatError, match=said):
        loaded(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.05, 0.5, 0.99])
def test_truncated_weights(tmp_path, share):
    elmo_reference.write(tmp_path)
    path = tmp_path / "weights.hdf5"
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(FormatError, match="weights.hdf5"):
        loaded(tmp_path)


def test_damaged_weights_never_crash(tmp_path):
    elmo_reference.write(tmp_path)
    path, random = tmp_path / "weights.hdf5", np.random.default_rng(1)
    data = path.read_bytes()
    for _ in range(40):
        damaged = bytearray(data)
        for place in random.integers(0, 4000, 20):
            damaged[place] = random.integers(256)
        path.write_bytes(damaged)
        try:
            loaded(tmp_path)
        except FormatError as error:
            assert "\n" not in str(error)


def test_a_damaged_type_of_numbers(tmp_path):
    """The bytes behind the size of a float in its description: where sign, exponent and mantissa are, and the bias."""
    elmo_reference.write(tmp_path)
    path, kind = tmp_path / "weights.hdf5", b"\x17\x08\x00\x17\x7f\x00\x00\x00"
    data, said = path.read_bytes(), []
    for at in range(data.index(kind), data.index(kind) + len(kind)):
        for value in (0, 255):
            path.write_bytes(data[:at] + bytes([value]) + data[at + 1 :])
            try:
                loaded(tmp_path)
            except FormatError as error:
                said.append(str(error))
    assert any("char_embed cannot be read (" in message for message in said)
    assert all("weights.hdf5" in message and "\n" not in message for message in said)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lstm__n_layers": 0}, "n_layers is 0"),
        ({"lstm__dim": "9"}, "lstm.dim is '9'"),
        ({"lstm__projection_dim": 10}, "projection_dim is 10"),
        ({"lstm__cell_clip": float("nan")}, "cell_clip is nan"),
        ({"char_cnn__filters": [[1]]}, "filters is"),
        ({"char_cnn__filters": [[13, 4]]}, "wider than"),
        ({"char_cnn__n_characters": 100}, "n_characters is 100"),
        ({"char_cnn__activation": "elu"}, "activation is 'elu'"),
        ({"char_cnn__n_highway": 3}, "lacks CNN_high_2/W_carry"),
        ({"lstm__n_layers": 1}, "holds RNN_0/RNN/MultiRNNCell/Cell1"),
        ({"char_cnn__embedding": {"dim": 4}}, "char_embed has shape"),
    ],
)
def test_options_that_contradict(tmp_path, changes, said):
    elmo_reference.write(tmp_path)
    (tmp_path / "options.json").write_text(json.dumps(changed(**changes)))
    with pytest.raises(FormatError, match=said):
        loaded(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"lstm": 3}', "[" * 100_000])
def test_options_that_are_none(tmp_path, text):
    elmo_reference.write(tmp_path)
    (tmp_path / "options.json").write_text(text)
    with pytest.raises(FormatError, match="options.json"):
        loaded(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<S>\n<UNK>\n</S>\na", "should begin"),
        ("<S>\n</S>\n<UNK>\na\na\n", "line 5"),
        ("<S>\n</S>\n<UNK>\na\n", "softmax"),
    ],
)
def test_vocabularies_that_do_not_fit(tmp_path, text, said):
    elmo_reference.write(tmp_path)
    (tmp_path / "words.txt").write_text(text)
    with pytest.raises(FormatError, match=said):
        loaded(tmp_path, tmp_path / "words.txt")


def test_words_need_a_vocabulary(tmp_path):
    options = {"lstm": elmo_reference.OPTIONS["lstm"]}
    elmo_reference.write(tmp_path, options)
    with pytest.raises(ParameterError, match="vocabulary"):
        loaded(tmp_path)
