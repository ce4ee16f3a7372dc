/* MurmurHash3 (Austin Appleby, public domain), the variant of 128 bits for 64-bit machines: what floret hashes with. */
#ifndef FE_MURMUR_H
#define FE_MURMUR_H

#include "hash.h"

static inline uint64_t fe_rotate(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

static inline uint64_t fe_murmur_mix(uint64_t x)
{
    x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdull;
    x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53ull;
    return x ^ (x >> 33);
}

/* What a half of a block adds to the first and to the second half of the state. */
static inline uint64_t fe_murmur_first(uint64_t k)
{
    return fe_rotate(k * 0x87c37b91114253d5ull, 31) * 0x4cf5ad432745937full;
}

static inline uint64_t fe_murmur_second(uint64_t k)
{
    return fe_rotate(k * 0x4cf5ad432745937full, 33) * 0x87c37b91114253d5ull;
}

/* hash (2,) of bytes; the tail counts as a block padded with zeros whose halves are not mixed in */
static inline void fe_murmur128(const uint8_t *at, int64_t bytes, uint32_t seed, uint64_t *hash)
{
    uint64_t a = seed, b = seed;
    const uint8_t *end = at + bytes / 16 * 16;
    for (; at < end; at += 16) {
        a = (fe_rotate(a ^ fe_murmur_first(fe_load64(at)), 27) + b) * 5 + 0x52dce729u;
        b = (fe_rotate(b ^ fe_murmur_second(fe_load64(at + 8)), 31) + a) * 5 + 0x38495ab5u;
    }
    uint8_t tail[16] = {0};
    memcpy(tail, at, (size_t)(bytes % 16));
    b ^= fe_murmur_second(fe_load64(tail + 8)); /* 0 stays 0 */
    a ^= fe_murmur_first(fe_load64(tail));
    a ^= (uint64_t)bytes;
    b ^= (uint64_t)bytes;
    a += b;
    b += a;
    a = fe_murmur_mix(a);
    b = fe_murmur_mix(b);
    a += b;
    hash[0] = a;
    hash[1] = b + a;
}

#endif
