"""atomic_write(): a file is replaced as a whole or not at all; sweep(): what killed processes left of that."""

import bz2
import gzip
import lzma
import os
import re
import secrets
import stat
import time
from contextlib import contextmanager, suppress

try:
    import fcntl
except ImportError:  # Windows has no such locks: nothing is swept there
    fcntl = None

from ..errors import MissingFolderError

PACKERS = {  # ending -> what packs the bytes of an open file; their times are no part of a file
    ".gz": lambda file: gzip.GzipFile("", "wb", 6, file, mtime=0),
    ".bz2": lambda file: bz2.BZ2File(file, "wb"),
    ".xz": lambda file: lzma.LZMAFile(file, "wb"),  # noqa: SIM115 (packed_write closes it)
}
_TEMPORARY = re.compile(r"\.[0-9a-f]{16}\.tmp")
_YOUNG = 60  # seconds in which a temporary file may not be locked yet, or no more because it is being renamed


def check_folder(path, folder):
    """MissingFolderError if the folder that a path is to be made in is not there."""
    if not os.path.isdir(folder):
        raise MissingFolderError(f"{os.fspath(path)}: there is no folder {folder} to write to")


@contextmanager
def atomic_write(path, mode="wb"):
    """A file object whose contents become ``path`` when the block ends without an error.

    The bytes go to a temporary file in the same folder, which is flushed to the disk and renamed. On any error, also
    Ctrl-C, the temporary file is removed and an existing file stays as it was. The new file has the permissions of
    the one it replaces, or those of any new file. A link is followed; a device or pipe is written directly.

    Parameters
    ----------
    path : the file to write.
    mode : "wb", or "w" for UTF-8 text.

    Raises OSError with the path, for instance when the disk is full; MissingFolderError if its folder is missing.
    """
    given, path = path, os.path.realpath(path)
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    try:
        old = os.stat(given) if os.path.exists(given) else None
        if old is not None and not stat.S_ISREG(old.st_mode):
            with open(given, mode, **text) as file:  # a folder raises IsADirectoryError here; /dev/stdout has no path
                yield file
            return
        check_folder(given, os.path.dirname(path))
        temporary = os.path.join(os.path.dirname(path), f".{secrets.token_hex(8)}.tmp")
        try:
            with open(os.open(temporary, _FLAGS, 0o666), mode, **text) as file:
                with suppress(OSError):
                    _hold(file)
                if old is not None and hasattr(os, "fchmod"):
                    os.fchmod(file.fileno(), stat.S_IMODE(old.st_mode))
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        _sync_folder(os.path.dirname(path))
    except OSError as error:
        if error.errno is not None and (error.filename is None or error.filename.endswith(".tmp")):
            error.filename = path  # a failed write() names no file
        raise


@contextmanager
def packed_write(path):
    """As atomic_write for bytes, which are packed if the name ends with one of PACKERS."""
    pack = PACKERS.get(os.path.splitext(os.fspath(path).lower())[1])
    with atomic_write(path) as file:
        if pack is None:
            yield file
        else:
            with pack(file) as packed:
                yield packed


def sweep(folder):
    """Remove the temporary files in a folder of ours whose writers were killed: those that no process holds."""
    with suppress(OSError):
        for entry in os.scandir(folder):
            if _TEMPORARY.fullmatch(entry.name) and entry.stat().st_mtime < time.time() - _YOUNG:
                with suppress(OSError), open(entry.path, "rb") as file:
                    _hold(file)
                    os.unlink(entry.path)


def _hold(file):
    """Lock an open file until it is closed or its process dies; OSError if another one holds it or nothing can."""
    if fcntl is None:
        raise OSError("no locks")
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


_FLAGS = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def _sync_folder(folder):
    """Make the rename itself durable, where folders can be synchronised."""
    with suppress(OSError, AttributeError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
