"""Job: numbered chunks of work that the threads of one run share (csrc/job.h)."""


cdef class Job:
    """Chunks ``first .. chunks-1``; workers take them one by one, in order, each once."""

    def __cinit__(self, int64_t chunks, int64_t first=0):
        if not 0 <= first <= chunks:
            raise ValueError(f"chunk {first} is none of {chunks}")
        fe_job_init(&self.c, first, chunks)

    @property
    def chunks(self):
        return self.c.chunks

    @property
    def done(self):
        """Units of work finished so far (words, bytes, rows: the worker's choice)."""
        return fe_job_done(&self.c)

    @property
    def stopped(self):
        return bool(fe_job_stopped(&self.c))

    def stop(self):
        """Ask the workers to return before their next chunk."""
        fe_job_stop(&self.c)

    @property
    def next(self):
        """The first chunk that nobody has taken; after a run all before it are finished."""
        return min(fe_job_next(&self.c), self.c.chunks)

    def take(self):
        """The number of a chunk to work on, or -1: for workers that are written in Python."""
        return fe_job_take(&self.c)

    def add(self, int64_t units):
        """Say that so many units of work are done, likewise."""
        fe_job_add(&self.c, units)
