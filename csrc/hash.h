/* A 64-bit hash of short strings: the string as two little-endian words, multiplied and folded.
 *
 * It decides only where a word lies in a table, never its id, so results do not depend on it; the seed is random in
 * every process, so that no text can be written to make tables slow.
 */
#ifndef FE_HASH_H
#define FE_HASH_H

#include <string.h>

#include "fe.h"

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#endif

#define FE_HASH_A 0x9E3779B97F4A7C15ull /* 2^64 / golden ratio */
#define FE_HASH_B 0xD1B54A32D192ED03ull
#define FE_HASH_C 0x8CB92BA72F3D8DD7ull

/* Eight bytes at `at`, the first one lowest. */
FE_INLINE uint64_t fe_load64(const void *at)
{
    uint64_t value;
    memcpy(&value, at, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

/* The other way round. */
FE_INLINE void fe_store64(void *at, uint64_t value)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    memcpy(at, &value, 8);
}

/* Both halves of the 128-bit product, folded. */
FE_INLINE uint64_t fe_fold(uint64_t a, uint64_t b)
{
#if defined(__SIZEOF_INT128__)
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
#elif defined(_M_X64)
    uint64_t high, low = _umul128(a, b, &high);
    return low ^ high;
#else
    uint64_t a1 = a >> 32, a0 = (uint32_t)a, b1 = b >> 32, b0 = (uint32_t)b;
    uint64_t middle = a1 * b0 + (a0 * b0 >> 32), middle2 = a0 * b1 + (uint32_t)middle;
    return a * b ^ (a1 * b1 + (middle >> 32) + (middle2 >> 32));
#endif
}

/* Hash of a string of at most 16 bytes: head and tail are its first and second eight, padded with zeros. */
FE_INLINE uint64_t fe_hash16(uint64_t head, uint64_t tail, uint64_t bytes, uint64_t seed)
{
    return fe_fold(head ^ seed ^ FE_HASH_A, tail ^ (seed >> 7) ^ (bytes * FE_HASH_B) ^ FE_HASH_C);
}

/* Hash of a string of more than 16 bytes. */
static inline uint64_t fe_hash_long(const uint8_t *at, uint64_t bytes, uint64_t seed)
{
    uint64_t hash = seed ^ (bytes * FE_HASH_C);
    const uint8_t *last = at + bytes - 16;
    for (; at < last; at += 16)
        hash = fe_fold(fe_load64(at) ^ hash ^ FE_HASH_A, fe_load64(at + 8) ^ FE_HASH_B ^ (seed >> 7));
    return fe_fold(fe_load64(last) ^ hash ^ FE_HASH_B, fe_load64(last + 8) ^ FE_HASH_A ^ (seed >> 7));
}

#endif
