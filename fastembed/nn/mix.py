"""ScalarMix: one vector a token from all layers of a frozen language model (Peters et al. 2018)."""

import numpy as np

from ..errors import ParameterError
from .params import Params


class ScalarMix:
    """gamma sum_l s_l h_l with s = softmax of learnt numbers (Peters et al. 2018, "Deep contextualized word
    representations", equation 1).

    Parameters
    ----------
    layers : how many there are, L + 1: those of the network and its input.
    dtype : float32 or float64

    At first all s are equal and gamma is 1. ``params`` holds "scores" (L + 1,) and "gamma" (1,).

    >>> mix = ScalarMix(3)
    >>> y, tape = mix.forward(np.float32([[[1, 2]], [[3, 4]], [[5, 6]]]))
    >>> y.tolist(), mix.weights.tolist()
    ([[3.0, 4.0]], [0.3333333333333333, 0.3333333333333333, 0.3333333333333333])
    >>> _, grads = mix.backward(tape, np.float32([[1, 0]]))
    >>> grads["scores"].tolist(), grads["gamma"].tolist()
    ([-0.6666666865348816, 0.0, 0.6666666865348816], [3.0])
    """

    def __init__(self, layers, dtype=np.float32):
        if isinstance(layers, bool) or not hasattr(layers, "__index__") or layers < 1:
            raise ParameterError(f"layers={layers!r}: give a whole number of at least 1")
        self.params = Params({"scores": (layers,), "gamma": (1,)}, dtype)
        self.params["gamma"][:] = 1

    @property
    def weights(self):
        """s_0 .. s_L (L + 1,), float64: positive numbers whose sum is 1."""
        scores = self.params["scores"].astype(np.float64)
        weights = np.exp(scores - scores.max())
        return weights / weights.sum()

    @property
    def gamma(self):
        """The factor of the whole."""
        return float(self.params["gamma"][0])

    def forward(self, states):
        """The mixed vectors.

        Parameters
        ----------
        states : (L + 1, N, D), kept as they are until ``backward``.

        Returns
        -------
        y : (N, D)
        tape : for ``backward``

        Raises ParameterError where the number of layers is another.
        """
        weights = self.weights
        if len(states) != len(weights):
            raise ParameterError(f"the states have {len(states)} layers and the mix has {len(weights)}")
        return np.tensordot((self.gamma * weights).astype(states.dtype), states, 1), states

    def backward(self, tape, dy, *, inputs=False):
        """Gradients: (dx, grads).

        Parameters
        ----------
        tape : of ``forward``; dy : (N, D), the gradient of y.
        inputs : whether to give dx (L + 1, N, D) too; a frozen model wants none, and dx is None.

        With d_l = <dy, h_l>, d gamma = sum_l s_l d_l and d score_l = gamma s_l (d_l - sum_k s_k d_k). Raises
        ParameterError where the shapes do not fit.
        """
        weights, grads = self.weights, self.params.like()
        if np.shape(tape) != (len(weights), *np.shape(dy)):
            raise ParameterError(
                f"dy has shape {np.shape(dy)}, and the tape is of states {np.shape(tape)}: they should be of "
                f"{len(weights)} layers of dy's shape"
            )
        products = np.array([np.vdot(dy, layer) for layer in tape], np.float64)
        mean = weights @ products
        grads["gamma"][:] = mean
        grads["scores"][:] = self.gamma * weights * (products - mean)
        dx = (self.gamma * weights).astype(dy.dtype)[:, None, None] * dy if inputs else None
        return dx, grads
