"""Start: vectors of known words that training begins with."""

import os

import numpy as np

from ..errors import ParameterError
from ..vectors import KeyedVectors


def open_start(vectors, resume, dim):
    """The KeyedVectors that ``fit(vectors=...)`` was given, checked, or None.

    Parameters
    ----------
    vectors : None, KeyedVectors, a model that has them, or the path of a file of any of these.
    resume : whether training goes on, which leaves nothing to start.
    dim : of the vectors that are wanted.
    """
    if vectors is None:
        return None
    if resume:
        raise ParameterError("vectors= starts anew and resume=True goes on: choose one of them")
    name = ""
    if isinstance(vectors, (str, os.PathLike)):
        name, vectors = f"{os.fspath(vectors)}: ", KeyedVectors.load(vectors)
    vectors = vectors.wv if hasattr(type(vectors), "wv") else vectors
    if not isinstance(vectors, KeyedVectors):
        raise ParameterError(f"vectors={type(vectors).__name__}: give KeyedVectors or the path of a file of them")
    if vectors.vector_size != dim:
        raise ParameterError(f"{name}vectors of {vectors.vector_size} dimensions cannot start a model of {dim}")
    if not np.isfinite(vectors.vectors).all():
        word = vectors.index_to_key[int(np.flatnonzero(~np.isfinite(vectors.vectors).all(1))[0])]
        raise ParameterError(f"{name}the vector of {word!r} holds NaN or infinity")
    return vectors


def known(start, vocab):
    """Where the words of ``vocab`` stand that KeyedVectors have, (n,), and their vectors (n, dim)."""
    pairs = [(row, start.key_to_index[word]) for row, word in enumerate(vocab.words) if word in start.key_to_index]
    if not pairs:
        raise ParameterError(f"vectors= holds none of the {len(vocab)} words of the corpus")
    rows, places = map(list, zip(*pairs, strict=True))
    return rows, start.vectors[places]
