/* A run of numbered chunks shared by several threads: see also room.c and turns.h for the other atomics.
 *
 * Workers take the next chunk number until none is left or stop is set; the main thread reads `done` for its
 * progress bar and sets `stop` on Ctrl-C or on an error.
 */
#ifndef FE_JOB_H
#define FE_JOB_H

#include <stdatomic.h>
#include <stdint.h>

typedef struct fe_job {
    _Atomic int64_t next; /* the next chunk nobody has taken */
    _Atomic int64_t done; /* units of work finished; the unit is the caller's (words, bytes, rows) */
    _Atomic int stop;
    int64_t chunks;
} fe_job;

static inline void fe_job_init(fe_job *job, int64_t first, int64_t chunks)
{
    atomic_init(&job->next, first);
    atomic_init(&job->done, 0);
    atomic_init(&job->stop, 0);
    job->chunks = chunks;
}

static inline int fe_job_stopped(fe_job *job)
{
    return atomic_load_explicit(&job->stop, memory_order_relaxed);
}

static inline void fe_job_stop(fe_job *job)
{
    atomic_store_explicit(&job->stop, 1, memory_order_relaxed);
}

/* The number of a chunk to work on, or -1. */
static inline int64_t fe_job_take(fe_job *job)
{
    if (fe_job_stopped(job))
        return -1;
    int64_t chunk = atomic_fetch_add_explicit(&job->next, 1, memory_order_relaxed);
    return chunk < job->chunks ? chunk : -1;
}

static inline void fe_job_add(fe_job *job, int64_t units)
{
    atomic_fetch_add_explicit(&job->done, units, memory_order_relaxed);
}

static inline int64_t fe_job_done(fe_job *job)
{
    return atomic_load_explicit(&job->done, memory_order_relaxed);
}

/* The first chunk not taken, or beyond the last. */
static inline int64_t fe_job_next(fe_job *job)
{
    return atomic_load_explicit(&job->next, memory_order_relaxed);
}

#endif
