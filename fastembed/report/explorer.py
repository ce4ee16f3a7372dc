"""An explorer of words: one HTML file, for any browser and without a network, with a map, neighbours and analogies."""

import base64
import html
import json
from collections.abc import Collection
from numbers import Integral
from pathlib import Path
from string import Template

import numpy as np

from ..errors import ParameterError, WordNotFoundError
from ..io.atomic import atomic_write
from ..io.rows import check_finite
from ..vectors import KeyedVectors
from . import layout
from .wordmap import vectors_of

MAX_WORDS, MAX_NUMBERS = 50_000, 1 << 24  # of a page, which then has 23 MB and its words
WIDE, HIGH = 15_000, 10_000  # the plane's units


def explorer(vectors, path="explorer.html", *, words=2000, title="Words and their neighbours"):
    """Write a page to explore vectors in: a map to zoom into and search, neighbours and analogies of its words.

    The page keeps directions alone, in 8 bits a number. In vectors of five models (50 to 300 dimensions, 2,000 to
    50,000 words) cosines of neighbours were off by .003 at most, and 97 % to 99 % of the ten nearest words were the
    exact ones.

    Parameters
    ----------
    vectors : KeyedVectors, or a model that has them.
    path : the file to write, .html; the folder must exist.
    words : how many of the most frequent words, or a list of words, of which those without a vector are left out. At
        most 50,000 and 16 M numbers (words times dimensions): a page of 23 MB.
    title : heading.

    Returns the path. Raises WordNotFoundError if no word has a vector, ParameterError for too many words, vectors with
    NaN or infinity, and another ending than .html.

    >>> kv = KeyedVectors(["north", "northeast", "up"], np.float32([[0, 1, 0], [3, 4, 0], [0, 0, 1]]))
    >>> explorer(kv, "words.html", title="Directions").name
    'words.html'
    """
    vectors, path = vectors_of(vectors), Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ParameterError(f"{path}: the name of a page must end in .html")
    shown = _chosen(vectors, words)
    directions = layout.unit_rows(shown.vectors)
    about = f"{len(shown):,} of {len(vectors):,} words, {vectors.vector_size} dimensions, rounded to 8 bits"
    data = {"words": shown.index_to_key, "dim": vectors.vector_size, "rows": _bytes(directions), **_places(directions)}
    page = Template(_part("html")).substitute(
        title=html.escape(str(title)),
        about=about,
        style=_part("css"),
        script=_part("js"),
        data=json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"),  # ends no element
    )
    with atomic_write(path) as file:
        file.write(page.encode("utf-8", "replace"))
    return path


def _part(ending):
    """The text of explorer.html, .css or .js."""
    return Path(__file__).with_suffix(f".{ending}").read_text(encoding="utf-8")


def _chosen(vectors, words):
    """KeyedVectors of the words of the page, each once."""
    if isinstance(words, Integral) and not isinstance(words, bool) and words >= 1:
        found, asked = vectors.index_to_key[:words], min(words, len(vectors))
    elif isinstance(words, str) or not isinstance(words, Collection) or not all(isinstance(w, str) for w in words):
        raise ParameterError(f"words={words!r}: give a whole number of at least 1, or a list of words")
    else:
        asked = len(words)
        found = [word for word in dict.fromkeys(words) if word in vectors or vectors.can_compose(word)]
    if not found:
        raise WordNotFoundError(f"none of the {asked} words has a vector, so there is nothing to explore")
    if len(found) > MAX_WORDS or len(found) * vectors.vector_size > MAX_NUMBERS:
        most = min(MAX_WORDS, MAX_NUMBERS // vectors.vector_size)
        raise ParameterError(
            f"{len(found):,} words of {vectors.vector_size} dimensions: a page holds at most {most:,} of them"
        )
    chosen = KeyedVectors(found, vectors[found])
    check_finite(chosen)
    return chosen


def _bytes(directions):
    """directions (N, D) -> base64 of int8 (N, D): each row by its own scale, which a cosine does not need to know."""
    peak = np.maximum(np.abs(directions).max(axis=1, keepdims=True), 1e-12)
    return base64.b64encode(np.rint(directions * (127 / peak)).astype(np.int8)).decode()


def _places(directions):
    """directions (N, D) -> the places x, y of N words on the page's plane, y downwards: the first two components."""
    points = np.rint(layout.fit_box(layout.pca(directions), 0, 0, WIDE, HIGH)).astype(int)
    return dict(zip("xy", (points - points.min(axis=0)).T.tolist(), strict=True))
