"""Finds the functions of scipy's BLAS when it is imported, so that scipy is not needed to build fastembed.

Cython's modules offer their functions in ``__pyx_capi__``: capsules that are named by the function's signature.
"""
from cpython.pycapsule cimport PyCapsule_GetName, PyCapsule_GetPointer

from scipy.linalg import cython_blas


cdef void *found(str name, str signature) except NULL:
    """The address of a function of scipy.linalg.cython_blas; T in the signature is the type of its numbers."""
    capsule = cython_blas.__pyx_capi__[name]
    cdef const char *theirs = PyCapsule_GetName(capsule)
    number = "__pyx_t_5scipy_6linalg_11cython_blas_" + name[0]
    if theirs.decode() != signature.replace("T", number):
        raise ImportError(f"scipy's {name} is {theirs.decode()}, not {signature}: fastembed's BLAS has 32-bit integers")
    return PyCapsule_GetPointer(capsule, theirs)


GEMM = "void (char *, char *, int *, int *, int *, T *, T *, int *, T *, int *, T *, T *, int *)"
DOT = "T (int *, T *, int *, T *, int *)"
AXPY = "void (int *, T *, T *, int *, T *, int *)"

sgemm = <Sgemm> found("sgemm", GEMM)
dgemm = <Dgemm> found("dgemm", GEMM)
sdot = <Sdot> found("sdot", DOT)
ddot = <Ddot> found("ddot", DOT)
saxpy = <Saxpy> found("saxpy", AXPY)
daxpy = <Daxpy> found("daxpy", AXPY)
