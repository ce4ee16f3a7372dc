"""Rows of text, ``word SP number ... NL``, read and written by threads: what word2vec, GloVe and .vec files share."""

import locale
import secrets
from dataclasses import dataclass
from functools import partial

import numpy as np

from .._core import textvec
from .._core.job import Job
from ..errors import FormatError, ParameterError
from ..parallel import check_threads, run
from ..vectors import KeyedVectors
from ..vocab import Vocab

CHUNK_BYTES = 1 << 22
_BATCH_BYTES = 1 << 25  # of text formatted at a time
_PART_ROWS = 256


@dataclass(frozen=True)
class Options:
    """How to read foreign vectors.

    errors : "strict" refuses words that are not UTF-8; "replace" puts U+FFFD for the wrong bytes.
    duplicates : "error" refuses a word that comes twice; "first" keeps its first vector.
    threads : how many; None means one for each CPU.
    """

    errors: str = "strict"
    duplicates: str = "error"
    threads: int | None = None

    def __post_init__(self):
        if self.errors not in ("strict", "replace"):
            raise ParameterError(f"errors={self.errors!r}: use 'strict' or 'replace'")
        if self.duplicates not in ("error", "first"):
            raise ParameterError(f"duplicates={self.duplicates!r}: use 'error' or 'first'")
        check_threads(self.threads)


# ---- reading ----


def read_text(source, begin, count, dim, options, spaces=False):
    """KeyedVectors from the lines from byte ``begin``.

    Parameters
    ----------
    count : the number of words that the header promises, or None.
    dim : numbers in a line.
    spaces : words may hold spaces.
    """
    header = count is not None
    if source.array[-1] != 10:
        raise FormatError(source.path, "the last line does not end: the file is truncated", offset=source.size)
    bounds = _line_bounds(source, begin)
    lines = np.zeros(len(bounds) - 1, np.int64)
    _run(textvec.count_lines, options, source.array, bounds, lines)
    total = int(lines.sum())
    if header and total != count:
        raise FormatError(source.path, f"the header says {count} words but {total} lines follow", line=1)
    check_room(source, begin, total, 2 * dim + 2, f"{total} words of {dim} numbers")
    rows, words = np.empty((total, dim), np.float32), np.empty((total, 2), np.int64)
    errors = np.zeros((len(lines), 2), np.int64)
    point = locale.localeconv()["decimal_point"].encode()[0]
    first_row = np.cumsum(lines) - lines
    _run(textvec.parse_text, options, source.array, bounds, first_row, rows, words, errors, (point, spaces))
    for chunk in np.flatnonzero(errors[:, 0])[:1]:
        status, row = errors[chunk].tolist()
        line = _line(source, int(bounds[chunk]), row - int(first_row[chunk]))
        raise FormatError(source.path, _complaint(status, line.split(), dim), line=row + 1 + header)
    return keyed(source, rows, words, options, lambda row: {"line": int(row) + 1 + header})


def check_room(source, begin, count, row_bytes, what):
    """FormatError unless ``count`` rows of at least ``row_bytes`` fit into the file: before anything is allocated."""
    if count < 1:
        raise FormatError(source.path, "no vectors in the file", offset=begin)
    if count * row_bytes > source.size - begin:
        raise FormatError(source.path, f"{what} do not fit into a file of {source.size} bytes", offset=0)


def _run(kernel, options, *arrays):
    chunks = len(arrays[1]) - 1
    run(lambda job, _: kernel(job, *arrays), Job(chunks), min(check_threads(options.threads), chunks))


def _line_bounds(source, begin):
    """Chunk borders (chunks+1,), each at the start of a line."""
    bounds = [begin]
    for target in range(begin + CHUNK_BYTES, source.size, CHUNK_BYTES):
        if target > bounds[-1]:  # else one long line covers it
            bounds.append(source.find(b"\n", target) + 1)
    if bounds[-1] != source.size:
        bounds.append(source.size)
    return np.array(bounds, np.int64)


def _line(source, offset, skip):
    """The line that comes ``skip`` lines after the one at byte ``offset``, at most its first megabyte."""
    for _ in range(skip):
        offset = source.find(b"\n", offset) + 1
    return source.map[offset : min(source.find(b"\n", offset), offset + (1 << 20))]


def _complaint(status, tokens, dim):
    """What is wrong with a line, from the parser's status."""
    if status == textvec.NO_WORD or not tokens:
        return "the line does not begin with a word"
    if status == textvec.BAD_NUMBER:
        bad = next((t for t in tokens[-dim:] if textvec.parse_float(t) is None), b"?")[:40]
        return f"{bad.decode(errors='replace')!r} is not a finite number"
    return f"{len(tokens)} columns where a word and {dim} numbers are expected"


def keyed(source, rows, words, options, where):
    """KeyedVectors from rows (V, D) and the byte spans words (V, 2); ``where(row)`` places a row for messages."""
    offsets = np.zeros(len(words) + 1, np.int64)
    np.cumsum(words[:, 1] - words[:, 0], out=offsets[1:])
    blob = np.empty(offsets[-1], np.uint8)
    textvec.gather(source.array, words, offsets, blob)
    bad = invalid_utf8(blob, offsets)
    if bad is not None:
        if options.errors == "strict":
            message = "the word is not UTF-8 (errors='replace' reads it all the same)"
            raise FormatError(source.path, message, **where(bad))
        blob, offsets = replaced(blob, offsets)
    repeated = repeats(blob, offsets)
    if repeated is not None:
        if options.duplicates == "error":
            row = int(np.argmax(repeated))
            word = bytes(blob[offsets[row] : offsets[row + 1]]).decode()
            message = f"the word {word!r} comes a second time (duplicates='first' keeps the first)"
            raise FormatError(source.path, message, **where(row))
        keep = ~repeated
        rows = rows[keep]
        blob = blob[np.repeat(keep, np.diff(offsets))]
        offsets = np.concatenate([[0], np.cumsum(np.diff(offsets)[keep])])
    return KeyedVectors(Vocab((blob, offsets), None), rows)


def invalid_utf8(blob, offsets):
    """The first word that is not UTF-8, or None. blob (N,), offsets (V+1,)."""
    starts = offsets[:-1][np.diff(offsets) > 0]
    joined = np.flatnonzero((blob[starts] & 0xC0) == 0x80)  # would be hidden by the word before
    limit = int(starts[joined[0]]) if len(joined) else len(blob)
    try:
        bytes(blob).decode()
    except UnicodeDecodeError as error:
        limit = min(limit, error.start)
    return None if limit == len(blob) else int(np.searchsorted(offsets, limit, side="right")) - 1


def replaced(blob, offsets):
    """The words with U+FFFD for what is not UTF-8, as (blob, offsets)."""
    data = bytes(blob)
    pairs = zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
    words = [data[a:b].decode(errors="replace").encode() for a, b in pairs]
    return np.frombuffer(b"".join(words), np.uint8), np.cumsum([0, *map(len, words)], dtype=np.int64)


def repeats(blob, offsets):
    """Mask (V,) of the words that have come before, or None. No word may be empty."""
    count = len(offsets) - 1
    table = np.full(1 << (2 * count).bit_length(), -1, np.int32)
    repeated = np.zeros(count, np.uint8)
    seed, factor = secrets.randbits(64), secrets.randbits(64) | 1
    found = textvec.mark_repeats(blob, offsets, table, repeated, seed, factor)
    return repeated.view(bool) if found else None


# ---- writing ----


def check_words(vocab, format, forbidden=b"", trim=False):
    """ParameterError if a word is empty or no Unicode, holds a byte of ``forbidden`` or (``trim``) begins or ends with
    a blank.
    """
    blob, offsets = np.asarray(vocab.blob), np.asarray(vocab.offsets)
    bad = vocab.unwritable()
    bad = invalid_utf8(blob, offsets) if bad is None else bad
    if bad is None:
        table = np.zeros(256, bool)
        table[list(forbidden)] = True
        found = np.searchsorted(offsets, np.flatnonzero(table[blob])[:1], side="right") - 1
        if not len(found) and trim:
            blank = np.isin(blob, np.frombuffer(b" \t\r", np.uint8))
            found = np.flatnonzero(blank[offsets[:-1]] | blank[offsets[1:] - 1])[:1]
        bad = int(found[0]) if len(found) else None
    if bad is not None:
        raise ParameterError(f"the word {vocab.words[bad]!r} (row {bad}) cannot be held by the format {format!r}")


def check_finite(kv):
    """ParameterError if a number is NaN or infinite."""
    for first in range(0, len(kv), 16384):
        good = np.isfinite(kv.vectors[first : first + 16384]).all(axis=1)
        if not good.all():
            row = first + int(np.argmin(good))
            raise ParameterError(f"the vector of {kv.index_to_key[row]!r} (row {row}) holds NaN or infinity")


def write_text(kv, file, words=True, threads=None):
    """Write every row as text, the shortest digits that read back to the same float32; without words, tabs between."""
    blob, offsets = np.asarray(kv.vocab.blob), np.asarray(kv.vocab.offsets, np.int64)
    longest = kv.vector_size * textvec.NUMBER_BYTES + 1
    batch = max(1, _BATCH_BYTES // (longest + int(np.diff(offsets).max(initial=0))))
    for first in range(0, len(kv), batch):
        last = min(first + batch, len(kv))
        part = offsets[first : last + 1] - offsets[first]
        names = blob[offsets[first] : offsets[last]] if words else blob[:0]
        starts = np.arange(0, last - first, _PART_ROWS)
        stops = np.minimum(starts + _PART_ROWS, last - first)
        spans = np.stack([starts, stops, starts * longest + part[starts]], axis=1)
        out, ends = np.empty((last - first) * longest + int(part[-1]), np.uint8), np.zeros(len(spans), np.int64)
        job, crew = Job(len(spans)), min(check_threads(threads), len(spans))
        run(partial(_format, (kv.vectors[first:last], names, part, out, spans, ends)), job, crew)
        for (_, _, begin), end in zip(spans.tolist(), ends.tolist(), strict=True):
            file.write(out[begin:end])


def _format(arrays, job, _):
    textvec.format_rows(job, *arrays)
