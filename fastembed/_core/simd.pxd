cdef extern from "kernels.h" nogil:
    ctypedef struct fe_kernels:
        const char *name
        int lanes
        float (*dot)(const float *x, const float *y, int width)
        void (*axpy)(float a, const float *x, float *y, int width)
    const fe_kernels *const *fe_available()

    int PAD "FE_PAD"

cdef const fe_kernels *kernels
