"""run() and share(): the only places where fastembed starts threads.

Workers are Python threads that make one call each into Cython and work there without the GIL, taking chunk numbers
from a shared Job. The main thread only waits, so Ctrl-C, progress and callbacks work, also with one thread; but in a
step, which is short (share), it is one of the workers.
"""

import _thread
import os
import threading

from ._core.bell import Bell, follow, step
from ._core.job import Job
from .errors import ParameterError

IDLE_SECONDS = 5.0  # how long a thread waits for the next step
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

    So its threads stay for the next step (``_Hand``), and one that comes when all chunks are taken is not waited for.
    """
    job, threads = Job(chunks), min(threads, chunks)
    if threads <= 1:
        return work(job, 0) if threads else None
    errors = []
    tasks = [_Task(work, job, number, errors) for number in range(1, threads)]
    step(work, job, tasks, errors, _idle, _Hand, _thread.start_new_thread)
    return None


class _Task:
    """A thread's part in a step, which the first who asks for it has: the thread, or the step, which goes without."""

    __slots__ = ("ended", "errors", "job", "number", "owner", "work")

    def __init__(self, work, job, number, errors):
        self.work, self.job, self.number, self.errors = work, job, number, errors
        self.owner, self.ended = {}, False

    def is_for(self, who):
        return self.owner.setdefault(None, who) is who  # both at once: one alone succeeds

    def do(self):
        try:
            if follow(self.job):
                self.work(self.job, self.number)
        except BaseException as error:
            self.job.stop()
            self.errors.append(error)
        self.ended = True


class _Hand:
    """A thread that waits for tasks, and ends if none comes for a while.

    It is begun without threading.Thread, whose start waits until the new thread has said that it runs.
    """

    __slots__ = ("done", "go", "task")

    def __init__(self):
        self.go, self.done, self.task = Bell(), Bell(), None

    def serve(self):
        done = None
        while self.go.wait(IDLE_SECONDS, done) or not self._dismissed():
            task, done = self.task, None
            if task is not None and task.is_for(self):
                self.task = None
                task.do()
                done = self.done  # to be rung
            task = None  # nothing is kept of what it works on, nor of what another has taken back

    def _dismissed(self):
        """Whether nobody has this hand, nor will have it."""
        try:
            _idle.remove(self)
        except ValueError:
            return False
        return True


_idle = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)  # which has none of the threads


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
