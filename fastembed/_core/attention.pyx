"""The layers of a transformer's encoder, forward and back: a thread takes a block of rows through all of them.

Forward, a block of whole sentences meets every layer while its rows are in the near cache, and threads never wait for
each other. Where there are too few sentences for that, blocks cut them: then a block waits, once a layer, until those
that share a sentence with it have their keys and values.

Back, a layer is two runs: gradients of the rows, block by block, and then of the matrices, one product over all rows
each. What a block adds to the gradient of a vector is kept apart and summed in order afterwards, so that results are
the same for any number of threads.

Letters: N rows (tokens), T tokens of a sentence, D width, F inner width, L layers.
"""
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy, memset

from fastembed._core.blas cimport Matrix, gemm, turned
from fastembed._core.job cimport Job, fe_job, fe_job_stopped, fe_job_take
from fastembed._core.rows cimport add_rows, dots, sum_of_three
from fastembed._core.simd cimport (
    GELU, GELU_NEW, PAIRED, WIDEST, attention_room, fe_attention, fe_attention_back, fe_dense, fe_drop, fe_encoder,
    fe_norm, kernels, rounding_room)


ACTIVATIONS = {"gelu": GELU, "gelu_new": GELU_NEW}
NEAR = {False: 96, True: 128}  # rows that the near cache holds in all layers; True: with products of bfloat16
cdef enum:
    TALL = 256  # rows of a matrix whose gradient is a chunk: for each the other factor is put in order anew

LAYER_FIELDS = (
    "qkv", "output", "inner", "outer", "qkv_bias", "output_bias", "inner_bias", "outer_bias", "middle_scale",
    "middle_bias", "top_scale", "top_bias", "x", "heads", "logs", "context", "middle", "middle_stats", "a", "u", "top",
    "top_stats", "y",
)  # in the order of Layer (attention.pxd)
LAYER_PLACES = {name: place for place, name in enumerate(LAYER_FIELDS)}

FIELDS = (
    "ids", "segments", "offsets", "blocks", "turns", "words", "positions", "kinds", "scale", "bias", "sums", "stats",
    "x", "room", "flow", "outer_flow", "inner_flow", "middle_flow", "output_flow", "heads_flow", "below", "vectors",
    "d_qkv", "d_output", "d_inner", "d_outer",
)  # in the order of Arrays
PLACES = {name: place for place, name in enumerate(FIELDS)}


cdef char *address(object array) except? NULL:
    """Where a C-contiguous array lies."""
    cdef Py_buffer view
    PyObject_GetBuffer(array, &view, PyBUF_SIMPLE)
    cdef char *at = <char *>view.buf
    PyBuffer_Release(&view)
    return at


cdef class Stack:
    """The layers of an encoder over one batch.

    Parameters
    ----------
    sizes : (N, D, F, L, heads)
    itemsize : bytes of a number, 4 or 8
    activation : one of ACTIVATIONS
    epsilon : of LayerNorm
    drops : (seed, rate, rate of the attention)
    rounded : whether the way there has products of bfloat16 (csrc/bfloat16.inc)
    """
    cdef Arrays a
    cdef readonly list held
    cdef readonly bint drops   # whether anything drops out of rows
    cdef object table_of_layers
    cdef Layer *layers
    cdef const fe_encoder *table
    cdef void (*product)(const fe_dense *dense) noexcept nogil
    cdef void (*attention)(const fe_attention *head) noexcept nogil
    cdef bint rounded, paired, paired_heads  # whether results of the inner layer and of heads may be pairs
    cdef fe_drop hidden_drop, attention_drop
    cdef int width, inner, depth, heads, activation
    cdef int64_t rows, size, worker_room, near
    cdef double epsilon

    def __init__(self, tuple sizes, int itemsize, str activation, double epsilon, tuple drops, bint rounded=False):
        import numpy as np

        self.rows, self.width, self.inner, self.depth, self.heads = sizes
        self.size, self.epsilon, self.activation = itemsize, epsilon, ACTIVATIONS[activation]
        self.table = &kernels.encoder[itemsize == 8]
        self.product = kernels.dense_bfloat16 if rounded else self.table.dense
        self.attention = kernels.attend_bfloat16 if rounded else self.table.attend
        self.held, self.rounded, self.near = [], rounded, NEAR[rounded]
        self.paired = rounded and self.inner % WIDEST == 0
        self.paired_heads = rounded and self.width // self.heads % PAIRED == 0 and not drops[2]
        self.table_of_layers = np.zeros((self.depth, len(LAYER_FIELDS)), np.intp)
        self.layers = <Layer *>address(self.table_of_layers)
        self.hidden_drop, self.attention_drop = drop_of(drops[0], drops[1]), drop_of(drops[0], drops[2])
        self.drops = self.hidden_drop.below > 0

    def hold(self, **arrays):
        """Take arrays by the names of FIELDS, C-contiguous."""
        for name, array in arrays.items():
            self.held.append(array)
            (<char **>&self.a)[<int>PLACES[name]] = NULL if array is None else address(array)
            if name == "room":
                self.worker_room = array.strides[0]

    def hold_layer(self, int layer, **arrays):
        """Take arrays of a layer by the names of LAYER_FIELDS, likewise."""
        for name, array in arrays.items():
            self.held.append(array)
            (<char **>&self.layers[layer])[<int>LAYER_PLACES[name]] = address(array)

    # ---- what both ways use ----

    cdef char *at(self, char *rows, int64_t first, int width) noexcept nogil:
        """Row `first` of a matrix (_, width), NULL of none."""
        return NULL if rows == NULL else rows + first * width * self.size

    cdef fe_dense dense(self, char *left, int depth, char *packed, char *bias, int columns, char *room) noexcept nogil:
        """A product of rows (_, depth) with panels (depth, columns), still without its rows and where they go."""
        cdef fe_dense made
        memset(&made, 0, sizeof(made))
        made.product.left, made.product.left_stride, made.product.depth = left, depth, depth
        made.product.panels, made.product.columns, made.product.out_stride = packed, columns, columns
        made.bias, made.room = bias, room
        return made

    cdef void run(self, fe_dense *dense, int64_t rows, char *out) noexcept nogil:
        dense.product.rows, dense.product.out = rows, out
        self.product(dense)

    cdef void norm(self, char *x, char *scale, char *bias, char *stats, int64_t rows, char *out) noexcept nogil:
        cdef fe_norm norm
        memset(&norm, 0, sizeof(norm))
        norm.x, norm.out, norm.scale, norm.bias, norm.statistics = x, out, scale, bias, stats
        norm.epsilon, norm.rows, norm.size = self.epsilon, rows, self.width
        self.table.norm(&norm)

    cdef fe_drop dropping(self, int layer, int place) noexcept nogil:
        """What drops out of a head's probabilities, or, behind the heads, of what `output` and `outer` give."""
        cdef fe_drop drop = self.attention_drop if place < self.heads else self.hidden_drop
        drop.site = layer * (self.heads + 2) + place
        return drop

    cdef void drop(self, fe_drop drop, char *x, char *more, int64_t first, int64_t rows) noexcept nogil:
        """rows (_, D), of which the first is row `first`, dropped out, and more added"""
        cdef int64_t row, line = self.width * self.size
        for row in range(rows):
            self.table.drop(&drop, first + row, x + row * line, NULL if more == NULL else more + row * line, self.width)

    # ---- forward ----

    cdef void embed(self, const int64_t *block) noexcept nogil:
        """x = LN(words + positions + segments)"""
        cdef int64_t first = block[0], count = block[1] - block[0], s, row, line = self.width * self.size
        cdef char *x = self.at(self.a.x, first, self.width)
        cdef char *sums = x if self.a.sums == NULL else self.at(self.a.sums, first, self.width)
        cdef char *parts[3]
        for s in range(block[2], block[3]):
            for row in range(max(first, self.a.offsets[s]), min(block[1], self.a.offsets[s + 1])):
                parts[0] = self.a.words + self.a.ids[row] * line
                parts[1] = self.a.positions + (row - self.a.offsets[s]) * line
                parts[2] = self.a.kinds + self.a.segments[row] * line
                if self.size == 8:
                    sum_of_three(<double *>(sums + (row - first) * line), <double *>parts[0], <double *>parts[1],
                                 <double *>parts[2], self.width)
                else:
                    sum_of_three(<float *>(sums + (row - first) * line), <float *>parts[0], <float *>parts[1],
                                 <float *>parts[2], self.width)
        self.norm(sums, self.a.scale, self.a.bias, self.at(self.a.stats, first, 2), count, x)
        if self.hidden_drop.below:
            self.drop(self.dropping(self.depth, self.heads), x, NULL, first, count)

    cdef void meet(self, const int64_t *block, int64_t number, int64_t layers, fe_job *job) noexcept nogil:
        """Until the blocks that share a sentence with this one have the keys and values of so many layers."""
        cdef int64_t other
        if self.a.turns == NULL:
            return
        fe_turn_set(&self.a.turns[number], layers)
        for other in range(block[4], block[5]):
            while not fe_turn_come(&self.a.turns[other], layers) and not fe_job_stopped(job):
                FE_YIELD()

    cdef void attend(self, int layer, const int64_t *block, char *context, char *room,
                     char *rounding) noexcept nogil:
        cdef fe_attention head
        cdef char *qkv = self.layers[layer].heads
        cdef char *logs = self.layers[layer].logs
        cdef int64_t s, begin, first, width = self.width, size = self.size
        cdef int h
        head.room, head.rounding = room, rounding
        head.stride, head.context_stride, head.size = 3 * width, width, width // self.heads
        for s in range(block[2], block[3]):
            begin = self.a.offsets[s]
            first = max(begin, block[0])
            head.tokens, head.rows = self.a.offsets[s + 1] - begin, min(self.a.offsets[s + 1], block[1]) - first
            head.row = first
            for h in range(self.heads):
                head.queries = qkv + (first * 3 * width + h * head.size) * size
                head.keys = qkv + (begin * 3 * width + width + h * head.size) * size
                head.values = <char *>head.keys + width * size
                head.context = context + ((first - block[0]) * width + h * head.size) * size
                head.pairs = <char *>head.context - h * head.size // 2 * size if self.paired_heads else NULL
                head.logs = NULL if logs == NULL else logs + (h * self.rows + first) * size
                head.drop = self.dropping(layer, h)
                self.attention(&head)

    cdef void add(self, fe_dense *dense, char *more, fe_drop drop, int64_t first, int64_t rows,
                  char *out) noexcept nogil:
        """out = what drops out of a product, and more"""
        if not drop.below:
            dense.residual = more
        self.run(dense, rows, out)
        if drop.below:
            self.drop(drop, out, more, first, rows)

    cdef void forward_layer(self, int layer, int64_t number, char *room, fe_job *job) noexcept nogil:
        cdef const int64_t *block = self.a.blocks + 6 * number
        cdef Layer *w = &self.layers[layer]
        cdef int64_t first = block[0], rows = block[1] - block[0], line = self.width * self.size, k, begin
        cdef int64_t parts = (rows + self.near - 1) // self.near  # so that the inner layer's results stay near, too
        cdef char *context = room if w.context == NULL else self.at(w.context, first, self.width)
        cdef char *a = room + rows * line if w.a == NULL else self.at(w.a, first, self.width)
        cdef char *rounding = room + self.worker_room - rounding_room(rows) * self.size if self.rounded else NULL
        cdef fe_dense dense = self.dense(self.at(w.x, first, self.width), self.width, w.qkv, w.qkv_bias,
                                         3 * self.width, rounding)
        self.run(&dense, rows, self.at(w.heads, first, 3 * self.width))
        self.meet(block, number, layer + 1, job)
        self.attend(layer, block, context, room + 2 * rows * line, rounding)
        for k in range(parts):
            begin = rows * k // parts
            self.forward_rows(layer, first + begin, rows * (k + 1) // parts - begin, context + begin * line,
                              a + begin * line, room + 2 * rows * line, rounding)

    cdef void forward_rows(self, int layer, int64_t first, int64_t rows, char *context, char *a, char *h,
                           char *rounding) noexcept nogil:
        """What comes behind attention, of which no row needs another."""
        cdef Layer *w = &self.layers[layer]
        cdef int width = self.width
        cdef char *middle = a if w.middle == NULL else self.at(w.middle, first, width)
        cdef char *y = self.at(w.y, first, width)
        cdef char *top = y if w.top == NULL else self.at(w.top, first, width)
        cdef fe_dense dense = self.dense(context, width, w.output, w.output_bias, width, rounding)
        dense.paired_left = self.paired_heads
        self.add(&dense, self.at(w.x, first, width), self.dropping(layer, self.heads), first, rows, middle)
        self.norm(middle, w.middle_scale, w.middle_bias, self.at(w.middle_stats, first, 2), rows, a)
        dense = self.dense(a, width, w.inner, w.inner_bias, self.inner, rounding)
        dense.activation, dense.before = self.activation, self.at(w.u, first, self.inner)
        dense.paired_out = self.paired
        self.run(&dense, rows, h)
        dense = self.dense(h, self.inner, w.outer, w.outer_bias, width, rounding)
        dense.paired_left = self.paired
        self.add(&dense, a, self.dropping(layer, self.heads + 1), first, rows, top)
        self.norm(top, w.top_scale, w.top_bias, self.at(w.top_stats, first, 2), rows, y)

    def forward(self, Job job, int64_t worker):
        """Every block through all layers; a block is a chunk."""
        cdef int64_t chunk
        cdef int layer
        with nogil:
            while True:
                chunk = fe_job_take(&job.c)
                if chunk < 0:
                    break
                self.embed(self.a.blocks + 6 * chunk)
                for layer in range(self.depth):
                    self.forward_layer(layer, chunk, self.a.room + worker * self.worker_room, &job.c)

    # ---- back ----

    cdef void norm_back(self, char *x, char *scale, char *stats, char *gradient, char *vectors,
                        int64_t rows) noexcept nogil:
        """gradient (rows, D) of what a LayerNorm gives -> of x; adds to vectors (2, D), those of scale and bias"""
        cdef fe_norm norm
        memset(&norm, 0, sizeof(norm))
        norm.x, norm.scale, norm.statistics, norm.gradient = x, scale, stats, gradient
        norm.scale_gradient, norm.bias_gradient = vectors, vectors + self.width * self.size
        norm.rows, norm.size = rows, self.width
        self.table.norm_back(&norm)

    cdef char *dropped(self, char *gradient, char *room, fe_drop drop, int64_t first, int64_t rows) noexcept nogil:
        """The gradient (N, D) of what dropped out, from that of what was left of it: in room, or the same."""
        cdef int64_t at = first * self.width * self.size
        if not drop.below:
            return gradient + at
        memcpy(room + at, gradient + at, rows * self.width * self.size)
        self.drop(drop, room + at, NULL, first, rows)
        return room + at

    cdef void total(self, char *gradients, int64_t rows, int width, char *vector) noexcept nogil:
        """vector (width,) += the sum of gradients (rows, width): that of a bias"""
        if self.size == 8:
            add_rows(<double *>gradients, rows, width, <double *>vector)
        else:
            add_rows(<float *>gradients, rows, width, <float *>vector)

    cdef Matrix matrix(self, char *data, int rows, int columns, int stride) noexcept nogil:
        cdef Matrix made
        made.data, made.rows, made.columns, made.stride = data, rows, columns, stride
        made.turned, made.double_precision = False, self.size == 8
        return made

    cdef void attend_back(self, int layer, const int64_t *block, char *flow, char *room) noexcept nogil:
        """flow (rows, D): gradient of the block's context  # in;  heads_flow  # out"""
        cdef int64_t s
        cdef int h
        for s in range(block[2], block[3]):
            for h in range(self.heads):
                self.head_back(layer, s, h, flow + (self.a.offsets[s] - block[0]) * self.width * self.size, room)

    cdef void head_back(self, int layer, int64_t s, int h, char *flow, char *room) noexcept nogil:
        cdef fe_attention_back head
        cdef Layer *w = &self.layers[layer]
        cdef int width = self.width, size = width // self.heads
        cdef int64_t begin = self.a.offsets[s]
        cdef int tokens = self.a.offsets[s + 1] - begin
        cdef int64_t place = (begin * 3 * width + h * size) * self.size, part = width * self.size
        cdef Matrix q = self.matrix(w.heads + place, tokens, size, 3 * width)
        cdef Matrix k = self.matrix(w.heads + place + part, tokens, size, 3 * width)
        cdef Matrix v = self.matrix(w.heads + place + 2 * part, tokens, size, 3 * width)
        cdef Matrix d = self.matrix(flow + h * size * self.size, tokens, size, width)
        cdef Matrix scores = self.matrix(room, tokens, tokens, tokens)
        cdef Matrix gradients = self.matrix(room + <int64_t>tokens * tokens * self.size, tokens, tokens, tokens)
        head.scores, head.gradients = scores.data, gradients.data
        head.deltas = room + 2 * <int64_t>tokens * tokens * self.size
        head.logs = w.logs + (h * self.rows + begin) * self.size
        head.drop, head.row, head.tokens, head.size = self.dropping(layer, h), begin, tokens, size
        cdef char *context = w.context + (begin * width + h * size) * self.size
        if self.size == 8:
            dots(<double *>context, <double *>d.data, width, tokens, size, <double *>head.deltas)
        else:
            dots(<float *>context, <float *>d.data, width, tokens, size, <float *>head.deltas)
        gemm(q, turned(k), False, scores)
        gemm(d, turned(v), False, gradients)
        self.table.attend_back(&head)
        gemm(gradients, k, False, self.matrix(self.a.heads_flow + place, tokens, size, 3 * width))
        gemm(turned(gradients), q, False, self.matrix(self.a.heads_flow + place + part, tokens, size, 3 * width))
        gemm(turned(scores), d, False, self.matrix(self.a.heads_flow + place + 2 * part, tokens, size, 3 * width))

    cdef void backward_block(self, int layer, int64_t number, char *room) noexcept nogil:
        """From flow to below; see the fields of Arrays."""
        cdef const int64_t *block = self.a.blocks + 6 * number
        cdef Layer *w = &self.layers[layer]
        cdef int width = self.width, inner = self.inner
        cdef int64_t first = block[0], rows = block[1] - block[0], line = width * self.size
        cdef char *vectors = self.a.vectors + number * (9 * line + inner * self.size)
        cdef char *flow = self.at(self.a.flow, first, width)
        cdef char *inner_flow = self.at(self.a.inner_flow, first, inner)
        cdef char *middle = self.at(self.a.middle_flow, first, width)
        cdef char *heads = self.at(self.a.heads_flow, first, 3 * width)
        cdef char *product
        cdef fe_dense dense
        memset(vectors, 0, 9 * line + inner * self.size)
        self.norm_back(self.at(w.top, first, width), w.top_scale, self.at(w.top_stats, first, 2), flow, vectors, rows)
        product = self.dropped(self.a.flow, self.a.outer_flow, self.dropping(layer, self.heads + 1), first, rows)
        self.total(product, rows, width, vectors + 2 * line)
        dense = self.dense(product, width, w.outer, NULL, inner, NULL)
        self.run(&dense, rows, inner_flow)
        self.table.activation_back(self.activation, self.at(w.u, first, inner), inner_flow, rows * inner)
        self.total(inner_flow, rows, inner, vectors + 9 * line)
        dense = self.dense(inner_flow, inner, w.inner, NULL, width, NULL)
        dense.residual = flow
        self.run(&dense, rows, middle)
        self.norm_back(self.at(w.middle, first, width), w.middle_scale, self.at(w.middle_stats, first, 2), middle,
                       vectors + 3 * line, rows)
        product = self.dropped(self.a.middle_flow, self.a.output_flow, self.dropping(layer, self.heads), first, rows)
        self.total(product, rows, width, vectors + 5 * line)
        dense = self.dense(product, width, w.output, NULL, width, NULL)
        self.run(&dense, rows, room)
        self.attend_back(layer, block, room, room + rows * line)
        self.total(heads, rows, 3 * width, vectors + 6 * line)
        dense = self.dense(heads, 3 * width, w.qkv, NULL, width, NULL)
        dense.residual = middle
        self.run(&dense, rows, self.at(self.a.below, first, width))

    def backward_rows(self, Job job, int64_t worker, int layer):
        """The gradients of a layer's rows and vectors; a block is a chunk."""
        cdef int64_t chunk
        with nogil:
            while True:
                chunk = fe_job_take(&job.c)
                if chunk < 0:
                    break
                self.backward_block(layer, chunk, self.a.room + worker * self.worker_room)

    cdef void backward_matrix(self, Matrix left, Matrix flow, char *out, int first) noexcept nogil:
        """TALL rows, from `first` on, of out = left^T flow"""
        left.data = <char *>left.data + first * self.size
        left.columns = min(TALL, left.columns - first)
        gemm(turned(left), flow, False,
             self.matrix(out + <int64_t>first * flow.columns * self.size, left.columns, flow.columns, flow.columns))

    def backward_matrices(self, Job job, int layer):
        """The gradients of a layer's matrices; TALL rows of one are a chunk."""
        cdef Layer *w = &self.layers[layer]
        cdef int64_t chunk, parts = (self.width + TALL - 1) // TALL
        cdef int width = self.width, inner = self.inner, rows = self.rows
        cdef Matrix x = self.matrix(w.x, rows, width, width), a = self.matrix(w.a, rows, width, width)
        cdef Matrix context = self.matrix(w.context, rows, width, width)
        cdef Matrix outer = self.matrix(self.a.outer_flow, rows, width, width)
        cdef Matrix output = self.matrix(self.a.output_flow, rows, width, width)
        cdef Matrix heads = self.matrix(self.a.heads_flow, rows, 3 * width, 3 * width)
        with nogil:
            while True:
                chunk = fe_job_take(&job.c)
                if chunk < 0:
                    break
                if chunk < parts:
                    self.backward_matrix(x, heads, self.a.d_qkv, chunk * TALL)
                elif chunk < 2 * parts:
                    self.backward_matrix(context, output, self.a.d_output, (chunk - parts) * TALL)
                elif chunk < 3 * parts:
                    self.backward_matrix(a, self.matrix(self.a.inner_flow, rows, inner, inner), self.a.d_inner,
                                         (chunk - 2 * parts) * TALL)
                else:
                    self.backward_matrix(self.matrix(w.u, rows, inner, inner), outer, self.a.d_outer,
                                         (chunk - 3 * parts) * TALL)

    def chunks_of_matrices(self):
        """Chunks of ``backward_matrices``."""
        return 3 * ((self.width + TALL - 1) // TALL) + (self.inner + TALL - 1) // TALL

    def backward_embeddings(self, vectors):
        """flow (N, D): gradient of the embeddings' x -> of their sum; adds to vectors (2, D), of scale and bias."""
        cdef char *to = address(vectors)
        with nogil:
            if self.hidden_drop.below:
                self.drop(self.dropping(self.depth, self.heads), self.a.flow, NULL, 0, self.rows)
            self.norm_back(self.a.sums, self.a.scale, self.a.stats, self.a.flow, to, self.rows)


cdef fe_drop drop_of(uint64_t seed, double rate):
    cdef fe_drop drop
    drop.seed, drop.site = seed, 0
    drop.below, drop.scale = round(rate * 65536), 1 / (1 - rate)
    return drop


def panels_size(int64_t depth, int64_t columns, int itemsize):
    """Numbers of the panels of a matrix (depth, columns)."""
    cdef int64_t panel = kernels.recurrent[itemsize == 8].panel
    return (columns + panel - 1) // panel * panel * depth


def activate(str activation, values, gradients):
    """values (n,) -> activation of them; gradients (n,) of that -> of the values; both C-contiguous, of one type."""
    cdef int kind = ACTIVATIONS[activation]
    cdef int64_t n = values.size
    kernels.encoder[values.dtype.itemsize == 8].activation_back(kind, address(values), address(gradients), n)


def room_needed(tuple sizes, int64_t rows, int64_t longest, bint rounded):
    """Numbers of a worker's room: sizes, rounded as for Stack, the most rows of a block and tokens of a sentence."""
    _, width, inner, _, heads = sizes
    forward = 2 * rows * width + max(rows * inner, <int64_t>attention_room(longest, width // heads))
    numbers = max(forward, rows * width + longest * (2 * longest + 1))
    return numbers + rounding_room(rows) if rounded else numbers
