"""Layers: an embedding, a tanh layer, dropout. Each has ``forward``, then ``backward``, which gives gradients.

A layer knows the Params it works on and its names there, and keeps what backward needs. Gradients come as (name, rows,
array): rows is None, or the int32 ids of the rows of that matrix that the array's rows are for.

Letters: B rows of a batch, n words of context, D numbers of a vector, I inputs, O outputs.
"""

import math
from functools import wraps

import numpy as np

from .. import memory, parallel
from .._core import batch, dense


class Embedding:
    """Rows of a matrix ``name`` (V, D), side by side."""

    def __init__(self, params, name, threads=1):
        self.params, self.name, self.threads = params, name, threads
        self.ids = None

    def forward(self, ids, out):
        """The rows of ids (B, n) into out (B, n D)."""
        self.ids, matrix = ids, self.params[self.name]
        width = matrix.shape[1]
        for column in range(ids.shape[1]):
            out[:, column * width : (column + 1) * width] = matrix[ids[:, column]]

    def backward(self, gradient):
        """The gradient of the rows, added up where a row was taken several times; gradient (B, n D) of the output."""
        each = np.ascontiguousarray(gradient).reshape(-1, self.params[self.name].shape[1])
        return [(self.name, *summed(self.ids.ravel(), each, self.threads))]


def summed(ids, rows, threads=1):
    """The sums of the rows (n, D) of each id (n,): (unique ids (U,), sums (U, D))."""
    unique, order, bounds = grouped(ids)
    sums = np.empty((len(unique), rows.shape[1]), rows.dtype)
    sum_rows(bounds, order, rows, sums, threads)
    return unique, sums


def sum_rows(bounds, members, rows, sums, threads=1):
    """sums (U, D) become those of the rows members[bounds[u]:bounds[u + 1]] of rows (n, D)."""

    def work(job, _):
        dense.sum_rows(job, bounds, members, rows, sums)

    parallel.share(work, -(-len(sums) // dense.ROWS), threads)


def take_rows(matrix, ids, out, threads=1):
    """out (n, D) becomes matrix[ids], whose ids (n,) are int32 and are not looked at."""
    parallel.share(lambda job, _: batch.take(job, matrix, ids, out), -(-len(ids) // batch.ROWS), threads)


def grouped(ids):
    """Which ids there are and where: (unique ids (U,), places (n,) ordered by id, bounds (U + 1,) of each id's)."""
    order = np.argsort(ids, kind="stable")
    rising = ids[order]
    starts = np.flatnonzero(np.concatenate([[True], rising[1:] != rising[:-1]])[: len(ids)])
    return rising[starts], order, np.append(starts, len(ids)).astype(np.int64)


def added(gradients, params):
    """Gradients (name, rows or None, array) with one for each name: those of the same array are added up.

    Rows of one list come once each; a whole array, if there is one, takes the rows' sums and is changed.
    """
    found = {}
    for name, rows, array in sorted(gradients, key=lambda gradient: gradient[1] is not None):
        if name not in found:
            found[name] = (rows, array)
        elif found[name][0] is None:
            found[name][1][rows] += array
        else:
            first, before = found[name]
            union = np.union1d(first, rows)
            sums = np.zeros((len(union), *params[name].shape[1:]), array.dtype)
            sums[np.searchsorted(union, first)] = before
            sums[np.searchsorted(union, rows)] += array
            found[name] = (union.astype(np.int32), sums)
    return [(name, rows, array) for name, (rows, array) in found.items()]


class Tanh:
    """y = tanh(x W + b); names of W (I, O) and b (O,)."""

    def __init__(self, params, names, threads=1):
        self.params, self.names, self.threads = params, names, threads
        self.gradients = params.like(names)
        self.inputs = self.outputs = None

    def forward(self, inputs, out):
        """inputs (B, I), out (B, O); both may be columns of a larger matrix."""
        self.inputs, self.outputs = inputs, out
        weights, bias = (self.params[name] for name in self.names)
        self._share(len(out), lambda job, _: dense.forward(job, inputs, weights, bias, out))

    def backward(self, gradient, inputs_gradient, *, add=False, keep=1.0):
        """The gradients.

        gradient (B, O) of the output, which it overwrites; inputs_gradient (B, I) is set, or added to.
        keep : what the output was divided by where dropout did not make it 0.
        """
        weights, _ = (self.params[name] for name in self.names)
        arrays = (weights, self.outputs, keep, gradient, add, inputs_gradient)
        self._share(len(gradient), lambda job, _: dense.back_inputs(job, *arrays))
        weights_gradient, bias_gradient = (self.gradients[name] for name in self.names)
        self._share(len(weights), lambda job, _: dense.back_weights(job, self.inputs, gradient, weights_gradient))
        bias_gradient[:] = gradient.sum(axis=0)
        return [(name, None, array) for name, array in self.gradients.items()]

    def _share(self, rows, work):
        parallel.share(work, -(-rows // dense.ROWS), self.threads)


def dropout_mask(shape, rate, random, dtype=np.float32):
    """0 with probability ``rate`` (to 2^-16), else 1 / (1 - rate), so that the mean stays."""
    drawn = random.integers(0, 1 << 16, shape, np.uint16)
    return (drawn >= round(rate * (1 << 16))) * np.asarray(1 / (1 - rate), dtype)


class Loan:
    """Arrays taken from a store of used ones, and given back: new memory costs more than a pass over old.

    store : dict, which holds what no loan has.
    """

    def __init__(self, store, dtype):
        self.store, self.dtype, self.taken = store, dtype, {}

    def __call__(self, name, *shape):
        """An array of this shape, in the same memory when it is asked for again; what it holds is left from before."""
        size = math.prod(shape)
        flat = self.taken[name] if name in self.taken else self.store.pop(name, None)
        if flat is None or len(flat) < size:
            flat = memory.zeros((size,), self.dtype)
        self.taken[name] = flat
        return flat[:size].reshape(shape)

    def give_back(self):
        """The arrays are not used any more."""
        self.store.update(self.taken)
        self.taken = {}


def alone(method):
    """For a method of a network whose Scratch and tapes serve one thread at a time: others wait at its ``lock``."""

    @wraps(method)
    def locked(self, *arguments, **named):
        with self.lock:
            return method(self, *arguments, **named)

    return locked


class Scratch:
    """Arrays to work in, kept from batch to batch: the same name gives the same memory."""

    def __init__(self, dtype):
        self.dtype, self.room = dtype, {}

    def __call__(self, name, *shape):
        """An array of this shape; what it holds is left from before."""
        size = math.prod(shape)
        if name not in self.room or self.room[name].size < size:
            self.room[name] = memory.zeros((size,), self.dtype)
        return self.room[name][:size].reshape(shape)
