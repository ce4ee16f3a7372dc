"""Parameters of a masked language model under the names, and in the layout, of Hugging Face's transformers.

They keep W transposed, (outputs, inputs), and queries, keys and values apart.
"""

import re

import numpy as np

from .masked import PARTS

PLAIN = {  # theirs -> ours; every other name is one of a layer
    "embeddings.word_embeddings.weight": "embeddings.words",
    "embeddings.position_embeddings.weight": "embeddings.positions",
    "embeddings.token_type_embeddings.weight": "embeddings.segments",
    "cls.predictions.bias": "output.bias",
}
DENSE = {  # without .weight and .bias
    "embeddings.LayerNorm": "embeddings.norm",
    "pooler.dense": "pooler",
    "cls.predictions.transform.dense": "head",
    "cls.predictions.transform.LayerNorm": "head.norm",
    "cls.seq_relationship": "next",
}
LAYER = {
    "attention.output.dense": "attention.output",
    "attention.output.LayerNorm": "attention.norm",
    "intermediate.dense": "inner",
    "output.dense": "outer",
    "output.LayerNorm": "norm",
}
HEADS = ("query", "key", "value")


def ours(name):
    """(our name, which third of it or None, whether it is transposed) of one of theirs."""
    if name in PLAIN:
        return PLAIN[name], None, False
    stem, _, kind = name.rpartition(".")
    ending = ".bias" if kind == "bias" else ""
    layer = re.fullmatch(r"encoder\.layer\.(\d+)\.(.+)", stem)
    if layer is None:
        return DENSE[stem] + ending, None, not ending and "LayerNorm" not in stem
    number, stem = layer.groups()
    which = stem.removeprefix("attention.self.")
    if which in HEADS:
        return f"{number}.attention.qkv{ending}", HEADS.index(which), not ending
    return f"{number}.{LAYER[stem]}{ending}", None, not ending and "LayerNorm" not in stem


def load(params, tensors):
    """Copy the arrays of a checkpoint into Params; both have the same shapes (fastembed.io.hf checks them)."""
    for name, array in tensors.items():
        own, third, turned = ours(name)
        if own in params:
            _part(params[own], third)[:] = array.T if turned else array


def dump(params, names):
    """dict from their name to a view, of those of ``names`` that there are."""
    found = {}
    for name in names:
        own, third, turned = ours(name)
        if own in params:
            view = _part(params[own], third)
            found[name] = view.T if turned else view
    return found


def parts(names):
    """Which of PARTS there are among their names."""
    have = {ours(name)[0] for name in names}
    return tuple(part for part in PARTS if part in have)


def _part(array, third):
    return array if third is None else np.split(array, 3, axis=-1)[third]
