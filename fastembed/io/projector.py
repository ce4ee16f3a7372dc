"""The two tab-separated files of the TensorFlow embedding projector: vectors, and words as metadata."""

import os

from .._core import textvec
from .atomic import atomic_write
from .rows import check_finite, check_words, write_text


def metadata_path(path):
    """Where the words go: metadata.tsv beside vectors.tsv, NAME_metadata.tsv beside NAME.tsv."""
    stem, extension = os.path.splitext(os.fspath(path))
    folder, name = os.path.split(stem)
    return os.path.join(folder, ("metadata" if name == "vectors" else f"{name}_metadata") + extension)


def looks_like(head):
    """Whether a file that begins so holds numbers between tabs and no words."""
    lines = head.split(b"\n")[:64]
    fields = [line.split(b"\t") for line in (lines[:-1] or lines) if line]
    return bool(fields) and all(len(row) > 1 and all(textvec.parse_float(f) is not None for f in row) for row in fields)


def write(kv, path):
    """Write ``path`` and its metadata file, one word a line without a heading (a single column must have none).

    Raises ParameterError for words with a tab or a line end, before a file is touched.
    """
    check_words(kv.vocab, "projector", b"\t\r\n")
    check_finite(kv)
    with atomic_write(metadata_path(path), "w") as words, atomic_write(path) as file:  # both files or none
        words.writelines(f"{word}\n" for word in kv.index_to_key)
        write_text(kv, file, words=False)
