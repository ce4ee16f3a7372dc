"""OneHotEncoder: each token of a sequence as the unit vector of its word."""

import numpy as np

from .. import _version
from ..corpus import Corpus
from ..errors import CorpusError, FormatError, ParameterError, WordNotFoundError
from .base import Estimator
from .counts import INTEGERS, REALS
from .parameters import Choice, Type, Words
from .terms import Columns, Terms


class OneHotEncoder(Estimator):
    """A sequence of T tokens to a sparse matrix (T, V) with a single 1 in each row, the column of the token's word.

    >>> import fastembed as fe
    >>> encoder = fe.OneHotEncoder().fit("the cat and the dog".split())
    >>> encoder.transform(["the", "dog"]).toarray().tolist()
    [[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0]]
    """

    categories = Words(
        "auto", "the words in the order of the columns; auto learns them and sorts them", names=("auto",)
    )
    handle_unknown = Choice(
        "error", "what becomes of a token out of the vocabulary: an error, or a row of zeros (ignore)",
        choices=("error", "ignore"),
    )  # fmt: skip
    dtype = Type(np.float64, "type of the numbers", choices=INTEGERS + REALS)

    def __init__(self, **parameters):
        super().__init__(**parameters)
        self._columns = None

    def fit(self, tokens, y=None):
        """Learn the words of a sequence; returns self.

        Parameters
        ----------
        tokens : iterable of str, each a token, or of lists of tokens, taken one after another; or a Corpus.
        y : ignored; scikit-learn's pipelines pass it.

        Raises CorpusError where there is no token or something that is none, ParameterError for impossible parameters.
        """
        self.check_params()
        self._learn(tokens, frozenset())
        return self

    def partial_fit(self, tokens, y=None):
        """Learn the words of more of the sequence; returns self. New words move the columns, which stay sorted."""
        self.check_params()
        self._learn(tokens, frozenset() if self._columns is None else self._columns.words)
        return self

    def _learn(self, tokens, known):
        """The columns for the words of a sequence and those that are known already."""
        if isinstance(self.categories, str):
            words = sorted({*_words(tokens), *known})
            if not words:
                raise CorpusError("there are no tokens to learn words from")
            self._columns = _columns(words)
            return
        words = [str(word) for word in self.categories]
        if not words or len(set(words)) < len(words):
            raise ParameterError("categories: give at least one word, and each once")
        columns = _columns(words)
        self._encoded(tokens, columns)  # an error for unknown words, unless they are ignored
        self._columns = columns

    def fit_transform(self, tokens, y=None):
        """The matrix of the sequence whose words are learnt; as ``fit`` and ``transform``."""
        tokens = tokens if isinstance(tokens, Corpus) else list(_flat(tokens))
        return self.fit(tokens).transform(tokens)

    def transform(self, tokens):
        """The sparse matrix (T, V) of a sequence of T tokens.

        Raises WordNotFoundError for a token out of the vocabulary, unless handle_unknown is "ignore".
        """
        from scipy.sparse import csr_matrix

        self.check_params()
        columns = self._fitted(self._columns)
        ids = self._encoded(tokens, columns)
        known = ids >= 0
        indices, indptr = ids[known], np.concatenate([[0], np.cumsum(known)])
        indptr = indptr.astype(np.int32 if len(indices) <= np.iinfo(np.int32).max else np.int64)
        data = np.ones(len(indices), self.dtype)
        return csr_matrix((data, indices.astype(indptr.dtype), indptr), shape=(len(ids), len(columns)))

    def inverse_transform(self, X):
        """The tokens of the rows of a matrix, an array of objects: str, or None for a row of zeros."""
        from scipy.sparse import csr_matrix

        rows, columns = csr_matrix(X, copy=True), self._fitted(self._columns)
        if rows.shape[1] != len(columns):
            raise ParameterError(f"a matrix with {rows.shape[1]} columns does not belong to {len(columns)} words")
        rows.eliminate_zeros()
        filled, words = np.diff(rows.indptr) > 0, np.array(columns.words, object)
        tokens = np.full(rows.shape[0], None, object)
        tokens[filled] = words[rows.indices[rows.indptr[:-1][filled]]]
        return tokens

    def get_feature_names_out(self, input_features=None):
        """The words in the order of the columns, an array of str objects."""
        return np.array(self._fitted(self._columns).words, object)

    @property
    def vocabulary_(self):
        """dict from word to column; NotFittedError before fit."""
        return self._fitted(self._columns).vocabulary

    @property
    def categories_(self):
        """As scikit-learn has it: a list with the array of the words."""
        return [self.get_feature_names_out()]

    def to_native(self):
        """The whole state as (tensors, texts): the words, the parameters."""
        columns = self._fitted(self._columns)
        meta = {"fastembed": "1", "version": _version.__version__} | self._meta()
        return Terms(columns.words).tensors(), meta

    @classmethod
    def from_native(cls, path, tensors, meta):
        """The encoder of a native file's arrays and texts; FormatError if they do not fit together."""
        model = cls()
        try:
            model._restore_meta(meta)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            raise FormatError(path, f"is no complete {cls.__name__}: {error}") from error
        terms = Terms.from_tensors(path, tensors, True)
        if not len(terms.words):
            raise FormatError(path, "an encoder without words", offset=8)
        model._columns = Columns(terms, terms.columns())
        return model

    def _encoded(self, tokens, columns):
        """The column of each token, -1 for those without one: (T,) int32."""
        if isinstance(tokens, Corpus):
            encoded = tokens.encode()
            words, ids = encoded.vocab.words, encoded.ids
            table = np.array([columns.vocabulary.get(word, -1) for word in words], np.int32)
            found = table[ids]
        else:
            known = columns.vocabulary
            words = list(_flat(tokens))
            found = np.fromiter((known.get(word, -1) for word in words), np.int32, len(words))
            ids = range(len(words))
        if self.handle_unknown == "error" and len(found) and found.min() < 0:
            place = int(np.argmin(found >= 0))
            raise WordNotFoundError(
                f"token {place} (from 0), {words[ids[place]]!r}, is not among the {len(columns)} words; "
                "handle_unknown='ignore' makes it a row of zeros"
            )
        return found


def _words(tokens):
    """The different words of a sequence."""
    return tokens.encode().vocab.words if isinstance(tokens, Corpus) else set(_flat(tokens))


def _columns(words):
    terms = Terms(words)
    return Columns(terms, terms.columns())


def _flat(tokens):
    """Each token of an iterable of tokens or of lists of tokens; CorpusError for anything else."""
    if isinstance(tokens, (str, bytes)) or not hasattr(tokens, "__iter__"):
        raise CorpusError(f"the tokens are one {type(tokens).__name__}: give a list of str, for instance text.split()")
    for place, item in enumerate(tokens):
        if isinstance(item, str):
            yield item
            continue
        if not isinstance(item, (list, tuple)) or not all(isinstance(token, str) for token in item):
            shown = repr(item)[:50]
            raise CorpusError(f"item {place} (from 0) is {type(item).__name__}, {shown}: tokens are str")
        yield from item
