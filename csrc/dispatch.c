/* Which kernel tables can run here: the CPU must have the instructions and the operating system must save their
 * registers (XGETBV; the compiler's __builtin_cpu_supports asks both). */
#include "kernels.h"

#if FE_AMX
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Whether this process may use AMX: Linux (from 5.16 on) saves its registers for those who ask. */
static int has_amx(void)
{
    enum { TILE_DATA = 18, REQUEST_PERMISSION = 0x1023, BFLOAT16 = 22, TILES = 24 };
    unsigned a, b, c, features;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &features) || !(features >> BFLOAT16 & features >> TILES & 1))
        return 0;
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}
#endif

extern const fe_kernels fe_kernels_base;
#if defined(__x86_64__) && defined(__GNUC__)
extern const fe_kernels fe_kernels_avx2, fe_kernels_avx512, fe_kernels_avx512bf16, fe_kernels_amx;
#endif

const fe_kernels *const *fe_available(void)
{
    static const fe_kernels *tables[6];
    int n = 0;
#if defined(__x86_64__) && defined(__GNUC__)
    __builtin_cpu_init();
    int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw")) {
#if FE_NATIVE_BFLOAT16
        if (__builtin_cpu_supports("avx512bf16")) {
#if FE_AMX
            if (has_amx())
                tables[n++] = &fe_kernels_amx;
#endif
            tables[n++] = &fe_kernels_avx512bf16;
        }
#endif
        tables[n++] = &fe_kernels_avx512;
    }
    if (avx2)
        tables[n++] = &fe_kernels_avx2;
#endif
    tables[n++] = &fe_kernels_base;
    tables[n] = NULL;
    return tables;
}
