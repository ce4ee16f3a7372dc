"""GloVe's text format: rows without a header; words may hold spaces, so the numbers are the last columns."""

from collections import Counter

from .._core import textvec
from ..errors import FormatError
from .atomic import packed_write
from .rows import check_finite, check_words, read_text, write_text

_SAMPLE_LINES = 64
_SAMPLE_BYTES = 1 << 22


def columns(source):
    """How many numbers a row has, from the first lines; 0 if this is no text of vectors.

    The most frequent count wins, the larger of two equal ones, so that a few odd words do not decide.
    """
    lines = source.map[:_SAMPLE_BYTES].split(b"\n", _SAMPLE_LINES)[:_SAMPLE_LINES]
    counts = Counter(_trailing_numbers(line.split()) for line in (lines[:-1] or lines))
    return max(counts, key=lambda n: (counts[n], n))


def _trailing_numbers(tokens):
    """How many of the last tokens are numbers, the first token being a word anyhow."""
    count = 0
    while count < len(tokens) - 1 and textvec.parse_float(tokens[-1 - count]) is not None:
        count += 1
    return count


def read(source, options):
    """KeyedVectors; FormatError, with the line, for a damaged row."""
    dim = columns(source)
    if not dim:
        raise FormatError(source.path, "the first line is not a word and numbers", line=1)
    return read_text(source, 0, None, dim, options, spaces=True)


def write(kv, path):
    """Write the format; ParameterError for words that it cannot hold, before the file is touched."""
    check_words(kv.vocab, "glove", b"\n", trim=True)
    check_finite(kv)
    with packed_write(path) as file:
        write_text(kv, file)
