"""Bell: one thread rings, another waits, at first without going to sleep; and a step, in which threads do so.

A step of nothing by two threads that sleep between takes 20 to 70 us, as long as many a step with something to do.
So they ask again and again for a while, and let others have the processor between.
"""

from libc.stdint cimport int64_t

from fastembed._core.job cimport Job, fe_job_next, fe_job_stop, fe_job_stopped

cdef extern from "Python.h" nogil:
    ctypedef void *PyThread_type_lock
    ctypedef enum PyLockStatus:
        PY_LOCK_FAILURE
        PY_LOCK_ACQUIRED
        PY_LOCK_INTR
    PyThread_type_lock PyThread_allocate_lock()
    void PyThread_free_lock(PyThread_type_lock lock)
    int PyThread_acquire_lock(PyThread_type_lock lock, int wait)
    PyLockStatus PyThread_acquire_lock_timed(PyThread_type_lock lock, long long microseconds, int interruptible)
    void PyThread_release_lock(PyThread_type_lock lock)

cdef extern from "Python.h":
    int PyErr_CheckSignals() except -1

cdef extern from "turns.h" nogil:
    ctypedef struct fe_turn:
        pass
    int64_t fe_turn_swap(fe_turn *turn, int64_t number)
    void FE_YIELD()

cdef enum:
    AWAKE = 100  # times that a thread asks before it sleeps: 50 to 80 us on an idle machine


cdef class Bell:
    """One thread at a time rings, and one waits. Rung once, it stays rung until somebody has waited for it; rung again
    meanwhile, it is rung still."""
    cdef PyThread_type_lock lock  # held while the bell is silent
    cdef fe_turn rung

    def __cinit__(self):
        self.lock = PyThread_allocate_lock()
        if self.lock == NULL:
            raise MemoryError("no memory for a lock")
        PyThread_acquire_lock(self.lock, 1)

    def __dealloc__(self):
        if self.lock != NULL:
            self.sound()
            PyThread_free_lock(self.lock)

    cdef void sound(self) noexcept nogil:
        if not fe_turn_swap(&self.rung, 1):
            PyThread_release_lock(self.lock)

    def ring(self):
        self.sound()

    def wait(self, double seconds=-1, Bell first=None):
        """Whether it was rung, within so many seconds if they are not below 0; in the main thread Ctrl-C ends it.

        first : to be rung when this thread has given Python's lock away, for which the other would go to sleep.
        """
        return self.heard(seconds, first)

    cdef bint heard(self, double seconds, Bell first) except -1:
        cdef int _k
        cdef PyLockStatus found = PY_LOCK_FAILURE
        with nogil:
            if first is not None:
                first.sound()
            for _k in range(AWAKE):
                if PyThread_acquire_lock(self.lock, 0):
                    found = PY_LOCK_ACQUIRED
                    break
                FE_YIELD()
            if found != PY_LOCK_ACQUIRED:
                found = PyThread_acquire_lock_timed(self.lock, <long long> (seconds * 1e6) if seconds >= 0 else -1, 1)
            if found == PY_LOCK_ACQUIRED:
                fe_turn_swap(&self.rung, 0)
        if found == PY_LOCK_INTR:
            PyErr_CheckSignals()
        return found == PY_LOCK_ACQUIRED


def follow(Job job):
    """Wait for a moment until another thread has taken a chunk of the job, or it is stopped; whether any are left.

    That thread holds Python's lock until then, and to wait for that means to sleep.
    """
    cdef int _k
    with nogil:
        for _k in range(AWAKE):
            if fe_job_next(&job.c) > 0 or fe_job_stopped(&job.c):
                break
            FE_YIELD()
    return fe_job_next(&job.c) < job.c.chunks and not fe_job_stopped(&job.c)


def step(work, Job job, list tasks, list errors, list idle, make, begin):
    """work(job, 0) in this thread while hands do the tasks; then take back what none has begun, and wait for the rest.
    The hands are then idle. Raises the first of the errors.

    make : of a new hand, where none is idle; begin(hand.serve, ()) gives it a thread.

    This is in C, where Ctrl-C is not noticed: none comes between a hand's thread and its place in a list, nor before
    the wait, for what handles it would not have begun. In what is called here it may come, and stops the job. From
    then on nothing is called that has a frame, for which there may be no room.
    """
    cdef list hands = []
    cdef Py_ssize_t last
    try:
        for _ in tasks:
            try:
                hand = idle.pop()
            except IndexError:
                hand = make()
                begin(hand.serve, ())
            hands.append(hand)
        for hand, task in zip(hands, tasks):
            hand.task = task
            hand.go.ring()
        work(job, 0)
    except BaseException as error:  # no thread could be begun, or it is ours; those of others are caught
        fe_job_stop(&job.c)
        errors.append(error)
    while hands:
        try:
            last = len(hands) - 1
            hand, task = hands[last], tasks[last]
            if (<dict?> task.owner).setdefault(None, job) is job:  # task.is_for(job)
                hand.task = None
            else:
                while not task.ended:
                    (<Bell?> hand.done).heard(-1, None)
            idle.append(hands.pop())
        except BaseException as error:  # Ctrl-C, or what the handler of another signal raises
            fe_job_stop(&job.c)
            errors.append(error)
    if errors:
        raise errors[0]
