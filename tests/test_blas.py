"""Inside one_thread() the matrix library has one thread, afterwards as many as before."""

import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
import scipy.linalg.cython_blas  # noqa: F401

from fastembed import blas

FUNCTIONS = blas._functions()  # of numpy, then of scipy
needs_openblas = pytest.mark.skipif(len(FUNCTIONS) < 2, reason="numpy and scipy do not use OpenBLAS here")


@pytest.fixture(params=[0, 1], ids=["numpy", "scipy"])
def two_before(request):
    get, put = FUNCTIONS[request.param]
    before = get()
    put(2)
    yield get
    put(before)


@needs_openblas
def test_one_thread_inside_and_the_old_number_after(two_before):
    get = two_before
    with blas.one_thread():
        assert get() == 1
        with blas.one_thread():
            assert get() == 1
        assert get() == 1
    assert get() == 2
    with pytest.raises(ValueError), blas.one_thread():
        raise ValueError
    assert get() == 2


@needs_openblas
def test_the_last_of_several_threads_restores_the_number(two_before):
    get = two_before
    inside, leave, seen = threading.Event(), threading.Event(), []

    def other():
        with blas.one_thread():
            inside.set()
            leave.wait()
            seen.append(get())

    thread = threading.Thread(target=other)
    with blas.one_thread():
        thread.start()
        inside.wait()
    assert get() == 1
    leave.set()
    thread.join()
    assert seen == [1] and get() == 2


def test_without_openblas_nothing_happens(monkeypatch):
    monkeypatch.setattr(blas, "_functions", list)
    with blas.one_thread():
        assert (np.ones((3, 3)) @ np.ones((3, 3))).sum() == 27


def test_a_blas_of_other_integers_is_refused():
    code = """
    import types, scipy.linalg.cython_blas as real, scipy.linalg
    functions = dict(real.__pyx_capi__, sgemm=real.__pyx_capi__["dgemm"])
    scipy.linalg.cython_blas = types.SimpleNamespace(__pyx_capi__=functions)
    try:
        import fastembed._core.blas
    except ImportError as error:
        print(error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert "scipy's sgemm is void (char *" in done.stdout and "32-bit integers" in done.stdout
