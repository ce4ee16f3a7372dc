"""one_thread(): our threads are the only ones; the matrix library does not start its own beside them.

OpenBLAS's threads wait for each other by spinning: on a machine that does anything else they are several times slower
than one of them alone.
"""

import ctypes
import threading
from contextlib import contextmanager
from functools import cache

_lock = threading.Lock()
_users = 0
_before = 0


@contextmanager
def one_thread():
    """Inside, numpy's matrix products use one thread each, if numpy uses OpenBLAS, as most of its wheels do."""
    global _users, _before
    functions = _functions()
    if functions is None:
        yield
        return
    get, put = functions
    with _lock:
        if _users == 0:
            _before = get()
            put(1)
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                put(_before)


@cache
def _functions():
    """(get, set) of numpy's OpenBLAS, or None."""
    try:
        from numpy._core import _multiarray_umath as numpy_core

        library = ctypes.CDLL(numpy_core.__file__)
    except (ImportError, OSError, AttributeError):
        return None
    for suffix in ("64_", ""):
        for prefix in ("scipy_openblas", "openblas"):
            names = [f"{prefix}_{verb}_num_threads{suffix}" for verb in ("get", "set")]
            if all(hasattr(library, name) for name in names):
                return tuple(getattr(library, name) for name in names)
    return None
