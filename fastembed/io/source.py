"""Source: the bytes of a file to read, memory-mapped; compressed files are unpacked on the way."""

import bz2
import gzip
import lzma
import mmap
import os
import shutil
import tempfile
import zlib

import numpy as np

from ..errors import FormatError, MissingFileError

_PACKED = {  # first bytes -> what opens them
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}
HEAD_BYTES = 1 << 16


def open_file(path):
    """A file's bytes as a file object; MissingFileError if there is none."""
    try:
        return open(path, "rb")
    except FileNotFoundError:
        raise MissingFileError(f"there is no file {os.fspath(path) or repr('')}") from None


class Source:
    """The bytes of one file.

    Parameters
    ----------
    path : a file; .gz, .bz2 and .xz contents are recognised by their first bytes and unpacked to a temporary file.

    Raises FormatError if the file is empty or a damaged archive, MissingFileError if there is none, another OSError if
    it cannot be opened.
    """

    def __init__(self, path):
        self.path = os.fspath(path)
        with open_file(self.path) as file:
            start = file.read(6)
            packed = next((opener for magic, opener in _PACKED.items() if start.startswith(magic)), None)
            self.map = self._mapped(file) if packed is None else self._unpacked(packed)
        self.array = np.frombuffer(self.map, np.uint8)
        self.size = len(self.array)
        self.head = self.map[:HEAD_BYTES]

    def _mapped(self, file):
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            raise FormatError(self.path, "the file is empty")
        return mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)

    def _unpacked(self, opener):
        with tempfile.TemporaryFile() as file:
            try:
                with opener(self.path, "rb") as packed:
                    shutil.copyfileobj(packed, file, 1 << 20)
            except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
                raise FormatError(self.path, f"damaged archive ({error})") from None
            except OSError as error:
                if error.errno is None:  # bz2 reports damage so
                    raise FormatError(self.path, f"damaged archive ({error})") from None
                raise
            file.flush()
            return self._mapped(file)

    def find(self, byte, start):
        """Where ``byte`` comes next, from ``start``, or -1."""
        return self.map.find(byte, start)


def read_lines(path, encoding="utf-8"):
    """The lines of a text file, packed or not, without line ends; FormatError if they are not ``encoding``."""
    return decoded(path, bytes(Source(path).map).split(b"\n"), encoding)


def decoded(path, lines, encoding="utf-8"):
    """Each of the lines (bytes) of ``path`` as str; FormatError with its number if it is not ``encoding``."""
    for number, line in enumerate(lines, 1):
        try:
            yield line.decode(encoding).removesuffix("\r")
        except UnicodeDecodeError:
            raise FormatError(path, f"not {encoding} text", line=number) from None
