"""PiecedModel: vectors of pieces, words and sentences from an encoder of pieces."""

import logging

import numpy as np

from .. import blas
from ..errors import ParameterError
from ..tokenize import whitespace
from .contextual import ContextualModel, batches_of, each_sentence, picker
from .parameters import Whole
from .tokenized import words_of

LOG = logging.getLogger("fastembed")


class PiecedModel(ContextualModel):
    """What BERT does once it has ``pieces`` (Pieces), ``network`` (MaskedModel) and ``sizes`` (EncoderSizes).

    Letters: T tokens of a sentence, L + 1 layers, D numbers of a vector, S sentences.
    """

    @property
    def depth(self):
        """Layers with the embeddings, L + 1; NotFittedError before fit."""
        return self.sizes.layers + 1

    @property
    def width(self):
        """Numbers of a vector, D."""
        return self.sizes.width

    def embed(
        self, sentences, layers=None, *, pool=None, align="pieces", special_tokens=False, normalize=False
    ):  # fmt: skip
        """The vectors of every piece or word in its sentence, or of sentences.

        Parameters
        ----------
        sentences : iterable of str or of lists of words; or a Corpus.
        layers : "all" gives every layer, "mix" their average, a fe.nn.ScalarMix its mix, a number one layer: 0 is the
            embeddings, -1 the last layer. None is "all", with ``pool`` the last.
        pool : "mean" of all tokens, [CLS] and [SEP] too, as sentence-transformers has it, or "cls", the vector of
            [CLS], or "pooler", what the pooler of next-sentence prediction makes of that in the last layer,
            tanh(x W + b), transformers' pooler_output; None keeps them apart.
        align : "pieces", or "words": the mean of each word's pieces. Words are those of a list, or what white space
            parts in a str.
        special_tokens : give the vectors of [CLS] and [SEP] too, first and last.
        normalize : every vector to length 1.

        Returns a list with an array for each sentence: (L + 1, T, D) for "all", else (T, D); with ``pool`` one array,
        (S, L + 1, D) or (S, D). Sentences of more than `max_length` tokens are cut off there, with a warning; words
        that were cut off are zeros.
        """
        if pool not in (None, "mean", "cls", "pooler") or align not in ("pieces", "words"):
            raise ParameterError(
                f'pool={pool!r}, align={align!r}: give "mean", "cls", "pooler" or None; "pieces" or "words"'
            )
        if pool == "pooler":
            return self._through_pooler(sentences, layers, normalize)
        layers = ("all" if pool is None else -1) if layers is None else layers
        pick, wanted, words = picker(layers, self.depth), None, align == "words" and pool is None
        if hasattr(layers, "__index__"):  # then its states are all that there are to pick from
            pick, wanted = picker(0, 1), [int(layers) % self.depth]
        rows = self._rows(each_sentence(sentences), words)
        found = [None] * len(rows)
        for batch in batches_of([len(ids) for ids, _ in rows]):
            states = self._states([rows[number][0] for number in batch], wanted)
            for number, own in zip(batch, states, strict=True):
                found[number] = pick(_shaped(own, rows[number][1], pool, special_tokens))
        if normalize:
            found = [normed(vectors) for vectors in found]
        if pool is None:
            return found
        shape = (0, self.depth, self.width) if layers == "all" else (0, self.width)
        return np.stack([vectors[..., 0, :] for vectors in found]) if found else np.empty(shape, np.float32)

    def _through_pooler(self, sentences, layers, normalize):
        """``embed`` with pool="pooler"."""
        if "pooler" not in self._fitted(self.params) or layers not in (None, -1):
            raise ParameterError(
                f'pool="pooler", layers={layers!r}: it takes the last layer, and a model with a pooler, which '
                "next_sentence=True trains"
            )
        first = self.embed(sentences, -1, pool="cls")
        pooled = self.network.pooled(first, np.arange(len(first) + 1))
        return normed(pooled) if normalize else pooled

    def word_states(self, sentences):
        """All layers, one row for each word of the lists of words that the sentences are."""
        return self.embed(sentences, "all", align="words")

    def fill(self, text, topn=5):
        """What [MASK] may stand for in a text: for each one a list of (piece, probability), the best first.

        Raises ParameterError where the model has no head to say it or the text has no [MASK].
        """
        Whole(5, "", low=1).check("topn", topn)
        sizes, mask = self.sizes, self.pieces.ids["mask"]
        self._check_head()
        [(ids, _)] = self._rows([text], False)
        places = np.flatnonzero(ids == mask)
        if not len(places):
            raise ParameterError(f"the text has no {self.pieces.special['mask']} within {sizes.positions} tokens")
        with blas.one_thread():
            [last] = self._states([ids], [sizes.layers])
            scores = self.network.scores(last[0, places])[:, : len(self.pieces)].astype(np.float64)
        logs = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
        best = np.argsort(-logs, axis=1, kind="stable")[:, :topn]
        return [
            [(self.pieces.tokens[k], float(np.exp(row[k]))) for k in which]
            for row, which in zip(logs, best.tolist(), strict=True)
        ]

    def _check_head(self):
        if "head" not in self.params or self.pieces.ids["mask"] is None:
            raise ParameterError(
                "this model has no head for hidden words: the folder has none; fit(resume=True) adds it"
            )

    def _states(self, batch, layers=None):
        """A list of (L + 1, T, D) of rows of ids, or of some layers only."""
        offsets = np.cumsum([0, *map(len, batch)], dtype=np.int64)
        with blas.one_thread():
            states = self.network.states(np.concatenate(batch), offsets, layers=layers)
        return [states[:, first:last] for first, last in zip(offsets[:-1], offsets[1:], strict=True)]

    def _rows(self, sentences, words):
        """(ids (T,) int32 with [CLS] and [SEP], bounds of words among the pieces or None) of each sentence."""
        sentences = [sentence if isinstance(sentence, str) else words_of(sentence) for sentence in sentences]
        room = min(self.max_length, self.sizes.positions) - 2
        ends = [np.array([self.pieces.ids[name]], np.int32) for name in ("cls", "sep")]
        found, long = [], 0
        for ids, bounds in self._cut(sentences, words):
            long += len(ids) > room
            found.append((np.concatenate([ends[0], ids[:room], ends[1]]), bounds))
        if long:
            LOG.warning("%d of %d sentences have more than %d pieces and are cut off there", long, len(found), room)
        return found

    def _cut(self, sentences, words):
        """(ids, bounds of words (W + 1,) or None) of each sentence."""
        if not words:
            ids, offsets = self.pieces.encode([s if isinstance(s, str) else " ".join(s) for s in sentences])
            return [(ids[i:j], None) for i, j in zip(offsets[:-1], offsets[1:], strict=True)]
        lists = [whitespace(sentence) if isinstance(sentence, str) else list(sentence) for sentence in sentences]
        numbers = {word: number for number, word in enumerate(dict.fromkeys(w for row in lists for w in row))}
        ids, offsets = self.pieces.encode_words(list(numbers))
        cut = [ids[i:j] for i, j in zip(offsets[:-1], offsets[1:], strict=True)]
        found = []
        for row in lists:
            parts = [cut[numbers[word]] for word in row]
            bounds = np.cumsum([0, *map(len, parts)], dtype=np.int64)
            found.append((np.concatenate([np.empty(0, np.int32), *parts]), bounds))
        return found


def _shaped(states, bounds, pool, special):
    """What is asked for of a sentence's states (L + 1, T, D), [CLS] and [SEP] first and last."""
    if pool is not None:
        return states.mean(1, keepdims=True) if pool == "mean" else states[:, :1].copy()  # of a batch that may go
    inner = states[:, 1:-1] if bounds is None else _words(states[:, 1:-1], bounds)
    return np.concatenate([states[:, :1], inner, states[:, -1:]], axis=1) if special else inner.copy()


def _words(states, bounds):
    """Means (L + 1, W, D) of the pieces of words; those that were cut off are zeros."""
    cut = np.minimum(bounds, states.shape[1])
    sizes = np.diff(cut)
    found = np.zeros((len(states), len(sizes), states.shape[2]), states.dtype)
    there = sizes > 0  # the words that are left: the first ones
    if there.any():
        found[:, there] = np.add.reduceat(states, cut[:-1][there], axis=1) / sizes[there, None].astype(states.dtype)
    return found


def normed(vectors):
    """The vectors (..., D), each at length 1; zeros stay."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
