"""What the neural models share: parameters, layers, the softmax over a vocabulary, optimisers."""

from .mix import ScalarMix
from .optim import SGD, AdaGrad, Adam, AdamW
from .params import Params
from .recurrent import GRU, LSTM, RNN, Bidirectional

__all__ = ["Params", "SGD", "AdaGrad", "Adam", "AdamW", "RNN", "LSTM", "GRU", "Bidirectional", "ScalarMix"]
