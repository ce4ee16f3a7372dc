"""run() and share(): the only places where fastembed starts threads.

Workers are Python threads that make one call each into Cython and work there without the GIL, taking chunk numbers
from a shared Job. The main thread only waits, so Ctrl-C, progress and callbacks work, also with one thread; but in a
step, which is short (share), it is one of the workers.
"""

import _thread
import os
import threading
from itertools import repeat

from ._core.job import Job
from .errors import ParameterError

POLL_SECONDS = 0.05  # how late the main thread may notice the end of a run, and how often it reports


def default_threads():
    """CPUs that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1


def check_threads(threads):
    """``threads`` as a number of at least 1; None means every CPU this process may use."""
    if threads is None:
        return default_threads()
    if isinstance(threads, bool) or not hasattr(threads, "__index__") or not 1 <= int(threads) <= 4096:
        raise ParameterError(f"threads={threads!r}: give a whole number from 1 to 4096, or None for every CPU")
    return int(threads)


def run(work, job, threads=None, progress=None):
    """Call ``work(job, number)`` in ``threads`` threads at once and wait for all of them.

    Parameters
    ----------
    work : callable(job, worker_number); makes one nogil call that loops over ``job``'s chunks.
    job : fastembed._core.job.Job
    threads : how many workers; None means one for each CPU.
    progress : callable(job) or None; called in the main thread about 20 times a second and once at the end.

    Any exception (Ctrl-C, an error in a worker or in ``progress``) stops the job, waits for the workers and is
    raised again; of several worker errors the first wins. Ctrl-C reaches the main thread alone, so elsewhere one worker
    needs no thread of its own.
    """
    threads = check_threads(threads)
    if threads == 1 and progress is None and threading.current_thread() is not threading.main_thread():
        return work(job, 0)
    errors, pending = [], threading.Semaphore(0)
    body = _body(work, job, errors, lambda number: pending.release())
    names = [f"fastembed-{number}" for number in range(threads)]
    crew = [threading.Thread(target=body, args=(n,), name=name, daemon=True) for n, name in enumerate(names)]
    try:
        for thread in crew:
            thread.start()
        _wait(job, pending, len(crew), progress)
    finally:
        job.stop()
        _join([thread for thread in crew if thread.ident is not None])
    if errors:
        raise errors[0]
    return None


def share(work, chunks, threads):
    """One step of a run that is under way: ``work(job, number)`` until all chunks are done, in this thread and as many
    more as it takes. No progress, and Ctrl-C waits for the end: a step takes milliseconds, some of them a part of one.

    So its threads are begun without threading.Thread, whose start waits until the new thread has said that it runs.
    """
    job, threads = Job(chunks), min(threads, chunks)
    if threads <= 1:
        return work(job, 0) if threads else None
    errors, begun, ended, bell = [], [], set(), threading.Semaphore(0)
    body = _body(work, job, errors, lambda number: (ended.add(number), bell.release()))
    try:
        # all in C: no Ctrl-C can come between a thread's start and its name in the list of those to wait for
        begun.extend(map(_thread.start_new_thread, repeat(body), zip(range(1, threads), strict=True)))
        body(0)
    except BaseException as error:  # no thread could be begun; in a worker they are caught
        job.stop()
        errors.append(error)
    while len(ended - {0}) < len(begun):
        try:
            bell.acquire()
        except KeyboardInterrupt as error:
            job.stop()
            errors.append(error)
    if errors:
        raise errors[0]
    return None


def _body(work, job, errors, say):
    """What a thread runs: the work; an error stops the job; at the end say(number)."""

    def body(number):
        try:
            work(job, number)
        except BaseException as error:
            job.stop()
            errors.append(error)
        finally:
            say(number)

    return body


def _wait(job, pending, count, progress):
    """Until so many workers have finished; reports meanwhile and at the end."""
    for _ in range(count):
        while not pending.acquire(timeout=POLL_SECONDS):
            if progress is not None:
                progress(job)
    if progress is not None:
        progress(job)


def _join(crew):
    """Wait for stopped workers; another Ctrl-C meanwhile is raised when all have ended, not before."""
    interrupt = None
    for thread in crew:
        while thread.is_alive():
            try:
                thread.join()
            except KeyboardInterrupt as error:
                interrupt = error
    if interrupt is not None:
        raise interrupt
