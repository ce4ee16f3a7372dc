"""Aligned arrays."""

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
