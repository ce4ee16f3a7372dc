from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t


cdef extern from "kernels.h" nogil:
    ctypedef struct fe_loss:
        double total

    ctypedef struct fe_step:
        float **inputs
        float **outputs
        const float *signs
        float *scratch
        float **copies
        int n_inputs
        int n_outputs
        int dim
        int width
        float lr
        float **upcoming
        int n_upcoming

    size_t step_scratch "FE_STEP_SCRATCH" (int n_inputs, int n_outputs, int width)

    ctypedef struct fe_sparse_float:
        const int64_t *offsets
        const int32_t *columns
        const float *values

    ctypedef struct fe_sparse_double:
        const int64_t *offsets
        const int32_t *columns
        const double *values

    ctypedef struct fe_glove_entry:
        int32_t column
        float logarithm
        float weight

    ctypedef struct fe_glove:
        float *words
        float *contexts
        float *word_biases
        float *context_biases
        int stride
        int width
        float lr

    enum:
        GLOVE_PAST "FE_GLOVE_PAST"

    ctypedef struct fe_named:
        float *matrix
        const int32_t *rows
        int n
        int stride
        int width

    ctypedef struct fe_packing:
        const void *weights
        void *panels
        int64_t stride
        int depth
        int columns
        int turned

    ctypedef struct fe_product:
        const void *left
        const void *panels
        void *out
        int64_t left_stride
        int64_t out_stride
        int rows
        int columns
        int depth
        int add

    ctypedef struct fe_gemm:
        const void *left
        const void *right
        void *out
        int64_t left_stride
        int64_t right_stride
        int64_t out_stride
        int rows
        int columns
        int depth
        int left_turned
        int right_turned
        int add

    ctypedef struct fe_cell:
        void *gates
        const void *bias
        const void *reset_bias
        const void *before
        void *states
        const void *cells_before
        void *cells
        void *reset
        const void *above
        void *flow
        void *cell_flow
        void *bias_gradient
        void *reset_bias_gradient
        double clip
        int rows
        int size

    ctypedef struct fe_recurrent:
        int panel
        void (*pack)(const fe_packing *packing) noexcept nogil
        void (*product)(const fe_product *product) noexcept nogil
        int (*gemm)(const fe_gemm *gemm) noexcept nogil
        void (*rnn)(const fe_cell *cell) noexcept nogil
        void (*rnn_back)(const fe_cell *cell) noexcept nogil
        void (*lstm)(const fe_cell *cell) noexcept nogil
        void (*lstm_back)(const fe_cell *cell) noexcept nogil
        void (*gru_gates)(const fe_cell *cell) noexcept nogil
        void (*gru_state)(const fe_cell *cell) noexcept nogil
        void (*gru_state_back)(const fe_cell *cell) noexcept nogil
        void (*gru_gates_back)(const fe_cell *cell) noexcept nogil
        void (*gru_after)(const fe_cell *cell) noexcept nogil
        void (*gru_after_back)(const fe_cell *cell) noexcept nogil

    enum:
        LINEAR "FE_LINEAR"
        GELU "FE_GELU"
        GELU_NEW "FE_GELU_NEW"
        WIDEST "FE_WIDEST"
        PAIRED "FE_PAIRED"

    ctypedef struct fe_dense:
        fe_product product
        const void *bias
        const void *residual
        void *before
        int activation
        int paired_left
        int paired_out
        void *room

    int64_t rounding_room "FE_ROUNDING_ROOM" (int64_t rows)

    ctypedef struct fe_norm:
        const void *x
        void *out
        const void *scale
        const void *bias
        void *statistics
        void *gradient
        void *scale_gradient
        void *bias_gradient
        double epsilon
        int rows
        int size

    ctypedef struct fe_drop:
        uint64_t seed
        uint64_t site
        uint32_t below
        double scale

    ctypedef struct fe_attention:
        const void *queries
        const void *keys
        const void *values
        void *context
        void *pairs
        void *logs
        void *room
        void *rounding
        fe_drop drop
        int64_t row
        int64_t stride
        int64_t context_stride
        int rows
        int tokens
        int size

    int64_t attention_room "FE_ATTENTION_ROOM" (int64_t tokens, int64_t size)

    ctypedef struct fe_attention_back:
        void *scores
        void *gradients
        const void *logs
        const void *deltas
        fe_drop drop
        int64_t row
        int tokens
        int size

    ctypedef struct fe_encoder:
        void (*dense)(const fe_dense *dense) noexcept nogil
        void (*norm)(const fe_norm *norm) noexcept nogil
        void (*norm_back)(const fe_norm *norm) noexcept nogil
        void (*activation_back)(int activation, void *before, void *gradient, int64_t n) noexcept nogil
        void (*attend)(const fe_attention *head) noexcept nogil
        void (*attend_back)(const fe_attention_back *head) noexcept nogil
        void (*drop)(const fe_drop *drop, int64_t row, void *x, const void *more, int n) noexcept nogil

    enum:
        SGD "FE_SGD"
        ADAGRAD "FE_ADAGRAD"
        ADAM "FE_ADAM"

    ctypedef struct fe_rule:
        int kind
        double lr
        double scale
        double beta1
        double beta2
        double epsilon
        int64_t steps

    ctypedef struct fe_kernels:
        const char *name
        int lanes
        void (*step)(const fe_step *step, fe_loss *loss) noexcept nogil
        void (*settle)(fe_loss *loss) noexcept nogil
        void (*lay_signs)(const fe_step *step, const int32_t *labels, float *laid) noexcept nogil
        double (*softmax_step)(const fe_step *step, int target) noexcept nogil
        void (*mean)(const float *const *rows, int n, int width, float *pair) noexcept nogil
        void (*spread)(float *const *rows, int n, int width, const float *pair, float scale) noexcept nogil
        void (*blend)(const float *const *rows, const float *weights, int n, int width, float *pair) noexcept nogil
        void (*compose)(const fe_named *named, float *pair) noexcept nogil
        void (*scatter)(const fe_named *named, const float *pair) noexcept nogil
        void (*spmm_float)(const fe_sparse_float *matrix, int64_t first, int64_t last, const float *block,
                           float *out) noexcept nogil
        void (*spmm_double)(const fe_sparse_double *matrix, int64_t first, int64_t last, const double *block,
                            double *out) noexcept nogil
        double (*glove)(const fe_glove *model, int32_t row, const fe_glove_entry *entries, int64_t n) noexcept nogil
        fe_recurrent recurrent[2]
        void (*exp_all)(const float *x, float *y, int64_t n) noexcept nogil
        void (*sigmoid_all)(const float *x, float *y, int64_t n) noexcept nogil
        void (*tanh_all)(const float *x, float *y, int64_t n) noexcept nogil
        float (*softmax)(float *scores, const float *bias, int64_t n, float *peak) noexcept nogil
        void (*optimise_float)(const fe_rule *rule, const float *gradient, float *value, float *means, float *squares,
                               int64_t n) noexcept nogil
        void (*optimise_double)(const fe_rule *rule, const double *gradient, double *value, double *means,
                                double *squares, int64_t n) noexcept nogil
        double (*fma_loop)(int64_t times) noexcept nogil
        fe_encoder encoder[2]
        void (*pack_bfloat16)(const fe_packing *packing) noexcept nogil
        void (*dense_bfloat16)(const fe_dense *dense) noexcept nogil
        void (*attend_bfloat16)(const fe_attention *head) noexcept nogil
    const fe_kernels *const *fe_available()

    int PAD "FE_PAD"

cdef const fe_kernels *kernels
cpdef int lanes_padded(int dim) noexcept
