"""Sparse matrix times dense block, rows shared out among threads; every row is computed by one thread alone."""
from libc.stdint cimport int32_t, int64_t

from fastembed._core.job cimport Job, fe_job_add, fe_job_take
from fastembed._core.simd cimport fe_sparse_double, fe_sparse_float, kernels

ctypedef fused real:
    float
    double


def multiply(
    Job job, const int64_t[::1] bounds, tuple places, const real[::1] values, const real[:, ::1] block,
    real[:, ::1] out
):
    """out = matrix @ block; chunk c of the job is the rows bounds[c]..bounds[c + 1].

    places: offsets (n + 1,) and columns of the matrix (n, m), values, block (m, one cache line)  # in
    out (n, one cache line)  # out
    """
    cdef const int64_t[::1] offsets = places[0]
    cdef const int32_t[::1] columns = places[1]
    cdef int64_t chunk
    cdef fe_sparse_float singles
    cdef fe_sparse_double doubles
    if values.shape[0] == 0:
        out[:] = 0
        return
    if real is float:
        singles.offsets, singles.columns, singles.values = &offsets[0], &columns[0], &values[0]
    else:
        doubles.offsets, doubles.columns, doubles.values = &offsets[0], &columns[0], &values[0]
    with nogil:
        while True:
            chunk = fe_job_take(&job.c)
            if chunk < 0:
                break
            if real is float:
                kernels.spmm_float(&singles, bounds[chunk], bounds[chunk + 1], &block[0, 0], &out[bounds[chunk], 0])
            else:
                kernels.spmm_double(&doubles, bounds[chunk], bounds[chunk + 1], &block[0, 0], &out[bounds[chunk], 0])
            fe_job_add(&job.c, 1)
