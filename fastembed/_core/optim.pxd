from cython cimport floating
from libc.stdint cimport int64_t

from fastembed._core cimport simd


cdef class Rule:
    cdef simd.fe_rule c


cdef inline void optimise(
    const simd.fe_rule *rule, const floating *gradient, floating *value, floating **slots, int64_t n
) noexcept nogil:
    """gradient (n,)  # in;  value, slots[0] (means) and slots[1] (squares) (n,), if the rule has them  # in and out"""
    if floating is float:
        simd.kernels.optimise_float(rule, gradient, value, slots[0], slots[1], n)
    else:
        simd.kernels.optimise_double(rule, gradient, value, slots[0], slots[1], n)
