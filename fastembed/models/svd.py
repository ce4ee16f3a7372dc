"""SVDEmbedding: word vectors from counts alone, by factoring how much more often than chance words meet."""

import time

import numpy as np

from ..corpus import Corpus
from ..errors import CorpusError, FormatError, ParameterError
from ..io import native
from ..vectors import KeyedVectors
from .base import Estimator
from .callbacks import Callbacks
from .cooccurrence import Cooccurrence
from .krylov import triplets
from .matrix import Matrix
from .parameters import Choice, Real, Whole
from .pmi import MEASURES, association
from .progress import LOG, LOG_EVERY


class SVDEmbedding(Estimator):
    """Word vectors from the truncated SVD of a matrix of positive pointwise mutual information.

    Words that occur in the same contexts have similar rows there; M ≈ U diag(s) Vᵀ keeps ``dim`` numbers of each, and
    the vectors are U diag(s)^power (Levy, Goldberg and Dagan 2015, "Improving Distributional Similarity with Lessons
    Learned from Word Embeddings", from which the parameters are). No epochs, no learning rate; the same vectors for
    any number of threads.

    Measured at dim 100 on 17 million words of English Wikipedia (word similarity, analogies): window 5 was better than
    2, cds 1 than 0.75 (so also on Chinese), power 0.25 a little better for similarity and 0.5 for analogies; shift 5
    was better on MEN alone, w+c as good for similarity and worse for analogies.

    >>> import fastembed as fe
    >>> text = ["the cat sat on the mat", "a dog lay on a rug", "the dog sat on the rug"] * 20
    >>> model = fe.SVDEmbedding(dim=3, min_count=1).fit(text, verbose=0)
    >>> model.wv.vectors.shape, model.singular_values.shape
    ((9, 3), (3,))
    >>> counts = fe.Cooccurrence(window=5, min_count=1).fit(text)
    >>> bool((fe.SVDEmbedding(dim=3).fit(counts, verbose=0).wv.vectors == model.wv.vectors).all())
    True
    """

    dim = Whole(100, "length of a vector", low=1, high=1 << 20)
    window = Whole(5, "context words on either side, at most", low=1, high=10_000)
    weighting = Choice(
        "harmonic", "a context word at distance d counts 1/d (harmonic) or 1 (flat)", choices=("harmonic", "flat")
    )
    sample = Real(0, "subsampling threshold: words above this share of the text are thinned; 0 keeps all", low=0)
    min_count = Whole(5, "drop words that occur less often", low=1)
    max_vocab = Whole(None, "keep this many of the most frequent words; None keeps all", low=2, optional=True)
    measure = Choice(
        "ppmi", "what is made of the counts: positive pmi, pmi, positive normalised pmi or log(1 + n)", choices=MEASURES
    )
    shift = Real(
        1, "k of the shifted pmi: log k is taken from it, as skip-gram with k negatives does", low=1e-6, high=1e6
    )
    cds = Real(1, "context distribution smoothing: a context is as likely as its count ** cds", low=0, high=10)
    power = Real(0.5, "exponent of the singular values in the vectors", low=-10, high=10)
    model = Choice("w", "the words' side (w), or the sum of that and the contexts' (w+c)", choices=("w", "w+c"))
    tol = Real(1e-3, "relative error of the first half of the singular values, at most", low=1e-12)
    threads = Whole(None, "worker threads; None means one for each CPU", low=1, high=4096, optional=True)
    seed = Whole(1, "of all that is random", low=0, high=(1 << 63) - 1)

    def __init__(self, **parameters):
        super().__init__(**parameters)
        self._wv = self._values = None

    @property
    def wv(self):
        """The vectors as KeyedVectors; NotFittedError before fit."""
        return self._fitted(self._wv)

    @property
    def vocab(self):
        """The words; None before fit."""
        return None if self._wv is None else self._wv.vocab

    @property
    def singular_values(self):
        """The singular values (dim,) of the matrix, descending."""
        return self._fitted(self._values)

    def fit(self, corpus, y=None, *, callbacks=(), verbose=1):
        """Count, weigh and factor; returns self.

        Parameters
        ----------
        corpus : Corpus, or anything that Corpus takes, or a fitted Cooccurrence (then window, weighting, sample,
            min_count and max_vocab are those that it was made with).
        y : ignored; scikit-learn's pipelines pass it.
        callbacks : see fastembed.callbacks; there is one epoch.
        verbose : 0 for silence; else log lines of logger "fastembed".

        Raises CorpusError if there is nothing to learn from, ParameterError for impossible parameters and if dim is
        larger than the rank of the matrix. The model is then as it was before.
        """
        self.check_params()
        callbacks, start = Callbacks(callbacks), time.perf_counter()
        callbacks.call("on_train_begin", self)
        counts = corpus if isinstance(corpus, Cooccurrence) else self._count(corpus)
        if len(counts.vocab) < 2:
            raise CorpusError(f"nothing to learn from {len(counts.vocab)} words: at least 2 are needed")
        record = {"epoch": 1, "counting": time.perf_counter() - start}
        self._keep(counts.vocab, self._factored(counts, record, verbose))
        record["seconds"] = time.perf_counter() - start
        record["words_per_second"] = counts.vocab.total / max(record["seconds"], 1e-9)
        self.history = [record]
        if verbose:
            text = "%s: loss %.4f, counted in %.2f s, weighed in %.2f s, factored in %.2f s"
            parts = ("loss", "counting", "weighing", "factoring")
            LOG.info(text, type(self).__name__, *(record[part] for part in parts))
        callbacks.call("on_epoch_end", self, record)
        callbacks.call("on_train_end", self)
        return self

    def _factored(self, counts, record, verbose):
        """The Triplets of the association matrix; figures about them go into ``record``."""
        start = time.perf_counter()
        counts = Matrix.of(counts.matrix, self.threads)
        if self.model == "w+c" and counts.shape[0] != counts.shape[1]:
            raise ParameterError(f'model="w+c" needs a context for each word, not a matrix of {counts.shape}')
        matrix = association(counts, measure=self.measure, shift=float(self.shift), cds=float(self.cds))
        weighed = time.perf_counter()
        watch, seed = _Watch(record, matrix, verbose), int(self.seed)
        found = triplets(matrix, int(self.dim), tol=self.tol, seed=seed, watch=watch, name="dim")
        finished = time.perf_counter()
        record |= {"numbers": len(matrix.values), "weighing": weighed - start, "factoring": finished - weighed}
        return found

    def _count(self, corpus):
        """The Cooccurrence of a corpus."""
        names = ("window", "weighting", "sample", "min_count", "max_vocab", "threads", "seed")
        corpus = corpus if isinstance(corpus, Corpus) else Corpus(corpus, threads=self.threads)
        return Cooccurrence(**{name: getattr(self, name) for name in names}).fit(corpus)

    def _keep(self, vocab, found):
        """The vectors of these triplets."""
        scale = (found.values.astype(np.float64) ** self.power).astype(np.float32)
        vectors = found.left * scale
        if self.model == "w+c":
            vectors += found.right * scale
        self._wv, self._values = KeyedVectors(vocab, vectors.astype(np.float32, copy=False)), found.values

    def to_native(self):
        """The whole state as (tensors, texts): vectors, vocabulary, singular values, history, parameters."""
        tensors, meta = native.pack_vectors(self.wv)
        tensors["singular_values"], tensors["vocab.counts"] = self._values, self.vocab.counts
        return tensors, meta | self._meta()

    @classmethod
    def from_native(cls, path, tensors, meta):
        """The model of a native file's arrays and texts; FormatError if they do not fit together."""
        model = cls()
        try:
            model._restore_meta(meta)
            model._values = tensors["singular_values"]
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            raise FormatError(path, f"is no complete SVDEmbedding: {error}") from error
        model._wv = native.unpack_vectors(path, tensors, meta)
        if model._values.shape != (model._wv.vector_size,) or model._values.dtype.kind != "f":
            raise FormatError(
                path, f"{model._wv.vector_size} dimensions do not fit {model._values.shape} singular values"
            )
        return model


class _Watch:
    """Notes in a record how far the decomposition has come: loss is the share of the matrix's squares not explained."""

    def __init__(self, record, matrix, verbose):
        self.record, self.whole, self.verbose, self.logged = record, matrix.norm2, verbose, time.monotonic()

    def __call__(self, size, values, share):
        loss = 1 - float(np.square(values).sum()) / self.whole
        self.record.update(loss=loss, residual=share, basis=size)
        if self.verbose and time.monotonic() - self.logged > LOG_EVERY:
            self.logged = time.monotonic()
            LOG.info("basis of %d vectors: loss %.4f, residual %.2g", size, loss, share)
