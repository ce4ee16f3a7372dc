"""Matrix: a sparse matrix ready for products with blocks of dense columns."""

import numpy as np

from .. import memory, parallel
from .._core import spmm
from .._core.job import Job
from ..errors import ParameterError

LINE = 64  # bytes of a block's row: one cache line
_CHUNK = 16384  # stored numbers in a chunk of rows, at least
_CHUNKS = 256  # at most


class Matrix:
    """A sparse matrix (n, m) and its products; each row of a product is made by one thread, in one order.

    Parameters
    ----------
    offsets, columns, values : rows one after another, as scipy's indptr, indices, data; float32 or float64.
    shape : (n, m)
    threads : for products; None means one for each CPU.
    """

    def __init__(self, offsets, columns, values, shape, threads=None):
        self.offsets, self.columns, self.values, self.shape = offsets, columns, values, shape
        self.threads = parallel.check_threads(threads)
        self.dtype, self.width = values.dtype, LINE // values.dtype.itemsize
        chunks = int(min(_CHUNKS, max(1, len(values) // _CHUNK)))
        inner = np.searchsorted(offsets, np.linspace(0, len(values), chunks + 1)[1:-1])
        self.bounds = np.unique(np.concatenate([[0], inner, [shape[0]]])).astype(np.int64)

    @classmethod
    def of(cls, matrix, threads=None, dtype=None):
        """The Matrix of anything that scipy.sparse.csr_matrix takes; ParameterError for what cannot be decomposed.

        dtype : of the values; None keeps float32 and makes all else float64.
        """
        from scipy import sparse

        try:
            rows = sparse.csr_matrix(matrix)
        except (TypeError, ValueError) as error:
            raise ParameterError(f"a matrix of numbers is needed, not {type(matrix).__name__}") from error
        if rows.dtype.kind not in "fiub":
            raise ParameterError(f"a matrix of real numbers is needed, not of {rows.dtype}")
        dtype = dtype or (np.float32 if rows.dtype == np.float32 else np.float64)
        _check(rows)
        columns, values = rows.indices.astype(np.int32, copy=False), rows.data.astype(dtype, copy=False)
        return cls(rows.indptr.astype(np.int64, copy=False), columns, values, rows.shape, threads)

    @property
    def norm2(self):
        """Sum of the squares of all numbers."""
        parts = (self.values[k : k + (1 << 20)].astype(np.float64) for k in range(0, len(self.values), 1 << 20))
        return float(sum(part @ part for part in parts))

    def column_sums(self):
        """Sums (m,) of the columns, float64, added up from the first row to the last."""
        return self._scipy().T @ np.ones(self.shape[0])

    def row_sums(self):
        """Sums (n,) of the rows, float64, added up from the first column to the last."""
        return self._scipy() @ np.ones(self.shape[1])

    def as_type(self, dtype):
        """The same matrix with values of another type."""
        return Matrix(self.offsets, self.columns, self.values.astype(dtype, copy=False), self.shape, self.threads)

    def transposed(self):
        """The transpose, with rows of its own."""
        turned = self._scipy().T.tocsr()
        columns = turned.indices.astype(np.int32, copy=False)
        offsets = turned.indptr.astype(np.int64, copy=False)
        return Matrix(offsets, columns, turned.data, turned.shape, self.threads)

    def _scipy(self):
        from scipy import sparse

        return sparse.csr_matrix((self.values, self.columns, self.offsets), self.shape, copy=False)

    def product(self, dense):
        """self @ dense (m, k) -> (n, k), a few columns at a time."""
        (rows, inner), count = self.shape, dense.shape[1]
        result = np.empty((rows, count), self.dtype)
        block, out = memory.zeros((inner, self.width), self.dtype), memory.zeros((rows, self.width), self.dtype)
        for first in range(0, count, self.width):
            columns = slice(first, min(first + self.width, count))
            block[:, : columns.stop - first] = dense[:, columns]
            self.times(block, out)
            result[:, columns] = out[:, : columns.stop - first]
        return result

    def times(self, block, out):
        """out (n, width) = self @ block (m, width)."""
        job = Job(len(self.bounds) - 1)

        def work(job, number):
            spmm.multiply(job, self.bounds, (self.offsets, self.columns), self.values, block, out)

        parallel.run(work, job, min(self.threads, job.chunks))


def _check(rows):
    """ParameterError unless a scipy CSR matrix is sound, finite and not empty."""
    name = f"the matrix ({rows.shape[0]} x {rows.shape[1]})"
    if max(rows.shape) > np.iinfo(np.int32).max:
        raise ParameterError(f"{name} has more than {np.iinfo(np.int32).max} rows or columns")
    try:
        rows.check_format(full_check=True)
    except ValueError as error:
        raise ParameterError(f"{name} is damaged: {error}") from error
    if not rows.nnz or not rows.data.any():
        raise ParameterError(f"{name} is empty: it holds no number but zero")
    if not np.isfinite(rows.data).all():
        raise ParameterError(f"{name} holds NaN or infinity")
