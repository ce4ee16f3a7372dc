"""NGramLM: the next word from the words before it, counted (Shannon 1948; Kneser and Ney 1995)."""

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .. import _version, parallel
from ..errors import CorpusError, FormatError, ParameterError
from ..io import native
from ..vocab import Vocab
from .assembly import Assembly
from .backoff import Backoff
from .callbacks import Callbacks
from .language import BOS, LanguageModel, language_vocab, numbers_of
from .parameters import Choice, Real, Size, Thresholds, Whole
from .progress import LOG, Progress
from .smoothing import Method, Smoothing
from .space import Space
from .trie import Counting

_ADDITIVE = ("laplace", "lidstone")


class Grams(NamedTuple):
    """A model as fastembed.io.arpa.write takes it."""

    vocab: Vocab
    counts: list
    blocks: Callable


class NGramLM(LanguageModel):
    """A language model of counted n-grams: the probability of a word after the order - 1 words before it.

    The default, interpolated modified Kneser-Ney smoothing (Chen and Goodman 1998), gives what KenLM's lmplz gives,
    with <unk> and </s> as there. ``witten_bell`` is interpolated too. With ``mle`` a context that was seen knows only
    the words that followed it, all others have probability 0; one that was not seen is shortened until it was. With
    ``laplace`` and ``lidstone`` every count gains 1 or ``alpha``, of the n-grams of the whole context alone.
    Counts are exact: the same model for any number of threads and any memory budget.

    Empty lines of a Corpus are no sentences, as everywhere here; lmplz counts each as a sentence of </s> alone, so give
    both a text without them to compare. A sentence that is empty when it is scored has the probability of </s> after
    <s>, as in KenLM.

    Words and characters come from the Corpus's tokenizer. The lecture's example, 中国 eight times and 中华人民共和国
    twice:

    >>> import fastembed as fe
    >>> corpus = fe.Corpus(["中国"] * 8 + ["中华人民共和国"] * 2, tokenizer="characters")
    >>> model = fe.NGramLM(order=2, smoothing="mle").fit(corpus, verbose=0)
    >>> [(word, round(prob, 3)) for word, prob in model.next_words("中")]
    [('国', 0.8), ('华', 0.2)]
    >>> round(float(np.exp(model.logprob("国", "中"))), 3)
    0.8

    Attributes
    ----------
    vocab : Vocab; 0 is <unk>, 1 is <s>, 2 is </s>.
    counts : how many n-grams the model has, of each order from 1.
    """

    order = Whole(3, "words in the longest n-grams", low=1, high=16)
    smoothing = Choice(
        "kneser_ney", "how unseen n-grams get their share",
        choices=("kneser_ney", "witten_bell", "laplace", "lidstone", "mle"),
    )  # fmt: skip
    alpha = Real(0.1, "lidstone: what every count gains", low=1e-9, high=1e9)
    prune = Thresholds(
        (), "leave out n-grams with at most so many occurrences: a number for each order, the last one for all longer"
    )
    min_count = Whole(1, "words that occur less often are <unk>", low=1)
    max_vocab = Whole(None, "only so many of the most frequent words are known; None: all", low=1, optional=True)
    memory = Size("4G", "budget in bytes, with K, M, G or T; what needs more goes to temporary files")
    threads = Whole(None, "worker threads; None means one for each CPU", low=1, high=4096, optional=True)

    def __init__(self, **parameters):
        super().__init__(**parameters)
        self._model = None

    @property
    def counts(self):
        """How many n-grams there are of each order; NotFittedError before fit."""
        return self._fitted(self._model).counts

    def fit(self, corpus, y=None, *, callbacks=(), verbose=1):
        """Count and smooth; returns self.

        Parameters
        ----------
        corpus : Corpus, or anything that Corpus takes.
        y : ignored; scikit-learn's pipelines pass it.
        callbacks : see fastembed.callbacks; there is one epoch, whose record has no loss.
        verbose : 0 for silence; else a progress bar on a terminal, a log line of logger "fastembed" elsewhere.

        Raises CorpusError if no sentence is long enough for an n-gram of this order or the disk is full,
        ParameterError for impossible parameters, also a `memory` that is too small. The model is then as it was.
        """
        self.check_params()
        method = Method.named(self.smoothing, self.alpha)
        if len(self.prune) > self.order:
            raise ParameterError(f"prune={self.prune}: more numbers than there are orders with order={self.order}")
        if any(self.prune) and not method.interpolated:
            raise ParameterError(f"prune={self.prune}: {self.smoothing} has no use for what pruning frees")
        callbacks, start = Callbacks(callbacks), time.perf_counter()
        encoded, how = self._read(corpus)
        longest = int(np.diff(encoded.offsets).max()) + 2
        if self.order > longest:
            raise CorpusError(
                f"order={self.order}: the longest sentence has {longest - 2} words, with <s> and </s> {longest}, and "
                "no longer n-grams"
            )
        vocab = language_vocab(encoded.vocab, len(encoded.offsets) - 1, self.min_count, self.max_vocab)
        callbacks.call("on_train_begin", self)
        model = self._counted(encoded, vocab, method, verbose)
        seconds, counts = time.perf_counter() - start, model.counts
        record = {"epoch": 1, "ngrams": sum(counts), "seconds": seconds}
        record["words_per_second"] = len(encoded.ids) / max(seconds, 1e-9)
        self.vocab, self._model, self.history = vocab, model, [record]
        self.tokenizer, self.lowercase = how["tokenizer"], how["lowercase"]
        if verbose:
            LOG.info("NGramLM: %s n-grams of the orders from 1 in %.2f s", ", ".join(map(str, counts)), seconds)
        callbacks.call("on_epoch_end", self, record)
        callbacks.call("on_train_end", self)
        return self

    def _counted(self, encoded, vocab, method, verbose):
        """The Backoff of an encoded corpus."""
        threads, total = parallel.check_threads(self.threads), len(encoded.ids)
        space = Space(self.parameters["memory"].bytes_of(self.memory))
        progress = Progress(type(self).__name__, total, 0, verbose)

        def report(done):
            words = min(total, int(done))
            rate = {"total_words": total, "words_per_second": progress.rate(words)}
            progress.update({"epoch": 1, "words": words} | rate)

        try:
            table = numbers_of(vocab, encoded.vocab)
            nodes = Counting(encoded, table, vocab.counts, int(self.order)).run(space, threads, report)
            nodes = Smoothing(nodes, method, self.prune, space, threads).run()
        finally:
            progress.close()
        return Backoff(nodes, self.smoothing in _ADDITIVE)

    # -- questions

    def logprob(self, word, context=()):
        ids = self._ids(self._words(context) + self._words([word]))
        if ids[-1] == BOS:
            return -np.inf
        return float(self._model.score(ids)[-1])

    logprob.__doc__ = LanguageModel.logprob.__doc__

    def score(self, sentence):
        if type(sentence) is str and self.tokenizer == "whitespace" and self._model is not None:
            text = sentence.lower() if self.lowercase else sentence
            found = self._model.core.text(self.vocab.map, text)
            if found is not None:
                return found
        return super().score(sentence)

    score.__doc__ = LanguageModel.score.__doc__

    def scores(self, sentences):
        texts = None if self._model is None else self._texts(sentences)
        if texts is None:
            return super().scores(sentences)
        return self._model.scores(texts, self.vocab.map, parallel.check_threads(self.threads))

    scores.__doc__ = LanguageModel.scores.__doc__

    def _logprobs(self, ids, offsets):
        return self._model.logprobs(ids, offsets, parallel.check_threads(self.threads))

    def _next(self, contexts):
        return np.stack([self._model.after(context) for context in contexts])

    # -- files

    def save(self, path):
        """Write the whole state to a native file, or the n-grams to an ARPA file, by the ending: .arpa, also packed as
        .arpa.gz, .arpa.bz2 or .arpa.xz.

        An ARPA file holds what other programs need to score text, and no counts. Raises ParameterError for ``laplace``,
        ``lidstone`` and ``mle``, whose probabilities it cannot hold, and for the ending of another format.
        """
        super().save(path)

    def to_arpa(self):
        """What fastembed.io.arpa.write takes."""
        model = self._fitted(self._model)
        if model.additive:
            raise ParameterError(
                f"smoothing={self.smoothing!r} gives unseen words the same share whatever the shorter context says, "
                "which an ARPA file cannot hold: save it with the ending .fe"
            )
        if self._has_zeros():
            raise ParameterError(
                f"smoothing={self.smoothing!r} gives words that did not follow a context the probability 0, which an "
                "ARPA file cannot hold: save it with the ending .fe"
            )
        return Grams(self.vocab, model.counts, model.blocks)

    def _has_zeros(self):
        """Whether the model is one of ``mle`` with probabilities of 0, whatever the parameter says by now."""
        words = self._model.nodes[1].view(np.float32)[:-1]
        return bool(np.isneginf(words[:, 1]).any() or np.isneginf(words[BOS, 2]))

    @classmethod
    def from_arpa(cls, path, contents):
        """The model of an ARPA file (fastembed.io.arpa.Contents); it can be asked, not trained on."""
        model, assembly = cls(order=contents.order), Assembly(path, contents.threads)
        for ids, logs, line in contents.grams:
            assembly.add(ids, logs, line)
        model._model = assembly.finish()
        model.vocab = Vocab((contents.blob, contents.offsets))
        return model

    def to_native(self):
        """The whole state as (tensors, texts): n-grams and their hash tables, the vocabulary, the parameters."""
        model = self._fitted(self._model)
        tensors = model.tensors() | native.pack_vocab(self.vocab)
        meta = {"fastembed": "1", "version": _version.__version__, "closed": str(int(model.closed))}
        return tensors, meta | self._meta()

    @classmethod
    def from_native(cls, path, tensors, meta):
        """The model of a native file's arrays and texts, memory-mapped; FormatError if they do not fit together."""
        model = cls()
        try:
            model._restore_meta(meta)
            closed = bool(int(meta["closed"]))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            raise FormatError(path, f"is no complete {cls.__name__}: {error}") from error
        model.vocab = native.unpack_vocab(path, tensors)
        additive = model.smoothing in _ADDITIVE
        model._model = Backoff.from_tensors(path, tensors, len(model.vocab), additive, closed)
        return model
