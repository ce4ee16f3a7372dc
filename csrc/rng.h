/* Random numbers: SplitMix64 (Steele, Lea and Flood 2014). The state is a counter and each number a hash of it, so
 * numbers do not wait for each other and a stream can be started anywhere: streams are keyed, never shared. */
#ifndef FE_RNG_H
#define FE_RNG_H

#include <stdint.h>

typedef struct fe_rng {
    uint64_t state;
} fe_rng;

#define FE_RNG_STEP 0x9E3779B97F4A7C15u

static inline uint64_t fe_rng_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

/* A stream of its own for each key, for instance (seed, epoch, chunk). */
static inline fe_rng fe_rng_keyed(uint64_t a, uint64_t b, uint64_t c)
{
    fe_rng rng;
    rng.state = fe_rng_mix(fe_rng_mix(fe_rng_mix(a + FE_RNG_STEP) + b + FE_RNG_STEP) + c + FE_RNG_STEP);
    return rng;
}

static inline uint64_t fe_rng_next(fe_rng *rng)
{
    rng->state += FE_RNG_STEP;
    return fe_rng_mix(rng->state);
}

/* The n-th number of a stream, without its state moving. */
static inline uint64_t fe_rng_at(const fe_rng *rng, uint64_t n)
{
    return fe_rng_mix(rng->state + (n + 1) * FE_RNG_STEP);
}

/* Uniform in 0 .. n-1; the bias is below n / 2^32. */
static inline uint32_t fe_rng_below(fe_rng *rng, uint32_t n)
{
    return (uint32_t)(((fe_rng_next(rng) >> 32) * n) >> 32);
}

/* Walker's alias method: cell i keeps i with probability threshold / 2^32, else gives alias. */
typedef struct fe_alias {
    uint32_t threshold;
    int32_t alias;
} fe_alias;

/* The cell that the random number r falls into. */
static inline const fe_alias *fe_alias_cell(const fe_alias *table, uint32_t n, uint64_t r)
{
    return table + (((r >> 32) * n) >> 32);
}

/* What r draws from a table of n cells. */
static inline int32_t fe_alias_draw(const fe_alias *table, uint32_t n, uint64_t r)
{
    const fe_alias *cell = fe_alias_cell(table, n, r);
    /* a mask, not a branch: nothing could predict it */
    int32_t stay = -(int32_t)((uint32_t)r < cell->threshold);
    return ((int32_t)(cell - table) & stay) | (cell->alias & ~stay);
}

#endif
