"""Co-occurrence counts to association measures: rows shared out among threads."""
from libc.math cimport log, log1p
from libc.stdint cimport int32_t, int64_t

from fastembed._core.job cimport Job, fe_job_add, fe_job_take

ctypedef fused real:
    float
    double

cpdef enum:
    PPMI, PMI, NPMI, LOG

MEASURES = {"ppmi": PPMI, "pmi": PMI, "npmi": NPMI, "log": LOG}


cdef inline double associate(double count, double row, double column, double total, int measure) noexcept nogil:
    """One number; row, column and total are what is to be taken off, or set against, the logarithm of the count."""
    cdef double pmi, most
    if measure == LOG:
        return log1p(count)
    pmi = log(count) - (row + column)
    if measure == PMI:
        return pmi
    if pmi <= 0:
        return 0
    if measure == PPMI:
        return pmi
    most = total - log(count)  # -log p(w, c)
    return pmi / most if pmi < most else 1


def weigh(Job job, const int64_t[::1] bounds, const real[::1] counts, tuple places, tuple margins, tuple out):
    """The measure of every count, and how many of each row are not zero; chunk c is the rows bounds[c]..bounds[c + 1].

    Parameters
    ----------
    counts, places : the numbers, and offsets (n + 1,) and columns, of a sparse matrix (n, m).
    margins : float64 (n,) and (m,), a total, all logarithms, and the measure; see associate.
    out : float32, as long as counts, and int64 (n,)
    """
    cdef const int64_t[::1] offsets = places[0]
    cdef const int32_t[::1] indices = places[1]
    cdef const double[::1] rows = margins[0], columns = margins[1]
    cdef double total = margins[2]
    cdef int measure = margins[3]
    cdef float[::1] values = out[0]
    cdef int64_t[::1] kept = out[1]
    cdef int64_t chunk, row, k, found
    cdef float value
    with nogil:
        while True:
            chunk = fe_job_take(&job.c)
            if chunk < 0:
                break
            for row in range(bounds[chunk], bounds[chunk + 1]):
                found = 0
                for k in range(offsets[row], offsets[row + 1]):
                    value = 0
                    if counts[k] > 0:
                        value = <float>associate(counts[k], rows[row], columns[indices[k]], total, measure)
                    values[k] = value
                    found += value != 0
                kept[row] = found
            fe_job_add(&job.c, 1)


def compact(Job job, const int64_t[::1] bounds, tuple old, tuple new):
    """Copy the numbers that are not zero from one matrix to another, both as (offsets, columns, float32 values).

    The new offsets have room for them.
    """
    cdef const int64_t[::1] old_offsets = old[0]
    cdef const int32_t[::1] old_columns = old[1]
    cdef const float[::1] old_values = old[2]
    cdef const int64_t[::1] offsets = new[0]
    cdef int32_t[::1] columns = new[1]
    cdef float[::1] values = new[2]
    cdef int64_t chunk, row, k, place
    with nogil:
        while True:
            chunk = fe_job_take(&job.c)
            if chunk < 0:
                break
            for row in range(bounds[chunk], bounds[chunk + 1]):
                place = offsets[row]
                for k in range(old_offsets[row], old_offsets[row + 1]):
                    if old_values[k] != 0:
                        columns[place], values[place] = old_columns[k], old_values[k]
                        place += 1
            fe_job_add(&job.c, 1)
