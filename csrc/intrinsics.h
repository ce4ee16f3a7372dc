/* The compiler's own names for instructions, where the vector extension has none. To be included before a file sets
 * its target: the compiler's headers have targets of their own. */
#ifndef FE_INTRINSICS_H
#define FE_INTRINSICS_H

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif

#endif
