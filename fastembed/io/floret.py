"""floret's text: the compact table of n-gram rows that spaCy reads (`spacy init vectors --mode floret`)."""

import re
from dataclasses import replace

import numpy as np

from ..errors import FormatError, ParameterError
from ..subwords import NGrams, Subwords
from ..vectors import KeyedVectors
from ..vocab import Vocab
from .atomic import packed_write
from .rows import check_finite, read_text, write_text

SEED = 2166136261
_NUMBER = rb"(\d{1,10})"
_HEADER = re.compile(b" ".join([_NUMBER] * 6) + rb" (\S+) (\S+)\n")  # bucket dim minn maxn hash_count seed < >


def looks_like(head):
    """Whether the first bytes of a file are floret's header."""
    return _HEADER.match(head) is not None


def read(source, options):
    """KeyedVectors without a vocabulary, which makes the vector of any word of its n-grams, from a Source.

    Raises FormatError for a header that cannot be, and for rows that are not numbered from 0 on.
    """
    header = _HEADER.match(source.head)
    if header is None:
        raise FormatError(source.path, "floret's first line should be six numbers and the word's two ends", line=1)
    bucket, dim, minn, maxn, hash_count, seed = map(int, header.groups()[:6])
    if (seed, header[7], header[8]) != (SEED, b"<", b">"):
        raise FormatError(
            source.path, f"a floret table with seed {seed}, not {SEED}, or other ends than < and >", line=1
        )
    if not dim or not hash_count:
        raise FormatError(source.path, f"a floret table with {dim} numbers in a row and {hash_count} hashes", line=1)
    try:
        ngrams = NGrams(minn, maxn, bucket, hash_count)
    except ParameterError as error:
        raise FormatError(source.path, f"a floret table that cannot be: {error}", line=1) from None
    table = read_text(source, header.end(), bucket, dim, replace(options, duplicates="error"))
    wrong = next((row for row, word in enumerate(table.index_to_key) if word != str(row)), None)
    if wrong is not None:
        word = table.index_to_key[wrong][:40]
        raise FormatError(source.path, f"row {wrong} of the floret table is called {word!r}", line=wrong + 2)
    return KeyedVectors(Vocab([]), np.zeros((0, dim), np.float32), Subwords(ngrams, table.vectors))


def write(kv, path):
    """Write the table of n-gram rows; ParameterError for vectors that do not come from one (FastText's hash_count)."""
    if kv.subwords is None or not kv.subwords.ngrams.hash_count:
        raise ParameterError("only a FastText model with hash_count=1 to 4 can be written as floret")
    ngrams = kv.subwords.ngrams
    rows = KeyedVectors(Vocab([str(row) for row in range(ngrams.bucket)]), kv.subwords.in_order(0, ngrams.bucket))
    check_finite(rows)
    with packed_write(path) as file:
        numbers = ngrams.bucket, kv.vector_size, ngrams.minn, ngrams.maxn, ngrams.hash_count, SEED
        file.write((" ".join(map(str, numbers)) + " < >\n").encode())
        write_text(rows, file)
