"""Repeats: the rows that the contexts of a batch share, and a tanh layer over them.

In a batch of 512 contexts of 4 words half of the (word, column) pairs stand there more than once. A product with a row
is computed once for all its examples, and so is the gradient: with their sum.

Letters: B examples, n columns, U distinct rows of D numbers, O outputs.
"""

from functools import cached_property
from itertools import pairwise

import numpy as np

from .. import parallel
from .._core import batch, repeats
from .layers import Scratch, Tanh, sum_rows, take_rows

_PIECE = 320  # rows that a thread multiplies at once, at most


class Repeats:
    """The rows of a matrix that a batch of ids takes, once for each column that they stand in.

    Attributes
    ----------
    ids : (U,) int32 of the rows, column after column; rows : (U, D)
    starts : (n + 1,) int64, where each column's begin.
    bounds, members : row u is that of the examples members[bounds[u]:bounds[u + 1]].
    places : (n, B) int32, each example's rows.

    ids is (B, n) int32, matrix (words, D); IndexError for an id that is no row of it. Threads copy the rows.

    >>> found = Repeats(np.int32([[1, 1], [2, 1], [1, 0]]), np.eye(3, dtype=np.float32))
    >>> found.ids.tolist(), found.starts.tolist(), found.places.tolist()
    ([1, 2, 0, 1], [0, 2, 4], [[0, 1, 0], [3, 3, 2]])
    """

    def __init__(self, ids, matrix, threads=1):
        self.ids, self.starts, self.bounds, self.members, self.places = batch.repeats(ids, len(matrix))
        self.rows = np.empty((len(self.ids), matrix.shape[1]), matrix.dtype)
        take_rows(matrix, self.ids, self.rows, threads)

    @property
    def arrays(self):
        """As fastembed._core.softmax takes them."""
        return self.rows, self.starts, self.bounds, self.members, self.places

    @property
    def most(self):
        """Rows of the column that has most."""
        return int(np.diff(self.starts).max())

    @cached_property
    def pieces(self):
        """(P, 3) int64: column, first row, last + 1 of what a thread multiplies at once."""
        cuts = []
        for column, (first, end) in enumerate(pairwise(self.starts.tolist())):
            pieces = -(-(end - first) // _PIECE)
            places = [first + (end - first) * piece // pieces for piece in range(pieces + 1)]
            cuts += [(column, *piece) for piece in pairwise(places)]
        return np.array(cuts, np.int64)


class SharedTanh(Tanh):
    """A Tanh whose inputs are the rows of Repeats side by side."""

    def __init__(self, params, names, threads=1):
        super().__init__(params, names, threads)
        self.scratch = Scratch(params.flat.dtype)

    def forward(self, shared, out):
        """out (B, O)"""
        self.inputs, self.outputs = shared, out
        weights, bias = (self.params[name] for name in self.names)
        products = self.scratch("products", len(shared.rows), out.shape[1])
        self._products(shared.rows, weights, False, False, products)
        self._share(len(out), lambda job, _: repeats.tanh_of_sums(job, shared.places, products, bias, out))

    def backward(self, gradient, rows_gradient, *, add=False):
        """The gradients.

        gradient (B, O) of the output, which it overwrites; rows_gradient (U, D) is set, or added to.
        """
        shared, weights = self.inputs, self.params[self.names[0]]
        self._share(len(gradient), lambda job, _: repeats.back_tanh(job, self.outputs, gradient))
        sums = self.scratch("products", len(shared.rows), gradient.shape[1])
        sum_rows(shared.bounds, shared.members, gradient, sums, self.threads)
        self._products(sums, weights, True, add, rows_gradient)
        weights_gradient, bias_gradient = (self.gradients[name] for name in self.names)
        arrays = (shared.starts, shared.rows, sums, weights_gradient)
        parallel.share(lambda job, _: repeats.back_weights(job, *arrays), len(shared.places), self.threads)
        bias_gradient[:] = gradient.sum(axis=0)
        return [(name, None, array) for name, array in self.gradients.items()]

    def _products(self, *arrays):
        pieces = self.inputs.pieces
        parallel.share(lambda job, _: repeats.products(job, pieces, *arrays), len(pieces), self.threads)
