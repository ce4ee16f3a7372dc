from libc.stdint cimport int32_t, int64_t


cdef extern from "kernels.h" nogil:
    ctypedef struct fe_loss:
        double total

    ctypedef struct fe_step:
        float **inputs
        float **outputs
        const float *signs
        int n_signs
        float *scratch
        float **copies
        int n_inputs
        int n_outputs
        int width
        int block
        float lr
        float **upcoming
        int n_upcoming

    enum:
        BLOCK "FE_BLOCK"
    int fe_block_rows(int n_outputs)
    size_t step_scratch "FE_STEP_SCRATCH" (int n_inputs, int n_outputs, int width)

    ctypedef struct fe_kernels:
        const char *name
        int lanes
        void (*step)(const fe_step *step, fe_loss *loss) noexcept nogil
        void (*settle)(fe_loss *loss) noexcept nogil
        void (*lay_signs)(const fe_step *step, const float *signs, float *laid) noexcept nogil
        void (*mean)(const float *const *rows, int n, int width, float *pair) noexcept nogil
        void (*spread)(float *const *rows, int n, int width, const float *pair, float scale) noexcept nogil
        void (*blend)(const float *const *rows, const float *weights, int n, int width, float *pair) noexcept nogil
        void (*compose)(const float *matrix, const int32_t *rows, int n, int width, float *pair) noexcept nogil
        void (*scatter)(float *matrix, const int32_t *rows, int n, int width, const float *pair) noexcept nogil
        double (*fma_loop)(int64_t times) noexcept nogil
    const fe_kernels *const *fe_available()

    int PAD "FE_PAD"

cdef const fe_kernels *kernels
