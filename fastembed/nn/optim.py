"""Optimisers: SGD, AdaGrad, Adam and AdamW over Params, and the clipping of gradients by their norm.

A step is ``begin(lr)``, then what the gradients come as: ``dense(name, gradient)`` for a whole array, ``rows(name, ids,
gradients)`` for some rows of an embedding. Rows that no gradient touches cost nothing and stay as they are, also their
moving means in Adam.
"""

import math

import numpy as np

from .. import parallel
from .._core import optim
from ..errors import ParameterError, TrainingError


class Optimizer:
    """What SGD, AdaGrad and Adam share; use one of them.

    Parameters
    ----------
    params : Params to change, float32 or float64.
    threads : worker threads; the result does not depend on it.
    """

    kind = None
    kept = ()  # of "means" and "squares", what is kept for each parameter
    betas, epsilon = (0.0, 0.0), 0.0

    def __init__(self, params, threads=1):
        self.params, self.threads, self.steps = params, threads, 0
        self.rule = optim.Rule(self.kind, self.betas, self.epsilon)
        self.slots = {slot: params.like() for slot in self.kept}

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if name != "rule"}

    def __setstate__(self, state):
        vars(self).update(state)
        self.rule = optim.Rule(self.kind, self.betas, self.epsilon)

    def begin(self, lr, scale=1.0):
        """Start a step with this learning rate, the gradients being multiplied by ``scale``."""
        self.steps += 1
        self.rule.set(lr, scale, self.steps)

    def dense(self, name, gradient):
        """Change all of an array; ``gradient`` has its shape and type, or it is a ParameterError."""
        values = self._fitting(name, gradient)
        flats = [a.reshape(-1) for a in (gradient, values, *self.kept_for(name))]
        chunks = -(-flats[0].size // optim.SPAN)
        parallel.share(lambda job, _: optim.span(job, self.rule, *flats), chunks, self.threads)

    def rows(self, name, ids, gradients):
        """Change some rows of a matrix, or numbers of a vector.

        Parameters
        ----------
        ids : (n,) int32, no row twice.
        gradients : (n, D), or (n,) of a vector

        Raises ParameterError for others.
        """
        if getattr(ids, "dtype", None) != np.int32 or ids.ndim != 1:
            raise ParameterError(f"the ids of rows of {name} should be int32 (n,) and are {_said(ids)}")
        values = self._fitting(name, gradients, len(ids))
        if not len(ids):
            return
        if not 0 <= ids.min() <= ids.max() < len(values):
            raise ParameterError(f"ids from {ids.min()} to {ids.max()}: {name} has {len(values)} rows")
        flat = [a.reshape(len(a), -1) for a in (gradients, values)]
        arrays = (ids, *flat, *(a.reshape(len(a), flat[0].shape[1]) for a in self.kept_for(name)))
        chunks, threads = -(-len(ids) // optim.ROWS), min(self.threads, 1 + flat[0].size // optim.SPAN)
        parallel.share(lambda job, _: optim.rows(job, self.rule, *arrays), chunks, threads)

    def _fitting(self, name, gradient, rows=None):
        """The array that a gradient is of; ParameterError unless it is like that, or like so many of its rows: what
        does not fit would be read, and written to, behind its end."""
        values = self.params[name]
        shape = values.shape if rows is None else (rows, *values.shape[1:])
        if getattr(gradient, "shape", None) != shape or gradient.dtype != values.dtype:
            raise ParameterError(f"the gradient of {name} should be {values.dtype} {shape} and is {_said(gradient)}")
        return values

    def kept_for(self, name):
        """What is kept for an array, its means and its squares: of its shape, or without rows if nothing is."""
        return [
            self.slots[slot][name] if slot in self.slots else self.params[name][:0] for slot in ("means", "squares")
        ]

    def tensors(self, prefix="optimizer."):
        """dict of arrays with the whole state, for fastembed.io.native."""
        tensors = {f"{prefix}steps": np.array([self.steps], np.int64)}
        for slot, params in self.slots.items():
            tensors |= params.tensors(f"{prefix}{slot}.")
        return tensors

    def restore(self, tensors, prefix="optimizer."):
        """Take the state that ``tensors`` gave; ValueError if it does not fit."""
        for slot, params in self.slots.items():
            params.copy(tensors, f"{prefix}{slot}.")
        steps = tensors.get(f"{prefix}steps")
        if steps is None or steps.shape != (1,) or steps.dtype != np.int64 or steps[0] < 0:
            raise ValueError("the optimiser's number of steps is missing or makes no sense")
        self.steps = int(steps[0])


def _said(array):
    return f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else repr(array)[:50]


class SGD(Optimizer):
    """Stochastic gradient descent: w -= lr g.

    >>> from fastembed.nn import Params
    >>> params = Params({"w": (2,)})
    >>> optimizer = SGD(params)
    >>> optimizer.begin(lr=0.5)
    >>> optimizer.dense("w", np.float32([1, 2]))
    >>> params["w"].tolist()
    [-0.5, -1.0]
    """

    kind = "sgd"


class AdaGrad(Optimizer):
    """AdaGrad (Duchi, Hazan and Singer 2011): G += g^2, w -= lr g / (sqrt(G) + 1e-10), G = ``initial`` at first."""

    kind, kept, epsilon = "adagrad", ("squares",), 1e-10

    def __init__(self, params, threads=1, initial=0.0):
        super().__init__(params, threads)
        if initial:
            self.slots["squares"].flat[:] = initial


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015) with beta1 0.9, beta2 0.999 and epsilon 1e-8."""

    kind, kept, betas, epsilon = "adam", ("means", "squares"), (0.9, 0.999), 1e-8


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019): matrices shrink by lr * decay in each step.

    Vectors, which are biases and the factors of LayerNorm, do not shrink. epsilon is BERT's, 1e-6.

    >>> from fastembed.nn import Params
    >>> optimizer = AdamW(Params({"w": (1, 1)}), decay=0.1)
    >>> optimizer.params["w"][:] = 1
    >>> optimizer.begin(lr=0.5)
    >>> optimizer.dense("w", np.zeros((1, 1), np.float32))
    >>> optimizer.params["w"].tolist()
    [[0.949999988079071]]
    """

    epsilon = 1e-6

    def __init__(self, params, threads=1, decay=0.01):
        super().__init__(params, threads)
        self.decay, self.lr = decay, 0.0

    def begin(self, lr, scale=1.0):
        """Start a step, as every optimiser does."""
        super().begin(lr, scale)
        self.lr = lr

    def dense(self, name, gradient):
        """Change all of an array, as every optimiser does."""
        values = self._fitting(name, gradient)
        if self.decay and values.ndim > 1:
            values *= 1 - self.lr * self.decay
        super().dense(name, gradient)


OPTIMIZERS = {"sgd": SGD, "adagrad": AdaGrad, "adam": Adam}


def norm(arrays):
    """The Euclidean norm of several arrays as of one vector; sums of 4096 squares are added up in float64."""
    total = 0.0
    for array in arrays:
        flat, whole = array.reshape(-1), array.size // 4096 * 4096
        for rows in (flat[:whole].reshape(-1, 4096), flat[whole:].reshape(1, -1)):
            total += float(np.einsum("rn,rn->r", rows, rows).sum(dtype=np.float64))
    return math.sqrt(total)


def clip_scale(arrays, limit):
    """What gradients are multiplied by so that their norm is at most ``limit`` (None: no limit), for ``begin``.

    Raises TrainingError if the norm is NaN or infinite.
    """
    if limit is None:
        return 1.0
    size = norm(arrays)
    if not math.isfinite(size):
        raise TrainingError(f"the norm of the gradients became {size}: numbers overflowed; use a smaller lr")
    return min(1.0, limit / max(size, 1e-30))


class Guard:
    """Limits the norm of the gradients step by step, and says which steps to leave out because they overflowed.

    Parameters
    ----------
    limit : of the norm; None sets none, but overflow is noticed all the same.
    patience : so many steps in a row may be left out.

    Attributes
    ----------
    skipped : steps that were left out.

    >>> guard = Guard(limit=1.0)
    >>> guard.scale([np.float32([3, 4])]), guard.scale([np.float32([np.inf])]), guard.skipped
    (0.2, None, 1)
    """

    def __init__(self, limit=None, patience=20):
        self.limit, self.patience = limit, patience
        self.skipped = self.running = 0

    def scale(self, arrays):
        """What the gradients of a step are multiplied by, for ``begin``; None if the step is to be left out.

        Raises TrainingError once more than ``patience`` steps in a row had to be.
        """
        try:
            scale = clip_scale(arrays, math.inf if self.limit is None else self.limit)
        except TrainingError as error:
            self.skipped, self.running = self.skipped + 1, self.running + 1
            if self.running > self.patience:
                raise TrainingError(
                    f"{error} (so it was in {self.running} steps in a row, which were left out)"
                ) from error
            return None
        self.running = 0
        return scale
