from libc.stdint cimport uint8_t


cdef extern from "kernels.h" nogil:
    ctypedef struct fe_loss:
        double total

    ctypedef struct fe_step:
        float **inputs
        float **outputs
        const uint8_t *labels
        float *scratch
        float **copies
        int n_inputs
        int n_outputs
        int width
        float lr
        float **upcoming
        int n_upcoming

    int step_scratch "FE_STEP_SCRATCH" (int n_inputs, int n_outputs, int width)

    ctypedef struct fe_kernels:
        const char *name
        int lanes
        float (*dot)(const float *x, const float *y, int width) noexcept nogil
        void (*axpy)(float a, const float *x, float *y, int width) noexcept nogil
        void (*step)(const fe_step *step, fe_loss *loss) noexcept nogil
        void (*settle)(fe_loss *loss) noexcept nogil
        void (*mean)(const float *const *rows, int n, int width, float *out) noexcept nogil
        void (*spread)(float *const *rows, int n, int width, const float *pair, float scale) noexcept nogil
    const fe_kernels *const *fe_available()

    int PAD "FE_PAD"

cdef const fe_kernels *kernels
