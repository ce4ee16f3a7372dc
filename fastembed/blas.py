"""one_thread(): our threads are the only ones; the matrix library does not start its own beside them.

OpenBLAS's threads wait for each other by spinning: on a machine that does anything else they are several times slower
than one of them alone.
"""

import ctypes
import sys
import threading
from contextlib import contextmanager
from functools import cache

_lock = threading.Lock()
_users = 0
_before = ()


@contextmanager
def one_thread():
    """Inside, the matrix products of numpy and scipy use one thread each, if they use OpenBLAS, as most wheels do."""
    global _users, _before
    with _lock:
        if _users == 0:
            _before = [(put, get()) for get, put in _functions()]
            for put, _ in _before:
                put(1)
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                for put, threads in _before:
                    put(threads)


def _functions():
    """(get, set) of numpy's OpenBLAS and, if our loops have loaded it, scipy's: they are two libraries."""
    modules = [sys.modules.get(name) for name in ("numpy._core._multiarray_umath", "scipy.linalg.cython_blas")]
    found = [_functions_of(module.__file__) for module in modules if module is not None]
    return [pair for pair in found if pair is not None]


@cache
def _functions_of(path):
    """(get, set) of the OpenBLAS that a module of compiled code is linked to, or None."""
    try:
        library = ctypes.CDLL(path)
    except OSError:
        return None
    for suffix in ("64_", ""):
        for prefix in ("scipy_openblas", "openblas"):
            names = [f"{prefix}_{verb}_num_threads{suffix}" for verb in ("get", "set")]
            if all(hasattr(library, name) for name in names):
                return tuple(getattr(library, name) for name in names)
    return None
