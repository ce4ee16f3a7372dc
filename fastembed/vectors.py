"""KeyedVectors: words and their vectors, the one result of every static model."""

from numbers import Integral

import numpy as np

from ._core.job import Job
from ._core.nearest import select
from .blas import one_thread
from .errors import FormatError, ParameterError, WordNotFoundError
from .late import late
from .parallel import check_threads, run
from .vocab import Vocab

_KEYS = (str, int, np.integer)
_QUERIES, _ROWS = 256, 2048  # the block of scores, 2 MB, stays near the core
_FEW = 256  # so many best are found faster by one pass than by a partition


class KeyedVectors:
    """Words, their vectors and questions about them; method names and results are those of gensim 4's KeyedVectors.

    Parameters
    ----------
    vocab : Vocab, or list of str, of V words; row v of ``vectors`` belongs to word v.
    vectors : (V, dim) float32; may be a view of padded rows and may be read-only or memory-mapped. Not copied.
    subwords : None, or fastembed.subwords.Subwords, which makes vectors for words out of the vocabulary.
    meta : dict of str, kept with the vectors in the native file format.

    Raises ParameterError where the two do not fit together, or a listed word comes twice.

    >>> from fastembed.vocab import Vocab
    >>> kv = KeyedVectors(Vocab(["north", "northeast", "up"]), np.float32([[0, 1, 0], [3, 4, 0], [0, 0, 1]]))
    >>> [(word, round(score, 3)) for word, score in kv.most_similar("north")]
    [('northeast', 0.8), ('up', 0.0)]
    """

    def __init__(self, vocab, vectors, subwords=None, meta=None):
        listed, vectors = not isinstance(vocab, Vocab), _numbers(vectors)
        vocab = Vocab(vocab) if listed else vocab
        if vectors.ndim != 2 or len(vectors) != len(vocab) or not vectors.shape[1]:
            raise ParameterError(f"vectors of shape {vectors.shape}: needs one row for each of {len(vocab)} words")
        if listed and len(vocab.index) < len(vocab):
            twice = next(word for row, word in enumerate(vocab.words) if vocab.index[word] != row)
            raise ParameterError(f"the word {twice!r} comes twice: a word has one vector")
        self.vocab, self.vectors, self.subwords, self.meta = vocab, vectors, subwords, dict(meta or {})
        self._norms = None

    # ---- words ----

    @property
    def index_to_key(self):
        """The words, most frequent first."""
        return self.vocab.words

    @property
    def key_to_index(self):
        """The row of each word."""
        return self.vocab.index

    @property
    def vector_size(self):
        """Length of a vector."""
        return self.vectors.shape[1]

    def __len__(self):
        return len(self.vocab)

    def __iter__(self):
        return iter(self.index_to_key)

    def __contains__(self, key):
        return self.has_index_for(key)

    def __repr__(self):
        return f"KeyedVectors<vector_size={self.vector_size}, {len(self)} keys>"

    def __array__(self, dtype=None, copy=None):
        return np.array(self.vectors, dtype=dtype, copy=copy)

    def has_index_for(self, key):
        """Whether the word is in the vocabulary (a FastText model also answers for other words)."""
        return self.get_index(key, -1) >= 0

    def get_index(self, key, default=None):
        """The row of a word; a row number stands for itself. WordNotFoundError without a ``default``."""
        row = self.key_to_index.get(key) if isinstance(key, str) else None
        if row is not None:
            return row
        if isinstance(key, (int, np.integer)) and 0 <= key < len(self):
            return int(key)
        if default is not None:
            return default
        if isinstance(key, str):
            return self.vocab[key]  # raises, with suggestions
        raise WordNotFoundError(f"key {key!r} is neither a word nor a row from 0 to {len(self) - 1}")

    def get_vecattr(self, key, attr):
        """``attr="count"``: how often the word occurred in the training text."""
        if attr != "count" or not self.vocab.counts.any():
            raise WordNotFoundError(f"these vectors have no attribute {attr!r} of words")
        return self.vocab.counts[self.get_index(key)]

    # ---- vectors ----

    def __getitem__(self, key_or_keys):
        if isinstance(key_or_keys, _KEYS) or not hasattr(key_or_keys, "__iter__"):
            return self.get_vector(key_or_keys)
        return np.array([self.get_vector(key) for key in key_or_keys], np.float32).reshape(-1, self.vector_size)

    def get_vector(self, key, norm=False):
        """The vector (dim,) of a word, read-only; of length 1 if ``norm``."""
        row = self.get_index(key, -1 if self.subwords is not None else None)
        if row >= 0:
            vector = self.vectors[row]
            vector = vector / self.norms[row] if norm else vector.view()
        else:
            vector = np.array(self.subwords.vector(key), np.float32)
            vector = _unit(vector) if norm else vector
        vector.setflags(write=False)
        return vector

    @property
    def norms(self):
        """Lengths (V,) of the vectors; 1 for a zero vector, whose similarity to anything is 0. Computed once."""
        self.fill_norms()
        return self._norms

    def fill_norms(self, force=False):
        """Compute the lengths of the vectors, again if ``force`` (after a change of ``vectors``)."""
        if self._norms is not None and not force:
            return
        norms = np.empty(len(self), np.float32)
        for first in range(0, len(self), 65536):
            block = self.vectors[first : first + 65536]
            np.sqrt(np.einsum("ij,ij->i", block, block), out=norms[first : first + 65536])
        norms[norms == 0] = 1
        self._norms = norms

    def get_normed_vectors(self):
        """A copy (V, dim) of the vectors, each of length 1."""
        return self.vectors / self.norms[:, np.newaxis]

    def get_mean_vector(self, keys, weights=None, pre_normalize=True, post_normalize=False, ignore_missing=True):
        """The weighted mean (dim,) of the vectors of ``keys`` (words, rows or vectors, which are taken as they are).

        Parameters
        ----------
        weights : a number for each key; the sum is divided by the sum of their absolute values.
        pre_normalize, post_normalize : make each word's vector, or the mean, of length 1.
        ignore_missing : leave out unknown words instead of raising WordNotFoundError.
        """
        if len(keys) == 0:
            raise ParameterError("cannot compute a mean with no input")
        weights = np.ones(len(keys), np.float32) if weights is None else np.asarray(weights, np.float32)
        if weights.shape != (len(keys),) or not np.isfinite(weights).all():
            raise ParameterError(f"{len(keys)} keys and weights {weights}: give one finite weight for each key")
        mean, total = np.zeros(self.vector_size, np.float32), 0.0
        for key, weight in zip(keys, weights, strict=True):
            if isinstance(key, np.ndarray):
                vector = self._checked(key)
            elif self.subwords is None and ignore_missing and key not in self:
                continue
            else:
                vector = self.get_vector(key, norm=pre_normalize)
            mean += weight * vector
            total += abs(weight)
        if total > 0:
            mean = mean / np.float32(total)
        return _unit(mean) if post_normalize else mean

    def get_sentence_vector(self, sentence):
        """The mean (dim,) of the words' vectors, each first made of length 1, as fastText does it.

        sentence : str, words between blanks, or a list of words. Words without a vector count for nothing.
        """
        words = sentence.split() if isinstance(sentence, str) else list(sentence)
        known = [word for word in words if word in self or self.can_compose(word)]
        return self.get_mean_vector(known) if known else np.zeros(self.vector_size, np.float32)

    def can_compose(self, word):
        """Whether a word out of the vocabulary gets a vector from its n-grams."""
        return self.subwords is not None and isinstance(word, str) and len(self.subwords.ngrams.rows(word)) > 0

    def nearest_ngrams(self, word_or_vector, topn=10, restrict_vocab=20_000):
        """The character n-grams of the ``restrict_vocab`` most frequent words that are nearest to a word or vector.

        Returns a list of (n-gram, cosine), best first; ParameterError for vectors without n-grams.
        """
        if self.subwords is None:
            raise ParameterError("these vectors have no n-grams")
        known = isinstance(word_or_vector, _KEYS)
        vector = self.get_vector(word_or_vector) if known else self._checked(word_or_vector)
        return self.subwords.nearest(vector, self.index_to_key[:restrict_vocab], topn)

    # ---- neighbours ----

    def most_similar(
        self,
        positive=None,
        negative=None,
        topn=10,
        clip_start=0,
        clip_end=None,
        restrict_vocab=None,
        indexer=None,
    ):
        """The words nearest to the mean of ``positive`` minus ``negative``, by cosine.

        Parameters
        ----------
        positive, negative : a word, row or vector, or a list of them, or of (key, weight) pairs.
        topn : how many; None gives the similarities (V,) of all words.
        clip_start, clip_end : search these rows only; ``restrict_vocab=n`` means the first n.
        indexer : an object with ``most_similar(vector, topn)``, an approximate index, to ask instead.

        Returns (word, similarity) pairs, best first, without the words that were asked and any whose vector holds NaN.
        """
        if _none_wanted(topn):
            return []
        start, end = (0, _end(restrict_vocab)) if restrict_vocab else (clip_start, clip_end)
        keys, weights = _weighted(positive, negative)
        mean = self.get_mean_vector(keys, weights, post_normalize=True, ignore_missing=False)
        _check_numbers(mean)
        if indexer is not None and isinstance(topn, int):
            return indexer.most_similar(mean, topn)
        scores = (self.vectors[start:end] @ mean) / self.norms[start:end]
        asked = {self.get_index(key, -1) for key in keys if isinstance(key, _KEYS)}
        return self._best(scores, topn, asked, start)

    def most_similar_batch(self, queries, topn=10, restrict_vocab=None, as_rows=False):
        """``most_similar`` for many queries at once, as blocked matrix products.

        Parameters
        ----------
        queries : a list of words (or rows), each left out of its own answer, or a matrix (Q, dim).
        topn : how many for each.
        restrict_vocab : search the first so many words only.
        as_rows : give two arrays, rows (Q, topn) int64 and similarities (Q, topn) float32, instead of lists of
            (word, similarity). Where fewer than ``topn`` words are left the row is -1.
        """
        if isinstance(topn, bool) or not isinstance(topn, Integral) or topn < 1:
            raise ParameterError(f"topn={topn!r}: give a whole number of at least 1")
        if isinstance(queries, np.ndarray) and queries.dtype.kind == "f":
            matrix, own = np.array(queries, np.float32, ndmin=2), None
            self._checked(matrix[:1].ravel())
        else:
            own = np.array([self.get_index(key, -2) for key in queries], np.int64)  # -1 is the row of nothing found
            matrix = np.array([self.get_vector(key) for key in queries], np.float32).reshape(-1, self.vector_size)
        _check_numbers(matrix)
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
        matrix /= np.where(lengths > 0, lengths, 1)
        rows, scores = nearest(self.vectors, self.norms, matrix, topn + (own is not None), _end(restrict_vocab))
        if own is not None:
            rows, scores = _without(rows, scores, own)
        if as_rows:
            return rows, scores
        words = self.index_to_key
        return [
            [(words[row], score) for row, score in zip(*pair, strict=True) if row >= 0]
            for pair in zip(rows.tolist(), scores.tolist(), strict=True)
        ]

    def similar_by_word(self, word, topn=10, restrict_vocab=None):
        """``most_similar`` of one word."""
        return self.similar_by_key(word, topn, restrict_vocab)

    def similar_by_key(self, key, topn=10, restrict_vocab=None):
        """``most_similar`` of one word or row."""
        return self.most_similar([key], topn=topn, restrict_vocab=restrict_vocab)

    def similar_by_vector(self, vector, topn=10, restrict_vocab=None):
        """``most_similar`` of one vector (dim,)."""
        return self.most_similar([np.asarray(vector)], topn=topn, restrict_vocab=restrict_vocab)

    def analogy(self, a, b, c, topn=10, restrict_vocab=None):
        """``a`` is to ``b`` as ``c`` is to what? The words nearest to b - a + c (3CosAdd, Mikolov et al. 2013)."""
        return self.most_similar([b, c], [a], topn=topn, restrict_vocab=restrict_vocab)

    def most_similar_cosmul(self, positive=None, negative=None, topn=10, restrict_vocab=None):
        """``most_similar`` with similarities multiplied and divided, not added (3CosMul, Levy & Goldberg 2014)."""
        if _none_wanted(topn):
            return []
        positive, negative = _listed(positive), _listed(negative)
        if not positive:
            raise ParameterError("cannot compute similarity with no input")
        end = _end(restrict_vocab)
        scores = self._shifted(positive, end) / (self._shifted(negative, end) + 0.000001)
        asked = {self.get_index(key, -1) for key in positive + negative if isinstance(key, _KEYS)}
        return self._best(scores, topn, asked, 0)

    def _shifted(self, keys, end):
        """The product (end,) of (1 + cosine) / 2 over the keys."""
        product = np.ones(len(self.vectors[:end]))
        for key in keys:
            vector = self._checked(self.get_vector(key, norm=True) if isinstance(key, _KEYS) else key)
            product *= (1 + (self.vectors[:end] @ vector) / self.norms[:end]) / 2
        return product

    def _best(self, scores, topn, asked, start):
        """The ``topn`` best of scores (n,) that are numbers; rows begin at ``start``, those ``asked`` are left out."""
        if not topn:
            return scores
        wanted = min(topn + len(asked), len(scores))
        if wanted <= _FEW:
            best = _top(scores, wanted)
        else:
            best = np.argpartition(-scores, wanted - 1)[:wanted] if wanted < len(scores) else np.arange(len(scores))
            best = best[np.argsort(-scores[best], kind="stable")]
        words = self.index_to_key
        found = ((row, float(scores[row])) for row in best.tolist() if row + start not in asked)
        return [(words[row + start], score) for row, score in found if score == score][:topn]

    def closer_than(self, key1, key2):
        """The words that are nearer to ``key1`` than ``key2`` is."""
        distances = self.distances(key1)
        own = self.get_index(key1)
        closer = np.flatnonzero(distances < distances[self.get_index(key2)])
        return [self.index_to_key[row] for row in closer.tolist() if row != own]

    def rank(self, key1, key2):
        """Which neighbour of ``key1`` is ``key2``: 1 for the nearest."""
        return len(self.closer_than(key1, key2)) + 1

    # ---- similarity of given words ----

    def similarity(self, w1, w2):
        """Cosine of two words."""
        return self.get_vector(w1, norm=True) @ self.get_vector(w2, norm=True)

    def distance(self, w1, w2):
        """1 - similarity."""
        return 1 - self.similarity(w1, w2)

    def distances(self, word_or_vector, other_words=()):
        """1 - cosine (n,) from a word or vector to ``other_words``, or to every word."""
        single = isinstance(word_or_vector, _KEYS)
        vector = self.get_vector(word_or_vector) if single else self._checked(word_or_vector)
        rows = [self.get_index(word) for word in other_words] if len(other_words) else slice(None)
        return 1 - (self.vectors[rows] @ _unit(vector)) / self.norms[rows]

    def n_similarity(self, ws1, ws2):
        """Cosine of the means of two lists of words."""
        if not (len(ws1) and len(ws2)):
            raise ZeroDivisionError("one of the two lists of words is empty")
        means = [self.get_mean_vector(words, pre_normalize=False) for words in (ws1, ws2)]
        return _unit(means[0]) @ _unit(means[1])

    @staticmethod
    def cosine_similarities(vector_1, vectors_all):
        """Cosines (n,) of one vector (dim,) and the rows of a matrix (n, dim)."""
        return (vectors_all @ vector_1) / (np.linalg.norm(vector_1) * np.linalg.norm(vectors_all, axis=1))

    def most_similar_to_given(self, key1, keys_list):
        """Which of ``keys_list`` is most similar to ``key1``."""
        return keys_list[int(np.argmax([self.similarity(key1, key) for key in keys_list]))]

    def rank_by_centrality(self, words, use_norm=True):
        """(similarity to the mean of all, word) of the known ``words``, nearest to the mean first."""
        known = [word for word in words if word in self or self.can_compose(word)]
        if not known:
            raise ParameterError("none of the words is in the vocabulary")
        vectors = np.vstack([self.get_vector(word, norm=use_norm) for word in known])
        scores = vectors @ self.get_mean_vector(list(vectors), post_normalize=True)
        return sorted(zip(scores, known, strict=True), reverse=True)

    def doesnt_match(self, words):
        """The word that is farthest from the mean of all."""
        return self.rank_by_centrality(words)[-1][1]

    # ---- evaluation and files ----

    def evaluate_word_pairs(self, pairs, *arguments, **options):
        """Correlation with people's similarity scores; see fastembed.evaluate.word_pairs."""
        return late("fastembed.evaluate", "word_pairs")(self, pairs, *arguments, **options)

    def evaluate_word_analogies(self, analogies, *arguments, **options):
        """Share of solved analogies; see fastembed.evaluate.word_analogies."""
        return late("fastembed.evaluate", "word_analogies")(self, analogies, *arguments, **options)

    def save(self, path, format=None):
        """Write the vectors to a file; see fastembed.io.save."""
        late("fastembed.io", "save")(self, path, format)

    @classmethod
    def load(cls, path, **options):
        """Read vectors from a file of any format, or those of a saved model; see fastembed.io.load."""
        loaded = late("fastembed.io", "load")(path, **options)
        if isinstance(loaded, cls):
            return loaded
        if not hasattr(type(loaded), "wv"):
            raise FormatError(path, f"holds {type(loaded).__name__}, which has no word vectors")
        return loaded.wv

    def _checked(self, vector):
        """The vector as float32 (dim,)."""
        vector = np.asarray(vector, np.float32)
        if vector.shape != (self.vector_size,):
            raise ParameterError(f"a vector of shape {vector.shape}: these vectors have {self.vector_size} columns")
        _check_numbers(vector)
        return vector


def _none_wanted(topn):
    if topn is not None and not isinstance(topn, Integral):
        raise ParameterError(f"topn={topn!r}: give a whole number, or None for the similarities of all words")
    return topn is not None and topn < 1


def _end(restrict_vocab):
    """The row at which a search ends, None for all."""
    if restrict_vocab is not None and (not isinstance(restrict_vocab, Integral) or restrict_vocab < 0):
        raise ParameterError(f"restrict_vocab={restrict_vocab!r}: give a whole number of words, or None for all")
    return restrict_vocab or None


def _numbers(vectors):
    """Vectors as an array of float32, copied only if they are none; ParameterError for what are no real numbers."""
    try:
        if np.iscomplexobj(vectors := np.asarray(vectors)):
            raise TypeError("they are complex")
        return vectors.astype(np.float32, copy=False)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"vectors that are no matrix of real numbers: {error}") from None


def _check_numbers(queries):
    if not np.isfinite(queries).all():
        raise ParameterError("a vector that is asked for holds NaN or infinity")


def nearest(vectors, norms, queries, topn, end=None, threads=None):
    """The ``topn`` rows of largest cosine for each query, a block of queries times a block of rows at a time.

    vectors (V, D), norms (V,), queries (Q, D) of length 1  # in
    Returns rows (Q, k) int64, best first, and cosines (Q, k) float32, k = min(topn, rows searched).
    """
    vectors, scale = vectors[:end], 1 / norms[:end]
    count, topn = len(queries), min(topn, len(vectors))
    rows, best = np.full((count, topn), -1, np.int64), np.full((count, topn), -np.inf, np.float32)
    crew = min(check_threads(threads), max(1, count // 16))
    step = min(_QUERIES, -(-count // crew)) or 1
    starts = range(0, count, step)

    def work(job, number):
        scratch = np.empty(step * min(_ROWS, len(vectors)), np.float32)
        for first in starts[number::crew]:
            part = slice(first, first + step)
            for base in range(0, len(vectors), _ROWS):
                if job.stopped:
                    return
                block = vectors[base : base + _ROWS]
                scores = scratch[: len(queries[part]) * len(block)].reshape(-1, len(block))
                np.matmul(queries[part], block.T, out=scores)
                select(scores, scale[base : base + _ROWS], base, best[part], rows[part])

    with one_thread():
        run(work, Job(0), crew)
    return rows, best


def _top(scores, k):
    """The rows of the best k of scores (n,), best first; fewer if not so many are numbers."""
    best, rows = np.full((1, k), -np.inf, np.float32), np.full((1, k), -1, np.int64)
    select(scores.astype(np.float32, copy=False)[np.newaxis], np.ones(len(scores), np.float32), 0, best, rows)
    return rows[0, rows[0] >= 0]


def _without(rows, scores, own):
    """rows, scores (Q, k) without row own[q]: (Q, k-1)."""
    keep = rows != own[:, np.newaxis]
    keep[:, -1] &= ~keep[:, :-1].all(axis=1)  # a word that is not among its own neighbours: drop the last
    shape = (len(rows), -1) if len(rows) else (0, rows.shape[1] - 1)
    return rows[keep].reshape(shape), scores[keep].reshape(shape)


def _listed(keys):
    """A key, a list of keys or None, as a list."""
    if isinstance(keys, _KEYS) or (isinstance(keys, np.ndarray) and keys.ndim == 1):
        return [keys]
    return [] if keys is None else list(keys)


def _weighted(positive, negative):
    """Keys and their weights: 1 for positive, -1 for negative, or as given with the key."""
    keys, weights = [], []
    for sign, items in ((1.0, _listed(positive)), (-1.0, _listed(negative))):
        for item in items:
            pair = isinstance(item, tuple) and len(item) == 2
            keys.append(item[0] if pair else item)
            weights.append(float(item[1]) if pair else sign)
    return keys, weights


def _unit(vector):
    """The vector (D,) at length 1; zero stays zero."""
    length = np.linalg.norm(vector)
    return vector / length if length > 0 else vector
