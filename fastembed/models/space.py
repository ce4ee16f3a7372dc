"""Space: arrays in memory as long as a budget lasts, then in nameless files that vanish with them."""

import tempfile

import numpy as np

from .. import memory
from .rows import disk_errors


class Space:
    """Where large arrays go.

    Parameters
    ----------
    budget : bytes of memory.
    folder : for files; None means the system's folder for temporary files.
    """

    def __init__(self, budget, folder=None):
        self.left, self.folder = budget, folder

    def zeros(self, shape, dtype):
        """A new array of zeros, memory-mapped if it is larger than what is left of the budget.

        Raises CorpusError if the disk is full.
        """
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if size <= self.left:
            self.left -= size
            return memory.zeros(shape, dtype)
        with disk_errors(self.folder), tempfile.TemporaryFile(dir=self.folder) as file:
            file.truncate(max(size, 1))
            return np.memmap(file, dtype, "r+", shape=tuple(shape))

    def give_back(self, *arrays):
        """Count these arrays, which are no longer used, as free again."""
        self.left += sum(array.nbytes for array in arrays if not isinstance(array, np.memmap))


class Pile:
    """Rows of uint32 that are put one behind the other in a nameless file.

    Parameters
    ----------
    width : numbers in a row.
    folder : as for Space.
    """

    def __init__(self, width, folder=None):
        self.width, self.folder, self.rows = width, folder, 0
        with disk_errors(folder):
            self.file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 (finish() and close() do)

    def append(self, rows):
        """Add rows (n, width)."""
        self.rows += len(rows)
        with disk_errors(self.folder):
            data = memoryview(np.ascontiguousarray(rows)).cast("B") if len(rows) else b""
            while len(data):
                data = data[self.file.write(data) :]

    def finish(self, extra):
        """All rows and so many of zeros, as a memory map (n + extra, width)."""
        with disk_errors(self.folder), self.file:
            self.file.truncate(max(1, (self.rows + extra) * self.width * 4))
            return np.memmap(self.file, np.uint32, "r+", shape=(self.rows + extra, self.width))

    def close(self):
        """Give the file up, if it is not finished."""
        self.file.close()
