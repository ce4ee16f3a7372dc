"""Where results go: checked before the work, written after it."""

import glob
import json
import os
import tempfile
import time
from pathlib import Path

import click

from ..errors import FastembedError
from .program import say

FORMATS = {  # ending -> what is written
    ".fe": "the whole model: training can go on",
    ".safetensors": "vectors, memory-mapped on load",
    ".txt": "word2vec text",
    ".bin": "word2vec binary; of FastText fastText's model",
    ".vec": "fastText text",
    ".floret": "floret's table for spaCy (FastText with --hash-count)",
    ".tsv": "TensorFlow projector (vectors; the words go to a second file)",
}

LANGUAGE_FORMATS = {
    ".fe": "the whole model, memory-mapped on load",
    ".arpa": "n-grams for other programs (not with laplace, lidstone, mle)",
    ".arpa.gz": "the same, packed",
    ".arpa.bz2": "the same, packed smaller",
    ".arpa.xz": "the same, packed smallest",
}
COMPRESSED = 10_000_000  # entries of a matrix from which compressing it would take longer than all else


def check_output(path, endings=tuple(FORMATS)):
    """Fail now, not after hours of training, if ``path`` cannot become a file with one of these endings."""
    path = Path(path)
    if path.is_dir():
        raise FastembedError(f"{path}: is a folder, not a file to write")
    if not path.name.lower().endswith(tuple(endings)) or path.name.startswith("."):
        raise click.UsageError(
            f"{path}: the name must end in one of {', '.join(endings)}", click.get_current_context(True)
        )
    check_folder(path.parent)
    return path


def check_apart(sources, targets):
    """Fail if a file to write is one of those to read, or matched by a pattern among them: that text would be lost."""
    names = [name for source in sources for name in (source, *glob.glob(source)) if os.path.exists(name)]
    for path in targets:
        if os.path.exists(path) and any(os.path.samefile(name, path) for name in names):
            raise click.UsageError(f"{path}: is text to read, which would be lost", click.get_current_context(True))


def check_folder(folder):
    """Fail unless files can be made in ``folder``."""
    if not folder.is_dir():
        raise FastembedError(f"{folder}: there is no such folder to write to")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise FastembedError(f"{folder}: cannot write there ({error.strerror})") from error


def write_matrix(matrix, words, path):
    """A sparse matrix in scipy's format and, beside it, the list of its columns' words: both files or none."""
    from scipy.sparse import save_npz

    from ..io.atomic import atomic_write

    text = json.dumps(words, ensure_ascii=False, indent=0)
    with atomic_write(path.with_suffix(".terms.json")) as terms, atomic_write(path) as file:
        terms.write(text.encode("utf-8", "replace"))
        save_npz(file, matrix, compressed=matrix.nnz < COMPRESSED)


def write(model, path):
    """Save the model (.fe, FastText's .bin) or its vectors (any other ending) and say so."""
    from .. import io

    start = time.perf_counter()
    io.save(model, path)
    seconds = time.perf_counter() - start
    if hasattr(model, "embed"):
        written(path, f"{model.depth} layers x {model.width}", seconds)
    elif hasattr(model, "wv"):
        announce(path, model.wv, seconds)
    else:
        written(path, f"{sum(model.counts):,} n-grams of {len(model.vocab):,} words", seconds)


def announce(path, vectors, seconds):
    rows, dim = vectors.vectors.shape
    written(path, f"{rows:,} words x {dim}", seconds)


def announce_labels(path, model, seconds):
    written(path, f"{len(model.classes_):,} labels, {len(model.vocab):,} words", seconds)


def written(path, what, seconds):
    """Say that a file is there."""
    say(f"wrote {path}: {what}, {size_text(os.path.getsize(path))} in {seconds:.1f} s")


def size_text(size):
    """Bytes in words: 12.3 MB."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
        size /= 1000
    return ""


def beside(path):
    """``m.fe`` -> ``m.partial.fe`` if m.fe exists: an interrupted run must not replace a finished one."""
    return path.with_name(f"{path.stem}.partial{path.suffix}") if path.exists() else path
