"""Sentences through a bidirectional language model: the vectors and states of their words, layer by layer.

Letters: B sentences, T words of the longest with <s> and </s>, P numbers of a layer in one direction, L layers, U
words.
"""

import numpy as np

from ..blas import one_thread

STEPS = 4096  # words of all sentences, padding counted in, that the layers take at once
CACHED = 1 << 24  # numbers of words' vectors that are kept


class Reader:
    """Reads sentences, each with <s> and </s> around it.

    Parameters
    ----------
    network : BiLM
    encode : callable(list of U words) -> vectors (2 + U, P), those of <s> and </s> first.
    """

    def __init__(self, network, encode):
        self.network, self.encode = network, encode
        self.known, self.carried = {}, None

    def states(self, sentences, states=None):
        """For each list of words (L + 1, its words, 2 P) float32, and the states after all.

        states : of both sides and each layer, arrays (1, B, P) and (1, B, D), with which the sentences begin; None for
            zeros.
        """
        with self.network.lock, one_thread():
            vectors, places, lengths = self._numbered(sentences)
            outputs, after = self._run(vectors, places, lengths, states)
        return [self._joined(vectors, places, outputs, b, length) for b, length in enumerate(lengths)], after

    def stateful(self, sentences):
        """As ``states``; sentence b goes on with the states after sentence b of the call before."""
        before = self.carried
        if before is not None and len(sentences) > before[0][0][0].shape[1]:
            more = len(sentences) - before[0][0][0].shape[1]
            before = _each(before, lambda part: np.pad(part, ((0, 0), (0, more), (0, 0))))
        rows = slice(len(sentences))
        found, after = self.states(sentences, before and _each(before, lambda part: part[:, rows]))
        if before is None:
            self.carried = after
        else:
            for old, new in zip(_flat(before), _flat(after), strict=True):
                old[:, rows] = new
            self.carried = before
        return found

    def _numbered(self, sentences):
        """(vectors (U + 2, P), places (2, T, B) among them as each side reads, lengths (B,))"""
        words = dict.fromkeys(word for sentence in sentences for word in sentence)
        number = {word: k for k, word in enumerate(words, 2)}
        lengths = np.array([len(sentence) + 2 for sentence in sentences])
        places = np.ones((2, lengths.max(), len(sentences)), np.int64)
        for b, sentence in enumerate(sentences):
            row = [0, *(number[word] for word in sentence), 1]
            places[0, : len(row), b], places[1, : len(row), b] = row, row[::-1]
        return self._vectors(list(words)), places, lengths

    def _vectors(self, words):
        """Vectors of <s>, </s> and words, encoded now or before."""
        new = [word for word in words if word not in self.known]
        if new or not self.known:
            made = self.encode(new)
            if (len(self.known) + len(new)) * made.shape[1] > CACHED:
                new, made = words, self.encode(words)
                self.known = {}
            self.known |= zip([0, 1, *new], made, strict=True)
        return np.stack([self.known[word] for word in (0, 1, *words)])

    def _run(self, vectors, places, lengths, states):
        """Outputs (L, 2, T, B, P) and the states after all, some steps at a time: memory does not grow with T."""
        _, steps, batch = places.shape
        span = max(1, STEPS // batch)
        made = None
        for first in range(0, steps, span):
            part = slice(first, first + span)
            left = np.clip(lengths - first, 0, len(places[0, part]))
            outputs, states = self.network.run(vectors, places[:, part], states, left, None)
            if made is None:
                made = np.empty((len(outputs[0]), 2, steps, batch, vectors.shape[1]), vectors.dtype)
            for side, layers in enumerate(outputs):
                for layer, array in enumerate(layers):
                    made[layer, side, part] = array
                self.network.sides[side].give_back()
        return made, states

    def _joined(self, vectors, places, outputs, b, length):
        """(L + 1, n, 2 P) of sentence b without <s> and </s>, both sides in the order of the text"""
        layers, _, _, _, width = outputs.shape
        joined = np.empty((layers + 1, length - 2, 2 * width), outputs.dtype)
        inner = slice(1, length - 1)
        joined[0, :, :width] = joined[0, :, width:] = vectors[places[0, inner, b]]
        joined[1:, :, :width] = outputs[:, 0, inner, b]
        joined[1:, :, width:] = outputs[:, 1, inner, b][:, ::-1]
        return joined


def _each(states, change):
    """States with every array changed."""
    return [[tuple(change(part) for part in layer) for layer in side] for side in states]


def _flat(states):
    """The arrays of states in order."""
    return [part for side in states for layer in side for part in layer]
