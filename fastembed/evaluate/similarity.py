"""word_pairs(): do cosines order pairs of words as people do?"""

import logging
import math

import numpy as np

from ..errors import FormatError
from ..io.source import read_lines

logger = logging.getLogger("fastembed")


def word_pairs(
    kv,
    pairs,
    delimiter="\t",
    encoding="utf8",
    restrict_vocab=300000,
    case_insensitive=True,
    dummy4unknown=False,
    *,
    subwords=False,
):
    """Correlate cosines with people's scores of similarity.

    Parameters
    ----------
    pairs : a file of lines ``word word score`` with ``delimiter`` between; ``#`` begins a comment; others, and scores
        that are not finite, are skipped.
    restrict_vocab : only the first so many words count as known.
    case_insensitive : compare words in upper case; of several spellings the most frequent one's vector is taken.
    dummy4unknown : count a pair with an unknown word as similarity 0 instead of leaving it out.
    subwords : make the vectors of unknown words of their n-grams, as the file spells them, where the vectors have any;
        such words are known then. Gensim leaves them out.

    Returns (pearson, spearman, oov): scipy's results (statistic, p-value) and the percentage of pairs with an unknown
    word, as gensim's evaluate_word_pairs does. Raises FormatError if less than two pairs can be used.
    """
    from scipy import stats  # slow to import

    numbers, rows, gold, unknown = _Rows(kv, restrict_vocab, case_insensitive, subwords), [], [], 0
    for first, second, score in _parsed(pairs, delimiter, encoding):
        a, b = numbers.of(first), numbers.of(second)
        missing = a < 0 or b < 0
        unknown += missing
        if dummy4unknown or not missing:
            rows.append((-1, -1) if missing else (a, b))
            gold.append(score)
    if len(gold) < 2:
        raise FormatError(
            pairs, f"{len(gold)} pairs of known words with a score, divided by {delimiter!r}: it takes two"
        )
    cosines = _cosines(kv, np.array(rows), list(numbers.composed))
    pearson, spearman = stats.pearsonr(gold, cosines), stats.spearmanr(gold, cosines)
    oov = unknown / (len(gold) if dummy4unknown else len(gold) + unknown) * 100
    logger.info("%s: Pearson %.4f, Spearman %.4f, %.1f%% unknown", pairs, pearson[0], spearman[0], oov)
    return pearson, spearman, oov


def folded_index(kv, restrict_vocab, case_insensitive):
    """word -> row for the first ``restrict_vocab`` words, in upper case if asked; the first spelling wins."""
    words = kv.index_to_key[:restrict_vocab]
    if not case_insensitive:
        return dict(zip(words, range(len(words)), strict=True))
    folded = [word.upper() for word in words]
    return dict(zip(reversed(folded), range(len(words) - 1, -1, -1), strict=True))


class _Rows:
    """The rows of words; those behind the vocabulary are words to compose, in order."""

    def __init__(self, kv, restrict_vocab, case_insensitive, subwords):
        self.kv, self.fold, self.subwords, self.composed = kv, case_insensitive, subwords, {}
        self.index = folded_index(kv, restrict_vocab, case_insensitive)

    def of(self, word):
        """The row of a word, -1 if it has no vector."""
        row = self.index.get(word.upper() if self.fold else word, -1)
        if row < 0 and self.subwords and self.kv.can_compose(word):
            row = self.composed.setdefault(word, len(self.kv) + len(self.composed))
        return row


def _parsed(path, delimiter, encoding):
    """(word, word, score) of each line that holds them."""
    for line in read_lines(path, encoding):
        if line.startswith("#"):
            continue
        try:
            a, b, score = line.split(delimiter)
            pair = a, b, float(score)
            if not math.isfinite(pair[2]):
                raise ValueError
        except ValueError:
            logger.info("skipping the line %r", line[:80])
        else:
            yield pair


def _cosines(kv, pairs, composed):
    """Cosine (n,) of each pair of rows (n, 2); those behind the vocabulary are words to compose; 0 for rows of -1.

    Scaled in double, rounded and multiplied in single precision, as gensim does it: what it ranks as equal must be
    equal here, too.
    """
    known = pairs[:, 0] >= 0
    used, places = np.unique(pairs[known], return_inverse=True)
    own, others = used[used < len(kv)], used[used >= len(kv)] - len(kv)
    vectors = np.vstack([kv.vectors[own], *(kv.get_vector(composed[row]) for row in others)]).astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = (vectors * (1 / np.where(lengths > 0, lengths, 1))).astype(np.float32)
    cosines = np.zeros(len(pairs))
    cosines[known] = [units[a] @ units[b] for a, b in places.reshape(-1, 2)]
    return cosines
