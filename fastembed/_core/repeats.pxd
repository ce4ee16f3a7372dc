"""Rows that several examples of a batch share, and products with them: computed once a row, not once an example.

Example b has, in each of n columns, one of the U distinct rows (D,) of that column: an example's row times a matrix is
the row's product, and a row's gradient is that of the sum over its examples.
"""
from cython cimport floating
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy

cdef struct Repeats:
    int64_t columns, examples  # n, B
    const int64_t *starts      # (n + 1,): column k has rows [starts[k], starts[k + 1])
    const int64_t *bounds      # (U + 1,), members (n B,): row u has the examples members[bounds[u]:bounds[u + 1]]
    const int64_t *members
    const int32_t *places      # (n, B): the rows of the examples


cdef inline Repeats of_arrays(const int64_t[::1] starts, const int64_t[::1] bounds, const int64_t[::1] members,
                              const int32_t[:, ::1] places) noexcept nogil:
    cdef Repeats made
    made.columns, made.examples = places.shape[0], places.shape[1]
    made.starts, made.bounds, made.members, made.places = &starts[0], &bounds[0], &members[0], &places[0, 0]
    return made


cdef inline void add(const floating *row, floating *total, int64_t size) noexcept nogil:
    """total (size,) += row"""
    cdef int64_t k
    for k in range(size):
        total[k] += row[k]


cdef inline void spread(const Repeats *r, int64_t column, const floating *products, floating *out, int64_t stride,
                        int64_t size) noexcept nogil:
    """out (B, size) += the products (U', size) of each example's row of a column; ``stride`` apart, both"""
    cdef int64_t b, first = r.starts[column]
    for b in range(r.examples):
        add(products + (r.places[column * r.examples + b] - first) * stride, out + b * stride, size)


cdef inline void gather(const Repeats *r, int64_t first, int64_t last, const floating *each, floating *sums,
                        int64_t stride, int64_t size) noexcept nogil:
    """sums (last - first, size): of rows [first, last) the sums of their examples' numbers, each (B, size)  # out"""
    cdef int64_t u, m
    cdef floating *total
    for u in range(first, last):
        total = sums + (u - first) * stride
        memcpy(total, each + r.members[r.bounds[u]] * stride, size * sizeof(floating))
        for m in range(r.bounds[u] + 1, r.bounds[u + 1]):
            add(each + r.members[m] * stride, total, size)
