/* What every C file of fastembed shares: status codes, the row padding, and compiler spellings.
 *
 * csrc/ is plain C11: no Python.h, no threads, no I/O, no printing. Kernels cannot fail; the few functions that
 * allocate return an fe_status.
 */
#ifndef FE_H
#define FE_H

#include <stddef.h>
#include <stdint.h>

/* Rows of a matrix start at multiples of FE_PAD floats (64 bytes, one cache line). The padding is zero and stays
 * zero under every update, so kernels need no remainder loops. */
#define FE_PAD 16

typedef enum fe_status {
    FE_OK = 0,
    FE_NO_MEMORY = 1,
    FE_TOO_LARGE = 2,
    FE_BAD_FORMAT = 3
} fe_status;

#if defined(__GNUC__) || defined(__clang__)
#define FE_INLINE static inline __attribute__((always_inline))
#define FE_RESTRICT __restrict__
#define FE_PREFETCH(address) __builtin_prefetch((address))
/* fetch a line into the second-level cache */
#define FE_PREFETCH_FAR(address) __builtin_prefetch((address), 0, 2)
/* fetch a line to write it: with two threads the line then changes owner once, not twice */
#define FE_PREFETCH_WRITE(address) __builtin_prefetch((address), 1)
#define FE_LIKELY(x) __builtin_expect(!!(x), 1)
#define FE_UNLIKELY(x) __builtin_expect(!!(x), 0)
/* before a loop of at most n rounds, a number known to the compiler, whose arrays are to be registers */
#define FE_PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define FE_UNROLL(n) FE_PRAGMA(clang loop unroll(full))
#else
#define FE_UNROLL(n) FE_PRAGMA(GCC unroll n)
#endif
#else
#define FE_INLINE static inline
#define FE_RESTRICT __restrict
#define FE_PREFETCH(address) ((void)(address))
#define FE_PREFETCH_FAR(address) ((void)(address))
#define FE_PREFETCH_WRITE(address) ((void)(address))
#define FE_LIKELY(x) (x)
#define FE_UNLIKELY(x) (x)
#define FE_UNROLL(n)
#endif

/* The number of the lowest bit that is set; one must be. */
FE_INLINE int fe_lowest(uint64_t bits)
{
#if defined(__GNUC__) || defined(__clang__)
    return __builtin_ctzll(bits);
#else
    int at = 0;
    while (!(bits >> at & 1))
        at++;
    return at;
#endif
}

#endif
