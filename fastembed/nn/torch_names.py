"""Parameters of recurrent layers under PyTorch's names and in its layout.

PyTorch keeps W transposed, (G H, I), in the same order of gates: LSTM i, f, u, o (it calls u g), GRU r, z, n; and two
biases, of which for RNN and LSTM only the sum matters.
"""

import re
from collections.abc import Mapping

import numpy as np

from ..errors import ParameterError

_THEIRS = re.compile(r"(weight|bias)_(ih|hh|hr)_l\d+(_reverse)?")
NAMES = {"input": "weight_ih", "recurrent": "weight_hh", "projection": "weight_hr"}  # ours -> PyTorch's


def _parts(layer):
    """(prefix of our names, ending of PyTorch's) of each layer and direction."""
    if layer.cell == "gru":
        raise ParameterError("PyTorch's GRU has its reset gate after the product: use GRU(reset_after=True)")
    for k in range(layer.layers):
        yield f"{k}.", f"_l{k}"
        if layer.directions == 2:
            yield f"{k}.reverse.", f"_l{k}_reverse"


def load(layer, state):
    """Copy the arrays of a state_dict into the layer's parameters, all or none of them; ParameterError if there are
    fewer, more or others."""
    if not isinstance(state, Mapping):
        raise ParameterError(f"the state should be a dict from names to arrays and is of type {type(state).__name__}")
    own = dump(layer)
    more = sorted(name for name in state if _THEIRS.fullmatch(str(name)) and name not in own)
    if more:
        raise ParameterError(f"the state has {more[0]}, and the layer has no such parameter: it is of another layer")
    if own.keys() - state.keys() == {name for name in own if name.startswith("bias")}:
        raise ParameterError(
            "the state has no biases, as that of a layer with bias=False, and this layer needs them: zeros will do"
        )
    copies = layer.params.like()
    for prefix, ending in _parts(layer):
        for ours, theirs in NAMES.items():
            if prefix + ours in copies:
                copies[prefix + ours][:] = _fitting(state, theirs + ending, copies[prefix + ours].shape[::-1]).T
        bias = copies[prefix + "bias"]
        second = _fitting(state, "bias_hh" + ending, bias.shape)
        bias[:] = _fitting(state, "bias_ih" + ending, bias.shape)
        if prefix + "reset_bias" in copies:
            reset = -copies[prefix + "reset_bias"].size
            copies[prefix + "reset_bias"][:] = second[reset:]
            bias[:reset] += second[:reset]
        else:
            bias += second
    layer.params.flat[:] = copies.flat


def _fitting(state, name, shape):
    """state[name] as an array of this shape; or ParameterError."""
    if name not in state:
        raise ParameterError(f"the state has no {name}: it is of another layer")
    value = state[name]
    array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    if array.shape != shape:
        raise ParameterError(f"{name} has shape {array.shape} and should have {shape}")
    if not np.isfinite(array).all():
        raise ParameterError(f"{name} holds NaN or infinity")
    return array


def dump(layer):
    """dict from PyTorch's names to arrays."""
    found = {}
    for prefix, ending in _parts(layer):
        for ours, theirs in NAMES.items():
            if prefix + ours in layer.params:
                found[theirs + ending] = layer.params[prefix + ours].T.copy()
        bias = layer.params[prefix + "bias"]
        second = np.zeros_like(bias)
        if prefix + "reset_bias" in layer.params:
            second[-layer.hidden_size :] = layer.params[prefix + "reset_bias"]
        found |= {"bias_ih" + ending: bias.copy(), "bias_hh" + ending: second}
    return found
