"""ARPA files of back-off n-gram models, as SRILM, KenLM and others write and read them; .gz, .bz2, .xz too.

A header says how many n-grams of each order follow; a line is log10 of the probability, the words, and log10 of the
weight of shorter contexts, if that is not 1.
"""

import locale
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import memory, parallel
from .._core import arpa, textvec
from .._core.encode import WordMap
from .._core.job import Job
from ..errors import FormatError, ParameterError
from .atomic import packed_write
from .rows import CHUNK_BYTES, invalid_utf8, repeats

MAGIC = b"\\data\\"
SPECIAL = (b"<unk>", b"<s>", b"</s>")
_COUNT = re.compile(rb"ngram\s+(\d{1,4})\s*=\s*(\d{1,18})\s*")
_START = re.compile(rb"^[ \t]*\\data\\[ \t\r]*$", re.MULTILINE)  # what stands before it counts for nothing
_MOST_ORDER = 16
_HEADING = ord("\\")  # what a line that is none begins with
_MESSAGES = {
    arpa.BAD_NUMBER: "a number is missing, not finite or none at all",
    arpa.FEW_WORDS: "fewer words than n-grams of order {order} have",
    arpa.UNKNOWN_WORD: "a word that is not among the 1-grams",
    arpa.MANY_COLUMNS: "more columns than words and two numbers",
    arpa.ABOVE_ONE: "the logarithm of a probability above 0, that is, a probability above 1",
    arpa.BACKOFF_ABOVE_ONE: "the logarithm of a back-off weight above 0",
}


@dataclass(frozen=True)
class Contents:
    """The n-grams of a file.

    blob, offsets : the words, <unk>, <s> and </s> first, then as the file has them.
    order : of the longest n-grams.
    grams : yields, as the file is read, for each order from 1 (ids int32 (n, order); logs float32 (n, 2): log10 of
        probabilities and back-off weights; the number of the line of the first n-gram). Raises as ``read`` does.
    threads : as the caller of ``read`` wants.
    """

    blob: Any
    offsets: Any
    order: int
    grams: Iterator
    threads: int | None


def looks_like(head):
    """Whether a file begins as an ARPA file does, perhaps behind some comments."""
    return _START.search(head) is not None


# ---- reading ----


def read(source, options):
    """The Contents of a Source; FormatError, with the line, for a file that is damaged or has not what it promises."""
    counts, at, line = _header(source)
    section = _Section(source, 1, at, line)
    section.check(counts[0])
    _, logs, places = section.parse(None, options)
    words, blob, offsets, table = _words(source, places, section.line)
    logs = np.concatenate([logs, np.full((len(table) - len(logs), 2), (-100, 0), np.float32)])[table]
    first = np.arange(len(table), dtype=np.int32)[:, None], logs, section.line
    return Contents(blob, offsets, len(counts), _grams(first, counts, section, words, options), options.threads)


def _grams(first, counts, section, words, options):
    """Contents.grams; ``first`` is what comes first, and ``section`` where it was."""
    yield first
    for order, count in enumerate(counts[1:], 2):
        section = _Section(section.source, order, *section.behind)
        section.check(count)
        yield *section.parse(words, options)[:2], section.line
    _heading(section.source, b"\\end\\", *section.behind)


def _header(source):
    """(n-grams of each order, the byte and the number of the line behind them)."""
    start = _START.search(source.head)
    at = start.start() if start else 0
    line, counts = 1 + source.head.count(b"\n", 0, at), []
    while True:
        end = source.find(b"\n", at)
        if end < 0 or end - at > 1000:
            raise FormatError(source.path, "the header does not end: the file is truncated or no ARPA file", line=line)
        text = source.map[at:end].strip()
        if text.startswith(b"\\") and text != MAGIC:
            break
        found = _COUNT.fullmatch(text)
        if found and int(found[1]) == len(counts) + 1 <= _MOST_ORDER:
            counts.append(int(found[2]))
        elif text and (text != MAGIC or counts):
            shown = text[:60].decode(errors="replace")
            raise FormatError(source.path, f"{shown!r}: `ngram {len(counts) + 1}=COUNT` should stand here", line=line)
        at, line = end + 1, line + 1
    if not counts or not all(counts):
        raise FormatError(source.path, "the header promises no n-grams of an order", line=line)
    least = sum(count * (2 + 2 * order) for order, count in enumerate(counts, 1))
    if least > source.size:
        raise FormatError(
            source.path, f"{sum(counts)} n-grams do not fit into a file of {source.size} bytes", line=line
        )
    return counts, at, line


def _heading(source, wanted, at, line):
    """Skip empty lines and the heading; the byte and the number of the line behind it."""
    while True:
        end = source.find(b"\n", at)
        text = source.map[at : end if end >= 0 else min(source.size, at + 100)].strip()
        if text == wanted:
            return (end + 1 if end >= 0 else source.size), line + 1
        if text or end < 0:
            said = repr(text[:40].decode(errors="replace")) if text else "the end of the file"
            raise FormatError(source.path, f"{wanted.decode()!r} should stand here, not {said}", line=line)
        at, line = end + 1, line + 1


class _Section:
    """The lines of one order, whose heading comes at a byte of the file, in the line of this number.

    ``line`` is the number of the first n-gram's line; ``behind``, where the section ends: a byte, a line's number.
    """

    def __init__(self, source, order, at, line):
        self.source, self.order = source, order
        at, self.line = _heading(source, b"\\%d-grams:" % order, at, line)
        bounds, rows, line, filled = [at], [0], self.line, (at, 0)
        while at < source.size and source.array[at] != _HEADING:
            at, lines, end, kept = arpa.lines(source.array, at, min(at + CHUNK_BYTES, source.size))
            filled = (end, line - self.line + kept) if kept else filled
            line += lines
            bounds.append(at)
            rows.append(line - self.line)
        if at == source.size:
            raise FormatError(source.path, f"the file ends among the {order}-grams: it is truncated", offset=at)
        self.behind, (end, self.count) = (at, line), filled
        chunks = max(1, int(np.searchsorted(bounds, end)))
        self.bounds, self.rows = np.array([*bounds[:chunks], end], np.int64), np.array(rows[:chunks], np.int64)

    def check(self, count):
        """FormatError unless there are as many lines as the header says."""
        if self.count != count:
            message = f"the header says {count} {self.order}-grams but {self.count} lines follow"
            raise FormatError(self.source.path, message, line=self.line)

    def parse(self, words, options):
        """(ids (n, order), logs (n, 2), places (n, 2) of single words in the file)."""
        ids, logs = memory.zeros((self.count, self.order), np.int32), memory.zeros((self.count, 2), np.float32)
        places = np.zeros((self.count if self.order == 1 else 0, 2), np.int64)
        chunks = len(self.rows)
        errors, point = np.zeros((chunks, 2), np.int64), locale.localeconv()["decimal_point"].encode()[0]
        out = words or WordMap(0), ids, places, logs, errors, point
        threads = min(parallel.check_threads(options.threads), chunks)
        parallel.run(
            lambda job, _: arpa.parse(job, self.source.array, self.bounds, self.rows, *out), Job(chunks), threads
        )
        for status, row in errors[errors[:, 0] > 0][:1].tolist():
            message = _MESSAGES[status].format(order=self.order)
            raise FormatError(self.source.path, message, line=self.line + row)
        return ids, logs, places


def _words(source, places, line):
    """(WordMap, blob, offsets, where in the file each word comes): the special words are moved to the front."""
    lengths = places[:, 1] - places[:, 0]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    blob = np.empty(offsets[-1], np.uint8)
    textvec.gather(source.array, places, offsets, blob)
    bad = invalid_utf8(blob, offsets)
    if bad is not None:
        raise FormatError(source.path, "a word that is not UTF-8", line=line + bad)
    twice = repeats(blob, offsets)
    if twice is not None:
        raise FormatError(source.path, "a word that has come before", line=line + int(np.argmax(twice)))
    data, found = bytes(blob), {}
    short = np.flatnonzero((lengths >= 3) & (lengths <= 5))
    for k in short.tolist():
        if data[offsets[k] : offsets[k + 1]] in SPECIAL:
            found[data[offsets[k] : offsets[k + 1]]] = k
    for word in SPECIAL[1:]:
        if word not in found:
            raise FormatError(source.path, f"the 1-grams lack {word.decode()}", line=line)
    front = [found.get(word, len(places)) for word in SPECIAL]
    others = np.ones(len(places) + 1, bool)
    others[[*front, -1]] = False
    table = np.concatenate([front, np.flatnonzero(others)])
    ends = np.concatenate([offsets[1:], [len(data) + len(SPECIAL[0])]])
    starts, data = np.concatenate([offsets[:-1], [len(data)]]), data + SPECIAL[0]
    pairs = zip(starts[table].tolist(), ends[table].tolist(), strict=True)
    blob = np.frombuffer(b"".join(data[a:b] for a, b in pairs), np.uint8)
    offsets = np.concatenate([[0], np.cumsum((ends - starts)[table])])
    words = WordMap(0)
    words.extend(blob, offsets, np.zeros(len(table), np.int64))
    return words, blob, offsets, table


# ---- writing ----


def write(grams, path):
    """Write a back-off model, packed if the name ends with .gz, .bz2 or .xz.

    Parameters
    ----------
    grams : has ``vocab``, ``counts`` of each order, and ``blocks(order)``, which yields the order's n-grams, some at a
        time: ids int32 (n, order) and logs float32 (n, 2), of the highest order (n, 1).

    Raises ParameterError for words with blanks, before the file is touched.
    """
    blob, offsets = np.asarray(grams.vocab.blob), np.asarray(grams.vocab.offsets)
    blanks = np.flatnonzero(np.isin(blob, np.frombuffer(b" \t\r\n", np.uint8)))
    if len(blanks):
        word = grams.vocab.words[int(np.searchsorted(offsets, blanks[0], "right")) - 1]
        raise ParameterError(f"the word {word!r} has a blank inside, which an ARPA file cannot hold")
    with packed_write(path) as file:
        _write(grams, file, blob, offsets)


def _write(grams, file, blob, offsets):
    counts = "".join(f"ngram {order}={count}\n" for order, count in enumerate(grams.counts, 1))
    file.write(f"\\data\\\n{counts}".encode())
    lengths = np.diff(offsets) + 1
    for order in range(1, len(grams.counts) + 1):
        file.write(f"\n\\{order}-grams:\n".encode())
        for ids, logs in grams.blocks(order):
            out = np.empty(int(lengths[ids].sum()) + len(ids) * arpa.LINE_BYTES, np.uint8)
            file.write(out[: arpa.format(ids, logs, blob, offsets, out)])
    file.write(b"\n\\end\\\n")
