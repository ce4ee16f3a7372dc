"""ContextualModel: what the models share that give a vector for a word in its sentence; WordWindows, without a model.

Letters: T tokens of a sentence, L + 1 layers (the first is the input of the network), D numbers of a vector.
"""

import numpy as np

from ..corpus import Corpus
from ..errors import FormatError, ParameterError
from ..io import native
from ..nn.mix import ScalarMix
from .base import Estimator
from .tokenized import listed

BATCH_TOKENS = 4096  # tokens of a batch, padding counted in


class ContextualModel(Estimator):
    """Base of ELMo and BERT. A subclass has ``depth`` (L + 1) and ``width`` (D), NotFittedError before fit, and

    * ``_tokens(sentence)`` -> list of str: a str split as the model wants it; a list of words as it is, or in pieces.
    * ``_states(batch)`` -> a list of float32 arrays (L + 1, T, D), for a list of token lists of about one length.
    """

    def embed(self, sentences, layers="all"):
        """The vectors of every token in its sentence.

        Parameters
        ----------
        sentences : iterable of str, which are split, or of lists of words; or a Corpus.
        layers : "all" gives every layer, "mix" their average, a fe.nn.ScalarMix its mix, a number one layer: 0 is the
            network's input, -1 its last layer.

        Returns a list with an array for each sentence: (L + 1, T, D) for "all", else (T, D).
        """
        return self._embedded([self._tokens(sentence) for sentence in each_sentence(sentences)], layers)

    def word_states(self, sentences):
        """As ``embed`` with all layers, one row for each word of the lists of words that the sentences are."""
        return self.embed(sentences)

    def _embedded(self, tokens, layers):
        """``embed`` of lists of tokens: sorted by length, batch by batch."""
        pick = picker(layers, self.depth)
        found = [None] * len(tokens)
        for batch in batches_of([len(row) for row in tokens]):
            for number, states in zip(batch, self._states([tokens[k] for k in batch]), strict=True):
                found[number] = pick(states)
        return found


class WordWindows:
    """Static vectors where contextual ones are wanted: each word's vector beside those of its neighbours.

    Parameters
    ----------
    wv : KeyedVectors; unknown words are zeros, if its subwords do not know better.
    window : words on each side.
    lowercase : look for a word in lower case where it is unknown as it stands.

    >>> import fastembed as fe
    >>> wv = fe.KeyedVectors(["a", "b"], np.float32([[1, 2], [3, 4]]))
    >>> fe.WordWindows(wv, window=1).word_states([["a", "b", "?"]])[0][0].tolist()
    [[0.0, 0.0, 1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0, 0.0, 0.0], [3.0, 4.0, 0.0, 0.0, 0.0, 0.0]]
    """

    depth = 1

    def __init__(self, wv, window=0, lowercase=True):
        if isinstance(window, bool) or not hasattr(window, "__index__") or window < 0:
            raise ParameterError(f"window={window!r}: give a whole number of at least 0")
        self.wv, self.window, self.lowercase = wv, int(window), lowercase
        self.width = wv.vector_size * (2 * self.window + 1)

    def word_states(self, sentences):
        """A list of (1, T, (2 window + 1) D) float32, for lists of words."""
        return [self._states(words)[None] for words in sentences]

    def to_native(self):
        """The whole state as (tensors, texts), for a file of a model that uses it."""
        tensors, meta = native.pack_vectors(self.wv)
        return tensors, meta | {
            "class": "WordWindows",
            "window": str(self.window),
            "lowercase": str(int(self.lowercase)),
        }

    @classmethod
    def from_native(cls, path, tensors, meta):
        """The WordWindows of ``to_native``; FormatError if there is something missing."""
        wv = native.unpack_vectors(path, tensors, meta)
        try:
            return cls(wv, int(meta["window"]), meta["lowercase"] == "1")
        except (KeyError, ValueError) as error:
            raise FormatError(path, f"is no complete WordWindows: {error}") from error

    def _states(self, words):
        """(T, (2 window + 1) D)"""
        dim, size = self.wv.vector_size, self.window
        rows = np.zeros((len(words) + 2 * size, dim), np.float32)
        for place, word in enumerate(words, size):
            vector = self._vector(word)
            if vector is not None:
                rows[place] = vector
        return np.concatenate([rows[k : k + len(words)] for k in range(2 * size + 1)], axis=1)

    def _vector(self, word):
        if word not in self.wv and self.lowercase and word.lower() in self.wv:
            word = word.lower()
        if word not in self.wv and self.wv.subwords is None:
            return None
        try:
            return self.wv[word]
        except KeyError:  # a word without n-grams
            return None


def each_sentence(sentences):
    """The sentences of an iterable of them or of a Corpus, as a list; ParameterError for anything else."""
    if isinstance(sentences, Corpus):
        encoded = sentences.whole().encode()
        words = encoded.vocab.words
        bounds = zip(encoded.offsets[:-1].tolist(), encoded.offsets[1:].tolist(), strict=True)
        return [[words[k] for k in encoded.ids[first:last].tolist()] for first, last in bounds]
    return listed(sentences)


def picker(layers, depth):
    """What ``embed`` makes of a sentence's states (L + 1, T, D); ParameterError for layers that there are not."""
    if isinstance(layers, str) and layers == "all":
        return lambda states: states
    if isinstance(layers, str) and layers == "mix":
        layers = ScalarMix(depth)
    if isinstance(layers, ScalarMix):
        if len(layers.params["scores"]) != depth:
            raise ParameterError(f"the mix has {len(layers.params['scores'])} layers and the model has {depth}")
        return lambda states: layers.forward(states)[0]
    if isinstance(layers, bool) or not hasattr(layers, "__index__") or not -depth <= int(layers) < depth:
        raise ParameterError(
            f'layers={layers!r}: give "all", "mix", a ScalarMix or a whole number from {-depth} to {depth - 1}'
        )
    return lambda states: np.ascontiguousarray(states[int(layers)])


def batches_of(lengths, tokens=BATCH_TOKENS):
    """Numbers of the sentences, in lists of sentences of nearly one length, the longest first.

    >>> batches_of([2, 9, 3], tokens=12)
    [[1], [2, 0]]
    """
    batches = []
    for number in sorted(range(len(lengths)), key=lambda k: (-lengths[k], k)):
        if not batches or (len(batches[-1]) + 1) * lengths[batches[-1][0]] > tokens:
            batches.append([])
        batches[-1].append(number)
    return batches
