"""A small model of every kind, and a text that is enough for each."""

import numpy as np
import pytest

from fastembed import KeyedVectors, models
from fastembed.models.contextual import WordWindows

SMALL = {  # a model takes those that it has
    "dim": 8,
    "min_count": 1,
    "epochs": 2,
    "bucket": 500,
    "hidden": 16,
    "filters": ((1, 4), (2, 4)),
    "char_dim": 4,
    "max_vocab": 50,
    "n_components": 3,
    "threads": 1,
    "layers": 1,
    "heads": 2,
    "vocab_size": 40,
    "max_length": 16,
}


@pytest.fixture(params=models.names())
def kind(request):
    """The class of every model; a test file that is about one family has a narrower fixture of this name."""
    return models.get(request.param)


@pytest.fixture
def small(kind):
    given = {name: value for name, value in SMALL.items() if name in kind.parameters}
    if kind in map(models.get, models.names("heads")):
        given.pop("layers")  # of the language model, not how many
        words = ["the", "cat", "sat", "on", "mat", "dog", "log", "a", "and"]
        given["language_model"] = WordWindows(KeyedVectors(words, np.eye(len(words), dtype=np.float32)), window=1)
    return kind(**given)


@pytest.fixture
def text(kind):
    """What the model is fitted to: (text,), (numbers,), or (text, labels)."""
    if kind in map(models.get, models.names("matrix")):
        return (np.random.default_rng(0).random((20, 9)),)
    lines = ["the cat sat on the mat", "the dog sat on the log", "a cat and a dog and a mat"] * 30
    if kind in map(models.get, models.names("labels")):
        lines = [f"__label__{number % 2} {line}" for number, line in enumerate(lines)]
    if kind in map(models.get, models.names("heads")):
        return lines, [line.split() if kind is models.get("elmo-tagger") else line.split()[0] for line in lines]
    return (lines,)
