"""Recurrent layers through time, forward and back: a thread takes one direction of some sequences of a batch.

The rows of a run are the N tokens of its B sequences, time step after time step. Sequences are sorted by length, so a
step has its rows side by side and is a smaller batch than the step before it, not a masked one. A plan lists the pieces
of steps in the order of the computation; a piece is (row, before, lane, count): its first row, the row of the states
that it starts from, its first sequence and how many rows it has. Directions and lengths are in the plan alone.
"""
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from fastembed._core.blas cimport Matrix, gemm, turned
from fastembed._core.job cimport Job, fe_job, fe_job_add, fe_job_stopped, fe_job_take
from fastembed._core.simd cimport fe_cell, fe_packing, fe_product, fe_recurrent, kernels

cdef enum:
    RNN, LSTM, GRU, GRU_AFTER

CELLS = ("rnn", "lstm", "gru", "gru_after")


cdef struct Arrays:
    # N rows, B sequences, I inputs, H units, G gates, P outputs (H, or fewer where they are projected), D directions
    char *source        # (_, I): x is some of its rows; NULL: x is there already, and dx is below
    char *x             # (N, I)
    char *gates         # (N, G H)
    char *states        # (N + B, P) the initial ones before the others, or behind them if time runs backwards
    char *cells         # (N + B, H) LSTM, likewise
    char *raw           # (N, H) what is projected
    char *reset         # (N, H) GRU
    char *y             # (_, D P) outputs, from this direction's columns on
    char *dy            # likewise
    char *dx            # (_, I)
    char *above         # (N, P) some rows of dy
    char *below         # (N, I) some rows of dx
    char *flow          # (B, P) gradients of the states between two steps: at first the final ones, at last the initial
    char *cell_flow     # (B, H) likewise
    char *room          # (B, H)
    char *previous      # (N, P) states that the rows start from, if they do not lie in order
    char *input         # (I, G H)
    char *bias          # (G H,)
    char *reset_bias    # (H,)
    char *recurrent     # panels of (P, G H), with GRU of its first two gates; for the way back of the transpose
    char *candidate     # panels of (H, H), the third one
    char *projection    # panels of (H, P)
    char *d_input       # gradients, as above but not in panels
    char *d_recurrent
    char *d_bias
    char *d_reset_bias
    char *d_projection
    int64_t *places     # (N,) the rows of source, y, dy and dx
    int64_t *pieces     # (_, 4) the plan

FIELDS = (
    "source", "x", "gates", "states", "cells", "raw", "reset", "y", "dy", "dx", "above", "below", "flow", "cell_flow",
    "room", "previous", "input", "bias", "reset_bias", "recurrent", "candidate", "projection", "d_input", "d_recurrent",
    "d_bias", "d_reset_bias", "d_projection", "places", "pieces",
)  # in the order of Arrays


cdef char *address(object array):
    cdef size_t at = array.ctypes.data
    return <char *>at


def panels(weights, int first, int columns, bint turn, room, bint rounded=False):
    """Columns first .. first + columns - 1 of weights (_, _), or their transpose, packed for the kernels in use.

    room(count) returns the array for so many numbers. rounded : pairs of bfloat16 in place of numbers, not turned.
    """
    cdef const fe_recurrent *table = &kernels.recurrent[weights.dtype.itemsize == 8]
    cdef fe_packing packing
    packing.depth, packing.columns = (columns, weights.shape[0]) if turn else (weights.shape[0], columns)
    cdef int64_t count = (packing.columns + table.panel - 1) // table.panel
    packed = room(count * table.panel * ((packing.depth + 1) // 2 if rounded else packing.depth))
    packing.weights = address(weights) + <size_t>first * <size_t>weights.dtype.itemsize
    packing.panels = address(packed)
    packing.stride, packing.turned = weights.shape[1], turn
    with nogil:
        if rounded:
            kernels.pack_bfloat16(&packing)
        else:
            table.pack(&packing)
    return packed


cdef class Run:
    """One direction of one layer over some sequences.

    Parameters
    ----------
    cell : one of CELLS
    sizes : (N, B, I, H, P)
    stride : numbers from a row of y and dy to the next
    first : the row of the states that belongs to row 0
    clips : of the cells and of the projection, infinity where there is none
    fresh : whether the initial states are zero and their gradient is not asked for
    """
    cdef Arrays a
    cdef readonly dict held
    cdef const fe_recurrent *table
    cdef int kind, rows, lanes, inputs, units, outputs, gates, stride, first, pieces
    cdef size_t size
    cdef double cell_clip, projection_clip
    cdef bint fresh

    def __init__(self, str cell, tuple sizes, int stride, int first, tuple clips, bint fresh):
        self.kind = CELLS.index(cell)
        self.rows, self.lanes, self.inputs, self.units, self.outputs = sizes
        self.gates = (1, 4, 3, 3)[self.kind]
        self.stride, self.first, self.fresh = stride, first, fresh
        self.cell_clip, self.projection_clip = clips
        self.held = {}

    def hold(self, **arrays):
        """Take arrays by the names of FIELDS: of one type, C-contiguous; y and dy may be columns of a matrix."""
        for name, array in arrays.items():
            self.held[name] = array
            (<char **>&self.a)[<int>FIELDS.index(name)] = NULL if array is None else address(array)
        self.size = self.held["gates"].dtype.itemsize
        self.pieces = len(self.held["pieces"])
        self.table = &kernels.recurrent[self.size == 8]

    # ---- views ----

    cdef Matrix of(self, char *base, int64_t row, int count, int width) noexcept nogil:
        """Rows row .. row + count - 1 of a matrix (_, width)."""
        cdef Matrix found
        found.data, found.rows, found.columns = base + row * width * self.size, count, width
        found.stride, found.turned, found.double_precision = width, False, self.size == 8
        return found

    cdef Matrix part(self, Matrix a, int first, int columns) noexcept nogil:
        """Columns first .. first + columns - 1 of a matrix."""
        a.data, a.columns = <char *>a.data + first * self.size, columns
        return a

    cdef bint starts(self, int64_t before) noexcept nogil:
        """Whether this row of the states is an initial one."""
        return before < self.first or before >= self.first + self.rows

    cdef void multiply(self, Matrix left, char *packed, Matrix out, bint add) noexcept nogil:
        """out (M, N) = left (M, K) times panels of (K, N), added to out or not"""
        cdef fe_product product
        product.left, product.left_stride, product.panels = left.data, left.stride, packed
        product.out, product.out_stride = out.data, out.stride
        product.rows, product.columns, product.depth, product.add = out.rows, out.columns, left.columns, add
        self.table.product(&product)

    cdef void gather(self, char *matrix, int64_t stride, int width, char *rows) noexcept nogil:
        """rows (N, width) = those rows of a matrix that `places` names"""
        cdef int64_t k
        cdef size_t line = width * self.size
        for k in range(self.rows):
            memcpy(rows + k * line, matrix + self.a.places[k] * stride * self.size, line)

    cdef void scatter(self, char *rows, int64_t stride, int width, char *matrix) noexcept nogil:
        """The other way."""
        cdef int64_t k
        cdef size_t line = width * self.size
        for k in range(self.rows):
            memcpy(matrix + self.a.places[k] * stride * self.size, rows + k * line, line)

    # ---- forward ----

    cdef fe_cell cell_of(self, const int64_t *piece) noexcept nogil:
        """What the kernels need of a piece."""
        cdef fe_cell cell
        cdef int64_t row = piece[0], before = piece[1], after = row + self.first, lane = piece[2]
        cdef int64_t units = self.units * self.size, outputs = self.outputs * self.size
        cell.rows, cell.size, cell.clip = piece[3], self.units, self.cell_clip
        cell.gates, cell.bias, cell.reset_bias = self.a.gates + row * self.gates * units, self.a.bias, self.a.reset_bias
        cell.before = self.a.states + before * outputs
        cell.states = self.a.states + after * outputs if self.a.raw == NULL else self.a.raw + row * units
        cell.cells_before, cell.cells = self.a.cells + before * units, self.a.cells + after * units
        cell.reset = self.a.reset + row * units
        cell.above, cell.flow = self.a.above + row * outputs, self.a.flow + lane * outputs
        cell.cell_flow = self.a.cell_flow + lane * units
        cell.bias_gradient, cell.reset_bias_gradient = self.a.d_bias, self.a.d_reset_bias
        return cell

    cdef void step(self, const int64_t *piece) noexcept nogil:
        cdef fe_cell cell = self.cell_of(piece)
        cdef int units = self.units, count = piece[3]
        cdef Matrix gates = self.of(self.a.gates, piece[0], count, self.gates * units)
        cdef Matrix before = self.of(self.a.states, piece[1], count, self.outputs)
        cdef Matrix reset = self.of(self.a.reset, piece[0], count, units)
        cdef bint zero = self.fresh and self.starts(piece[1])
        if self.kind == RNN or self.kind == LSTM:
            if not zero:
                self.multiply(before, self.a.recurrent, gates, True)
            if self.kind == RNN:
                self.table.rnn(&cell)
            else:
                self.table.lstm(&cell)
            if self.a.raw != NULL:
                self.project(piece)
            return
        self.multiply(before, self.a.recurrent, self.part(gates, 0, 2 * units), True)
        if self.kind == GRU:
            self.table.gru_gates(&cell)
            self.multiply(reset, self.a.candidate, self.part(gates, 2 * units, units), True)
            self.table.gru_state(&cell)
        else:
            self.multiply(before, self.a.candidate, reset, False)
            self.table.gru_after(&cell)

    cdef void project(self, const int64_t *piece) noexcept nogil:
        """states (count, P) = clip(raw (count, H) W)"""
        cdef Matrix states = self.of(self.a.states, piece[0] + self.first, piece[3], self.outputs)
        self.multiply(self.of(self.a.raw, piece[0], piece[3], self.units), self.a.projection, states, False)
        cdef int64_t numbers = piece[3] * self.outputs
        if self.size == 8:
            clip(<double *>states.data, numbers, self.projection_clip)
        else:
            clip(<float *>states.data, numbers, <float>self.projection_clip)

    cdef void forward(self, fe_job *job) noexcept nogil:
        cdef int k, width = self.gates * self.units
        if self.a.source != NULL:
            self.gather(self.a.source, self.inputs, self.inputs, self.a.x)
        gemm(self.of(self.a.x, 0, self.rows, self.inputs), self.of(self.a.input, 0, self.inputs, width), False,
             self.of(self.a.gates, 0, self.rows, width))
        for k in range(self.pieces):
            if fe_job_stopped(job):
                return
            self.step(self.a.pieces + 4 * k)
        self.scatter(self.a.states + self.first * self.outputs * self.size, self.stride, self.outputs, self.a.y)

    # ---- back ----

    cdef void step_back(self, const int64_t *piece) noexcept nogil:
        cdef fe_cell cell = self.cell_of(piece)
        cdef int units = self.units, count = piece[3]
        cdef Matrix gates = self.of(self.a.gates, piece[0], count, self.gates * units)
        cdef Matrix flow = self.of(self.a.flow, piece[2], count, self.outputs)
        cdef Matrix room = self.of(self.a.room, 0, count, units)
        cdef bint last = self.fresh and self.starts(piece[1])
        if self.kind == RNN or self.kind == LSTM:
            if self.a.raw != NULL:
                self.project_back(piece, &cell)
            if self.kind == RNN:
                self.table.rnn_back(&cell)
            else:
                self.table.lstm_back(&cell)
            if not last:
                self.multiply(gates, self.a.recurrent, flow, False)
        elif self.kind == GRU:
            self.table.gru_state_back(&cell)
            self.multiply(self.part(gates, 2 * units, units), self.a.candidate, room, False)
            cell.reset = room.data
            self.table.gru_gates_back(&cell)
            if not last:
                self.multiply(self.part(gates, 0, 2 * units), self.a.recurrent, flow, True)
        else:
            self.table.gru_after_back(&cell)
            if not last:
                self.multiply(self.part(gates, 0, 2 * units), self.a.recurrent, flow, True)
                self.multiply(self.of(self.a.reset, piece[0], count, units), self.a.candidate, flow, True)

    cdef void project_back(self, const int64_t *piece, fe_cell *cell) noexcept nogil:
        """above (count, P) gets what flows from the step after and becomes the gradient of the product; room (count, H)
        the gradient of what was projected, which the cell takes instead."""
        cdef Matrix above = self.of(self.a.above, piece[0], piece[3], self.outputs)
        cdef Matrix flow = self.of(self.a.flow, piece[2], piece[3], self.outputs)
        cdef Matrix states = self.of(self.a.states, piece[0] + self.first, piece[3], self.outputs)
        cdef Matrix room = self.of(self.a.room, 0, piece[3], self.units)
        cdef int64_t numbers = piece[3] * self.outputs
        if self.size == 8:
            unclip(<double *>above.data, <double *>flow.data, <double *>states.data, numbers, self.projection_clip)
        else:
            unclip(<float *>above.data, <float *>flow.data, <float *>states.data, numbers, <float>self.projection_clip)
        self.multiply(above, self.a.projection, room, False)
        cell.above, cell.flow = room.data, NULL

    cdef Matrix starting(self) noexcept nogil:
        """(N, P): the states that the rows start from, where they are or copied together"""
        cdef int64_t shift = self.a.pieces[1] - self.a.pieces[0], line = self.outputs * self.size
        cdef int64_t *piece
        cdef int k
        if self.a.previous == NULL:
            return self.of(self.a.states, shift, self.rows, self.outputs)
        for k in range(self.pieces):
            piece = self.a.pieces + 4 * k
            memcpy(self.a.previous + piece[0] * line, self.a.states + piece[1] * line, piece[3] * line)
        return self.of(self.a.previous, 0, self.rows, self.outputs)

    cdef void weights_back(self) noexcept nogil:
        """Gradients of the weights, one product over all rows each."""
        cdef int units = self.units, width = self.gates * units, rows = self.rows
        cdef Matrix gates = self.of(self.a.gates, 0, rows, width), before = self.starting()
        cdef Matrix recurrent = self.of(self.a.d_recurrent, 0, self.outputs, width)
        cdef Matrix reset = self.of(self.a.reset, 0, rows, units)
        cdef Matrix x = self.of(self.a.x, 0, rows, self.inputs)
        gemm(turned(x), gates, False, self.of(self.a.d_input, 0, self.inputs, width))
        if self.kind == RNN or self.kind == LSTM:
            gemm(turned(before), gates, False, recurrent)
        else:
            gemm(turned(before), self.part(gates, 0, 2 * units), False, self.part(recurrent, 0, 2 * units))
            if self.kind == GRU:
                gemm(turned(reset), self.part(gates, 2 * units, units), False, self.part(recurrent, 2 * units, units))
            else:
                gemm(turned(before), reset, False, self.part(recurrent, 2 * units, units))
        if self.a.raw != NULL:
            gemm(turned(self.of(self.a.raw, 0, rows, units)), self.of(self.a.above, 0, rows, self.outputs), False,
                 self.of(self.a.d_projection, 0, units, self.outputs))

    cdef void backward(self, fe_job *job) noexcept nogil:
        cdef int k, width = self.gates * self.units
        self.gather(self.a.dy, self.stride, self.outputs, self.a.above)
        memset(self.a.d_bias, 0, width * self.size)
        if self.a.d_reset_bias != NULL:
            memset(self.a.d_reset_bias, 0, self.units * self.size)
        for k in range(self.pieces - 1, -1, -1):
            if fe_job_stopped(job):
                return
            self.step_back(self.a.pieces + 4 * k)
        self.weights_back()
        gemm(self.of(self.a.gates, 0, self.rows, width), turned(self.of(self.a.input, 0, self.inputs, width)), False,
             self.of(self.a.below, 0, self.rows, self.inputs))
        if self.a.dx != NULL:
            self.scatter(self.a.below, self.inputs, self.inputs, self.a.dx)


cdef fused real:
    float
    double


cdef void clip(real *x, int64_t n, real limit) noexcept nogil:
    """x (n,) into [-limit, limit]; NaN stays."""
    cdef int64_t k
    for k in range(n):
        x[k] = limit if x[k] > limit else -limit if x[k] < -limit else x[k]


cdef void unclip(real *above, real *flow, real *clipped, int64_t n, real limit) noexcept nogil:
    """above (n,) += flow (n,), and 0 where a number has been clipped"""
    cdef int64_t k
    for k in range(n):
        above[k] = 0 if clipped[k] >= limit or clipped[k] <= -limit else above[k] + flow[k]


cdef int each(Job job, list runs, bint back) except -1:
    """Chunk c of the job is run c, forward or back."""
    cdef Run run
    cdef int64_t chunk = fe_job_take(&job.c)
    while chunk >= 0:
        run = runs[chunk]
        with nogil:
            if back:
                run.backward(&job.c)
            else:
                run.forward(&job.c)
        fe_job_add(&job.c, 1)
        chunk = fe_job_take(&job.c)
    return 0


def forward(Job job, list runs):
    """Each run from its source to its y."""
    each(job, runs, False)


def backward(Job job, list runs):
    """Each run from its dy to its dx and its gradients; its gates are used up."""
    each(job, runs, True)
