"""Folders of transformers: what is read, what is written, what is refused."""

import json
import logging

import numpy as np
import pytest

import fastembed as fe
from fastembed.errors import FormatError, MissingFolderError

pytest.importorskip("tokenizers", reason="tokenizers is not installed")
from tiny_bert import CONFIG, TOKENS, contents, folder, tensors  # noqa: E402

from fastembed.io import hf, native  # noqa: E402


def same(one, two):
    return one.keys() == two.keys() and all(np.array_equal(one[name], two[name]) for name in one)


def test_round_trip(tmp_path):
    written = contents()
    hf.write(tmp_path / "m", written)
    names = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt"}
    assert {path.name for path in (tmp_path / "m").iterdir()} == names and len(list(tmp_path.iterdir())) == 1
    found = hf.read(tmp_path / "m")
    assert same(found.tensors, written.tensors) and found.config == written.config
    assert found.pieces.tokens == TOKENS and found.sentence == {}
    (tmp_path / "m" / "tokenizer.json").unlink()
    assert hf.read(tmp_path / "m").pieces.tokens == TOKENS


def test_no_padding_that_others_would_take_for_tensors(tmp_path):
    hf.write(tmp_path / "m", contents())
    header = (tmp_path / "m" / "model.safetensors").read_bytes()
    names = json.loads(header[8 : 8 + int.from_bytes(header[:8], "little")])
    assert names.keys() - {"__metadata__"} == tensors().keys() and names["__metadata__"] == {"format": "pt"}


def test_a_folder_that_cannot_be_made(tmp_path):
    with pytest.raises(MissingFolderError, match="there is no folder .*missing to write to"):
        hf.write(tmp_path / "missing" / "m", contents())


def test_writing_replaces_all_files_or_none(tmp_path, monkeypatch):
    hf.write(tmp_path / "m", contents())
    (tmp_path / "m" / "README.md").write_text("mine")
    before = {path.name: path.read_bytes() for path in (tmp_path / "m").iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr(hf.native, "write", lambda *_, **__: (_ for _ in ()).throw(OSError("full")))
        with pytest.raises(OSError, match="full"):
            hf.write(tmp_path / "m", contents(CONFIG | {"hidden_act": "gelu_new"}))
    assert {path.name: path.read_bytes() for path in (tmp_path / "m").iterdir()} == before
    assert len(list(tmp_path.iterdir())) == 1
    hf.write(tmp_path / "m", contents(CONFIG | {"hidden_act": "gelu_new"}))
    assert hf.read(tmp_path / "m").config["hidden_act"] == "gelu_new"
    assert (tmp_path / "m" / "README.md").read_text() == "mine" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("prefix", ["", "bert."])
@pytest.mark.parametrize("old", [False, True])
def test_names_old_and_new(tmp_path, prefix, old):
    arrays = {(name if name.startswith("cls.") else prefix + name): array for name, array in tensors().items()}
    if old:
        endings = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
        for new, name in endings.items():
            arrays = {key.replace(new, name): array for key, array in arrays.items()}
        arrays[f"{prefix}embeddings.position_ids"] = np.arange(16)[None]
        arrays["cls.predictions.decoder.weight"] = arrays[f"{prefix}embeddings.word_embeddings.weight"]
    assert same(hf.read(folder(tmp_path / "m", arrays=arrays)).tensors, tensors())


@pytest.mark.parametrize("rate", [0, 0.25])
def test_dropout_of_the_config(tmp_path, rate):
    config = CONFIG | {"hidden_dropout_prob": rate}
    assert fe.BERT.load(folder(tmp_path / "m", config=config)).dropout == rate


def test_half_precision_becomes_single(tmp_path):
    arrays = {name: array.astype(np.float16) for name, array in tensors().items()}
    found = hf.read(folder(tmp_path / "m", arrays=arrays)).tensors
    assert same(found, {name: array.astype(np.float32) for name, array in arrays.items()})


def test_bfloat16_becomes_single(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch", reason="torch is not installed")
    torch = pytest.importorskip("torch", reason="torch is not installed")
    arrays = {name: torch.from_numpy(array).bfloat16() for name, array in tensors().items()}
    folder(tmp_path / "m")
    safetensors.save_file(arrays, tmp_path / "m" / "model.safetensors")
    found = hf.read(tmp_path / "m").tensors
    assert same(found, {name: array.float().numpy() for name, array in arrays.items()})


def test_without_heads(tmp_path):
    arrays = {name: array for name, array in tensors().items() if not name.startswith(("cls.", "pooler."))}
    assert same(hf.read(folder(tmp_path / "m", arrays=arrays)).tensors, arrays)


def test_what_is_not_used_is_said(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "fastembed"):
        hf.read(folder(tmp_path / "m", arrays=tensors() | {"classifier.weight": np.zeros((2, 8), np.float32)}))
    assert "1 tensors are not BERT's and not used: classifier.weight" in caplog.text


def test_sentence_transformers(tmp_path):
    folder(tmp_path / "m")
    (tmp_path / "m" / "sentence_bert_config.json").write_text('{"max_seq_length": 9}')
    (tmp_path / "m" / "1_Pooling").mkdir()
    (tmp_path / "m" / "1_Pooling" / "config.json").write_text('{"pooling_mode_mean_tokens": true}')
    assert hf.read(tmp_path / "m").sentence == {"max_length": 9, "pool": "mean"}
    assert fe.BERT.load(tmp_path / "m").max_length == 9


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"model_type": "roberta", "architectures": ["RobertaModel"]}, "describes a RobertaModel .*'roberta'"),
        ({"architectures": ["GPT2Model"]}, "GPT2Model"),
        ({"is_decoder": True}, "as a decoder"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type 'relative_key'"),
        ({"hidden_act": "relu"}, "hidden_act 'relu' is not known here, only 'gelu', 'gelu_new'"),
        ({"hidden_act": ["gelu"]}, "hidden_act"),
        ({"vocab_size": 0}, "vocab_size should be a whole number"),
        ({"num_hidden_layers": 1 << 40}, "num_hidden_layers"),
        ({"hidden_size": "8"}, "hidden_size"),
        ({"num_attention_heads": 3}, "no multiple of num_attention_heads 3"),
        ({"layer_norm_eps": 0}, "layer_norm_eps"),
        ({"num_hidden_layers": 3}, r"encoder\.layer\.2\.attention\.self\.query\.weight .* is missing"),
        ({"intermediate_size": 13}, r"intermediate\.dense\.weight should be float \(13, 8\) .* is float32 \(12, 8\)"),
        ({"vocab_size": 99}, r"word_embeddings\.weight should be float \(99, 8\)"),
    ],
)
def test_configurations_that_are_refused(tmp_path, change, match):
    folder(tmp_path / "m", arrays=tensors())
    (tmp_path / "m" / "config.json").write_text(json.dumps(CONFIG | change))
    with pytest.raises(FormatError, match=match):
        fe.BERT.load(tmp_path / "m")


@pytest.mark.parametrize("text", ["", "[1]", "{", "[" * 10_000, "\x00", '{"a": NaN}'])
@pytest.mark.parametrize(
    "name", ["config.json", "tokenizer.json", "tokenizer_config.json", "sentence_bert_config.json"]
)
def test_json_that_is_none(tmp_path, name, text):
    hf.write(tmp_path / "m", contents())
    (tmp_path / "m" / name).write_text(text)
    try:
        hf.read(tmp_path / "m")
    except FormatError as error:
        assert str(tmp_path) in str(error)
    else:
        assert text == '{"a": NaN}' and name not in ("config.json", "tokenizer.json")


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "vocab.txt"])
def test_missing_files_are_named(tmp_path, missing):
    folder(tmp_path / "m")
    (tmp_path / "m" / missing).unlink()
    with pytest.raises(FormatError, match=missing):
        hf.read(tmp_path / "m")


def test_no_folder(tmp_path):
    with pytest.raises(FormatError, match="is no folder"):
        fe.BERT.load(tmp_path / "none")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "tf_model.h5"])
def test_pickles_are_refused_with_how_to_convert(tmp_path, name):
    folder(tmp_path / "m")
    (tmp_path / "m" / "model.safetensors").rename(tmp_path / "m" / name)
    with pytest.raises(FormatError, match=rf"{name} .*never read here.*save_pretrained"):
        hf.read(tmp_path / "m")


def test_weights_in_parts_are_refused(tmp_path):
    folder(tmp_path / "m")
    (tmp_path / "m" / "model.safetensors").rename(tmp_path / "m" / "model.safetensors.index.json")
    with pytest.raises(FormatError, match="several files"):
        hf.read(tmp_path / "m")


def test_lying_headers(tmp_path):
    folder(tmp_path / "m")
    path = tmp_path / "m" / "model.safetensors"
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    for lie in (
        (1 << 60).to_bytes(8, "little") + data[8:],
        data[:8] + data[8 : 8 + size].replace(b'"shape":[8,8]', b'"shape":[9,8]', 1) + data[8 + size :],
        data[:-40],
    ):
        path.write_bytes(lie)
        with pytest.raises(FormatError, match=r"model\.safetensors, byte"):
            hf.read(tmp_path / "m")


def test_damage_anywhere_is_a_format_error(tmp_path):
    path = folder(tmp_path / "m") / "model.safetensors"
    whole, random, refused = path.read_bytes(), np.random.default_rng(0), 0
    for _ in range(200):
        data = bytearray(whole)
        at = random.integers(6000)
        data[at : at + 3] = random.bytes(3)
        path.write_bytes(data)
        try:
            hf.read(tmp_path / "m")
        except FormatError:
            refused += 1
    assert refused > 100


def test_numbers_that_are_none(tmp_path):
    arrays = tensors()
    arrays["encoder.layer.1.output.dense.bias"][3] = np.nan
    with pytest.raises(FormatError, match=r"encoder\.layer\.1\.output\.dense\.bias holds NaN"):
        hf.read(folder(tmp_path / "m", arrays=arrays))


def test_an_output_layer_of_its_own(tmp_path):
    arrays = tensors() | {"cls.predictions.decoder.weight": np.zeros((len(TOKENS), 8), np.float32)}
    with pytest.raises(FormatError, match=r"decoder\.weight is not embeddings\.word_embeddings\.weight"):
        hf.read(folder(tmp_path / "m", arrays=arrays))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("the\nwhale\n", r"lacks \[PAD\]"),
        ("\n".join([*TOKENS, "a"]), "'a' comes twice"),
        ("\n".join([*TOKENS, "b"]), "15 pieces"),
    ],
)
def test_vocabularies_that_do_not_fit(tmp_path, text, match):
    folder(tmp_path / "m")
    (tmp_path / "m" / "vocab.txt").write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match=match):
        hf.read(tmp_path / "m")


def test_native_files_of_other_alignment_are_read(tmp_path):
    native.write(tmp_path / "x.safetensors", {"a": np.float32([1, 2, 3]), "b": np.float32([4])}, {}, align=4)
    found, _ = native.read(tmp_path / "x.safetensors")
    assert found["b"].tolist() == [4]
