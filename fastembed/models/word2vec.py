"""Word2Vec: skip-gram and CBOW (Mikolov, Chen, Corrado and Dean 2013; Mikolov, Sutskever et al. 2013).

Skip-gram predicts each context word from the centre word, CBOW the centre word from the mean of its context. The full
softmax over the vocabulary is replaced by negative sampling (tell the word from a few drawn ones) or hierarchical
softmax (tell left from right at each node on the word's path through a Huffman tree; Morin and Bengio 2005).
"""

import json

import numpy as np

from .. import memory
from .._core import sgns, simd, tables
from ..errors import FormatError, ParameterError
from ..io import native
from ..parallel import check_threads
from ..vectors import KeyedVectors
from .parameters import Real, Switch, Whole
from .progress import LOG
from .start import known, open_start
from .static import Trained, check_vocab, merged
from .training import Loop, Position, Schedule, place_of, position_of


class Word2Vec(Trained):
    """What SkipGram and CBOW share; use one of them."""

    dim = Whole(100, "length of a vector", low=1, high=1 << 20)
    window = Whole(5, "context words on either side, at most", low=1, high=10_000)
    negative = Whole(5, "noise words for each centre word; of no effect with hs", low=0, high=10_000)
    hs = Switch(False, "hierarchical softmax instead of negative sampling")
    sample = Real(1e-3, "subsampling threshold: words above this share of the text are thinned; 0 keeps all", low=0)
    min_count = Whole(5, "drop words that occur less often", low=1)
    max_vocab = Whole(None, "keep this many of the most frequent words; None keeps all", low=2, optional=True)
    epochs = Whole(5, "passes over the corpus", low=1)
    lr = Real(0.025, "learning rate at the start", low=1e-12)
    min_lr = Real(None, "learning rate at the end, reached linearly; None means lr / 10000", low=0, optional=True)
    ns_exponent = Real(0.75, "noise words are drawn by count ** ns_exponent", low=-10, high=10)
    dynamic_window = Switch(True, "draw the window of each centre word from 1..window; False always uses window")
    threads = Whole(None, "worker threads; None means one for each CPU", low=1, high=4096, optional=True)
    seed = Whole(1, "of all that is random", low=0, high=(1 << 63) - 1)

    fixed = ("dim", "hs")
    cbow = False
    mean_gradient = True  # of no effect in skip-gram

    def __init__(self, **parameters):
        super().__init__(**parameters)
        self.vocab = None
        self.position = Position()
        self._inputs = self._outputs = self._wv = None
        self._shape = (self.dim, self.hs)  # as trained; the parameters may have been changed since

    def check_params(self):
        super().check_params()
        if not self.negative and not self.hs:
            raise ParameterError("negative=0 leaves nothing to learn from: draw noise words, or set hs=True")

    @property
    def wv(self):
        """The trained vectors as KeyedVectors: a view, not a copy; NotFittedError before fit."""
        self._fitted(self._inputs)
        if self._wv is None:
            self._wv = KeyedVectors(self.vocab, self._inputs[:, : self._shape[0]])
        return self._wv

    @property
    def context_vectors(self):
        """The output side (V, dim) float32: of words, or with hs of the tree's inner nodes (V - 1, dim)."""
        return self._fitted(self._outputs)[: self._output_rows(), : self._shape[0]]

    def fit(self, corpus, y=None, *, callbacks=(), verbose=1, resume=False, checkpoint=None, every=1, vectors=None):
        """Train on a corpus; returns self.

        Parameters
        ----------
        corpus : Corpus, or anything that Corpus takes.
        y : ignored; scikit-learn's pipelines pass it.
        callbacks : see fastembed.callbacks.
        verbose : 0 for silence; else a progress bar on a terminal, log lines of logger "fastembed" elsewhere.
        resume : go on instead of starting anew. A run that was stopped goes on where it was; a finished model trains
            `epochs` more on this corpus, whose new words enter the vocabulary.
        checkpoint : folder to save the whole state to while training; with resume, a new model starts from it.
        every : how often, in epochs or as a time ("10m").
        vectors : KeyedVectors, or the path of any file of vectors, to start from, of as many dimensions. Words that
            they lack start at random; the words of the model are those of the corpus.

        Raises CorpusError if there is nothing to learn from, ParameterError for impossible parameters, TrainingError
        if numbers overflow. The model is then as it was before; if it was going on with a stopped run, it is as in the
        run's last checkpoint, or without one not fitted.
        """
        self.check_params()
        start = open_start(vectors, resume, int(self.dim))
        return self._fit_text(corpus, callbacks, verbose, resume, checkpoint, every, start=start)

    def to_native(self):
        """The whole state as (tensors, texts): vectors of both sides, vocabulary, position, history, parameters."""
        self._fitted(self._inputs)
        tensors, meta = native.pack_vectors(self.wv)
        tensors["vocab.counts"] = self.vocab.counts
        tensors["context"] = self.context_vectors
        tensors["loss"], tensors["predictions"] = self.position.loss, self.position.predictions
        texts = self._meta() | {"position": json.dumps(place_of(self.position))}
        return tensors, meta | texts

    @classmethod
    def from_native(cls, path, tensors, meta):
        """The model of a native file's arrays and texts; FormatError if they do not fit together."""
        model = cls()
        try:
            model._restore_meta(meta)
            position = position_of(json.loads(meta["position"]), tensors["loss"], tensors["predictions"])
            vocab = native.unpack_vocab(path, tensors)
            vectors, context = tensors["vectors"], tensors["context"]
        except FormatError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            raise FormatError(path, f"is no complete {cls.__name__}: {error}") from error
        rows = len(vocab) - 1 if model.hs else len(vocab)
        if vectors.shape != (len(vocab), model.dim) or context.shape != (rows, model.dim):
            raise FormatError(path, f"{len(vocab)} words of dimension {model.dim} do not fit {vectors.shape}")
        if {vectors.dtype, context.dtype} != {np.dtype(np.float32)}:
            raise FormatError(path, "holds arrays of another type than training needs")
        rows = _padded(vectors), _padded(context, len(vocab))
        model._set_state((vocab, *rows, position, model.history, (model.dim, model.hs)))
        return model

    # -- state: (vocab, inputs (V, D'), outputs (V, D'), position, history, (dim, hs)); hs leaves an output row unused

    def _state(self):
        return self.vocab, self._inputs, self._outputs, self.position, list(self.history), self._shape

    def _set_state(self, state):
        self.vocab, self._inputs, self._outputs, self.position, self.history, self._shape = state
        self._wv = None

    def _no_state(self):
        return None, None, None, Position(), [], (self.dim, self.hs)

    def _matrices(self):
        return self._inputs, self._outputs

    def _output_rows(self):
        return len(self.vocab) - 1 if self._shape[1] else len(self.vocab)

    # -- the beginning of a run

    def _begin(self, encoded, _, mark, resume, start):
        """New or grown matrices for the words of this corpus."""
        types = encoded.vocab
        vocab = types.pruned(self.min_count, self.max_vocab)
        old = self._state() if resume and self._inputs is not None else None
        if old is None:
            check_vocab(types, vocab, self.min_count)
            state = (vocab, self._new_inputs(vocab), memory.zeros((len(vocab), simd.padded(self.dim))))
            history = []
            if start is not None:
                rows, found = known(start, vocab)
                state[1][rows, : self.dim] = found
        else:
            state, history = self._grown(*old[:3], vocab), old[4]
        self._set_state((*state, Position(corpus=mark), history, (self.dim, self.hs)))

    def _new_inputs(self, vocab):
        """The input side of a new model."""
        return self._new_rows(len(vocab), 0)

    def _subword_rows(self):
        """What makes up each word's vector, as the trainer wants it; None: a row of its own."""
        return

    def _new_rows(self, count, stream):
        """Rows (count, D'), uniform in +-1/(2 dim), the padding zero."""
        rows = memory.zeros((count, simd.padded(self.dim)))
        random = np.random.default_rng((self.seed, stream))
        for start in range(0, count, 4096):
            block = rows[start : start + 4096, : self.dim]
            block[:] = (random.random(block.shape, dtype=np.float32) - 0.5) / self.dim
        return rows

    def _grown(self, vocab, inputs, outputs, more):
        """Vocabulary and copies of the rows with the words of another vocabulary added, counts summed."""
        result, place = merged(vocab, more, self.max_vocab)
        new = len(result) - len(vocab)
        if self.hs and not new:
            return vocab, inputs.copy(), outputs.copy()
        grown = [memory.zeros((len(result), inputs.shape[1])) for _ in range(2)]
        grown[0][place[: len(vocab)]], grown[0][place[len(vocab) :]] = inputs, self._new_rows(new, len(vocab))
        if self.hs:
            LOG.warning("%d new words: the Huffman tree is built anew and its nodes start from zero", new)
        else:
            grown[1][place[: len(vocab)]] = outputs
        return result, *grown

    def _loop(self, encoded, callbacks, verbose, checkpoint):
        """Everything that a run needs, put together."""
        schedule = Schedule(*self._rates(float(self.lr) * 1e-4), int(self.epochs), len(encoded.ids))
        return Loop(self, self._trainer(encoded), schedule, callbacks, checkpoint, verbose)

    def _trainer(self, encoded):
        """The compiled training loop over this corpus and these matrices."""
        if self.position.chunk == 0:
            self.position.chunk_tokens = self._chunk_tokens(len(encoded.ids))
        paths = self.vocab.huffman() if self.hs else None
        noise = None if self.hs else tables.alias_cells(self.vocab.alias_table(self.ns_exponent))
        settings = {
            "dim": self.dim,
            "window": self.window,
            "negative": 0 if self.hs else self.negative,
            "cbow": self.cbow,
            "mean_gradient": self.mean_gradient,
            "dynamic_window": self.dynamic_window,
            "seed": self.seed,
            "chunk_tokens": self.position.chunk_tokens,
            "threads": check_threads(self.threads),
        }
        corpus = (encoded.ids, encoded.offsets, self._gates(encoded.vocab))
        rows = self._inputs, self._outputs
        return sgns.Trainer(corpus, *rows, noise, paths, settings, self._subword_rows())

    def _chunk_tokens(self, tokens):
        """Tokens in a chunk: some milliseconds of work (a run can stop between chunks) and many chunks in an epoch.

        Depends on the parameters and the corpus alone, because chunks have random streams of their own.
        """
        outputs = 20 if self.hs else 1 + int(self.negative)
        flops = 6.0 * self._inputs.shape[1] * outputs * (2 if self.cbow else 2 * int(self.window))
        return int(min(4096, max(64, tokens // 256), max(16, 2e8 // flops)))

    def _gates(self, types):
        """For each type of the corpus its subsampling threshold (0: never kept) and its row, (W, 2) uint32."""
        gates = np.zeros((len(types), 2), np.uint32)
        keep = self.vocab.keep_thresholds(self.sample)
        if len(self.vocab) <= len(types) and np.array_equal(types.offsets[: len(self.vocab) + 1], self.vocab.offsets):
            same = np.array_equal(types.blob[: len(self.vocab.blob)], self.vocab.blob)
        else:
            same = False
        if same:
            gates[: len(keep), 0], gates[: len(keep), 1] = keep, np.arange(len(keep))
            return gates
        for number, word in enumerate(types.words):
            row = self.vocab.index.get(word)
            if row is not None:
                gates[number] = keep[row], row
        return gates


def _padded(rows, count=None):
    """A trainable copy (count, D') of rows (n, dim), zero where there was nothing."""
    copy = memory.zeros((len(rows) if count is None else count, simd.padded(rows.shape[1])))
    copy[: len(rows), : rows.shape[1]] = rows
    return copy


class SkipGram(Word2Vec):
    """Skip-gram: predict the words around a word from it (Mikolov et al. 2013).

    The noise words of a centre word are shared by all of its context words (Ji et al. 2016), which is what makes the
    step a small matrix product. Each serves up to five centre words, so far apart that no context word meets it twice.

    >>> import fastembed as fe
    >>> model = fe.SkipGram(dim=8, min_count=1, epochs=1).fit(["a b c a b c"] * 20, verbose=0)
    >>> model.wv.vectors.shape, len(model.history)
    ((3, 8), 1)
    """


class CBOW(Word2Vec):
    """Continuous bag of words: predict a word from the mean of the words around it (Mikolov et al. 2013).

    Each of n context words receives the gradient of the mean, its n-th part (Irsoy, Benton and Stratos 2021), at a rate
    of its own, lr times the harmonic mean of n and 2 window: so one lr suits this and the classic behaviour of
    word2vec.c and gensim, which add the whole gradient to each (``mean_gradient=False``). Each noise word serves up to
    five centre words, as in SkipGram.
    """

    mean_gradient = Switch(True, "give context words the gradient of their mean; False adds all of it to each")
    cbow = True
