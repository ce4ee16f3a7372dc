"""Cooccurrence: how often words stand near each other."""

import time

import numpy as np

from .. import _version
from .._core import cooc
from ..corpus import Corpus
from ..errors import CorpusError, FormatError, ParameterError
from ..io import native
from .base import Estimator
from .callbacks import Callbacks
from .neighbours import Neighbours
from .parameters import Choice, Real, Size, Switch, Whole
from .progress import LOG, Progress
from .static import check_vocab


class Cooccurrence(Estimator):
    """The matrix X of co-occurrences: X[i, j] is how often word j stands within the window of word i, by distance.

    A neighbour at distance d counts 1/d (``harmonic``, as GloVe counts; Pennington, Socher and Manning 2014) or 1
    (``flat``). Windows end with the sentence. Words out of the vocabulary, and occurrences that subsampling drops, are
    taken out of the text before windows are drawn, as in GloVe's own program: they leave no gap. With
    symmetric=False, X[i, j] counts the j to the left of i; GloVe's own program writes the transpose of that.

    Weights are added up as whole numbers, 1/d in units of 1 / lcm(1..window), so the matrix is exact and the same for
    any number of threads and any memory budget. For windows beyond 20 the weights are multiples of 2^-40 instead (an
    error of at most d / 2^41 of a weight).

    Attributes
    ----------
    matrix : scipy.sparse.csr_matrix (V, V) of float64, columns in order within each row. Rows and columns are the
        words of ``vocab``, most frequent first. With ``directional`` (V, 2 V): neighbours to the left, then to the
        right. Larger than the memory budget, it lies in memory-mapped temporary files that vanish with it.
    vocab : Vocab

    >>> import fastembed as fe
    >>> counts = fe.Cooccurrence(window=2, min_count=1).fit(["a b c a"], verbose=0)
    >>> counts.vocab.words, counts.matrix.toarray().tolist()
    (['a', 'b', 'c'], [[0.0, 1.5, 1.5], [1.5, 0.0, 1.0], [1.5, 1.0, 0.0]])
    """

    window = Whole(10, "neighbours on either side, at most", low=1, high=10_000)
    weighting = Choice(
        "harmonic", "a neighbour at distance d counts 1/d (harmonic) or 1 (flat)", choices=("harmonic", "flat")
    )
    symmetric = Switch(True, "count neighbours on both sides; False: those to the left alone")
    directional = Switch(False, "columns of their own for neighbours to the left and to the right")
    sample = Real(0.0, "subsampling threshold: words above this share of the text are thinned; 0 keeps all", low=0)
    min_count = Whole(5, "drop words that occur less often", low=1)
    max_vocab = Whole(None, "keep this many of the most frequent words; None keeps all", low=2, optional=True)
    memory = Size("4G", "budget in bytes, with K, M, G or T; what needs more goes to temporary files")
    threads = Whole(None, "worker threads; None means one for each CPU", low=1, high=4096, optional=True)
    seed = Whole(1, "of subsampling", low=0, high=(1 << 63) - 1)

    def __init__(self, **parameters):
        super().__init__(**parameters)
        self.vocab = None
        self._matrix = None

    @property
    def matrix(self):
        """The counts; NotFittedError before fit."""
        return self._fitted(self._matrix)

    def fit(self, corpus, y=None, *, callbacks=(), verbose=1):
        """Count; returns self.

        Parameters
        ----------
        corpus : Corpus, or anything that Corpus takes.
        y : ignored; scikit-learn's pipelines pass it.
        callbacks : see fastembed.callbacks; there is one epoch, whose record has no loss. STOP is not heeded, as half
            of the counts is of no use.
        verbose : 0 for silence; else a progress bar on a terminal, a log line of logger "fastembed" elsewhere.

        Raises CorpusError if nothing is left to count or the disk is full, ParameterError for impossible parameters,
        also if `memory` cannot hold one row. The object is then as it was; no temporary files stay.
        """
        self.check_params()
        if self.directional and not self.symmetric:
            raise ParameterError("directional=True counts both sides and symmetric=False one: choose one of them")
        callbacks = Callbacks(callbacks)
        encoded = (corpus if isinstance(corpus, Corpus) else Corpus(corpus, threads=self.threads)).encode()
        vocab = encoded.vocab.pruned(self.min_count, self.max_vocab)
        check_vocab(encoded.vocab, vocab, self.min_count)
        callbacks.call("on_train_begin", self)
        start = time.perf_counter()
        matrix = self._counted(encoded, vocab, callbacks, verbose)
        if not matrix.nnz:
            raise CorpusError("nothing to count: no word of the vocabulary has another one beside it in its sentence")
        seconds = time.perf_counter() - start
        record = {"epoch": 1, "entries": int(matrix.nnz), "seconds": seconds}
        record["words_per_second"] = len(encoded.ids) / max(seconds, 1e-9)
        self.vocab, self._matrix, self.history = vocab, matrix, [record]
        if verbose:
            LOG.info("Cooccurrence: %d words, %d entries in %.2f s", len(vocab), matrix.nnz, seconds)
        callbacks.call("on_epoch_end", self, record)
        callbacks.call("on_train_end", self)
        return self

    def _counted(self, encoded, vocab, callbacks, verbose):
        """The matrix of an encoded corpus."""
        sides = "apart" if self.directional else "both" if self.symmetric else "left"
        counts = Neighbours(encoded, vocab, int(self.window), self.weighting == "harmonic", sides)
        if self.sample:
            counts.subsample(vocab.keep_thresholds(self.sample), int(self.seed))
        total = len(encoded.ids)
        progress = Progress("Cooccurrence", total, verbose=verbose)

        def report(words):
            facts = {"epoch": 1, "words": words, "total_words": total, "words_per_second": progress.rate(words)}
            progress.update(facts)
            callbacks.call("on_progress", self, facts)

        try:
            budget = self.parameters["memory"].bytes_of(self.memory)
            return as_csr(*counts.count(budget, self.threads, report), counts.columns)
        finally:
            progress.close()

    def to_native(self):
        """The whole state as (tensors, texts): the matrix, the vocabulary, the parameters."""
        matrix = self._fitted(self._matrix)
        tensors = {"matrix.begins": matrix.indptr.astype(np.int64), "matrix.columns": matrix.indices}
        tensors |= {"matrix.values": matrix.data} | native.pack_vocab(self.vocab)
        return tensors, {"fastembed": "1", "version": _version.__version__} | self._meta()

    @classmethod
    def from_native(cls, path, tensors, meta):
        """The counts of a native file's arrays and texts; FormatError if they do not fit together."""
        model = cls()
        try:
            model._restore_meta(meta)
            arrays = [tensors[f"matrix.{name}"] for name in ("begins", "columns", "values")]
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            raise FormatError(path, f"is no complete {cls.__name__}: {error}") from error
        model.vocab = native.unpack_vocab(path, tensors)
        columns = len(model.vocab) * (2 if model.directional else 1)
        types = [(np.dtype(kind), 1) for kind in (np.int64, np.int32, np.float64)]
        if [(array.dtype, array.ndim) for array in arrays] != types or len(arrays[0]) != len(model.vocab) + 1:
            raise FormatError(path, "a matrix of another type or size than the vocabulary needs", offset=8)
        if len(arrays[1]) != len(arrays[2]) or not cooc.valid(*arrays, columns):
            raise FormatError(path, "a matrix whose rows, columns or counts make no sense", offset=8)
        model._matrix = as_csr(*arrays, columns)
        return model


def as_csr(begins, columns, values, width):
    """The scipy.sparse.csr_matrix over these arrays, which are not copied (but columns beyond 2^31 entries)."""
    from scipy.sparse import csr_matrix

    small = len(columns) <= np.iinfo(np.int32).max
    matrix = csr_matrix((values, columns, begins.astype(np.int32) if small else begins), (len(begins) - 1, width))
    matrix.has_sorted_indices = matrix.has_canonical_format = True
    return matrix
