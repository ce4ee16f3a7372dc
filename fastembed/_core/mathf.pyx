"""The functions of mathf.pxd, in place, for arrays in Python."""


def tanh(floating[::1] x):
    """x (n,) = tanh x  # in and out"""
    with nogil:
        tanh_each(&x[0], x.shape[0])


def sigmoid(floating[::1] x):
    """x (n,) = 1 / (1 + e^-x)  # in and out"""
    with nogil:
        sigmoid_each(&x[0], x.shape[0])


def exp(floating[::1] x):
    """x (n,) = e^x, of x below 88  # in and out"""
    with nogil:
        exp_each(&x[0], x.shape[0])


def softmax(floating[::1] scores, const floating[::1] bias):
    """scores (n,) = e^(scores + bias - peak)  # in and out;  (their sum, peak), peak the largest of scores + bias"""
    cdef floating peak = 0, total
    with nogil:
        total = softmax_row(&scores[0], &bias[0], scores.shape[0], &peak)
    return total, peak
