"""Features: what a frozen language model says about many sentences, kept or computed again."""

from dataclasses import dataclass

import numpy as np

from ..errors import ParameterError
from .contextual import BATCH_TOKENS, batches_of


@dataclass
class Features:
    """The states of all sentences, computed once if they take at most ``room`` bytes, else batch by batch.

    model : has depth, width and word_states; sentences : lists of words; numbers of these make a batch.
    """

    model: object
    sentences: list
    room: int

    def __post_init__(self):
        self.lengths = np.array([len(words) for words in self.sentences], np.int64)
        self.starts = np.cumsum(self.lengths) - self.lengths
        total, self.kept = int(self.lengths.sum()), None
        if 0 < 4 * self.model.depth * self.model.width * total <= self.room:
            kept = np.empty((self.model.depth, total, self.model.width), np.float32)
            for numbers in batches_of(self.lengths.tolist(), 64 * BATCH_TOKENS):
                kept[:, self._rows(numbers)] = self._states(numbers)
            self.kept = kept

    def batch(self, numbers):
        """(states (L + 1, N, D), lengths (S,)) of some sentences."""
        states = self._states(numbers) if self.kept is None else self.kept[:, self._rows(numbers)]
        return states, self.lengths[numbers]

    def _rows(self, numbers):
        return np.concatenate([np.arange(self.starts[k], self.starts[k] + self.lengths[k]) for k in numbers])

    def _states(self, numbers):
        found = self.model.word_states([self.sentences[k] for k in numbers])
        for number, states in zip(numbers, found, strict=True):
            if not np.isfinite(states).all():
                raise ParameterError(f"the language model gives NaN or infinity for sentence {number}")
        return np.concatenate(found, axis=1)
