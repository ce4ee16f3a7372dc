"""Alias table and Huffman tree of a vocabulary: loops over words that numpy cannot vectorise."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

import numpy as np


def alias_table(const double[::1] weights):  # weights (V,), sum > 0
    """Walker's alias table by Vose's construction: threshold (V,) uint32, alias (V,) int32.

    Slot i, drawn uniformly, gives i if a uniform 32-bit number is below threshold[i], else alias[i]. A slot that is
    certain is its own alias, so it loses nothing to the rounding of the threshold.
    """
    cdef int64_t size = weights.shape[0], k, small = 0, large = size
    cdef double total = 0.0, share
    cdef int32_t poor, rich
    threshold, alias = np.full(size, 0xFFFFFFFF, np.uint32), np.arange(size, dtype=np.int32)
    cdef uint32_t[::1] t = threshold
    cdef int32_t[::1] a = alias
    cdef double[::1] height = np.empty(size)
    cdef int32_t[::1] stack = np.empty(size, np.int32)  # poor slots from the left, rich ones from the right
    with nogil:
        for k in range(size):
            total += weights[k]
        for k in range(size):
            height[k] = weights[k] * size / total
            if height[k] < 1.0:
                stack[small] = <int32_t>k
                small += 1
            else:
                large -= 1
                stack[large] = <int32_t>k
        while small > 0 and large < size:
            small -= 1
            poor, rich = stack[small], stack[large]
            share = height[poor] * 4294967296.0
            t[poor] = <uint32_t>share if share < 4294967295.0 else 0xFFFFFFFFu
            a[poor] = rich
            height[rich] -= 1.0 - height[poor]
            if height[rich] < 1.0:  # the rich slot becomes a poor one
                large += 1
                stack[small] = rich
                small += 1
    return threshold, alias


def alias_cells(table):
    """Threshold and alias, as ``alias_table`` gives them, side by side as csrc/rng.h's fe_alias: (V, 2) uint32."""
    return np.stack([part.view(np.uint32) for part in table], axis=1)


def huffman(const int64_t[::1] counts):  # counts (V,), highest first
    """Huffman paths: offsets (V+1,) int64, nodes (L,) int32, codes (L,) uint8; see Vocab.huffman."""
    cdef int64_t size = counts.shape[0], k, at, leaf = size - 1, inner = 0, pick, child
    offsets = np.zeros(size + 1, np.int64)
    cdef int64_t[::1] o = offsets
    cdef int64_t[::1] weight = np.zeros(max(1, size - 1), np.int64)  # of inner nodes, which come in rising order
    cdef int32_t[::1] parent = np.zeros(2 * size, np.int32)          # leaves 0..V-1, inner nodes from V on
    cdef uint8_t[::1] bit = np.zeros(2 * size, np.uint8)
    cdef int32_t[::1] depth = np.zeros(max(1, size - 1), np.int32)
    with nogil:
        for k in range(size - 1):
            for pick in range(2):
                if inner == k or (leaf >= 0 and counts[leaf] < weight[inner]):
                    child = leaf
                    weight[k] += counts[leaf]
                    leaf -= 1
                else:
                    child = size + inner
                    weight[k] += weight[inner]
                    inner += 1
                parent[child] = <int32_t>k
                bit[child] = <uint8_t>pick
        for k in range(size - 3, -1, -1):
            depth[k] = depth[parent[size + k]] + 1
        for k in range(size):
            o[k + 1] = o[k] + (depth[parent[k]] + 1 if size > 1 else 0)
    nodes, codes = np.empty(max(1, offsets[size]), np.int32), np.empty(max(1, offsets[size]), np.uint8)
    cdef int32_t[::1] n = nodes
    cdef uint8_t[::1] c = codes
    with nogil:
        for k in range(size):
            child = k
            for at in range(o[k + 1] - 1, o[k] - 1, -1):  # from the leaf up to the root
                n[at] = parent[child]
                c[at] = bit[child]
                child = size + parent[child]
    return offsets, nodes[: offsets[size]], codes[: offsets[size]]
