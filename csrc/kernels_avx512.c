#include "intrinsics.h"

#if defined(__x86_64__) && defined(__GNUC__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma,prfchw"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma,prfchw")
#endif
#define FE_ISA avx512
#define FE_LANES 16
#include "kernels.inc"

#if FE_NATIVE_BFLOAT16 /* the same with the instructions for bfloat16 */
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512bf16,avx512f,avx512dq,avx512vl,avx512bw,avx2,fma,prfchw"))), apply_to = function)
#else
#pragma GCC target("avx512bf16")
#endif
#include "bfloat16_native.inc"
#undef FE_ISA
#undef FE_DENSE_BFLOAT16
#undef FE_ATTEND_BFLOAT16
#define FE_ISA avx512bf16
#define FE_DENSE_BFLOAT16 dense_native
#define FE_ATTEND_BFLOAT16 attend_native
#include "table.inc"
#endif

#if FE_AMX /* and with matrix registers */
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("amx-tile,amx-bf16,avx512bf16,avx512f,avx512dq,avx512vl,avx512bw,avx2,fma,prfchw"))), apply_to = function)
#else
#pragma GCC target("amx-tile,amx-bf16")
#endif
#include "bfloat16_tiles.inc"
#undef FE_ISA
#undef FE_PACK_BFLOAT16
#undef FE_DENSE_BFLOAT16
#undef FE_ATTEND_BFLOAT16
#define FE_ISA amx
#define FE_PACK_BFLOAT16 pack_tiles
#define FE_DENSE_BFLOAT16 dense_tiles
#define FE_ATTEND_BFLOAT16 attend_float
#include "table.inc"
#endif
#if defined(__clang__)
#pragma clang attribute pop
#endif
#else
typedef int fe_avx512_is_for_x86_64;
#endif
