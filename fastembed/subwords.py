"""Character n-grams: NGrams says which a word has and which rows they are hashed to, Subwords composes vectors of them.

Bojanowski, Grave, Joulin and Mikolov 2017, "Enriching Word Vectors with Subword Information".
"""

from dataclasses import asdict, dataclass

import numpy as np

from ._core import subwords
from ._core.job import Job
from .errors import ParameterError, WordNotFoundError
from .parallel import run

MAX_BUCKET = (1 << 31) - 1
WHOLE = "</s>"  # fastText's end of sentence: the one word that it gives no n-grams


@dataclass(frozen=True)
class NGrams:
    """The n-grams of ``minn`` to ``maxn`` Unicode characters of a word between ``<`` and ``>``, hashed to rows.

    Parameters
    ----------
    minn, maxn : characters; the boundary characters count. maxn=0 means no n-grams.
    bucket : rows that the n-grams share.
    hash_count : 0 is fastText's way, one row for each n-gram; 1 to 4 is floret's: so many rows for each, and for the
        word with its boundaries, which then has no row of its own.

    Raises ParameterError if these do not fit together.

    >>> NGrams(3, 3, 2_000_000).split("where")
    ['<wh', 'whe', 'her', 'ere', 're>']
    >>> NGrams(1, 1, 2_000_000).split("北京")
    ['北', '京']
    """

    minn: int = 3
    maxn: int = 6
    bucket: int = 2_000_000
    hash_count: int = 0

    def __post_init__(self):
        if min(self.minn, self.maxn, self.bucket) < 0 or self.bucket > MAX_BUCKET:
            raise ParameterError(f"n-grams of {self.minn} to {self.maxn} characters in {self.bucket} rows: impossible")
        if self.maxn and self.minn > self.maxn:
            raise ParameterError(f"minn={self.minn}, maxn={self.maxn}: minn must not be larger (maxn=0: no n-grams)")
        if self.maxn and not self.bucket:
            raise ParameterError("bucket=0 leaves no row for n-grams: give at least 1, or maxn=0 for no n-grams")
        if not 0 <= self.hash_count <= 4 or (self.hash_count and not self.maxn):
            raise ParameterError(f"hash_count={self.hash_count}: give 1 to 4 and maxn of at least 1, or 0")

    def split(self, word):
        """The n-grams of a word as a list of str, in the order of their rows; one may come twice."""
        text = "" if word == WHOLE and not self.hash_count else f"<{word}>"
        return [text] * bool(self.hash_count) + [
            text[i : i + n]
            for i in range(len(text))
            for n in range(self.minn or 1, min(self.maxn, len(text) - i) + 1)
            if n > 1 or 0 < i < len(text) - 1
        ]

    def rows(self, word):
        """The rows (n,) int32 of a word's n-grams, each from 0 to bucket - 1, one n-gram after another."""
        blob = np.frombuffer(word.encode("utf-8", "replace") or b"\0", np.uint8)
        offsets = np.array([0, len(blob) if word else 0], np.int64)
        if (word == WHOLE and not self.hash_count) or not self.maxn:
            return np.zeros(0, np.int32)
        return subwords.rows_of(blob, offsets, self._spec(0), None)[1]

    def table(self, vocab, places=None):
        """The rows of all V words: offsets (V + 1,) int64, rows int32; of word v its own row v, then V + n-gram rows.

        With hash_count words have no row of their own, but the n-grams' are numbered from V all the same.

        places (bucket,) : where n-gram rows stand, as in Subwords.
        """
        size = len(vocab)
        if size + self.bucket > MAX_BUCKET:
            raise ParameterError(f"{size} words and bucket={self.bucket}: together more than {MAX_BUCKET} rows")
        whole = np.full(size, not self.maxn, np.uint8)
        if WHOLE in vocab.index:
            whole[vocab.index[WHOLE]] = True
        blob, offsets = np.append(vocab.blob, np.uint8(0)), np.ascontiguousarray(vocab.offsets, np.int64)
        offsets, rows = subwords.rows_of(blob, offsets, self._spec(size), None if self.hash_count else whole)
        if places is not None:
            shared = rows >= size
            rows[shared] = size + places[rows[shared] - size]
        return offsets, rows

    def places(self, vocab, weights):
        """Where to keep each of the n-gram rows, (bucket,) int32: the more often used, the further in front.

        weights (V,): how often each word is trained. Rows that are used much then share pages and translations.
        """
        offsets, rows = self.table(vocab)
        uses = np.bincount(rows, np.repeat(weights, np.diff(offsets)), len(vocab) + self.bucket)[len(vocab) :]
        places = np.empty(self.bucket, np.int32)
        places[np.argsort(-uses, kind="stable")] = np.arange(self.bucket, dtype=np.int32)
        return places

    def compose(self, vocab, words, parts):
        """The vectors (V, dim) of a vocabulary from its words' own rows (V, dim) and the Subwords ``parts``."""
        sums, counts = self._sums(vocab, parts)
        sums += words
        sums /= counts + 1
        return sums

    def decompose(self, vocab, vectors, parts):
        """The words' own rows (V, dim) from their vectors (V, dim): the way back of ``compose``."""
        sums, counts = self._sums(vocab, parts)
        return vectors * (counts + 1) - sums

    def _sums(self, vocab, parts):
        """For each word the sum (V, dim) float32 of its n-grams' rows, and their number (V, 1)."""
        offsets, rows = self.table(vocab)
        shared = parts.placed(np.delete(rows, offsets[:-1]) - len(vocab))
        counts = (np.diff(offsets) - 1).astype(np.float32)[:, np.newaxis]
        return means(parts.rows, offsets - np.arange(len(offsets)), shared) * counts, counts

    def _spec(self, base):
        return self.minn, self.maxn, max(1, self.bucket), base, self.hash_count

    def meta(self):
        """The parameters as a dict of plain numbers."""
        return {name: int(value) for name, value in asdict(self).items()}


class Subwords:
    """Vectors for any word: the mean of the rows of its n-grams.

    Parameters
    ----------
    ngrams : NGrams
    rows : (bucket, dim) float32; may be strided, read-only or memory-mapped. Not copied.
    places : (bucket,) int32, which of ``rows``, then any number, is that of each n-gram row; None: the same.
    """

    def __init__(self, ngrams, rows, places=None):
        if rows.ndim != 2 or (places is None and len(rows) != ngrams.bucket) or rows.dtype != np.float32:
            raise ParameterError(f"n-gram rows of shape {rows.shape}: needs {ngrams.bucket} rows of float32")
        if places is not None and (places.shape != (ngrams.bucket,) or places.dtype != np.int32):
            raise ParameterError(f"places of shape {places.shape} for {len(rows)} n-gram rows")
        self.ngrams, self.rows, self.places = ngrams, rows, places

    def placed(self, rows):
        """Where the n-gram rows (n,) stand in ``rows``."""
        return rows if self.places is None else self.places[rows]

    def in_order(self, first, last):
        """N-gram rows first .. last - 1, (last - first, dim), by the number of their hash."""
        return self.rows[self.placed(np.arange(first, min(last, self.ngrams.bucket)))]

    def vector(self, word):
        """The vector (dim,) of a word out of the vocabulary; WordNotFoundError if it has no n-grams."""
        if not isinstance(word, str):
            raise WordNotFoundError(f"words are str, not {type(word).__name__}: {word!r}")
        rows = self.ngrams.rows(word)
        if not len(rows):
            spec = f"of {self.ngrams.minn} to {self.ngrams.maxn} characters" if self.ngrams.maxn else "(maxn is 0)"
            raise WordNotFoundError(f"{word[:50]!r} is not in the vocabulary and has no n-grams {spec}")
        return means(self.rows, np.array([0, len(rows)]), self.placed(rows))[0]

    def nearest(self, vector, words, topn=10):
        """Of the n-grams of ``words`` those whose rows are nearest to a vector (dim,): list of (n-gram, cosine)."""
        found, each = {}, max(1, self.ngrams.hash_count)
        for word in words:
            found.update(zip(self.ngrams.split(word), self.ngrams.rows(word).reshape(-1, each).tolist(), strict=True))
        rows = np.array(list(found.values()), np.int64).reshape(-1, each)
        names, matrix = list(found), self.rows[self.placed(rows)].sum(1)
        lengths = np.linalg.norm(matrix, axis=1) * max(np.linalg.norm(vector), 1e-30)
        scores = matrix @ vector / np.where(lengths > 0, lengths, 1)
        best = np.argsort(-scores, kind="stable")[:topn]
        return [(names[k], float(scores[k])) for k in best]


def means(matrix, offsets, rows):
    """Means (V, dim) of rows of a matrix: of word v those named in rows[offsets[v]:offsets[v + 1]].

    matrix (R, dim) float32, its rows contiguous, at any stride and alignment  # in
    """
    out = np.zeros((len(offsets) - 1, matrix.shape[1]), np.float32)
    if not len(rows):
        return out
    if matrix.strides[1] != 4 or not matrix.dtype.isnative:
        matrix = np.ascontiguousarray(matrix, np.float32)
    span = matrix.strides[0] * (len(matrix) - 1) + 4 * matrix.shape[1]
    data = np.lib.stride_tricks.as_strided(matrix.view(np.uint8), (span,), (1,), writeable=False)
    job = Job(min(256, max(1, len(out) // 64)))
    run(lambda job, _: subwords.means(job, data, (len(matrix), matrix.strides[0]), offsets, rows, out), job)
    return out
