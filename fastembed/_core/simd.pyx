"""Which instruction set the kernels use: chosen at import, forced with FASTEMBED_ISA or use().

The chosen table lives here alone; other modules ``cimport kernels`` and link no C of it.
"""
import os

from fastembed.errors import ParameterError


def available():
    """Names of the instruction sets that this machine can run, best first (always ends with "base")."""
    cdef const fe_kernels *const *tables = fe_available()
    names = []
    while tables[0] != NULL:
        names.append(tables[0].name.decode())
        tables += 1
    return names


def active():
    """Name of the instruction set in use."""
    return kernels.name.decode()


def lanes():
    """Floats in a vector register of the instruction set in use."""
    return kernels.lanes


def use(name):
    """Use this instruction set from now on, in every module; ``None`` means the best one.

    Raises ParameterError if the machine cannot run it.
    """
    global kernels
    names = available()
    if name is None:
        name = names[0]
    if name not in names:
        raise ParameterError(f"instruction set {name!r} cannot run here; choose from {', '.join(names)}")
    kernels = fe_available()[names.index(name)]


def padded(int width):
    """Row length in floats with padding: the next multiple of FE_PAD."""
    return (width + PAD - 1) // PAD * PAD


cpdef int lanes_padded(int dim) noexcept:
    """How many floats of a row of `dim` numbers the kernels in use must touch: the next multiple of their lanes."""
    return (dim + kernels.lanes - 1) // kernels.lanes * kernels.lanes


use(os.environ.get("FASTEMBED_ISA") or None)
