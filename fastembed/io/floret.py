"""floret's text: the compact table of n-gram rows that spaCy reads (`spacy init vectors --mode floret`)."""

import re

from ..errors import ParameterError
from ..vectors import KeyedVectors
from ..vocab import Vocab
from .atomic import atomic_write
from .rows import check_finite, write_text

SEED = 2166136261
_HEADER = re.compile(rb"\d+ \d+ \d+ \d+ [1-4] \d+ \S+ \S+\n")


def looks_like(head):
    """Whether the first bytes of a file are floret's header."""
    return _HEADER.match(head) is not None


def write(kv, path):
    """Write the table of n-gram rows; ParameterError for vectors that do not come from one (FastText's hash_count)."""
    if kv.subwords is None or not kv.subwords.ngrams.hash_count:
        raise ParameterError("only a FastText model with hash_count=1 to 4 can be written as floret")
    ngrams = kv.subwords.ngrams
    rows = KeyedVectors(Vocab([str(row) for row in range(ngrams.bucket)]), kv.subwords.in_order(0, ngrams.bucket))
    check_finite(rows)
    with atomic_write(path) as file:
        numbers = ngrams.bucket, kv.vector_size, ngrams.minn, ngrams.maxn, ngrams.hash_count, SEED
        file.write((" ".join(map(str, numbers)) + " < >\n").encode())
        write_text(rows, file)
