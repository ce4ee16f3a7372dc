/* What the ABI guarantees: SSE2 on x86-64, NEON on 64-bit Arm. */
#include "intrinsics.h"

#define FE_ISA base
#define FE_LANES 4
#include "kernels.inc"
