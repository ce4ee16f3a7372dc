/* Which kernel tables can run here: the CPU must have the instructions and the operating system must save their
 * registers (XGETBV; the compiler's __builtin_cpu_supports asks both). */
#include "kernels.h"

extern const fe_kernels fe_kernels_base;
#if defined(__x86_64__) && defined(__GNUC__)
extern const fe_kernels fe_kernels_avx2, fe_kernels_avx512, fe_kernels_avx512bf16;
#endif

const fe_kernels *const *fe_available(void)
{
    static const fe_kernels *tables[5];
    int n = 0;
#if defined(__x86_64__) && defined(__GNUC__)
    __builtin_cpu_init();
    int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw")) {
#if FE_NATIVE_BFLOAT16
        if (__builtin_cpu_supports("avx512bf16"))
            tables[n++] = &fe_kernels_avx512bf16;
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
