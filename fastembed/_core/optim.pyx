"""Steps of optimisers over spans and rows of parameters; fastembed.nn.optim decides which."""
from cython cimport floating
from libc.stdint cimport int32_t, int64_t

from fastembed._core cimport simd
from fastembed._core.job cimport Job, fe_job_take

KINDS = {"sgd": simd.SGD, "adagrad": simd.ADAGRAD, "adam": simd.ADAM}
cdef enum:
    TAKEN = 64          # rows of a matrix that are a chunk
    STRETCH = 1 << 15   # parameters that are a chunk

ROWS, SPAN = TAKEN, STRETCH


cdef class Rule:
    """How parameters change (csrc/optim.inc).

    kind : "sgd", "adagrad" or "adam"; betas : of Adam; epsilon : of both others.
    """

    def __init__(self, kind, betas, epsilon):
        self.c.kind = KINDS[kind]
        self.c.beta1, self.c.beta2 = betas
        self.c.epsilon = epsilon
        self.set(0.0, 1.0, 1)

    def set(self, double lr, double scale, int64_t steps):
        """The rate, the factor of the gradients, and the number of this step, from 1."""
        self.c.lr, self.c.scale, self.c.steps = lr, scale, steps


def span(Job job, Rule rule, const floating[::1] gradient, floating[::1] values, floating[::1] means,
         floating[::1] squares):
    """One step of an array; SPAN parameters are a chunk.

    gradient (n,)  # in;  values, means, squares (n,) or, if the rule has none, (0,)  # in and out
    """
    cdef int64_t chunk, at
    cdef floating *slots[2]
    with nogil:
        while True:
            chunk = fe_job_take(&job.c)
            if chunk < 0:
                break
            at = chunk * STRETCH
            slots[0] = &means[at] if means.shape[0] else NULL
            slots[1] = &squares[at] if squares.shape[0] else NULL
            optimise(&rule.c, &gradient[at], &values[at], slots, min(STRETCH, values.shape[0] - at))


def rows(Job job, Rule rule, const int32_t[::1] ids, const floating[:, ::1] gradients, floating[:, ::1] values,
         floating[:, ::1] means, floating[:, ::1] squares):
    """One step for the rows ``ids`` of a matrix; ROWS of them are a chunk.

    ids (n,), no id twice; gradients (n, D)  # in;  values (V, D), means, squares alike or (0, D)  # in and out
    """
    cdef int64_t chunk, row, at, width = values.shape[1]
    cdef floating *slots[2]
    with nogil:
        while True:
            chunk = fe_job_take(&job.c)
            if chunk < 0:
                break
            for row in range(chunk * TAKEN, min((chunk + 1) * TAKEN, ids.shape[0])):
                at = ids[row]
                slots[0] = &means[at, 0] if means.shape[0] else NULL
                slots[1] = &squares[at, 0] if squares.shape[0] else NULL
                optimise(&rule.c, &gradients[row, 0], &values[at, 0], slots, width)
