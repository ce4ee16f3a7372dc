"""The entries of a fastText dictionary: word, NUL, int64 count, int8 type, one after another."""

from libc.stdint cimport int8_t, int64_t, uint8_t
from libc.string cimport memchr, memcpy


def parse(const uint8_t[::1] data, int64_t at, int64_t[:, ::1] words, int64_t[::1] counts, int8_t[::1] kinds):
    """Read as many entries as the arrays hold from byte `at`.

    words (V, 2) out: begin and end of each word; counts (V,), kinds (V,) out, counts in the file's byte order.
    Returns (entries read, the byte after the last): fewer than V if the file ends before, or a word is empty.
    """
    cdef int64_t v, size = data.shape[0]
    cdef const uint8_t *end
    with nogil:
        for v in range(counts.shape[0]):
            end = <const uint8_t *>memchr(&data[at], 0, size - at) if at < size else NULL
            if end == NULL or end == &data[at] or size - (end - &data[0]) < 10:
                break
            words[v, 0], words[v, 1] = at, end - &data[0]
            memcpy(&counts[v], end + 1, 8)
            kinds[v] = <int8_t>end[9]
            at = words[v, 1] + 10
        else:
            v = counts.shape[0]
    return v, at


def write(const uint8_t[::1] blob, const int64_t[::1] offsets, const int64_t[::1] counts, uint8_t[::1] out):
    """Entries of words (V,) into out (N + 10 V,), which is zero; counts as they shall stand in the file."""
    cdef int64_t v, length, at = 0
    with nogil:
        for v in range(counts.shape[0]):
            length = offsets[v + 1] - offsets[v]
            if length:
                memcpy(&out[at], &blob[offsets[v]], length)
            memcpy(&out[at + length + 1], &counts[v], 8)
            at += length + 10
