"""A text as ELMo's two directions read it, and the training on it."""

from dataclasses import replace

import numpy as np

from ..nn.streams import Streams
from .language import BOS, EOS, numbers_of
from .neural import Trainer


class Batches:
    """A text as both directions read it, in streams side by side: the words by their numbers in the text's own
    vocabulary, which follow <s> and </s>, or, without characters, as they are predicted."""

    def __init__(self, model, encoded, rows, steps, shuffle):
        numbers, text = encoded.ids + np.int32(2), {"begin": 0, "end": 1, "rows": rows, "steps": steps}
        sides = (False, True)
        self.streams = [Streams(numbers, encoded.offsets, backward=side, shuffle=shuffle, **text) for side in sides]
        self.batches, self.size = self.streams[0].batches, self.streams[0].size
        self.table = np.concatenate([[BOS, EOS], numbers_of(model.vocab, encoded.vocab)]).astype(np.int32)
        self.encoder, self.spellings, self.begins = model.network.encoder, None, (BOS, EOS)
        if model.alphabet is not None:
            self.spellings, self.begins = model.alphabet.spell(encoded.vocab.blob, encoded.vocab.offsets), (0, 1)

    def at(self, number, key=()):
        """Both Unrolls of a batch; the encoder is told how their words are spelled, so hold the network's ``lock``."""
        self.encoder.spellings, spelled = self.spellings, self.spellings is not None
        found = [stream.batch_at(number, key) for stream in self.streams]
        return [
            replace(
                unroll, words=unroll.words if spelled else self.table[unroll.words], targets=self.table[unroll.targets]
            )
            for unroll in found
        ]


class BothTrainer(Trainer):
    """A Trainer that tells the losses of both directions apart."""

    def __init__(self, model, batches, tokens):
        super().__init__(lambda *which: model._step(batches, *which), batches.batches, tokens)
        self.model = model

    def figures(self):
        """What is added to an epoch's record."""
        position, forward = self.model.position, self.model.forward_loss.sum()
        half = max(1, position.predictions.sum()) / 2
        backward = position.loss.sum() - forward
        return {"forward_loss": float(forward / half), "backward_loss": float(backward / half)}


def predicted_counts(vocab):
    """How often each word (V,) is what is predicted: </s> by the forward direction, <s> by the backward one."""
    return np.maximum(vocab.counts, 1)
