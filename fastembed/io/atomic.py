"""atomic_write(): a file is replaced as a whole or not at all."""

import os
import secrets
import stat
from contextlib import contextmanager, suppress


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

    Raises OSError with the path, for instance when the disk is full.
    """
    given, path = path, os.path.realpath(path)
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    try:
        old = os.stat(given) if os.path.exists(given) else None
        if old is not None and not stat.S_ISREG(old.st_mode):
            with open(given, mode, **text) as file:  # a folder raises IsADirectoryError here; /dev/stdout has no path
                yield file
            return
        temporary = os.path.join(os.path.dirname(path), f".{secrets.token_hex(8)}.tmp")
        try:
            with open(os.open(temporary, _FLAGS, 0o666), mode, **text) as file:
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


_FLAGS = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def _sync_folder(folder):
    """Make the rename itself durable, where folders can be synchronised."""
    with suppress(OSError, AttributeError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
