"""The file of co-occurrences that GloVe's own programs exchange: records of row, column (from 1) and count."""

import numpy as np

from ..errors import ParameterError
from .atomic import atomic_write

RECORD = np.dtype([("row", "<i4"), ("column", "<i4"), ("count", "<f8")])
_STEP = 1 << 18  # records written at a time


def write(matrix, path):
    """Write a scipy.sparse.csr_matrix (V, V), in the order of its entries; ParameterError if it is not square."""
    if matrix.shape[0] != matrix.shape[1]:
        raise ParameterError(
            f"a matrix of {matrix.shape[0]} x {matrix.shape[1]} does not fit GloVe's file: one is V x V"
        )
    with atomic_write(path) as file:
        for first in range(0, matrix.nnz, _STEP):
            last = min(first + _STEP, matrix.nnz)
            records = np.empty(last - first, RECORD)
            records["row"] = np.searchsorted(matrix.indptr, np.arange(first, last), "right")
            records["column"] = matrix.indices[first:last] + 1
            records["count"] = matrix.data[first:last]
            file.write(records.tobytes())
