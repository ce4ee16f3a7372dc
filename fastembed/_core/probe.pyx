"""The kernels of csrc/ one at a time, for tests and benchmarks; training does not come through here."""
import numpy as np

from cython cimport floating
from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memset

from fastembed._core.blas cimport Matrix, gemm, turned
from fastembed._core.blas cimport matrix as rows_of
from fastembed._core.hot cimport Hot, hot_begin, hot_meet, hot_or_shared
from fastembed._core.simd cimport fe_dense, fe_loss, fe_named, fe_step, kernels, rounding_room, step_scratch


cdef class Step:
    """One training step on rows of numpy arrays (csrc/step.inc).

    Parameters
    ----------
    inputs, outputs : float32 (I, D'), (O, D'), C-contiguous, D' a multiple of FE_PAD; updated in place.
    labels : uint8 (O,), 0 or 1
    lr : learning rate
    input_rows, output_rows : which rows take part, int64; a row may come twice.
    dim : numbers of a row, behind which it is zero; None means D'.
    """
    cdef fe_step c
    cdef object held

    def __init__(self, float[:, ::1] inputs, float[:, ::1] outputs, const uint8_t[::1] labels, float lr,
                 const int64_t[::1] input_rows, const int64_t[::1] output_rows, dim=None):
        cdef Py_ssize_t k, width = inputs.shape[1]
        cdef int n_inputs = input_rows.shape[0], n_outputs = output_rows.shape[0]
        scratch = np.zeros(step_scratch(n_inputs, n_outputs, width), np.float32)
        pointers = np.zeros(n_inputs + 2 * n_outputs, np.intp)
        cdef float[::1] scratch_view = scratch
        cdef Py_ssize_t[::1] pointers_view = pointers
        if width % 16 or outputs.shape[1] != width or labels.shape[0] != n_outputs:
            raise ValueError("rows of different or unpadded length, or labels that do not fit")
        signs = np.zeros(n_inputs * n_outputs + 16, np.float32)
        cdef float[::1] signs_view = signs
        cdef const int32_t[::1] label_view = np.array(labels, np.int32)
        self.held = (inputs.base, outputs.base, signs, scratch, pointers)
        self.c.scratch = &scratch_view[0]
        self.c.inputs = <float **>&pointers_view[0]
        self.c.outputs = self.c.inputs + n_inputs
        self.c.copies = self.c.outputs + n_outputs
        for k in range(n_inputs):
            self.c.inputs[k] = &inputs[input_rows[k], 0]
        for k in range(n_outputs):
            self.c.outputs[k] = &outputs[output_rows[k], 0]
        self.c.signs = &signs_view[0]
        self.c.n_inputs, self.c.n_outputs, self.c.width, self.c.lr = n_inputs, n_outputs, width, lr
        self.c.dim = width if dim is None else dim
        kernels.lay_signs(&self.c, &label_view[0], &signs_view[0])

    def run(self, int64_t times=1):
        """Take the step so many times; returns the summed loss."""
        cdef fe_loss loss
        cdef int64_t _
        with nogil:
            memset(&loss, 0, sizeof(loss))
            kernels.settle(&loss)
            loss.total = 0
            for _ in range(times):
                kernels.step(&self.c, &loss)
            kernels.settle(&loss)
        return loss.total

    def softmax(self, int target):
        """Take the step with a softmax over the outputs, of which `target` is the right one; returns its loss."""
        return kernels.softmax_step(&self.c, target)


def meet(float[:, ::1] own, float[:, ::1] shared, const float[:, ::1] step, float share):
    """Own rows (n, D') of the last n shared ones (any, D') begin, take a step (n, D') and meet them; see hot.pxd."""
    cdef Hot hot
    cdef Py_ssize_t r, k
    hot.n, hot.stride, hot.first = own.shape[0], own.shape[1], shared.shape[0] - own.shape[0]
    hot.rows, hot.shared = &own[0, 0], &shared[0, 0]
    hot_begin(&hot)
    for r in range(own.shape[0]):
        for k in range(own.shape[1]):
            hot_or_shared(&hot, hot.first + r)[k] += step[r, k]
    hot_meet(&hot, share)


def mean(const float[:, ::1] rows):
    """Mean of rows (n, D'), twice: -> (2, D')."""
    out = np.empty((2, rows.shape[1]), np.float32)
    cdef float[:, ::1] view = out
    pointers = np.zeros(rows.shape[0], np.intp)
    cdef Py_ssize_t[::1] pointers_view = pointers
    cdef Py_ssize_t k
    for k in range(rows.shape[0]):
        pointers_view[k] = <Py_ssize_t>&rows[k, 0]
    kernels.mean(<const float *const *>&pointers_view[0], rows.shape[0], rows.shape[1], &view[0, 0])
    return out


def spread(float[:, ::1] rows, const float[:, ::1] pair, float scale):
    """rows (n, D') += scale (pair[0] - pair[1]), in place."""
    pointers = np.zeros(rows.shape[0], np.intp)
    cdef Py_ssize_t[::1] view = pointers
    cdef Py_ssize_t k
    for k in range(rows.shape[0]):
        view[k] = <Py_ssize_t>&rows[k, 0]
    kernels.spread(<float *const *>&view[0], rows.shape[0], rows.shape[1], &pair[0, 0], scale)


def blend(const float[:, ::1] rows, const float[::1] weights):
    """Weighted mean of rows (n, D'), twice: -> (2, D')."""
    out = np.empty((2, rows.shape[1]), np.float32)
    cdef float[:, ::1] view = out
    pointers = np.zeros(rows.shape[0], np.intp)
    cdef Py_ssize_t[::1] pointers_view = pointers
    cdef Py_ssize_t k
    for k in range(rows.shape[0]):
        pointers_view[k] = <Py_ssize_t>&rows[k, 0]
    kernels.blend(<const float *const *>&pointers_view[0], &weights[0], rows.shape[0], rows.shape[1], &view[0, 0])
    return out


cdef fe_named named_rows(const float[:, ::1] matrix, const int32_t[::1] rows, int width):
    cdef fe_named named
    named.matrix, named.stride, named.width = <float *>&matrix[0, 0], matrix.shape[1], width
    named.rows, named.n = &rows[0], rows.shape[0]
    return named


def compose(const float[:, ::1] matrix, const int32_t[::1] rows, int width):
    """Mean of the first `width` columns of the named rows (n,) of a matrix (_, D'), twice: -> (2, width)."""
    out = np.empty((2, width), np.float32)
    cdef float[:, ::1] view = out
    cdef fe_named named = named_rows(matrix, rows, width)
    kernels.compose(&named, &view[0, 0])
    return out


def scatter(float[:, ::1] matrix, const int32_t[::1] rows, const float[:, ::1] pair):
    """The named rows (n,) of a matrix (_, D') += pair[0] - pair[1], pair (2, width), in place."""
    cdef fe_named named = named_rows(matrix, rows, pair.shape[1])
    kernels.scatter(&named, &pair[0, 0])


def elementwise(str name, const float[::1] x):
    """exp, sigmoid or tanh of x (n,) -> (n,)"""
    out = np.empty(x.shape[0], np.float32)
    cdef float[::1] y = out
    if name == "exp":
        kernels.exp_all(&x[0], &y[0], x.shape[0])
    elif name == "sigmoid":
        kernels.sigmoid_all(&x[0], &y[0], x.shape[0])
    else:
        kernels.tanh_all(&x[0], &y[0], x.shape[0])
    return out


def dense_bfloat16(const float[:, ::1] left, const float[::1] panels, const float[::1] bias):
    """left (B, D) times panels of ``recurrent.panels(..., rounded=True)``, plus bias (columns,) -> (B, columns)"""
    out = np.full((left.shape[0], bias.size), np.nan, np.float32)
    room = np.empty(rounding_room(left.shape[0]), np.float32)
    cdef float[:, ::1] out_view = out
    cdef float[::1] room_view = room
    cdef fe_dense dense
    memset(&dense, 0, sizeof(dense))
    dense.product.left, dense.product.left_stride = &left[0, 0], left.shape[1]
    dense.product.panels, dense.product.out, dense.product.out_stride = &panels[0], &out_view[0, 0], bias.size
    dense.product.rows, dense.product.columns, dense.product.depth = left.shape[0], bias.size, left.shape[1]
    dense.bias, dense.room = &bias[0], &room_view[0]
    kernels.dense_bfloat16(&dense)
    return out


def fma_loop(int64_t times):
    """Floating-point operations done by `times` rounds of independent multiply-adds in registers: the core's peak."""
    cdef double flops
    with nogil:
        flops = kernels.fma_loop(times)
    return flops


cdef Matrix of(floating[:, :] a):
    """a (rows, columns), whose rows or columns are contiguous, as products take it."""
    cdef Py_ssize_t size = sizeof(floating)
    if not a.shape[0] or not a.shape[1]:  # there is no number whose address could be taken
        return rows_of(<floating *>NULL, a.shape[0], a.shape[1], max(<int>a.shape[1], 1))
    if a.strides[1] == size:
        return rows_of(&a[0, 0], a.shape[0], a.shape[1], a.strides[0] // size)
    return turned(rows_of(&a[0, 0], a.shape[1], a.shape[0], a.strides[1] // size))


def multiply(floating[:, :] a, floating[:, :] b, bint add, floating[:, :] out):
    """out (M, N) = a (M, K) b (K, N), added to out if ``add`` (blas.pxd); rows of out are contiguous."""
    cdef Matrix left = of(a), right = of(b), sums = of(out)
    with nogil:
        gemm(left, right, add, sums)
