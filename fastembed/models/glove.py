"""GloVe: global vectors (Pennington, Socher and Manning 2014, "GloVe: Global Vectors for Word Representation")."""

import json
import zlib

import numpy as np

from .. import memory, parallel
from .._core import glove, simd
from .._core.job import Job
from ..corpus import Corpus
from ..errors import CorpusError, FormatError, ParameterError
from ..io import native
from ..vectors import KeyedVectors
from .callbacks import Callbacks
from .cooccurrence import Cooccurrence
from .parameters import Choice, Real, Size, Switch, Whole
from .start import known, open_start
from .static import Trained, merged
from .training import Checkpoint, Loop, Position, Schedule, place_of, position_of

PART_BYTES = 3 << 17  # of the rows of a part: what a core's own cache holds beside the other side's
FEWEST, MOST = 17, 511  # parts, if there are words enough: threads that can work at once; blocks are the square
SIDES = ("words", "contexts")


class GloVe(Trained):
    """Word vectors whose products are the logarithms of co-occurrence counts, by weighted least squares.

    For counts X_ij of words near each other the sum of f(X_ij) (w_i . c_j + b_i + b'_j - log X_ij)^2 / 2 is minimised
    by AdaGrad, f(x) = min(1, (x / x_max)^alpha), with the steps of the authors' program (whose clipping of gradients
    at 100 is left out: none comes near it). Threads never work on the same row at once: the vectors are the same,
    bit for bit, for any number of them. In ``history``, loss is the mean over the counts, exact.

    >>> import fastembed as fe
    >>> text = ["the cat sat on the mat", "a dog lay on a rug", "the dog sat on the rug"] * 20
    >>> model = fe.GloVe(dim=4, min_count=1, epochs=3).fit(text, verbose=0)
    >>> model.wv.vectors.shape, len(model.history)
    ((9, 4), 3)
    >>> counts = fe.Cooccurrence(window=10, min_count=1).fit(text, verbose=0)
    >>> again = fe.GloVe(dim=4, epochs=3).fit(counts, verbose=0)
    >>> bool((again.wv.vectors == model.wv.vectors).all())
    True
    """

    dim = Whole(100, "length of a vector", low=1, high=1 << 20)
    window = Whole(10, "neighbours on either side, at most", low=1, high=10_000)
    x_max = Real(100.0, "counts from here on have weight 1", low=1e-12)
    alpha = Real(0.75, "exponent of the weight (x / x_max) ** alpha of smaller counts", low=0, high=10)
    lr = Real(0.05, "learning rate of AdaGrad", low=1e-12)
    epochs = Whole(25, "passes over the counts", low=1)
    model = Choice(
        "w+c",
        "the vectors are the words' and contexts' sides added (w+c), the words' (w), or one behind the other (concat)",
        choices=("w+c", "w", "concat"),
    )
    weighting = Choice(
        "harmonic", "a neighbour at distance d counts 1/d (harmonic) or 1 (flat)", choices=("harmonic", "flat")
    )
    symmetric = Switch(True, "count neighbours on both sides; False: those to the left alone")
    sample = Real(0.0, "subsampling threshold: words above this share of the text are thinned; 0 keeps all", low=0)
    min_count = Whole(5, "drop words that occur less often", low=1)
    max_vocab = Whole(None, "keep this many of the most frequent words; None keeps all", low=2, optional=True)
    memory = Size("4G", "budget of counting in bytes, with K, M, G or T; what needs more goes to temporary files")
    threads = Whole(None, "worker threads; None means one for each CPU", low=1, high=4096, optional=True)
    seed = Whole(1, "of all that is random", low=0, high=(1 << 63) - 1)

    COUNTING = ("window", "weighting", "symmetric", "sample", "min_count", "max_vocab", "memory", "threads", "seed")

    def __init__(self, **parameters):
        super().__init__(**parameters)
        self._set_state(self._no_state())

    @property
    def wv(self):
        """The vectors as KeyedVectors, (V, dim), with model="concat" (V, 2 dim); NotFittedError before fit."""
        words, contexts = (side[:, 0, : self._shape[0]] for side in self._fitted(self._sides)[:2])
        now = (self.model, len(self.history), self.position.chunk)
        if self._wv is None or self._wv[0] != now:
            made = {"w": lambda: words, "w+c": lambda: words + contexts, "concat": lambda: np.hstack((words, contexts))}
            self._wv = now, KeyedVectors(self.vocab, made[self.model]())
        return self._wv[1]

    @property
    def context_vectors(self):
        """The contexts' side (V, dim) float32."""
        return self._fitted(self._sides)[1][:, 0, : self._shape[0]]

    @property
    def bias(self):
        """The biases (V, 2) float32 of each word and of each context."""
        return np.stack([biases[:, 0] for biases in self._fitted(self._sides)[2:]], 1)

    def fit(self, corpus, y=None, *, callbacks=(), verbose=1, resume=False, checkpoint=None, every=1, vectors=None):
        """Count and train; returns self.

        Parameters
        ----------
        corpus : Corpus, or anything that Corpus takes, or a fitted Cooccurrence (then window, weighting, symmetric,
            sample, min_count, max_vocab and memory are those that it was made with).
        y : ignored; scikit-learn's pipelines pass it.
        callbacks : see fastembed.callbacks; the "words" of on_progress are numbers of the matrix. Those a second in
            ``history`` are words of the text, of which an epoch stands for one reading.
        verbose : 0 for silence; else a progress bar on a terminal, log lines of logger "fastembed" elsewhere.
        resume : go on instead of starting anew. A run that was stopped goes on where it was; a finished model trains
            `epochs` more on this corpus, whose new words enter the vocabulary.
        checkpoint : folder to save the whole state to while training; with resume, a new model starts from it.
        every : how often, in epochs or as a time ("10m").
        vectors : KeyedVectors, or the path of any file of vectors, to start from, of as many dimensions as the result.
            Words that they lack start at random. Both sides start from a word's vector (with "w+c" from half of it).

        Raises CorpusError if there is nothing to learn from, ParameterError for impossible parameters, TrainingError
        if numbers overflow. The model is then as it was before; if it was going on with a stopped run, it is as in the
        run's last checkpoint, or without one not fitted.
        """
        self.check_params()
        callbacks, checkpoint = Callbacks(callbacks), Checkpoint(checkpoint, every)
        start = open_start(vectors, resume, int(self.dim) * (2 if self.model == "concat" else 1))
        counts = corpus if isinstance(corpus, Cooccurrence) else self._count(corpus, verbose)
        mark = _fingerprint(counts)
        return self._train(
            lambda: self._begin(counts, mark, resume, start),
            lambda: self._loop(counts, callbacks, verbose, checkpoint),
            mark,
            resume,
            checkpoint,
        )

    def to_native(self):
        """The whole state as (tensors, texts): both sides with AdaGrad's sums, vocabulary, position, history."""
        self._fitted(self._sides)
        tensors, meta = native.pack_vectors(self.wv)
        tensors["vocab.counts"] = self.vocab.counts
        for name, rows, biases in zip(SIDES, self._sides[:2], self._sides[2:], strict=True):
            tensors[name], tensors[f"{name}.squares"] = (rows[:, part, : self._shape[0]] for part in (0, 1))
            tensors[f"{name}.biases"] = biases
        tensors["loss"], tensors["predictions"] = self.position.loss, self.position.predictions
        return tensors, meta | self._meta() | {"position": json.dumps(place_of(self.position))}

    @classmethod
    def from_native(cls, path, tensors, meta):
        """The model of a native file's arrays and texts; FormatError if they do not fit together."""
        model = cls()
        try:
            model._restore_meta(meta)
            position = position_of(json.loads(meta["position"]), tensors["loss"], tensors["predictions"])
            vocab = native.unpack_vocab(path, tensors)
            rows = [(tensors[name], tensors[f"{name}.squares"]) for name in SIDES]
            biases = [tensors[f"{name}.biases"] for name in SIDES]
        except FormatError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            raise FormatError(path, f"is no complete {cls.__name__}: {error}") from error
        wanted, found = (len(vocab), model.dim), [array.shape for pair in rows for array in pair]
        if set(found) != {wanted} or {array.shape for array in biases} != {(len(vocab), 2)}:
            raise FormatError(path, f"{len(vocab)} words of dimension {model.dim} do not fit {found}")
        if {array.dtype for array in (*rows[0], *rows[1], *biases)} != {np.dtype(np.float32)}:
            raise FormatError(path, "holds arrays of another type than training needs")
        sides = [_rows(*pair) for pair in rows] + [array.copy() for array in biases]
        model._set_state((vocab, sides, position, model.history, (model.dim,)))
        return model

    # -- state: (vocab, sides, position, history, (dim,)); sides: words and contexts, each (V, 2, D'): vectors and their
    # sums of squares; then their biases, each (V, 2)

    def _state(self):
        return self.vocab, self._sides, self.position, list(self.history), self._shape

    def _set_state(self, state):
        self.vocab, self._sides, self.position, self.history, self._shape = state
        self._wv = None

    def _no_state(self):
        return None, None, Position(), [], (self.dim,)

    def _matrices(self):
        return self._sides

    # -- the beginning of a run

    def _count(self, corpus, verbose):
        """The Cooccurrence of a corpus."""
        corpus = corpus if isinstance(corpus, Corpus) else Corpus(corpus, threads=self.threads)
        return Cooccurrence(**{name: getattr(self, name) for name in self.COUNTING}).fit(corpus, verbose=verbose)

    def _begin(self, counts, mark, resume, start):
        """New or grown matrices for the words that were counted."""
        if counts.directional:
            raise ParameterError("directional counts have two columns a word, and GloVe takes one: count them without")
        if len(counts.vocab) < 2 or not counts.matrix.nnz:
            raise CorpusError(f"nothing to learn: no two of the {len(counts.vocab)} words stand near each other")
        if resume and self._sides is not None:
            (vocab, sides), history = self._grown(counts.vocab), list(self.history)
        else:
            vocab, sides, history = counts.vocab, self._new_sides(len(counts.vocab), 0), []
        if start is not None:
            self._take(start, vocab, sides)
        self._set_state((vocab, sides, Position(corpus=mark), history, (self.dim,)))

    def _new_sides(self, count, stream):
        """Both sides of so many words: vectors and biases uniform in +-1/(2 dim), sums of squares 1."""
        rows, biases = [], []
        for side in range(2):
            random = np.random.default_rng((self.seed, stream, side))
            rows.append(memory.zeros((count, 2, simd.padded(self.dim))))
            rows[side][:, 1] = 1
            for first in range(0, count, 4096):
                block = rows[side][first : first + 4096, 0, : self.dim]
                block[:] = (random.random(block.shape, dtype=np.float32) - 0.5) / self.dim
            biases.append(np.ones((count, 2), np.float32))
            biases[side][:, 0] = (random.random(count, dtype=np.float32) - 0.5) / self.dim
        return rows + biases

    def _take(self, start, vocab, sides):
        """Let both sides of the words of ``start`` begin with its vectors."""
        rows, found = known(start, vocab)
        found = found * np.float32(0.5 if self.model == "w+c" else 1)
        for side in (0, 1):
            first = side * self.dim if self.model == "concat" else 0
            sides[side][rows, 0, : self.dim] = found[:, first : first + self.dim]

    def _grown(self, more):
        """Vocabulary and copies of the sides with the words of another vocabulary added, counts summed."""
        vocab, place = merged(self.vocab, more)
        old, grown = len(self.vocab), self._new_sides(len(vocab), len(self.vocab))
        for new, side in zip(grown, self._sides, strict=True):
            drawn = new[: len(vocab) - old].copy()
            new[place[:old]], new[place[old:]] = side, drawn
        return vocab, grown

    def _loop(self, counts, callbacks, verbose, checkpoint):
        """Everything that a run needs, put together."""
        entries = counts.matrix.nnz
        lr = float(self.lr)
        schedule = Schedule(lr, lr, int(self.epochs), entries, counts.vocab.total, "counts")
        return Loop(self, self._trainer(counts), schedule, callbacks, checkpoint, verbose)

    def _trainer(self, counts):
        """The compiled training loop over these counts and both sides."""
        words = len(self.vocab)
        parts = min(max(FEWEST, self._sides[0][:1].nbytes * words // PART_BYTES), MOST)
        parts = min(max(parts, words // 65000 + 2), words)  # numbers within a part have 16 bits
        blocks = _blocks(_arrays(counts, self.vocab), (parts - 1) | 1, parallel.check_threads(self.threads))
        settings = {"dim": int(self.dim), "x_max": float(self.x_max), "alpha": float(self.alpha), "seed": self.seed}
        trainer = glove.Trainer(blocks, self._sides, settings, (len(self.history), self.position.chunk))
        self.position.chunk_tokens = max(1, counts.matrix.nnz // trainer.chunks)
        return trainer


def _blocks(matrix, parts, threads):
    """(entries (n,), starts (parts * parts + 1,)): a matrix (offsets, columns, values) sorted into blocks.

    The number of parts is odd, so that a part's rows, which lie so many rows apart, do not share sets of the cache.
    """
    counts = np.zeros((parts, parts), np.int64)
    parallel.run(lambda job, _: glove.count(job, *matrix[:2], counts), Job(parts), threads)
    starts = np.concatenate([[0], np.cumsum(counts)])
    places, entries = starts[:-1].reshape(parts, parts).copy(), memory.zeros((starts[-1],), np.uint64)
    parallel.run(lambda job, _: glove.place(job, matrix, places, entries), Job(parts), threads)
    return entries, starts


def _arrays(counts, vocab):
    """The matrix of counts as (offsets int64, columns int32, values float64), rows and columns as in ``vocab``."""
    matrix = counts.matrix
    if counts.vocab.words != vocab.words:
        from scipy import sparse

        rows = np.array([vocab.index[word] for word in counts.vocab.words])
        old = matrix.tocoo()
        matrix = sparse.csr_matrix((old.data, (rows[old.row], rows[old.col])), (len(vocab), len(vocab)))
    types = (matrix.indptr, np.int64), (matrix.indices, np.int32), (matrix.data, np.float64)
    return tuple(np.ascontiguousarray(array, dtype) for array, dtype in types)


def _rows(vectors, squares):
    """A trainable side (V, 2, D') of vectors and sums of squares (V, dim)."""
    rows = memory.zeros((len(vectors), 2, simd.padded(vectors.shape[1])))
    rows[:, 1] = 1
    rows[:, 0, : vectors.shape[1]], rows[:, 1, : vectors.shape[1]] = vectors, squares
    return rows


def _fingerprint(counts):
    """A short text that differs for counts that differ, but for rare changes that keep all sizes."""
    matrix, step = counts.matrix, max(1, counts.matrix.nnz // 65536)
    arrays = counts.vocab.blob, matrix.indptr[-65536:], matrix.indices[::step], matrix.data[::step]
    return "-".join(map(str, (matrix.nnz, *(zlib.crc32(np.ascontiguousarray(array)) for array in arrays))))
