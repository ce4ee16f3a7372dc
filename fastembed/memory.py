"""zeros(): arrays that start at a cache line and, where large, sit on huge pages.

Training touches rows of large matrices at random; with 4 KB pages most touches also miss the table of page
translations. Linux gives 2 MB pages to those who ask (madvise).
"""

import mmap

import numpy as np

from .errors import ParameterError

HUGE = 2 << 20


def zeros(shape, dtype=np.float32):
    """A new array of zeros, C-contiguous; 64-byte aligned, from 4 MB up on huge pages if the system has them.

    Memory is not touched before it is used. Raises ParameterError naming the size if there is not enough of it.
    """
    dtype = np.dtype(dtype)
    size = dtype.itemsize
    for length in shape:
        size *= int(length)
    try:
        if size >= 2 * HUGE and hasattr(mmap, "MADV_HUGEPAGE"):
            buffer = mmap.mmap(-1, size + HUGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            buffer.madvise(mmap.MADV_HUGEPAGE)
            boundary = HUGE
        else:
            buffer = bytearray(size + 64)
            boundary = 64
        start = -np.frombuffer(buffer, np.uint8).ctypes.data % boundary
        return np.frombuffer(buffer, np.uint8, size, start).view(dtype).reshape(shape)
    except (MemoryError, OSError, OverflowError) as error:
        raise ParameterError(f"not enough memory for {size / 1e9:.1f} GB ({' x '.join(map(str, shape))})") from error
