"""Params: the parameters of a network as named views of one flat array."""

from collections.abc import Mapping
from dataclasses import fields

import numpy as np

from .. import memory
from .._core import simd


class Params(Mapping):
    """Named arrays, one behind the other in one buffer, each from a multiple of 16 numbers on.

    So a whole network is copied, saved, cleared or updated as one array, and each layer works on its own names.

    Parameters
    ----------
    shapes : dict from name to shape, in the order of the buffer.
    dtype : float32, or float64 for gradient checks.
    flat : the buffer, if it is there already.

    >>> params = Params({"weight": (2, 3), "bias": (3,)})
    >>> params["bias"][:] = 1
    >>> params.flat.sum(), params["weight"].shape, list(params)
    (np.float32(3.0), (2, 3), ['weight', 'bias'])
    """

    def __init__(self, shapes, dtype=np.float32, flat=None):
        self.shapes = {name: tuple(map(int, shape)) for name, shape in shapes.items()}
        self.offsets, at = {}, 0
        for name, shape in self.shapes.items():
            self.offsets[name] = at
            at += simd.padded(int(np.prod(shape, dtype=np.int64)))
        self.flat = memory.zeros((at,), dtype) if flat is None else flat[:at]
        self._views = {name: self._view(name) for name in self.shapes}

    def _view(self, name):
        start, shape = self.offsets[name], self.shapes[name]
        return self.flat[start : start + int(np.prod(shape, dtype=np.int64))].reshape(shape)

    def __getitem__(self, name):
        return self._views[name]

    def __iter__(self):
        return iter(self.shapes)

    def __len__(self):
        return len(self.shapes)

    def __reduce__(self):
        return Params, (self.shapes, self.flat.dtype, self.flat)  # a copy's arrays are views of its own buffer

    def __repr__(self):
        return f"Params({', '.join(f'{name} {shape}' for name, shape in self.shapes.items())})"

    def like(self, names=None, dtype=None):
        """Zeros of the same shapes, of these names or all: for gradients, or what an optimiser keeps."""
        names = self.shapes if names is None else names
        return Params({name: self.shapes[name] for name in names}, self.flat.dtype if dtype is None else dtype)

    def part(self, prefix):
        """Params over the same memory: the arrays whose names begin with this, neighbours all, by the names' rest."""
        names = [name for name in self.shapes if name.startswith(prefix)]
        shapes = {name[len(prefix) :]: self.shapes[name] for name in names}
        return Params(shapes, flat=self.flat[self.offsets[names[0]] :])

    def tensors(self, prefix=""):
        """dict from prefixed name to array, for fastembed.io.native."""
        return {prefix + name: view for name, view in self.items()}

    @classmethod
    def restored(cls, shapes, tensors, prefix=""):
        """The Params of what ``tensors`` gave; ValueError as for ``check_arrays``."""
        check_arrays(shapes, tensors, prefix)  # before there is memory for them
        params = cls(shapes)
        for name, view in params.items():
            view[:] = tensors[prefix + name]
        return params

    def copy(self, tensors, prefix=""):
        """Copy arrays from a file's tensors into all of these; ValueError as for ``check_arrays``."""
        check_arrays(self.shapes, tensors, prefix)
        for name, view in self.items():
            view[:] = tensors[prefix + name]


def check_arrays(shapes, tensors, prefix):
    """ValueError unless there is a float32 array of each of these shapes, without NaN or infinity."""
    for name, shape in shapes.items():
        found = tensors.get(prefix + name)
        if found is None or found.shape != tuple(shape) or found.dtype != np.float32:
            said = "missing" if found is None else f"{found.dtype} {found.shape}"
            raise ValueError(f"{prefix + name} should be float32 {tuple(shape)} and is {said}")
        if not np.isfinite(found).all():
            raise ValueError(f"{prefix + name} holds NaN or infinity")


class Settings:
    """Base of dataclasses that hold what a network is like; their fields are named as parameters of a model."""

    @classmethod
    def of(cls, model):
        """That of an object with such attributes."""
        return cls(**{field.name: getattr(model, field.name) for field in fields(cls)})
