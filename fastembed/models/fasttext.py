"""FastText: skip-gram and CBOW whose words are the mean of their own row and those of their character n-grams.

Bojanowski, Grave, Joulin and Mikolov 2017, "Enriching Word Vectors with Subword Information".
"""

from .. import memory
from .._core import simd, subwords
from .._core.job import Job
from ..parallel import run
from ..subwords import NGrams, Subwords, means
from ..vectors import KeyedVectors
from .parameters import Real, Switch, Whole
from .word2vec import Word2Vec


class FastText(Word2Vec):
    """Word vectors with subwords (Bojanowski et al. 2017): rare words borrow from their parts, unknown ones are made
    of them.

    A word is the mean of its own row and of those of its n-grams, which share ``bucket`` rows by their hash. A vector
    is composed once when its token enters the window, trained there as in SkipGram or CBOW, and what it has learnt
    goes to its rows once when it leaves. For Chinese, whose words are short, use minn=1 (and maxn=2 or 3).

    >>> import fastembed as fe
    >>> model = fe.FastText(dim=8, min_count=1, epochs=1, bucket=1000).fit(["here and there"] * 20, verbose=0)
    >>> "where" in model.wv, model.wv["where"].shape
    (False, (8,))
    >>> model.subwords("and")
    ['and', '<an', '<and', '<and>', 'and', 'and>', 'nd>']
    """

    sg = Switch(True, "skip-gram; False is CBOW")
    minn = Whole(3, "characters of the shortest n-grams", low=0, high=1 << 20)
    maxn = Whole(6, "characters of the longest n-grams; 0 makes none", low=0, high=1 << 20)
    bucket = Whole(2_000_000, "rows that n-grams share by their hash", low=1, high=(1 << 31) - 1)
    sample = Real(1e-4, "subsampling threshold: words above this share of the text are thinned; 0 keeps all", low=0)
    lr = Real(0.05, "learning rate at the start", low=1e-12)

    mean_gradient = False

    def __init__(self, **parameters):
        super().__init__(**parameters)
        self._ngrams = None  # as trained
        self._table = None  # (offsets, rows) of the vocabulary

    @property
    def cbow(self):
        """Whether this is CBOW."""
        return not self.sg

    @property
    def wv(self):
        """The trained vectors as KeyedVectors, composed when asked for; NotFittedError before fit."""
        self._fitted(self._inputs)
        if self._wv is None:
            rows = self._inputs[:, : self._shape[0]]
            vectors = means(rows, *self._subword_rows())
            self._wv = KeyedVectors(self.vocab, vectors, Subwords(self._ngrams, rows[len(self.vocab) :]))
        return self._wv

    def _new_inputs(self, vocab):
        self._ngrams = NGrams(self.minn, self.maxn, self.bucket if self.maxn else 0)
        rows = memory.zeros((len(vocab) + self._ngrams.bucket, simd.padded(self.dim)))
        job = Job(256)
        run(lambda job, _: subwords.fill_uniform(job, rows, self.dim, 1 / self.dim, self.seed), job, self.threads)
        return rows

    def _subword_rows(self):
        if self._table is None:
            self._table = self._ngrams.table(self.vocab)
        return self._table
