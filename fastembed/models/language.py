"""LanguageModel: what every language model shares. Its vocabulary, scores, perplexity, generation.

A language model gives the probability of the next word. Everything else here follows from two functions that a
subclass writes: ``_logprobs`` and ``_next``.

Letters: B contexts, n words of context, V words of the vocabulary, N words and S sentences of a text.
"""

import math

import numpy as np

from .._core.texts import plain
from ..corpus import Corpus
from ..errors import CorpusError, FormatError, ParameterError
from ..late import late
from ..vocab import Vocab
from .parameters import Real, Whole
from .tokenized import Tokenized, listed

UNK, BOS, EOS = 0, 1, 2  # ids of the three words that every language model has
SPECIAL = ("<unk>", "<s>", "</s>")
UNSPACED = ("characters", "chinese")  # tokenizers whose tokens stand side by side
_BLOCK = 1 << 20  # tokens that are scored at once

_perplexity = late("fastembed.evaluate.perplexity", "perplexity")


def language_vocab(types, sentences, min_count=1, max_vocab=None):
    """The vocabulary of a language model: <unk>, <s>, </s> under the ids 0, 1, 2, then words, most frequent first.

    Parameters
    ----------
    types : Vocab of all words of a corpus (Encoded.vocab).
    sentences : how many sentences it has, the count of <s> and </s>.
    min_count : leave out words that occur less often.
    max_vocab : keep so many of the most frequent words, besides the three; None keeps all.

    The count of <unk> is that of all the words left out; a word "<unk>" of the corpus is one of them. Raises
    CorpusError where the corpus itself has the words <s> or </s>, whose meaning is fixed, or no word remains.

    >>> vocab = language_vocab(Vocab(["a", "b", "c"], [5, 2, 1]), 2, min_count=2)
    >>> vocab.words, vocab.counts.tolist()
    (['<unk>', '<s>', '</s>', 'a', 'b'], [1, 2, 2, 5, 2])
    """
    for word in SPECIAL[BOS:]:
        if word in types:
            raise CorpusError(f"the corpus holds the word {word!r}, which a language model puts around every sentence")
    kept = types.pruned(min_count, max_vocab)
    words, counts = kept.words, kept.counts
    if SPECIAL[UNK] in types:
        known = np.array([word != SPECIAL[UNK] for word in words], bool)
        words, counts = [word for word in words if word != SPECIAL[UNK]], counts[known]
    if not words:
        raise CorpusError(f"min_count={min_count} leaves none of the {len(types)} words of the corpus")
    special = [types.total - int(counts.sum()), sentences, sentences]
    return Vocab([*SPECIAL, *words], np.concatenate([special, counts]).astype(np.int64))


def numbers_of(vocab, types):
    """For each word of ``types`` its id in a language model's vocabulary, int32; unknown words, <s> and </s> are 0."""
    get = vocab.index.get
    table = np.fromiter((get(word, UNK) for word in types.words), np.int32, len(types))
    table[(table == BOS) | (table == EOS)] = UNK
    return table


def contexts_of(ids, offsets, n):
    """Every prediction of a text: contexts (N + S, n) int32 and the words (N + S,) int32 that follow them.

    Parameters
    ----------
    ids, offsets : sentence s is ids[offsets[s]:offsets[s + 1]], (N,) and (S + 1,).
    n : words of context; those before the sentence are <s>.

    Sentence by sentence: its words in order, then </s>.

    >>> contexts, words = contexts_of(np.int32([5, 6]), np.int64([0, 2]), 2)
    >>> contexts.tolist(), words.tolist()
    ([[1, 1], [1, 5], [5, 6]], [5, 6, 2])
    """
    offsets = np.asarray(offsets, np.int64) - offsets[0]
    sentences = len(offsets) - 1
    padded = np.full(len(ids) + sentences * (n + 1), BOS, np.int32)
    starts = offsets[:-1] + np.arange(1, sentences + 1) * (n + 1) - 1  # behind n times <s>
    lengths = np.diff(offsets)
    places = np.arange(len(ids)) + np.repeat(starts - offsets[:-1], lengths)
    padded[places] = ids
    padded[starts + lengths] = EOS
    predicted = np.ones(len(padded), bool)
    predicted[(starts[:, None] - np.arange(1, n + 1)).ravel()] = False
    places = np.flatnonzero(predicted)
    contexts = np.lib.stride_tricks.sliding_window_view(padded, n)[places - n] if n else np.empty((len(places), 0))
    return contexts.astype(np.int32, copy=False), padded[places]


class LanguageModel(Tokenized):
    """Base of the models that give the probability of the next word.

    A subclass sets ``vocab`` (a Vocab of `language_vocab`; None before fit) and uses ``_read`` in its ``fit``;
    it writes

    * ``_logprobs(ids, offsets)`` -> float64 (N + S,): the natural logarithm of the probability of every word of
      every sentence, and behind each sentence that of its </s>. ids int32 (N,), offsets int64 (S + 1,) from 0.
    * ``_next(contexts)`` -> float (B, V): those of every word of the vocabulary after each of the contexts, int32
      (B, n) of any n; <s>, which never follows, has -inf. A model that looks further back than n takes the
      beginning as <s>, or, if it can, as not known; one that looks less far back passes over the beginning.

    Attributes
    ----------
    vocab : Vocab; 0 is <unk>, 1 is <s>, 2 is </s>.
    tokenizer : name of the tokenizer that made the words, which also splits every str given to the model; None where
        the corpus had one without a name.
    lowercase : whether words were folded to lower case.
    """

    def __init__(self, **parameters):
        super().__init__(**parameters)
        self.vocab, self.tokenizer, self.lowercase = None, "whitespace", False

    # -- what users ask

    def logprob(self, word, context=()):
        """The natural logarithm of the probability of a word after a context.

        Parameters
        ----------
        word : str; an unknown one has the probability of <unk>; "</s>" is the end of the sentence.
        context : the words before it, as a list of str, or a str to split; "<s>" is the beginning of a sentence.
        """
        [number] = self._ids(self._words([word]))
        return float(self._after(context)[0, number])

    def next_words(self, context=(), topn=10):
        """The most probable next words: a list of (word, probability), the best first; "</s>" may be among them."""
        Whole(10, "", low=1).check("topn", topn)
        logprobs = self._after(context)[0]
        best = np.argsort(-logprobs, kind="stable")[: int(topn)]
        return [(self.vocab.words[k], math.exp(min(logprobs[k], 0))) for k in best.tolist() if logprobs[k] > -np.inf]

    def score(self, sentence):
        """The natural logarithm of the probability of a whole sentence with its </s>.

        sentence : list of str, or a str to split. ParameterError for a list of sentences, which ``scores`` takes.
        """
        words = self._words(sentence)
        several = next((word for word in words if " " in word), None)
        if several is not None and not (self._fitted(self.vocab).blob == ord(" ")).any():
            raise ParameterError(f"{several[:50]!r} is no word: ``score`` takes one sentence, ``scores`` takes many")
        ids = self._text_ids(words)
        return float(self._logprobs(ids, np.array([0, len(ids)], np.int64)).sum())

    def scores(self, sentences):
        """``score`` of many sentences at once: float64 (S,).

        sentences : Corpus (which holds no empty sentences), or iterable of sentences as for ``score``.
        """
        ids, offsets = self._numbered(sentences)
        sums = [np.add.reduceat(logs, ends) for logs, ends, _ in self._blocks(ids, offsets)]
        return np.concatenate(sums) if sums else np.empty(0)

    def logprobs(self, sentences):
        """The natural logarithms of the probabilities of all words of a text: (float64 (N + S,), int32 (N + S,)).

        The second array has the words' ids. Sentence by sentence, each with its </s>; ``sentences`` as for ``scores``.
        """
        ids, offsets = self._numbered(sentences)
        blocks = list(self._blocks(ids, offsets))
        words = np.insert(ids, offsets[1:], EOS)
        return np.concatenate([logs for logs, _, _ in blocks] or [np.empty(0)]), words.astype(np.int32)

    def perplexity(self, corpus):
        """The perplexity of a text, per word with </s>, unknown words as <unk>: exp of the mean of -logprob.

        corpus : Corpus, or anything that Corpus takes. Figures beside it: ``fe.evaluate.perplexity``.
        """
        return _perplexity(self, corpus).perplexity

    def generate(self, context=(), *, length=50, seed=None, temperature=1.0):
        """A sentence drawn word by word, as a str without ``context``.

        Parameters
        ----------
        context : how the sentence begins, as a list of str, or a str to split.
        length : words, at most; the sentence may end before.
        seed : the same seed gives the same sentence; None another one every time.
        temperature : below 1 prefers probable words, 0 always takes the most probable.

        <unk> is never drawn.
        """
        Whole(50, "", low=0).check("length", length)
        Whole(None, "", low=0, optional=True).check("seed", seed)
        Real(1.0, "", low=0).check("temperature", temperature)
        random = np.random.default_rng(seed)
        drawn, word = [], None
        walk = self._walk([BOS, *self._ids(self._words(context))])
        while len(drawn) < length:
            word = _drawn(np.array(walk.send(word), np.float64), temperature, random)
            if word == EOS:
                break
            drawn.append(word)
        return ("" if self.unspaced else " ").join(self.vocab.words[k] for k in drawn)

    @property
    def unspaced(self):
        """Whether words stand side by side, without spaces."""
        return self.tokenizer in UNSPACED

    # -- text to numbers

    def _ids(self, words):
        """Words, <s> and </s> among them, as int32 ids."""
        get = self._fitted(self.vocab).index.get
        return np.array([get(word, UNK) for word in words], np.int32)

    def _text_ids(self, sentence):
        """A sentence as int32 ids; <s> and </s> inside it are unknown words."""
        ids = self._ids(self._words(sentence))
        ids[(ids == BOS) | (ids == EOS)] = UNK
        return ids

    def _texts(self, sentences):
        """A list of sentences as a list of str whose words white space divides; None if it is something else."""
        if self.tokenizer != "whitespace" or not isinstance(sentences, list) or not plain(sentences):
            return None
        return [text.lower() for text in sentences] if self.lowercase else sentences

    def _numbered(self, sentences):
        """(ids int32 (N,), offsets int64 (S + 1,)) of a Corpus or an iterable of sentences."""
        vocab = self._fitted(self.vocab)
        if isinstance(sentences, Corpus):
            encoded = sentences.encode()
            return numbers_of(vocab, encoded.vocab)[encoded.ids], encoded.offsets
        sentences = listed(sentences)
        texts = self._texts(sentences)
        if texts is not None:
            ids, offsets = vocab.number(texts, getattr(self, "threads", None))
            ids[ids <= EOS] = UNK  # also -1
            return ids, offsets
        rows = [self._text_ids(sentence) for sentence in sentences]
        ids = np.concatenate(rows or [np.empty(0, np.int32)])
        return ids, np.cumsum([0, *map(len, rows)], dtype=np.int64)

    # -- numbers to probabilities

    def _after(self, context):
        """The logarithms (1, V) of what follows a context."""
        ids = self._ids(self._words(context))
        return self._next(ids[None])

    def _walk(self, ids):
        """Generator: yields the logarithms (V,) of what follows ids; is sent the word that does, and so on."""
        while True:
            ids = [*ids, (yield self._next(np.array([ids], np.int32))[0])]

    def _blocks(self, ids, offsets):
        """(logprobs, where each sentence begins in them, first sentence) of a few sentences at a time."""
        first, sentences = 0, len(offsets) - 1
        while first < sentences:
            last = int(np.searchsorted(offsets, offsets[first] + _BLOCK, "right")) - 1
            last = min(max(last, first + 1), sentences)
            part = offsets[first : last + 1] - offsets[first]
            logs = self._logprobs(ids[offsets[first] : offsets[last]], part)
            yield logs, part[:-1] + np.arange(last - first), first
            first = last


def _drawn(logprobs, temperature, random):
    """A word drawn from logarithms of probabilities (V,), which it changes; never <unk> or <s>."""
    logprobs[[UNK, BOS]] = -np.inf
    best = int(np.argmax(logprobs))  # what is no number, if there is one
    if not logprobs[best] < np.inf:
        raise FormatError("the model", "is damaged: it gives probabilities that are no numbers")
    if temperature == 0 or logprobs[best] == -np.inf:
        return EOS if logprobs[best] == -np.inf else best
    weights = np.cumsum(np.exp((logprobs - logprobs[best]) / temperature))
    return int(np.searchsorted(weights, random.random() * weights[-1], "right"))
