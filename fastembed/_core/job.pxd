from libc.stdint cimport int64_t


cdef extern from "job.h" nogil:
    ctypedef struct fe_job:
        int64_t chunks
    void fe_job_init(fe_job *job, int64_t first, int64_t chunks)
    int fe_job_stopped(fe_job *job)
    void fe_job_stop(fe_job *job)
    int64_t fe_job_take(fe_job *job)
    void fe_job_add(fe_job *job, int64_t units)
    int64_t fe_job_done(fe_job *job)
    int64_t fe_job_next(fe_job *job)


cdef class Job:
    cdef fe_job c
