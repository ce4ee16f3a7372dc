"""CountVectorizer: documents as counts of their terms (Salton, Wong and Yang 1975).

Names, parameters and results are scikit-learn's. Terms are counted in C by several threads; documents may come from a
Corpus or any iterable, a part at a time.
"""

import numpy as np

from .. import _version
from .._core import entries
from ..errors import FormatError, ParameterError
from .analysis import Analysis
from .base import Estimator
from .counting import count
from .parameters import Choice, Function, Pattern, Portion, Range, Switch, Type, Whole, Words
from .terms import Columns, Terms

INTEGERS = tuple(f"{sign}int{bits}" for bits in (8, 16, 32, 64) for sign in ("", "u"))
REALS = ("float32", "float64")
_DIRECT = ("int32", "int64", *REALS)  # types that the loops in C write


class CountVectorizer(Estimator):
    """Documents to a sparse matrix (documents, terms) of counts, as scikit-learn's class of this name.

    A document is a str, or a line of a Corpus (its words with a space between two; empty lines are no documents).

    >>> import fastembed as fe
    >>> vectorizer = fe.CountVectorizer()
    >>> vectorizer.fit_transform(["the cat sat", "the cat and the dog"]).toarray().tolist()
    [[0, 1, 0, 1, 1], [1, 1, 1, 0, 2]]
    >>> vectorizer.get_feature_names_out().tolist()
    ['and', 'cat', 'dog', 'sat', 'the']
    """

    strip_accents = Choice(
        None, "remove accents: ascii, unicode, or a function from str to str; None keeps them",
        optional=True, choices=("ascii", "unicode"), function=True,
    )  # fmt: skip
    lowercase = Switch(True, "fold to lower case first")
    preprocessor = Function(None, "function from str to str in place of lower case and accents", optional=True)
    tokenizer = Function(None, "function from str to a list of str in place of token_pattern", optional=True)
    stop_words = Words(
        None, "words to leave out; english is the list that comes with scikit-learn; None keeps all",
        optional=True, names=("english",),
    )  # fmt: skip
    token_pattern = Pattern(
        r"(?u)\b\w\w+\b", "regular expression of a word; its group, if it has one, is the word", optional=True
    )
    ngram_range = Range((1, 1), "shortest and longest n-grams")
    analyzer = Choice(
        "word", "what n-grams are made of: words, characters, or characters within words (char_wb); or a function from "
        "a document to its list of terms",
        choices=("word", "char", "char_wb"), function=True,
    )  # fmt: skip
    max_df = Portion(1.0, "leave out terms that are in more documents, as a number or a share")
    min_df = Portion(1, "leave out terms that are in fewer documents, as a number or a share")
    max_features = Whole(None, "keep so many of the terms that occur most often; None keeps all", low=1, optional=True)
    vocabulary = Words(None, "the terms, or a dict from term to column; None learns them", optional=True, mapping=True)
    binary = Switch(False, "1 for every count above 0")
    dtype = Type(np.int64, "type of the numbers", choices=INTEGERS + REALS)
    threads = Whole(None, "worker threads; None means one for each CPU", low=1, high=4096, optional=True)

    def __init__(self, **parameters):
        super().__init__(**parameters)
        self._terms = self._columns = None

    def fit(self, documents, y=None):
        """Learn the vocabulary of documents; returns self.

        Parameters
        ----------
        documents : Corpus, or iterable of str (a generator is read once, a part at a time).
        y : ignored; scikit-learn's pipelines pass it.

        Raises CorpusError for what are no documents and where no term remains, ParameterError for impossible
        parameters. The vectorizer is then as it was before.
        """
        self._learn(documents, keep=False)
        return self

    def fit_transform(self, documents, y=None):
        """Learn the vocabulary and return the matrix, reading the documents once; as ``fit`` and ``transform``."""
        counted, tables = self._learn(documents, keep=True)
        return self._matrix(counted, tables)

    def partial_fit(self, documents, y=None):
        """Learn from more documents; returns self.

        Afterwards the vectorizer is as if it had been fitted to these and all earlier documents at once. The limits of
        min_df, max_df and max_features apply to all of them; so columns may move from call to call.
        """
        self.check_params()
        terms = Terms(self._given()) if self._terms is None else self._terms
        counted = self._count(documents, terms, keep=False)
        terms.add(counted.counters, counted.rows)
        self._set(terms, None)
        return self

    def transform(self, documents):
        """The sparse matrix (documents, terms) of more documents; terms out of the vocabulary are passed over."""
        self.check_params()
        return self._matrix(count(documents, Analysis(self), self._kept().lexicon, self.threads))

    def inverse_transform(self, X):
        """For each row of a matrix the terms with an entry that is not zero, a list of arrays of str."""
        from scipy.sparse import csr_matrix

        rows, words = csr_matrix(X), np.array(self._kept().words, str)
        if rows.shape[1] != len(words):
            raise ParameterError(f"a matrix with {rows.shape[1]} columns does not belong to {len(words)} terms")
        return [words[rows[row].nonzero()[1]] for row in range(rows.shape[0])]

    def get_feature_names_out(self, input_features=None):
        """The terms in the order of the columns, an array of str objects."""
        return np.array(self._kept().words, object)

    @property
    def vocabulary_(self):
        """dict from term to column; NotFittedError before fit."""
        return self._kept().vocabulary

    def to_native(self):
        """The whole state as (tensors, texts): every term met with its counts, which are the columns, parameters."""
        tensors = self._fitted(self._terms).tensors()
        if self._columns is not None:
            tensors["columns"] = self._columns.ids
        return tensors, {"fastembed": "1", "version": _version.__version__} | self._meta()

    @classmethod
    def from_native(cls, path, tensors, meta):
        """The vectorizer of a native file's arrays and texts; FormatError if they do not fit together."""
        model = cls()
        try:
            model._restore_meta(meta)
            given = model._given()
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            raise FormatError(path, f"is no complete {cls.__name__}: {error}") from error
        model._terms = terms = Terms.from_tensors(path, tensors, given is not None)
        ids = tensors.get("columns")
        if ids is not None:
            fits = ids.ndim == 1 and ids.dtype == np.int32 and len(np.unique(ids)) == len(ids)
            if not fits or not len(ids) or ids.min() < 0 or ids.max() >= len(terms.words):
                raise FormatError(path, "the columns do not fit the terms", offset=8)
            model._set(terms, Columns(terms, ids))
        return model

    # -- learning

    def _learn(self, documents, keep):
        """Fit anew: (Counted, for each of its counters the column of every id)."""
        self.check_params()
        terms = Terms(self._given())
        counted = self._count(documents, terms, keep)
        tables = terms.add(counted.counters, counted.rows)
        columns = self._columns_of(terms)
        self._set(terms, columns)
        if terms.fixed:
            return counted, None
        table = columns.table(terms)
        return counted, [table[ids] for ids in tables]

    def _count(self, documents, terms, keep):
        return count(documents, Analysis(self), terms.words if terms.fixed else terms.new_words, self.threads, keep)

    def _columns_of(self, terms):
        often = terms.documents if self.binary else terms.words.counts()
        kind = np.dtype(self.dtype)  # of the sums that scikit-learn sorts; ties depend on it
        often = often.astype(kind if kind.kind == "f" else np.uint64 if kind.kind == "u" else np.int64)
        return Columns(terms, terms.columns(self.min_df, self.max_df, self.max_features, often))

    def _kept(self):
        """The Columns; NotFittedError if there are none."""
        if self._terms is None and self.vocabulary is not None:
            self._terms = Terms(self._given())
        if self._columns is None:
            self._set(self._fitted(self._terms), self._columns_of(self._terms))
        return self._columns

    def _set(self, terms, columns):
        self._terms, self._columns = terms, columns

    def _given(self):
        """The parameter ``vocabulary`` as the list of the columns' terms, or None; ParameterError if it makes none."""
        given = self.vocabulary
        if given is None:
            return None
        if hasattr(given, "items"):
            words = sorted(given, key=given.get)
            if sorted(given.values()) != list(range(len(words))):
                raise ParameterError(f"vocabulary: its {len(words)} columns must be the numbers from 0, each once")
        else:
            words = sorted(given) if isinstance(given, (set, frozenset)) else [str(word) for word in given]
        if not words:
            raise ParameterError("vocabulary: an empty vocabulary makes no columns")
        if len(set(words)) < len(words):
            twice = next(word for place, word in enumerate(words) if word in set(words[:place]))
            raise ParameterError(f"vocabulary: the term {twice!r} comes twice")
        return words

    # -- the matrix

    def _matrix(self, counted, tables=None):
        return counted.matrix(len(self._columns), self.dtype, self._values, tables)

    def _values(self, columns, counts, ends, out):
        """The numbers of a block's entries."""
        if out.dtype.name in _DIRECT:
            entries.cast(counts, bool(self.binary), out)
        else:
            out[:] = 1 if self.binary else counts
