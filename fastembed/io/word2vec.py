"""word2vec's two formats: a header ``V D``, then rows of text, or words followed by D little-endian floats."""

import re

import numpy as np

from .._core import textvec
from ..errors import FormatError
from .atomic import atomic_write, packed_write
from .rows import check_finite, check_room, check_words, keyed, read_text, write_text

_BATCH_ROWS = 4096
_HEADER = re.compile(rb"[ \t]*(\d{1,18})[ \t]+(\d{1,18})[ \t\r]*\n")


def header(source):
    """(V, D, bytes of the header line) if the file begins with one, else None."""
    match = _HEADER.match(source.head)
    return None if match is None else (int(match[1]), int(match[2]), match.end())


def looks_binary(source):
    """Whether what follows the header is binary: the first word's row is not text."""
    _, dim, begin = header(source)
    blank = re.compile(rb"[ \t]").search(source.head, begin)
    if blank is None:
        return True
    sample = source.head[blank.end() : blank.end() + min(4 * dim, 4096)]
    line = sample.split(b"\n")[0]
    if all(textvec.parse_float(token) is not None for token in line.split()[:-1]):
        sample = line
    return bool(re.search(rb"[^\t\r\n\x20-\x7e]", sample))


def read(source, options):
    """KeyedVectors from the text format.

    Raises FormatError, with the line, for a header that does not fit the file and for any damaged row.
    """
    count, dim, begin = _checked_header(source)
    return read_text(source, begin, count, dim, options)


def read_binary(source, options):
    """KeyedVectors from the binary format, with or without the newline that word2vec.c puts after each row.

    Raises FormatError, with the byte, for a header that does not fit the file and for any damaged row.
    """
    count, dim, begin = _checked_header(source)
    check_room(source, begin, count, 4 * dim + 2, f"{count} vectors of {dim} floats")
    rows, words = np.empty((count, dim), "<f4"), np.empty((count, 2), np.int64)
    status, row, byte = textvec.parse_binary(source.array, begin, rows.view(np.float32), words)
    if status:
        messages = {textvec.NO_WORD: "no word before the vector", textvec.NEWLINE: "a word with a newline in it"}
        message = messages.get(status, f"the file ends within the {count} rows that its header promises")
        raise FormatError(source.path, f"row {row}: {message}", offset=byte)
    if byte != source.size:
        extra = f"{source.size - byte} bytes follow the {count} rows that the header promises"
        raise FormatError(source.path, extra, offset=byte)
    for first in range(0, count, 16384):
        good = np.isfinite(rows[first : first + 16384]).all(axis=1)
        if not good.all():
            row = first + int(np.argmin(good))
            raise FormatError(source.path, f"row {row} holds NaN or infinity", offset=int(words[row, 1]) + 1)
    return keyed(source, rows, words, options, lambda row: {"offset": int(words[row, 0])})


def _checked_header(source):
    found = header(source)
    if found is None:
        raise FormatError(source.path, "no header 'words numbers' in the first line", line=1)
    if found[1] < 1:
        raise FormatError(source.path, "the header says vectors of 0 numbers", line=1)
    return found


def write(kv, path, format="word2vec"):
    """Write the text format; ParameterError for words with blanks, before the file is touched."""
    check_words(kv.vocab, format, b" \t\r\n")
    check_finite(kv)
    with packed_write(path) as file:
        file.write(f"{len(kv)} {kv.vector_size}\n".encode())
        write_text(kv, file)


def write_binary(kv, path):
    """Write the binary format, with word2vec.c's newline after each row, which all readers accept."""
    check_words(kv.vocab, "word2vec-bin", b" \n")
    check_finite(kv)
    blob, offsets = np.asarray(kv.vocab.blob), np.asarray(kv.vocab.offsets, np.int64)
    with atomic_write(path) as file:
        file.write(f"{len(kv)} {kv.vector_size}\n".encode())
        for first in range(0, len(kv), _BATCH_ROWS):
            rows = kv.vectors[first : first + _BATCH_ROWS]
            part = offsets[first : first + len(rows) + 1]
            out = np.empty(int(part[-1] - part[0]) + len(rows) * (4 * kv.vector_size + 2), np.uint8)
            textvec.format_binary(rows.astype("<f4", copy=False).view(np.float32), blob, part, out)
            file.write(out)
