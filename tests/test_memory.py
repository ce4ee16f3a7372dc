"""Aligned arrays."""

import os

import numpy as np
import pytest

from fastembed import memory
from fastembed.errors import ParameterError


@pytest.mark.parametrize("shape", [(1,), (3, 16), (0, 16), (5000, 304)])
@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.uint8])
def test_zeros(shape, dtype):
    array = memory.zeros(shape, dtype)
    assert array.shape == shape and array.dtype == dtype and not array.any()
    assert array.ctypes.data % 64 == 0 or array.size == 0
    assert array.flags.writeable and array.flags.c_contiguous
    array[...] = 1
    assert array.all()


def test_too_much_says_how_much():
    with pytest.raises(ParameterError, match="4000000.0 GB"):
        memory.zeros((10**12, 1000))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork of POSIX")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("shape", [(8, 16), (40_000, 112)])
def test_a_forked_child_has_memory_of_its_own(shape):
    array = memory.zeros(shape)
    child = os.fork()
    if child == 0:
        array[:] = 1
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert not array.any()
