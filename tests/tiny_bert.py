"""A BERT of a few numbers, as a folder of transformers has it."""

import json

import numpy as np

from fastembed.io import hf, native
from fastembed.pieces import SPECIAL, Pieces

TOKENS = [*SPECIAL.values(), "the", "whale", "##s", "sea", "white", ".", "白", "##er", "a"]
CONFIG = {
    "architectures": ["BertForPreTraining"],
    "model_type": "bert",
    "vocab_size": len(TOKENS),
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "max_position_embeddings": 16,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
}


def tensors(config=CONFIG, seed=0):
    random = np.random.default_rng(seed)
    return {name: random.normal(0, 0.5, shape).astype(np.float32) for name, shape in hf.shapes(config).items()}


def contents(config=CONFIG):
    return hf.Folder(dict(config), Pieces.of_vocab(TOKENS), tensors(config))


def folder(path, config=CONFIG, arrays=None):
    """A folder with config.json, model.safetensors and vocab.txt."""
    path.mkdir(exist_ok=True)
    (path / "config.json").write_text(json.dumps(config))
    native.write(path / "model.safetensors", tensors(config) if arrays is None else arrays, {}, align=4)
    (path / "vocab.txt").write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
    return path
