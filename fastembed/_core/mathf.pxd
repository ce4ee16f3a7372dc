"""Functions of every number of an array: float32 by the kernels in use, float64 (for gradient checks) by libm."""
from cython cimport floating
from libc cimport math
from libc.stdint cimport int64_t

from fastembed._core cimport simd


cdef inline void tanh_each(floating *x, int64_t n) noexcept nogil:
    """x (n,) = tanh x"""
    cdef int64_t i
    if floating is float:
        simd.kernels.tanh_all(x, x, n)
    else:
        for i in range(n):
            x[i] = math.tanh(x[i])


cdef inline void sigmoid_each(floating *x, int64_t n) noexcept nogil:
    """x (n,) = 1 / (1 + e^-x)"""
    cdef int64_t i
    if floating is float:
        simd.kernels.sigmoid_all(x, x, n)
    else:
        for i in range(n):
            x[i] = 1 / (1 + math.exp(-x[i]))


cdef inline floating softmax_row(floating *scores, const floating *bias, int64_t n, floating *peak) noexcept nogil:
    """scores (n,) = e^(scores + bias - peak), where peak is the largest of scores + bias; their sum."""
    cdef floating total = 0
    cdef int64_t i
    if floating is float:
        return simd.kernels.softmax(scores, bias, n, peak)
    else:
        peak[0] = -math.INFINITY
        for i in range(n):
            scores[i] += bias[i]
            peak[0] = max(peak[0], scores[i])
        for i in range(n):
            scores[i] = math.exp(scores[i] - peak[0])
            total += scores[i]
        return total
