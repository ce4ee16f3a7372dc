"""A map of words: vectors drawn as points of a plane, neighbours near each other."""

import numpy as np

from ..errors import ParameterError, WordNotFoundError
from ..io.rows import check_finite
from ..vectors import KeyedVectors
from . import layout
from .scene import INK, PALETTE, Scene, text_width

WIDTH, MARGIN, HEADER = 1000, 28, 64
HEIGHTS = (480, 820)  # least and most; the shape of the cloud of points decides
LABEL, DOT, GAP = 13, 3.2, 5
MAX_WORDS = 400


def map(kv, words=None, path="map.svg", *, title=None, method="tsne"):
    """Draw the vectors of words as a map and write it to ``path`` (.svg, or .png with the extra "plot").

    Parameters
    ----------
    kv : KeyedVectors, or a model that has them.
    words : which words. A list (colours then only mark which words lie together), a dict of group name to list (a
        colour a group, with a legend), or None for the 120 most frequent. Words without a vector are left out; at most
        400 are drawn.
    path : the file to write; the folder must exist.
    title : heading; None writes how many words and dimensions there are.
    method : "tsne" (exact t-SNE on cosine distances, no chance in it) or "pca".

    Returns the path. Raises WordNotFoundError if no word has a vector, ParameterError for vectors with NaN or infinity
    and for another file name or method.
    """
    if method not in ("tsne", "pca"):
        raise ParameterError(f"method={method!r}: use 'tsne' or 'pca'")
    kv = vectors_of(kv)
    groups = _groups(kv, words)
    labels = [word for members in groups.values() for word in members]
    vectors = np.asarray([kv[word] for word in labels], dtype=np.float64)
    check_finite(KeyedVectors(labels, vectors))
    points = layout.tsne(vectors) if method == "tsne" else layout.pca(layout.unit_rows(vectors))
    points = layout.lay_down(points)
    if isinstance(words, dict):
        colours = [PALETTE[i % len(PALETTE)] for i, members in enumerate(groups.values()) for _ in members]
        legend = list(groups)
    else:
        colours = [PALETTE[c] for c in layout.clusters(points, min(8, max(1, len(labels) // 8)))]
        legend = []
    shown = title or f"{len(labels)} of {len(kv):,} words, {vectors.shape[1]} dimensions"
    return _draw(points, labels, colours, legend, shown).save(path)


def vectors_of(given):
    """The KeyedVectors that are given, or those of a model."""
    vectors = given.wv if hasattr(type(given), "wv") else given
    if not isinstance(vectors, KeyedVectors):
        raise ParameterError(f"{type(given).__name__} has no word vectors: give KeyedVectors or a model that has them")
    return vectors


def _groups(kv, words):
    """Group name -> words that have a vector, each word once."""
    groups = words if isinstance(words, dict) else {"": list(kv.index_to_key[:120] if words is None else words)}
    seen, kept, missing = set(), {}, []
    for name, members in groups.items():
        kept[name] = []
        for word in members:
            if word in seen:
                continue
            seen.add(word)
            if word in kv and len(seen) <= MAX_WORDS:
                kept[name].append(word)
            else:
                missing.append(word)
    kept = {name: members for name, members in kept.items() if members}
    if not kept:
        raise WordNotFoundError(f"none of the {len(missing)} words has a vector, so there is nothing to draw")
    return kept


def _draw(points, labels, colours, legend, title):
    """points (N, 2) -> Scene: a dot with its label to the right; the pairs are pushed apart where they overlap."""
    wide, high = np.ptp(points, axis=0) + 1e-12
    height = int(np.clip(HEADER + MARGIN + (WIDTH - 2 * MARGIN) * high / wide, *HEIGHTS))
    scene = Scene(WIDTH, height)
    scene.text(MARGIN, 34, title, size=18, bold=True)
    _legend(scene, legend)
    widths = np.array([2 * DOT + GAP + text_width(label, LABEL) for label in labels])
    bounds = (MARGIN, HEADER + 8, WIDTH - MARGIN, height - MARGIN)
    centres = layout.fit_box(points, bounds[0] + 50, bounds[1] + 14, bounds[2] - 50, bounds[3] - 14)
    boxes = np.column_stack([centres, widths + 6, np.full(len(labels), LABEL + 5.0)])
    for (x, y), width, label, colour in zip(layout.spread(boxes, bounds), widths, labels, colours, strict=True):
        left = x - width / 2
        scene.dot(left + DOT, y, DOT, colour)
        scene.text(left + 2 * DOT + GAP, y + LABEL * 0.36, label, size=LABEL, colour=colour)
    return scene


def _legend(scene, names):
    """Coloured dots with the groups' names, one row under the title."""
    x = MARGIN
    for i, name in enumerate(names):
        scene.dot(x + 4, 52, 4, PALETTE[i % len(PALETTE)])
        scene.text(x + 13, 56, name, size=12, colour=INK)
        x += 13 + text_width(name, 12) + 18
