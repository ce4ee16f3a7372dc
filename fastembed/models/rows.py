"""Rows: sparse rows that are put one behind the other, in memory or, if there are too many, in nameless files."""

import tempfile
from contextlib import contextmanager

import numpy as np

from .. import memory
from ..errors import CorpusError

ENTRY = 12  # bytes: a column and a value


class Rows:
    """Columns and values of rows, in the order in which they are appended.

    Parameters
    ----------
    room : entries that are kept in memory; with more, all move to files without a name, which vanish with the object.
    unit : values are divided by it and kept as float64; None keeps them as the whole numbers that they are.
    folder : for the files; None means the system's folder for temporary files.
    """

    def __init__(self, room, unit=None, folder=None):
        self.unit, self.folder = unit, folder
        self.lengths, self.entries = [], 0
        types = np.int32, np.int64 if unit is None else np.float64
        self.arrays = [memory.zeros((room,), dtype) for dtype in types]  # only what is written to takes memory
        self.files = None

    def append(self, columns, units, lengths):
        """Add rows of so many entries each: columns (n,) int32, units (n,) int64, lengths (rows,); n is their sum."""
        first, self.entries = self.entries, self.entries + len(columns)
        self.lengths.append(lengths.copy())
        if self.files is None and self.entries > len(self.arrays[0]):
            self._to_files(first)
        if self.files is None:
            self.arrays[0][first : self.entries] = columns
            values = self.arrays[1][first : self.entries]
            if self.unit is None:
                values[:] = units
            else:
                np.divide(units, self.unit, out=values)
        else:
            self._write((columns, units if self.unit is None else units / self.unit))

    def finish(self):
        """(begins int64 (rows + 1,), columns, values): row r is [begins[r]:begins[r + 1]]; of files, memory maps."""
        begins = np.zeros(1 + sum(map(len, self.lengths)), np.int64)
        if self.lengths:
            np.cumsum(np.concatenate(self.lengths), out=begins[1:])
        if self.files is None:
            arrays = [array[: self.entries] for array in self.arrays]
        else:
            arrays = [np.memmap(file, array.dtype, "r") for file, array in zip(self.files, self.arrays, strict=True)]
            self.close()
        return begins, *arrays

    def close(self):
        """Give the files up; maps of them stay."""
        for file in self.files or ():
            file.close()

    def _to_files(self, entries):
        with disk_errors(self.folder):
            self.files = []
            for _ in self.arrays:
                self.files.append(tempfile.TemporaryFile(dir=self.folder, buffering=0))  # noqa: SIM115 (close() does)
        self._write([array[:entries] for array in self.arrays])
        self.arrays = [array[:0] for array in self.arrays]

    def _write(self, arrays):
        with disk_errors(self.folder):
            for file, array in zip(self.files, arrays, strict=True):
                data = memoryview(np.ascontiguousarray(array)).cast("B") if len(array) else b""
                while len(data):
                    data = data[file.write(data) :]


@contextmanager
def disk_errors(folder):
    """A full disk and the like as CorpusError."""
    try:
        yield
    except OSError as error:
        where = folder or tempfile.gettempdir()
        raise CorpusError(f"the counts cannot be written to {where}: {error.strerror or error}") from error
