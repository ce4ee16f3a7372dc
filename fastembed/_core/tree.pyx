"""Hierarchical softmax: a word's probability is that of the turns on its path through a binary tree.

Letters: B rows, K numbers of an input, a path has nodes n and codes c (0 or 1); P pairs of a row and a node.
-log p = sum over the path of log(1 + e^z), z = s for code 0 and -s for code 1, with s = x . w_n + b_n.
"""
from cython cimport floating
from libc.math cimport exp, log1p
from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memset

from fastembed._core.blas cimport add, dot
from fastembed._core.job cimport Job, fe_job_take

cdef enum:
    TALL = 32  # rows of a chunk

ROWS = TALL


def forward(Job job, const floating[:, ::1] inputs, const floating[:, ::1] weights, const floating[::1] bias,
            const int64_t[::1] bounds, const int32_t[::1] nodes, const uint8_t[::1] codes, floating[::1] slopes,
            double[::1] losses):
    """ROWS rows are a chunk.

    inputs (B, K), weights (V - 1, K), bias (V - 1,); bounds (B + 1,): row b's path is nodes, codes[bounds[b]:...]  # in
    slopes (P,): the loss's derivative by each pair's score; losses (B,): -log p  # out
    """
    cdef int64_t chunk, row, pair, size = inputs.shape[1]
    cdef double score, total
    with nogil:
        while True:
            chunk = fe_job_take(&job.c)
            if chunk < 0:
                break
            for row in range(chunk * TALL, min((chunk + 1) * TALL, inputs.shape[0])):
                total = 0
                for pair in range(bounds[row], bounds[row + 1]):
                    score = dot(<int> size, &inputs[row, 0], &weights[nodes[pair], 0]) + bias[nodes[pair]]
                    score = -score if codes[pair] else score
                    total += log1p(exp(-abs(score))) + (score if not score < 0 else 0)  # NaN stays NaN
                    slopes[pair] = <floating> ((-1 if codes[pair] else 1) / (1 + exp(-score)))
                losses[row] = total


def back_inputs(Job job, const floating[:, ::1] weights, const int64_t[::1] bounds, const int32_t[::1] nodes,
                const floating[::1] slopes, floating[:, ::1] gradient):
    """weights, bounds, nodes, slopes as above  # in;  gradient (B, K) of the inputs  # out.  ROWS rows are a chunk."""
    cdef int64_t chunk, row, pair, size = weights.shape[1]
    with nogil:
        while True:
            chunk = fe_job_take(&job.c)
            if chunk < 0:
                break
            for row in range(chunk * TALL, min((chunk + 1) * TALL, gradient.shape[0])):
                memset(&gradient[row, 0], 0, size * sizeof(floating))
                for pair in range(bounds[row], bounds[row + 1]):
                    add(<int> size, slopes[pair], &weights[nodes[pair], 0], &gradient[row, 0])


def back_weights(Job job, const floating[:, ::1] inputs, const int64_t[::1] bounds, const int64_t[::1] pairs,
                 const int64_t[::1] rows, const floating[::1] slopes, floating[:, ::1] gradient, floating[::1] bias):
    """ROWS nodes are a chunk.

    inputs (B, K); bounds (U + 1,): node u has pairs[bounds[u]:bounds[u + 1]]; rows (P,) of pairs, slopes (P,)  # in
    gradient (U, K), bias (U,): the nodes' gradients  # out
    """
    cdef int64_t chunk, u, k, size = inputs.shape[1]
    with nogil:
        while True:
            chunk = fe_job_take(&job.c)
            if chunk < 0:
                break
            for u in range(chunk * TALL, min((chunk + 1) * TALL, gradient.shape[0])):
                memset(&gradient[u, 0], 0, size * sizeof(floating))
                bias[u] = 0
                for k in range(bounds[u], bounds[u + 1]):
                    add(<int> size, slopes[pairs[k]], &inputs[rows[pairs[k]], 0], &gradient[u, 0])
                    bias[u] += slopes[pairs[k]]
