"""TfidfVectorizer: counts of terms, weighted by how few documents have them (Sparck Jones 1972)."""

import numpy as np

from .._core import entries
from ..errors import FormatError, NotFittedError, ParameterError
from .counts import REALS, CountVectorizer
from .parameters import Choice, Switch, Type


class TfidfVectorizer(CountVectorizer):
    """Documents to a sparse matrix (documents, terms) of TF-IDF weights, as scikit-learn's class of this name.

    An entry is tf idf: tf is the count of the term in the document, and idf is ln(n / df) + 1 with n documents, df of
    them with the term. Rows are then divided by their norm.

    >>> import fastembed as fe
    >>> weights = fe.TfidfVectorizer(norm=None).fit_transform(["the cat", "the dog"])
    >>> weights.toarray().round(3).tolist()
    [[1.405, 0.0, 1.0], [0.0, 1.405, 1.0]]
    """

    dtype = Type(np.float64, "type of the numbers", choices=REALS)
    norm = Choice("l2", "of a row, by which it is divided: l1, l2 or None", optional=True, choices=("l1", "l2"))
    use_idf = Switch(True, "weigh terms by inverse document frequency")
    smooth_idf = Switch(True, "add 1 to n and to df, as if one more document had every term")
    sublinear_tf = Switch(False, "tf is 1 + ln count in place of the count")

    def __init__(self, **parameters):
        super().__init__(**parameters)
        self._idf = None

    @property
    def idf_(self):
        """The inverse document frequency of each term, (V,); can be assigned. NotFittedError before fit."""
        self._kept()
        if self._idf is None:
            why = "has not been fitted; call fit(documents) first" if self.use_idf else "has use_idf=False"
            raise NotFittedError(f"this TfidfVectorizer {why}: there is no idf")
        return self._idf.astype(self.dtype)

    @idf_.setter
    def idf_(self, values):
        values = np.array(values, np.float64)
        if values.shape != (len(self._kept()),) or np.isnan(values).any():
            raise ParameterError(f"idf_: give {len(self._columns)} numbers, one a term")
        self._idf = values

    def transform(self, documents):
        """The sparse matrix (documents, terms) of weights; terms out of the vocabulary are passed over."""
        self._kept()
        if self.use_idf and self._idf is None:
            raise NotFittedError("this TfidfVectorizer has learnt no idf; call fit(documents) first")
        return super().transform(documents)

    def to_native(self):
        """The whole state as (tensors, texts), as CountVectorizer's, with the idf."""
        tensors, meta = super().to_native()
        return (tensors if self._idf is None else tensors | {"idf": self._idf}), meta

    @classmethod
    def from_native(cls, path, tensors, meta):
        """The vectorizer of a native file's arrays and texts; FormatError if they do not fit together."""
        model = super().from_native(path, tensors, meta)
        idf = tensors.get("idf")
        if idf is not None:
            size = -1 if model._columns is None else len(model._columns)
            if idf.shape != (size,) or idf.dtype != np.float64 or np.isnan(idf).any():
                raise FormatError(path, f"idf of shape {idf.shape} for {max(0, size)} columns", offset=8)
            model._idf = idf.copy()
        return model

    def _set(self, terms, columns):
        super()._set(terms, columns)
        self._idf = None
        if columns is not None and self.use_idf and columns.rows:
            smooth = int(self.smooth_idf)
            with np.errstate(divide="ignore"):  # df may be 0 where the vocabulary was given
                self._idf = np.log((columns.rows + smooth) / (columns.documents + smooth)) + 1.0

    def _values(self, columns, counts, ends, out):
        how = bool(self.binary), bool(self.sublinear_tf), self.norm
        entries.weigh(columns, counts, ends, self._idf if self.use_idf else None, how, out)
