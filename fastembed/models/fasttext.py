"""FastText: skip-gram and CBOW whose words are the mean of their own row and those of their character n-grams.

Bojanowski, Grave, Joulin and Mikolov 2017, "Enriching Word Vectors with Subword Information".
"""

import numpy as np

from .. import memory
from .._core import simd, subwords
from .._core.job import Job
from ..errors import FormatError, ParameterError
from ..io import fasttext, native
from ..parallel import run
from ..subwords import NGrams, Subwords, means
from ..vectors import KeyedVectors
from .parameters import Real, Switch, Whole
from .word2vec import Word2Vec, _padded

BLOCK = 65536  # rows copied at a time


class FastText(Word2Vec):
    """Word vectors with subwords (Bojanowski et al. 2017): rare words borrow from their parts, unknown ones are made
    of them.

    A word is the mean of its own row and of those of its n-grams, which share ``bucket`` rows by their hash. A vector
    is composed once when its token enters the window, trained there as in SkipGram or CBOW, and what it has learnt
    goes to its rows once when it leaves. For Chinese, whose words are short, use minn=1 (and maxn=2 or 3).

    Going on (``fit(resume=True)``) keeps the n-grams; a vocabulary that grows needs room for a second matrix meanwhile.
    ``fit(vectors=...)`` sets the words' own rows, as fastText does: n-grams start at random.

    >>> import fastembed as fe
    >>> model = fe.FastText(dim=8, min_count=1, epochs=1, bucket=1000)
    >>> model = model.fit(["here and there", "there and back"] * 50, verbose=0)
    >>> "where" in model.wv, model.wv["where"].shape
    (False, (8,))

    With ``hash_count=2, bucket=50_000`` a table of 50,000 rows serves, which spaCy reads (`model.wv.save("m.floret")`).

    >>> model.subwords("and")
    ['and', '<an', '<and', '<and>', 'and', 'and>', 'nd>']
    """

    sg = Switch(True, "skip-gram; False is CBOW")
    minn = Whole(3, "characters of the shortest n-grams", low=0, high=1 << 20)
    maxn = Whole(6, "characters of the longest n-grams; 0 makes none", low=0, high=1 << 20)
    bucket = Whole(2_000_000, "rows that n-grams share by their hash", low=1, high=(1 << 31) - 1)
    hash_count = Whole(
        0,
        "1 to 4: floret's way, so many rows for each n-gram and word, no row of its own; 0: fastText's",
        low=0,
        high=4,
    )
    lr = Real(0.05, "learning rate at the start", low=1e-12)

    mean_gradient = False

    def __init__(self, **parameters):
        self._rows = self._context = None  # what is trained: (V + bucket, D') and (V, D') ...
        self._stored = None  # ... or, of a loaded model until it is trained: (words, n-gram rows, context), as mapped
        self._ngrams = self._places = (
            None  # as trained: NGrams, and where their rows stand among those behind the words
        )
        self._table = None  # (offsets, rows) of the vocabulary
        self._training = False
        super().__init__(**parameters)

    def _fit_text(self, *arguments, **start):
        self._training = True
        try:
            return super()._fit_text(*arguments, **start)
        finally:
            self._training, self._wv = False, None

    def check_params(self):
        super().check_params()
        self._wanted()

    def subwords(self, word):
        """What a word's vector is made of, as a list of str: the word itself if it is known, and its n-grams."""
        self._fitted(self.vocab)
        return [word] * (word in self.vocab) + self._ngrams.split(word)

    @property
    def cbow(self):
        """Whether this is CBOW."""
        return not self.sg

    @property
    def wv(self):
        """The trained vectors as KeyedVectors, composed when first asked for; NotFittedError before fit."""
        self._fitted(self.vocab)
        if self._wv is not None and not self._training:
            return self._wv
        if self._stored is None:
            rows = self._rows[:, : self._shape[0]]
            vectors, buckets = means(rows, *self._subword_rows()), rows[len(self.vocab) :]
        else:
            words, buckets, _ = self._stored
            vectors = self._ngrams.compose(self.vocab, words, Subwords(self._ngrams, buckets, self._places))
        self._wv = KeyedVectors(self.vocab, vectors, Subwords(self._ngrams, buckets, self._places))
        return self._wv

    # -- the matrices; those of a loaded model become trainable, padded and in memory, when first asked for

    @property
    def _inputs(self):
        self._unfold()
        return self._rows

    @_inputs.setter
    def _inputs(self, rows):
        self._rows, self._stored = rows, None

    @property
    def _outputs(self):
        self._unfold()
        return self._context

    @_outputs.setter
    def _outputs(self, rows):
        self._context = rows

    def _unfold(self):
        if self._stored is None:
            return
        words, buckets, context = self._stored
        size, dim = words.shape
        rows = memory.zeros((size + len(buckets), simd.padded(dim)))
        rows[:size, :dim] = words
        places = np.arange(len(buckets), dtype=np.int32)
        if self._places is None and len(buckets):
            places = self._places = self._ngrams.places(self.vocab, self._weights(self.vocab))
        for start in range(0, len(buckets), BLOCK):
            rows[size + places[start : start + BLOCK], :dim] = buckets[start : start + BLOCK]
        self._context, self._rows, self._stored = _padded(context, size), rows, None
        self._wv = self._table = None

    # -- state and files

    def _state(self):
        return (*super()._state(), self._ngrams, self._places)

    def _set_state(self, state):
        super()._set_state(state[:6])
        if len(state) > 6:
            self._ngrams, self._places = state[6:]
        self._table = None

    def _wanted(self):
        """The NGrams of the parameters; ParameterError if they do not fit together."""
        return NGrams(self.minn, self.maxn, self.bucket if self.maxn else 0, self.hash_count)

    def _open_checkpoint(self, checkpoint):
        opened = super()._open_checkpoint(checkpoint)
        if self._ngrams is not None and self.vocab is not None and self._ngrams != self._wanted():
            raise ParameterError(
                f"the model was trained with {self._ngrams}, which cannot change when training goes on"
            )
        return opened

    def to_native(self):
        """The whole state as (tensors, texts), as that of SkipGram and the rows of words and n-grams."""
        tensors, texts = super().to_native()
        words = self._rows[:, : self._shape[0]] if self._stored is None else self._stored[0]
        tensors["words"] = words[: len(self.vocab)]
        return tensors, texts

    @classmethod
    def from_native(cls, path, tensors, meta):
        """The model of a native file's arrays and texts; FormatError if they do not fit together."""
        subwords = native.unpack_subwords(path, tensors, meta)
        words, vectors = tensors.get("words"), tensors.get("vectors")
        if subwords is None or words is None or vectors is None or words.shape != vectors.shape:
            raise FormatError(path, "is no complete FastText: its n-grams or its words are missing")
        model = super().from_native(path, tensors | {"vectors": words}, meta)
        if subwords.rows.shape[1] != model.dim or vectors.dtype != np.float32:
            raise FormatError(path, "n-grams and words have vectors of different length or type")
        model._ngrams, model._places = subwords.ngrams, subwords.places
        model._stored = words, subwords.rows, tensors["context"]
        model._wv = KeyedVectors(model.vocab, vectors, subwords)
        return model

    def save(self, path):
        """Write the whole state to a native file, or, if the name ends with .bin, the model as fastText has it.

        A .bin keeps the words with their counts, the matrices of both sides and fastText's parameters, so that training
        can go on; not the history, the seed, the learning rate, how the text was read and what else fastText lacks.
        Raises ParameterError for a .bin of a model with hash_count, and for the ending of another format.
        """
        super().save(path)

    def to_fasttext(self):
        """The contents of a fastText .bin (fastembed.io.fasttext)."""
        self._fitted(self.vocab)
        if self._ngrams.hash_count:
            raise ParameterError("a fastText .bin cannot hold a model with hash_count: write .floret or .fe")
        size, dim = len(self.vocab), self._shape[0]
        words, buckets, context = self._stored or (
            self._rows[:size, :dim],
            self._rows[size:, :dim],
            self.context_vectors,
        )
        args = {name: getattr(self, name) for name in fasttext.ARGS if name in self.parameters} | self._ngrams.meta()
        args |= {"dim": dim, "loss": fasttext.HS if self._shape[1] else fasttext.NS, "sample": self.sample}
        args |= {"model": fasttext.SKIPGRAM if self.sg else fasttext.CBOW, "word_ngrams": 1, "rate": 100}
        parts = Subwords(self._ngrams, buckets, self._places)
        return fasttext.Contents(args, self.vocab, words, parts, context)

    @classmethod
    def from_fasttext(cls, path, contents):
        """The model of a .bin, its matrices mapped until it is trained; FormatError for impossible parameters."""
        args = contents.args
        names = ["dim", "window", "negative", "min_count", "epochs", "minn", "maxn", "sample"]
        given = {name: args[name] for name in names} | {"sg": args["model"] == fasttext.SKIPGRAM}
        given["bucket"] = args["bucket"] or cls.parameters["bucket"].default
        try:
            model = cls(hs=args["loss"] == fasttext.HS, **given)
        except ParameterError as error:
            raise FormatError(path, f"parameters that cannot be: {error}", offset=8) from None
        model.vocab, model._ngrams = contents.vocab, contents.parts.ngrams
        model._shape = model.dim, model.hs
        model._stored = contents.words, contents.parts.rows, contents.context
        return model

    # -- the beginning of a run

    def _begin(self, encoded, how, mark, resume, start):
        if start is not None and self.hash_count:
            raise ParameterError("vectors= sets the words' own rows, and with hash_count there are none")
        super()._begin(encoded, how, mark, resume, start)

    def _new_inputs(self, vocab):
        self._ngrams, self._places = self._wanted(), None
        if self._ngrams.bucket:
            self._places = self._ngrams.places(vocab, self._weights(vocab))
        rows = memory.zeros((len(vocab) + self._ngrams.bucket, simd.padded(self.dim)))
        job, limit = Job(256), 1 / int(self.dim)
        run(lambda job, _: subwords.fill_uniform(job, rows, int(self.dim), limit, int(self.seed)), job, self.threads)
        return rows

    def _weights(self, vocab):
        """How often each word is trained in an epoch, (V,)."""
        return vocab.counts * (vocab.keep_thresholds(self.sample) / 2.0**32)

    def _subword_rows(self):
        if self._table is None:
            self._table = self._ngrams.table(self.vocab, self._places)
        return self._table

    def _grown(self, vocab, inputs, outputs, more):
        size = len(vocab)
        vocab, words, outputs = super()._grown(vocab, inputs[:size], outputs, more)
        rows = memory.zeros((len(vocab) + len(inputs) - size, inputs.shape[1]))
        rows[: len(vocab)], rows[len(vocab) :] = words, inputs[size:]
        return vocab, rows, outputs
