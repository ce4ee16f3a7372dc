"""Folders of BERT as Hugging Face's transformers keeps them: config.json, model.safetensors, tokenizer.json.

Letters: V pieces, P positions, D width, F inner width. Matrices are (outputs, inputs). The output layer of the masked
language model is the matrix of word embeddings, which is not stored twice.
"""

import json
import logging
import os
import re
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from ..errors import FormatError, ParameterError
from ..pieces import Pieces, parsed, special_of, vocab_lines
from . import native
from .atomic import atomic_write, check_folder
from .source import open_file

LOG = logging.getLogger("fastembed")
SIZES = {  # key of config.json -> largest value
    "vocab_size": 1 << 24,
    "hidden_size": 1 << 16,
    "num_hidden_layers": 1 << 10,
    "num_attention_heads": 1 << 10,
    "intermediate_size": 1 << 18,
    "max_position_embeddings": 1 << 20,
    "type_vocab_size": 1 << 10,
}
ACTIVATIONS = {"gelu": "gelu", "gelu_new": "gelu_new", "gelu_pytorch_tanh": "gelu_new"}  # theirs -> ours
GROUPS = {"pooler": "pooler.", "head": "cls.predictions.", "next": "cls.seq_relationship."}  # what may be missing
_TIED = ("cls.predictions.decoder.weight", "cls.predictions.decoder.bias")
_PICKLES = ("pytorch_model.bin", "tf_model.h5", "flax_model.msgpack", "model.ckpt.index", "bert_model.ckpt.index")


@dataclass
class Folder:
    """What such a folder holds.

    config : dict of config.json. pieces : Pieces.
    tensors : dict from name, without "bert.", to float32 array; those of GROUPS complete or not at all.
    sentence : dict of what sentence-transformers adds: "max_length" and "pool", each if it is said.
    """

    config: dict
    pieces: Pieces
    tensors: dict
    sentence: dict = field(default_factory=dict)


def read(folder):
    """The Folder at a path.

    Raises FormatError for what is missing, damaged, of another architecture or does not fit together, ParameterError
    where the package tokenizers is not installed, OSError where files cannot be opened.
    """
    if not os.path.isdir(folder):
        raise FormatError(folder, "is no folder with config.json, model.safetensors and tokenizer.json")
    config = read_config(os.path.join(folder, "config.json"))
    tensors = read_tensors(_weights(folder), config)
    pieces = read_pieces(folder)
    if len(pieces) > config["vocab_size"]:
        message = f"{len(pieces)} pieces, of which the model knows the first {config['vocab_size']} (config.json)"
        raise FormatError(folder, message)
    return Folder(config, pieces, tensors, _sentence(folder))


def read_config(path):
    """The dict of a config.json with every key of SIZES and "hidden_act", "layer_norm_eps" checked."""
    config = _json(path)
    names = config.get("architectures") or []
    kind, name = config.get("model_type", "bert"), names[0] if isinstance(names, list) and names else "BertModel"
    if kind != "bert" or not str(name).startswith("Bert") or config.get("is_decoder"):
        decoder = " as a decoder" if config.get("is_decoder") else ""
        raise FormatError(path, f"describes a {name} (model_type {kind!r}){decoder}, and only BERT's encoder is known")
    for key, value, known in (
        ("position_embedding_type", config.get("position_embedding_type", "absolute"), ("absolute", None)),
        ("hidden_act", config.setdefault("hidden_act", "gelu"), ACTIVATIONS),
    ):
        if not isinstance(value, str | None) or value not in known:
            said = ", ".join(repr(name) for name in known if name)
            raise FormatError(path, f"{key} {value!r} is not known here, only {said}")
    config.setdefault("type_vocab_size", 2)
    for key, most in SIZES.items():
        value = config.get(key)
        if type(value) is not int or not 1 <= value <= most:
            raise FormatError(path, f"{key} should be a whole number from 1 to {most} and is {value!r}"[:300])
    if config["hidden_size"] % config["num_attention_heads"]:
        raise FormatError(
            path,
            f"hidden_size {config['hidden_size']} is no multiple of num_attention_heads "
            f"{config['num_attention_heads']}",
        )
    epsilon = config.setdefault("layer_norm_eps", 1e-12)
    if not isinstance(epsilon, float) or not 0 < epsilon < 1:
        raise FormatError(path, f"layer_norm_eps should lie between 0 and 1 and is {epsilon!r}"[:300])
    return config


def shapes(config):
    """dict from name to shape of all the tensors that such a model may have."""
    width, inner, vocab = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    found = {
        "embeddings.word_embeddings.weight": (vocab, width),
        "embeddings.position_embeddings.weight": (config["max_position_embeddings"], width),
        "embeddings.token_type_embeddings.weight": (config["type_vocab_size"], width),
    }
    dense = {}
    for number in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{number}."
        for name in ("query", "key", "value"):
            dense[f"{layer}attention.self.{name}"] = (width, width)
        dense |= {f"{layer}attention.output.dense": (width, width), f"{layer}attention.output.LayerNorm": (width,)}
        dense |= {f"{layer}intermediate.dense": (inner, width), f"{layer}output.dense": (width, inner)}
        dense[f"{layer}output.LayerNorm"] = (width,)
    dense |= {"embeddings.LayerNorm": (width,), "pooler.dense": (width, width)}
    dense |= {"cls.predictions.transform.dense": (width, width), "cls.predictions.transform.LayerNorm": (width,)}
    dense["cls.seq_relationship"] = (2, width)
    for name, shape in dense.items():
        found |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    return found | {"cls.predictions.bias": (vocab,)}


def read_tensors(path, config):
    """The tensors of a model.safetensors that BERT has, as Folder has them."""
    tensors, _ = native.read(path)
    tensors = {_plain_name(name): array for name, array in tensors.items()}
    wanted, found = shapes(config), {}
    absent = [prefix for prefix in GROUPS.values() if not any(name.startswith(prefix) for name in tensors)]
    for name, shape in wanted.items():
        if name.startswith(tuple(absent)):
            continue
        array = tensors.get(name)
        if array is None or array.shape != shape or array.dtype.kind != "f":
            said = "is missing" if array is None else f"is {array.dtype} {array.shape}"
            raise FormatError(path, f"the tensor {name} should be float {shape} by config.json and {said}", offset=8)
        found[name] = np.asarray(array, np.float32)
        if not np.isfinite(found[name]).all():
            raise FormatError(path, f"the tensor {name} holds NaN or infinity", offset=8)
    _check_tied(path, tensors, found)
    unused = sorted(tensors.keys() - found.keys() - {*_TIED, "embeddings.position_ids"})
    if unused:
        LOG.warning("%s: %d tensors are not BERT's and not used: %s", path, len(unused), ", ".join(unused)[:200])
    return found


def _plain_name(name):
    """Without the prefix that models with a head have, and with today's names of LayerNorm's parameters."""
    name = name.removeprefix("bert.")
    return re.sub(r"LayerNorm\.(gamma|beta)$", lambda m: f"LayerNorm.{_NEW[m[1]]}", name)


_NEW = {"gamma": "weight", "beta": "bias"}


def _check_tied(path, tensors, found):
    """An output layer of its own would be lost."""
    for name, twin in zip(_TIED, ("embeddings.word_embeddings.weight", "cls.predictions.bias"), strict=True):
        if name in tensors and twin in found and not np.array_equal(tensors[name], found[twin]):
            raise FormatError(path, f"{name} is not {twin}: an output layer of its own is not known here", offset=8)


def _weights(folder):
    """The path of model.safetensors; FormatError saying what there is instead."""
    path = os.path.join(folder, "model.safetensors")
    if os.path.isfile(path):
        return path
    if os.path.exists(path + ".index.json"):
        raise FormatError(folder, "the weights are in several files, which is not known here")
    for name in _PICKLES:
        if os.path.exists(os.path.join(folder, name)):
            raise FormatError(
                folder,
                f"holds {name} and no model.safetensors: pickles and other programs' files are never read here; "
                "convert it once with transformers: "
                "AutoModelForMaskedLM.from_pretrained(folder).save_pretrained(new_folder)",
            )
    raise FormatError(folder, "has no model.safetensors")


def read_pieces(folder):
    """The Pieces of tokenizer.json, or else of vocab.txt."""
    path, config = os.path.join(folder, "tokenizer_config.json"), {}
    if os.path.exists(path):
        config = _json(path)
    special = special_of(config)
    path = os.path.join(folder, "tokenizer.json")
    try:
        if os.path.exists(path):
            return Pieces.of_json(_text(path), special)
        path = os.path.join(folder, "vocab.txt")
        if not os.path.exists(path):
            raise FormatError(folder, "has no tokenizer.json and no vocab.txt")
        return Pieces.of_vocab(
            vocab_lines(_text(path)),
            lowercase=config.get("do_lower_case") is not False,
            strip_accents=config.get("strip_accents"),
            chinese=config.get("tokenize_chinese_chars") is not False,
            special=special,
        )
    except (FormatError, ParameterError):
        raise
    except (ValueError, TypeError) as error:
        raise FormatError(path, str(error)) from error


def _sentence(folder):
    """What the files of sentence-transformers say."""
    found = {}
    path = os.path.join(folder, "sentence_bert_config.json")
    length = _json(path).get("max_seq_length") if os.path.exists(path) else None
    if type(length) is int and length > 2:
        found["max_length"] = length
    path = os.path.join(folder, "1_Pooling", "config.json")
    if os.path.exists(path):
        modes = _json(path)
        pools = {"mean": modes.get("pooling_mode_mean_tokens"), "cls": modes.get("pooling_mode_cls_token")}
        found["pool"] = next((name for name, chosen in pools.items() if chosen is True), None)
    return found


def _text(path):
    with open_file(path) as file:
        data = file.read()
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise FormatError(path, "is not UTF-8", offset=error.start) from None


def _json(path):
    try:
        return parsed(_text(path))
    except FileNotFoundError:
        raise FormatError(os.path.dirname(path), f"has no {os.path.basename(path)}") from None
    except ValueError as error:
        raise error if isinstance(error, FormatError) else FormatError(path, f"is no JSON object: {error}") from None


def write(folder, contents):
    """Write a Folder; files of these names that are there already are replaced, all together at the end."""
    folder = os.path.abspath(os.fspath(folder))
    temporary = os.path.join(os.path.dirname(folder), f".{secrets.token_hex(8)}.tmp")
    pieces = contents.pieces
    plain = {f"{name}_token": token for name, token in pieces.special.items() if pieces.ids[name] is not None}
    kinds = {"tokenizer_class": "BertTokenizer", "model_max_length": contents.config["max_position_embeddings"]}
    texts = {
        "config.json": _dumped(contents.config),
        "tokenizer.json": pieces.to_json(),
        "tokenizer_config.json": _dumped(plain | kinds | pieces.rules()),
        "vocab.txt": "".join(f"{token}\n" for token in pieces.tokens),
    }
    check_folder(folder, os.path.dirname(folder))
    os.mkdir(temporary)
    try:
        native.write(os.path.join(temporary, "model.safetensors"), contents.tensors, {"format": "pt"}, align=4)
        for name, text in texts.items():
            with atomic_write(os.path.join(temporary, name), "w") as file:
                file.write(text)
        if os.path.isdir(folder):
            for name in (*texts, "model.safetensors"):
                os.replace(os.path.join(temporary, name), os.path.join(folder, name))
            os.rmdir(temporary)
        else:
            os.rename(temporary, folder)
    except BaseException:
        with suppress(OSError):
            shutil.rmtree(temporary)
        raise


def _dumped(values):
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"
