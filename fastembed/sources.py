"""Where text comes from: files of any compression, pipes, file objects, iterables; opened, checked, as bytes."""

import bz2
import glob
import gzip
import io
import lzma
import os
import stat
import sys
import zlib
from collections.abc import Iterable

from .errors import CorpusError, MissingCorpusError, ParameterError

HEAD = 65536  # bytes at the start of a file that must be free of NUL
_BOM = b"\xef\xbb\xbf"
_REFUSED = {  # how files begin that hold no plain text
    b"PK\x03\x04": "a ZIP archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"\x04\x22\x4d\x18": "an LZ4 file",
    b"%PDF-": "a PDF document",
    b"PAR1": "a Parquet file",
    b"\x89HDF\r\n": "an HDF5 file",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}


class Damaged(Exception):
    """A compressed stream that ends too soon or makes no sense."""


def _zstd(file):
    try:
        import zstandard
    except ImportError:
        raise CorpusError(
            f'{getattr(file, "name", "input")}: .zst needs zstandard: pip install "fastembed-trainer[zstd]"'
        ) from None
    return io.BufferedReader(_ZstdReader(file, zstandard), HEAD)


class _ZstdReader(io.RawIOBase):
    """Frames of a .zst stream; unlike zstandard's own reader it notices a truncated one."""

    def __init__(self, file, zstandard):
        self.file, self.error = file, zstandard.ZstdError
        self.decoder = zstandard.ZstdDecompressor().decompressobj
        self.frame, self.rest, self.ready = None, b"", b""

    def readable(self):
        return True

    def readinto(self, buffer):
        while not self.ready:
            data = self.rest or self.file.read(HEAD)
            self.rest = b""
            if not data:
                if self.frame is not None:
                    raise EOFError("compressed data ends before its end mark")
                return 0
            self.frame = self.frame or self.decoder()
            try:
                self.ready = memoryview(self.frame.decompress(data))
            except self.error as error:
                raise Damaged(str(error)) from None
            if self.frame.eof:
                self.rest, self.frame = self.frame.unused_data, None
        size = min(len(buffer), len(self.ready))
        buffer[:size] = self.ready[:size]
        self.ready = self.ready[size:]
        return size


def _decompressor(head):
    """The function that opens what begins with these bytes, or None for plain text."""
    if head[:3] == b"\x1f\x8b\x08":
        return lambda file: gzip.GzipFile(fileobj=file)
    if head[:3] == b"BZh" and head[4:10] in (b"1AY&SY", b"\x17rE8P\x90"):
        return bz2.BZ2File
    if head[:6] == b"\xfd7zXZ\x00":
        return lzma.LZMAFile
    if head[:4] == b"\x28\xb5\x2f\xfd":
        return _zstd
    return None


def _check_head(name, head):
    for magic, what in _REFUSED.items():
        if head.startswith(magic):
            raise CorpusError(f"{name} is {what}, not UTF-8 text (plain or packed by gzip, bzip2, xz or zstd)")
    at = head[:HEAD].find(0) if isinstance(head, bytes) else -1
    if at >= 0:
        raise CorpusError(f"{name} is a binary file: a NUL byte at offset {at}")


class Stream:
    """Text as bytes from an open file, decompressed and checked; errors name the source.

    Attributes: ``name``; ``position``, how many bytes of text were read so far; ``consumed``, how many bytes of the
    file.
    """

    def __init__(self, name, file):
        self.name, self.file, self.position = name, file, 0
        try:
            self.text = self._open()
        except BaseException:
            file.close()
            raise

    def _open(self):
        head = self._guard(self.file.peek)
        opener = _decompressor(head)
        text = io.BufferedReader(opener(self.file), HEAD) if opener else self.file
        if opener:
            self.text = text
            head = self._guard(text.peek)
        _check_head(self.name, head)
        if head.startswith(_BOM):
            text.read(len(_BOM))
            self.position = len(_BOM)
        return text

    def _guard(self, read, *args):
        """Call a read function of the file; what goes wrong becomes a CorpusError."""
        try:
            return read(*args)
        except EOFError:
            raise CorpusError(f"{self.name} is truncated: its compressed data ends before its end mark") from None
        except (zlib.error, lzma.LZMAError, gzip.BadGzipFile, Damaged, ValueError) as error:
            if isinstance(error, CorpusError) or self.file.closed:
                raise
            raise CorpusError(f"{self.name} is damaged: {error}") from None
        except OSError as error:
            if error.errno is None:  # bz2 and gzip say so of bad data
                raise CorpusError(f"{self.name} is damaged: {error}") from None
            raise CorpusError(f"{self.name} cannot be read: {error.strerror}") from error

    def readinto(self, view):
        """Fill the view as far as one read does; 0 at the end."""
        size = self._guard(self.text.readinto, view) or 0
        self.position += size
        return size

    def readline(self, limit):
        """The next line, with its newline, or ``limit`` bytes of it."""
        line = self._guard(self.text.readline, limit)
        self.position += len(line)
        return line

    @property
    def consumed(self):
        try:
            return self.file.tell()
        except (OSError, ValueError):
            return self.position

    def close(self):
        self.text.close()
        self.file.close()


class FileSource:
    """A file by its path; regular files are checked for changes between opening and end."""

    def __init__(self, path):
        self.path = self.name = os.fspath(path)
        self.stamp = None
        try:
            mode = os.stat(self.path)
        except FileNotFoundError:
            hint = "; to train on text itself give a list of str" if " " in str(self.name) else ""
            raise MissingCorpusError(f"there is no file {self.name or repr('')}{hint}") from None
        except (OSError, ValueError) as error:
            raise CorpusError(f"{self.name!r} cannot be opened: {error}") from None
        if stat.S_ISDIR(mode.st_mode):
            raise CorpusError(f'{self.name} is a directory: give its files, for instance with "{self.name}/*.txt"')
        self.regular = stat.S_ISREG(mode.st_mode)
        self.size = mode.st_size if self.regular else None

    def open(self):
        try:
            file = open(self.path, "rb", buffering=HEAD)  # noqa: SIM115 (Stream closes it)
        except OSError as error:
            raise CorpusError(f"{self.name} cannot be opened: {error.strerror}") from error
        if self.regular:
            self.stamp = _stamp(os.fstat(file.fileno()))
        return Stream(self.name, file)

    def current(self):
        """(size, modification time) as it is on disk now, or None if the file is gone."""
        try:
            return _stamp(os.stat(self.path))
        except OSError:
            return None

    def check(self, when="while it was read"):
        """CorpusError if the file is not what it was when opened."""
        now = self.current()
        if self.regular and now is not None and now != self.stamp:
            raise CorpusError(
                f"{self.name} changed {when}: {self.stamp[0]} bytes then, {now[0]} bytes now; make a new Corpus"
            )


def _stamp(status):
    return status.st_size, status.st_mtime_ns


class _ObjectReader(io.RawIOBase):
    """Bytes from anything with read(), which may also give str."""

    def __init__(self, file):
        self.source, self.rest = file, memoryview(b"")

    def readable(self):
        return True

    def readinto(self, buffer):
        if not self.rest:
            data = self.source.read(len(buffer))
            if data is None:
                raise CorpusError("the file object is in non-blocking mode")
            data = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
            self.rest = memoryview(data)
        size = min(len(buffer), len(self.rest))
        buffer[:size] = self.rest[:size]
        self.rest = self.rest[size:]
        return size


class ObjectSource:
    """An open file object, of bytes or of str, from where it stands; it is not closed."""

    regular, size, stamp = False, None, None

    def __init__(self, file, name=None):
        self.file = file
        self.name = str(name or getattr(file, "name", None) or f"the {type(file).__name__} object")

    def open(self):
        return Stream(self.name, io.BufferedReader(_ObjectReader(self.file), HEAD))

    def check(self, when=""):
        pass


class Items:
    """An iterable of str, of list[str] or of dicts, with what it is called in messages."""

    def __init__(self, iterable, column=None):
        self.iterable, self.column = iterable, column
        self.one_shot = hasattr(iterable, "__next__")
        self.name = f"the {type(iterable).__name__}"


def resolve(source, column=None):
    """A list of FileSource and ObjectSource, or Items.

    A str or path is a file, with * ? [ ] a pattern, "-" the standard input. A list of paths is files; a list of str
    is files if its first items exist or look like paths, else sentences.
    """
    if isinstance(source, (str, os.PathLike)):
        return _files([source])
    if isinstance(source, (bytes, bytearray, memoryview)):
        raise ParameterError("a corpus of bytes: decode it, or wrap it in io.BytesIO")
    if hasattr(source, "read"):
        return [ObjectSource(source)]
    if isinstance(source, (list, tuple)) and source and _are_paths(source):
        return _files(source)
    if isinstance(source, dict) and all(hasattr(split, "column_names") for split in source.values()):
        raise ParameterError(f"a dataset of several splits: choose one of {', '.join(map(str, source))}")
    if not isinstance(source, Iterable) or isinstance(source, dict):
        raise ParameterError(f"a corpus of type {type(source).__name__}: give paths, a file object, or an iterable")
    return Items(source, column)


def _are_paths(items):
    sample = items[:100]
    if any(isinstance(item, os.PathLike) for item in sample):
        return True
    if not all(isinstance(item, str) and item and "\n" not in item and len(item) < 4096 for item in sample):
        return False
    if os.path.isfile(sample[0]) or all(os.path.exists(item) for item in sample):
        return True
    endings = (".txt", ".gz", ".bz2", ".xz", ".zst")
    return all(item.endswith(endings) and not item.isspace() and " " not in item for item in sample)


def _files(paths):
    sources = []
    for path in paths:
        path = os.fspath(path)
        if path == "-":
            sources.append(ObjectSource(getattr(sys.stdin, "buffer", sys.stdin), "standard input"))
        elif isinstance(path, str) and glob.has_magic(path) and not os.path.exists(path):
            found = sorted(name for name in glob.glob(path, recursive=True) if os.path.isfile(name))
            if not found:
                raise MissingCorpusError(f"no file matches {path}")
            sources += map(FileSource, found)
        else:
            sources.append(FileSource(path))
    return sources
