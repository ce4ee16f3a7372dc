"""Head: classes of tokens, or of sentences, from their vectors; a linear layer, perhaps on a bidirectional LSTM.

Letters: S sentences of a batch, N tokens in all of them, D numbers of a vector, H hidden units, K inputs of the linear
layer (D or 2 H), C classes, R rows that get a class: N tokens or S sentences.
"""

import numpy as np

from .layers import dropout_mask
from .params import Params
from .recurrent import LSTM, Bidirectional
from .softmax import Softmax


class Head:
    """p = softmax(W z + b), where z is a token's vector, or that of a bidirectional LSTM, or the mean of a sentence's.

    Parameters
    ----------
    width, classes : D and C
    hidden : H of the LSTM in each direction; None for no LSTM.
    pooled : whether sentences get classes, not tokens.
    dropout : share of the vectors' numbers, and of the LSTM's outputs, that training leaves out.
    """

    def __init__(self, width, classes, *, hidden=None, pooled=False, dropout=0.0, dtype=np.float32, threads=1, seed=1):
        self.pooled, self.dropout = pooled, dropout
        self.recurrent = None
        if hidden:
            self.recurrent = Bidirectional(LSTM(width, hidden, dtype=dtype, threads=threads, seed=seed))
        inputs = 2 * hidden if hidden else width
        self.params = Params({"output": (classes, inputs), "output.bias": (classes,)}, dtype)
        self.softmax = Softmax(self.params, threads=threads)
        self.tape = None

    def __getstate__(self):
        """For copies and other processes: without what one ``backward`` needs."""
        return vars(self) | {"tape": None}

    def groups(self):
        """All parameters: {prefix: Params}."""
        return {"head.": self.params} | ({"recurrent.": self.recurrent.params} if self.recurrent else {})

    def logprobs(self, vectors, lengths):
        """log p (R, C) of tokens' vectors (N, D) of sentences of these lengths (S,)."""
        inputs = self._inputs(vectors, lengths, None)
        return self.softmax.logprobs(inputs @ self.params["output"].T + self.params["output.bias"])

    def forward(self, vectors, lengths, targets, random=None):
        """Losses (R,) -log p of the classes targets (R,) int32; random draws the dropout, None for none."""
        return self.softmax.forward(self._inputs(vectors, lengths, random), targets)

    def backward(self, scale):
        """Gradient (N, D) of the vectors and {prefix: {name: gradient}}, of the sum of losses times scale."""
        lengths, keeps, tape, places = self.tape
        gradient = self.softmax.backward(scale)
        found = {"head.": {name: array for name, _, array in self.softmax.gradients()}}
        if self.pooled:
            gradient = np.repeat(gradient / np.maximum(lengths, 1)[:, None].astype(gradient.dtype), lengths, axis=0)
        if self.recurrent:
            gradient = gradient if keeps[1] is None else gradient * keeps[1]
            steps, width = tape.shape[:2], gradient.shape[1]
            dy = np.zeros((steps[0] * steps[1], width), gradient.dtype)
            dy[places] = gradient
            dx, grads = self.recurrent.backward(tape, dy.reshape(*steps, width))
            gradient = dx.reshape(-1, dx.shape[2])[places]
            found["recurrent."] = grads
        return gradient if keeps[0] is None else gradient * keeps[0], found

    def _inputs(self, vectors, lengths, random):
        """(R, K)"""
        lengths, keeps, tape, places = np.asarray(lengths, np.int64), [None, None], None, None
        vectors, keeps[0] = self._dropped(vectors, random)
        if self.recurrent:
            places = padded_places(lengths)
            x = np.zeros((max(1, lengths.max(initial=0)), len(lengths), vectors.shape[1]), vectors.dtype)
            x.reshape(-1, vectors.shape[1])[places] = vectors
            y, tape = self.recurrent.forward(x, lengths=lengths)
            vectors, keeps[1] = self._dropped(y.reshape(-1, y.shape[2])[places], random)
        self.tape = lengths, keeps, tape, places
        return sentence_means(vectors, lengths) if self.pooled else np.ascontiguousarray(vectors)

    def _dropped(self, array, random):
        if random is None or not self.dropout:
            return array, None
        keep = dropout_mask(array.shape, self.dropout, random, array.dtype)
        return array * keep, keep


def padded_places(lengths):
    """Where each token of sentences of these lengths (S,) stands in a padded batch: rows t S + s of (T S, D).

    >>> padded_places(np.array([2, 1])).tolist()
    [0, 2, 1]
    """
    sentence = np.repeat(np.arange(len(lengths)), lengths)
    step = np.arange(len(sentence)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return step * len(lengths) + sentence


def sentence_means(vectors, lengths):
    """The mean (S, D) of each sentence's vectors (N, D), 0 for a sentence without."""
    sums = np.zeros((len(lengths), vectors.shape[1]), vectors.dtype)
    filled = np.flatnonzero(lengths)
    if len(filled):
        sums[filled] = np.add.reduceat(vectors, (np.cumsum(lengths) - lengths)[filled], axis=0)
    return sums / np.maximum(lengths, 1)[:, None].astype(vectors.dtype)
