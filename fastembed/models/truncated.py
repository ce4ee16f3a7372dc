"""TruncatedSVD: the best approximation of a matrix by k dimensions; on TF-IDF, latent semantic analysis."""

import time

import numpy as np

from .. import _version
from ..errors import FormatError, ParameterError
from .base import Estimator
from .krylov import triplets
from .matrix import Matrix
from .parameters import Real, Whole


class TruncatedSVD(Estimator):
    """Vectors of rows (documents) from a sparse matrix: X ≈ U diag(s) Vᵀ with the largest singular values s.

    On the TF-IDF matrix of documents this is latent semantic analysis (Deerwester, Dumais, Furnas, Landauer and
    Harshman 1990, "Indexing by Latent Semantic Analysis"). Names and results are those of scikit-learn's TruncatedSVD,
    the signs too; the method is block Lanczos (Musco and Musco 2015), which needs fewer products with the matrix than
    randomized subspace iteration. Results are the same for any number of threads.

    Attributes
    ----------
    components_ : (k, m), the rows of Vᵀ; float32 for float32 input, else float64.
    singular_values_ : (k,), descending.
    explained_variance_, explained_variance_ratio_ : (k,), of the transformed rows, and as shares of that of X.
    n_features_in_ : m

    Documents without a word in common are near each other if their words occur together elsewhere:

    >>> import fastembed as fe
    >>> documents = ["the ship sails", "a boat sails", "a boat at sea", "the cat purrs", "a kitten purrs"]
    >>> tfidf, svd = fe.TfidfVectorizer(stop_words="english"), fe.TruncatedSVD(n_components=2)
    >>> vectors = svd.fit_transform(tfidf.fit_transform(documents))
    >>> (vectors[0] @ vectors[1:].T).round(2).tolist()
    [0.58, 0.41, 0.0, 0.0]
    >>> svd.transform(tfidf.transform(["the sea"])).shape
    (1, 2)
    """

    n_components = Whole(100, "dimensions k of the result", low=1, high=1 << 20)
    tol = Real(1e-3, "relative error of the first half of the singular values, at most", low=1e-12)
    threads = Whole(None, "worker threads; None means one for each CPU", low=1, high=4096, optional=True)
    seed = Whole(1, "of all that is random", low=0, high=(1 << 63) - 1)

    _ARRAYS = ("components_", "singular_values_", "explained_variance_", "explained_variance_ratio_")

    def __init__(self, **parameters):
        super().__init__(**parameters)
        self._set_state((None,) * len(self._ARRAYS))

    def fit(self, X, y=None):
        """Find the components of X; returns self.

        Parameters
        ----------
        X : (n, m) scipy sparse matrix or array of finite numbers.
        y : ignored; scikit-learn's pipelines pass it.

        Raises ParameterError for an empty matrix, NaN or infinity, and if n_components is larger than the rank.
        """
        self.fit_transform(X)
        return self

    def fit_transform(self, X, y=None):
        """Find the components of X and return its rows as vectors (n, k): U diag(s)."""
        self.check_params()
        start, k, matrix = time.perf_counter(), int(self.n_components), Matrix.of(X, self.threads)
        figures = {}

        def watch(size, values, share):
            figures.update(basis=size, residual=share)

        found = triplets(matrix, k, tol=self.tol, seed=int(self.seed), watch=watch, name="n_components")
        rows = found.left * found.values
        variance = rows.var(0, dtype=np.float64)
        whole = matrix.norm2 / matrix.shape[0] - float(np.square(matrix.column_sums() / matrix.shape[0]).sum())
        ratio = variance / whole if whole > 0 else np.zeros(k)
        kind = rows.dtype
        self._set_state((found.right.T.copy(), found.values, variance.astype(kind), ratio.astype(kind)))
        self.history = [figures | {"seconds": time.perf_counter() - start}]
        return rows

    def transform(self, X):
        """Rows of X (n, m) as vectors (n, k)."""
        components = self._fitted(self.components_)
        matrix = Matrix.of(X, self.threads, components.dtype)
        if matrix.shape[1] != self.n_features_in_:
            raise ParameterError(
                f"X has {matrix.shape[1]} columns, this TruncatedSVD was fitted to {self.n_features_in_}"
            )
        return matrix.product(components.T)

    def inverse_transform(self, X):
        """Vectors (n, k) back as rows (n, m), dense."""
        return np.asarray(X) @ self._fitted(self.components_)

    @property
    def n_features_in_(self):
        """Columns of the matrix that it was fitted to."""
        return self._fitted(self.components_).shape[1]

    def get_feature_names_out(self, input_features=None):
        """Names of the k dimensions, as scikit-learn asks for them."""
        count = len(self._fitted(self.components_))
        return np.array([f"truncatedsvd{number}" for number in range(count)], object)

    def to_native(self):
        """The whole state as (tensors, texts)."""
        self._fitted(self.components_)
        meta = {"fastembed": "1", "version": _version.__version__} | self._meta()
        return {name: getattr(self, name) for name in self._ARRAYS}, meta

    @classmethod
    def from_native(cls, path, tensors, meta):
        """The model of a native file's arrays and texts; FormatError if they do not fit together."""
        model = cls()
        try:
            model._restore_meta(meta)
            arrays = tuple(tensors[name] for name in cls._ARRAYS)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            raise FormatError(path, f"is no complete TruncatedSVD: {error}") from error
        shapes, kinds = [array.shape for array in arrays], {array.dtype for array in arrays}
        if len(kinds) != 1 or not kinds <= {np.dtype(np.float32), np.dtype(np.float64)}:
            raise FormatError(path, "holds arrays of other types than a TruncatedSVD has")
        if len(shapes[0]) != 2 or 0 in shapes[0] or any(shape != shapes[0][:1] for shape in shapes[1:]):
            raise FormatError(path, f"holds arrays of shapes that do not fit together: {shapes}")
        model._set_state(arrays)
        return model

    def _set_state(self, arrays):
        for name, array in zip(self._ARRAYS, arrays, strict=True):
            setattr(self, name, array)
