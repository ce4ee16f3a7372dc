"""word_pairs(): do cosines order pairs of words as people do?"""

import logging

import numpy as np

from ..errors import FormatError
from ..io.source import read_lines

logger = logging.getLogger("fastembed")


def word_pairs(
    kv, pairs, delimiter="\t", encoding="utf8", restrict_vocab=300000, case_insensitive=True, dummy4unknown=False
):
    """Correlate cosines with people's scores of similarity.

    Parameters
    ----------
    pairs : a file of lines ``word word score`` with ``delimiter`` between; ``#`` begins a comment; others are skipped.
    restrict_vocab : only the first so many words count as known.
    case_insensitive : compare words in upper case; of several spellings the most frequent one's vector is taken.
    dummy4unknown : count a pair with an unknown word as similarity 0 instead of leaving it out.

    Returns (pearson, spearman, oov): scipy's results (statistic, p-value) and the percentage of pairs with an unknown
    word, as gensim's evaluate_word_pairs does. Raises FormatError if no pair can be used.
    """
    from scipy import stats  # slow to import

    lookup = folded_index(kv, restrict_vocab, case_insensitive)
    rows, gold, unknown = [], [], 0
    for line in read_lines(pairs, encoding):
        pair = _parsed(line, delimiter, case_insensitive)
        if pair is None:
            continue
        a, b = lookup.get(pair[0], -1), lookup.get(pair[1], -1)
        missing = a < 0 or b < 0
        unknown += missing
        if dummy4unknown or not missing:
            rows.append((-1, -1) if missing else (a, b))
            gold.append(pair[2])
    if not gold:
        raise FormatError(pairs, "no pair of known words and a score, separated by the delimiter")
    cosines = _cosines(kv, np.array(rows))
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


def _parsed(line, delimiter, case_insensitive):
    """(word, word, score) of a line, or None."""
    if line.startswith("#"):
        return None
    try:
        a, b, score = (line.upper() if case_insensitive else line).split(delimiter)
        return a, b, float(score)
    except ValueError:
        logger.info("skipping the line %r", line[:80])
        return None


def _cosines(kv, pairs):
    """Cosine (n,) of each pair of rows (n, 2); 0 for rows of -1.

    Scaled in double, rounded and multiplied in single precision, as gensim does it: what it ranks as equal must be
    equal here, too.
    """
    used, places = np.unique(pairs, return_inverse=True)
    vectors = kv.vectors[used].astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = (vectors * (1 / np.where(lengths > 0, lengths, 1))).astype(np.float32)
    cosines = np.array([units[a] @ units[b] for a, b in places.reshape(-1, 2)], np.float64)
    cosines[pairs[:, 0] < 0] = 0
    return cosines
