from libc.stdint cimport int32_t, uint32_t, uint64_t


cdef extern from "rng.h" nogil:
    ctypedef struct fe_rng:
        uint64_t state
    fe_rng fe_rng_keyed(uint64_t a, uint64_t b, uint64_t c)
    uint64_t fe_rng_next(fe_rng *rng)
    uint64_t fe_rng_at(const fe_rng *rng, uint64_t n)
    uint32_t fe_rng_below(fe_rng *rng, uint32_t n)

    ctypedef struct fe_alias:
        uint32_t threshold
        int32_t alias
    const fe_alias *fe_alias_cell(const fe_alias *table, uint32_t n, uint64_t r)
    int32_t fe_alias_draw(const fe_alias *table, uint32_t n, uint64_t r)
