"""How BERT is pre-trained: batches as chunks of a Loop, the learning rate, what is held out.

Letters: R sequences, N pieces of the text.
"""

from dataclasses import dataclass

import numpy as np

from .. import blas
from ..corpus import Corpus, Encoded
from ..errors import CorpusError, ParameterError
from ..nn.masking import Masking, Sequences
from ..vocab import Vocab
from .training import Schedule
from .word2vec import SkipGram

JUDGED = 1024  # held-out sequences that are judged, at most
ENOUGH = 1 << 20  # pieces of a text that can do without some of its most frequent ones
BLOCK = 1 << 20  # words that are cut into pieces at once


@dataclass
class WarmUp(Schedule):
    """Learning rate: rises linearly from 0 to lr in a ``share`` of the training, then falls to 0 at its end."""

    share: float = 0.1

    def at(self, tokens):
        """The learning rate after so many tokens."""
        done = min(1.0, tokens / (self.epochs * self.tokens))
        return self.lr * (done / self.share if done < self.share else (1 - done) / max(1 - self.share, 1e-9))


def piece_ids(pieces, encoded):
    """The pieces of a text: ids (N,) int32 and the offsets (S + 1,) int64 of its sentences; each word is cut once."""
    cut, bounds = pieces.encode(encoded.vocab.words)
    sizes, words = np.diff(bounds), encoded.ids
    counts = [int(sizes[words[k : k + BLOCK]].sum()) for k in range(0, len(words), BLOCK)]
    ids, ends, at = np.empty(sum(counts), np.int32), np.zeros(len(words) + 1, np.int64), 0
    for first, count in zip(range(0, len(words), BLOCK), counts, strict=True):
        block = words[first : first + BLOCK]
        own = sizes[block]
        inner = np.cumsum(own)
        ends[first + 1 : first + 1 + len(block)] = at + inner
        ids[at : at + count] = cut[np.arange(count) + np.repeat(bounds[block] - (inner - own), own)]
        at += count
    return ids, np.unique(ends[encoded.offsets])


def piece_counts(pieces, encoded):
    """How often each piece (V,) occurs in a text."""
    ids, bounds = pieces.encode(encoded.vocab.words)
    return np.bincount(ids, np.repeat(encoded.vocab.counts, np.diff(bounds)), len(pieces))


def neighbourly(pieces, encoded, size, seed):
    """What pieces may begin with instead of random numbers: SkipGram's vectors of the same text in pieces.

    Returns the pieces that occur (n,) and their vectors (n, size), of mean 0 and deviation 1. One thread finds them, so
    they are always the same; a window of 2 makes pieces alike that can stand for each other. None in a text of which no
    piece has a neighbour.
    """
    ids, offsets = piece_ids(pieces, encoded)
    counts = np.bincount(ids, minlength=len(pieces))
    order = np.argsort(-counts, kind="stable")
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order))
    vocab = Vocab([pieces.tokens[k] for k in order], counts[order])
    sample = 1e-4 if len(ids) >= ENOUGH else 0
    model = SkipGram(dim=size, window=2, min_count=1, sample=sample, lr=0.05, epochs=2, threads=1, seed=seed)
    try:
        model.fit(Corpus.of(Encoded(vocab, rank[ids], offsets), "pieces"), verbose=0)
    except CorpusError:  # no piece has another one beside it
        return order[:0], np.zeros((0, size), np.float32)
    vectors = model.wv.vectors - model.wv.vectors.mean(0)
    return order[: len(vectors)], vectors / max(vectors.std(), np.float32(1e-30))


class MaskedTrainer:
    """What Loop wants: batches of sequences as chunks. Each step is shared among threads; the loop itself needs one.

    Parameters
    ----------
    model : BERT
    ids, offsets : sentence s is ids[offsets[s]:offsets[s + 1]].
    held_out : share of the sequences that are not trained on.
    """

    threads = 1
    schedule = None  # WarmUp, once it is known

    def __init__(self, model, ids, offsets, held_out=0.0):
        self.model, self.masking = model, masking_of(model)
        room = self.masking.room - (3 if self.masking.pairs else 2)
        self.sequences = Sequences(ids, offsets, room, model.pack)
        numbers = np.arange(len(self.sequences))
        if not len(numbers):
            raise CorpusError("nothing to learn: cleaning has left no piece of the text")
        step = round(min(1 / held_out, len(numbers) + 1)) if held_out else len(numbers) + 1
        apart = numbers % step == step - 1
        self.numbers, self.apart = numbers[~apart], numbers[apart]
        self.apart = self.apart[:: -(-len(self.apart) // JUDGED) or 1]
        self.batch = int(model.batch)
        self.chunks = -(-len(self.numbers) // self.batch)

    def train(self, job, epoch, schedule, loss, predictions):
        """Batches until none is left; loss (chunks,) float64, predictions (chunks,) int64  # out"""
        model, tokens, before = self.model, self.schedule.tokens, schedule[2]
        order = np.random.default_rng((model.seed, epoch, 0)).permutation(self.numbers)
        with blas.one_thread():
            while (number := job.take()) >= 0:
                key = (model.seed, epoch, number + 1)
                batch = self._batch(order, number, np.random.default_rng((*key, 1)))
                rate = self.schedule.at(before + tokens * (number + 0.5) / self.chunks)
                losses, _ = model.network.step(model.optimizing, batch, rate, (*key, 2), model.clip)
                loss[number], predictions[number] = losses.sum(), len(losses)
                job.add(tokens * (number + 1) // self.chunks - tokens * number // self.chunks)

    def _batch(self, order, number, random):
        return self.masking.batch(self.sequences, order[number * self.batch : (number + 1) * self.batch], random)

    def figures(self):
        """Of what is held out, for an epoch's record."""
        if not len(self.apart):
            return {}
        try:
            loss, accuracy = self.judged(self.apart, (self.model.seed, 1))
        except CorpusError:  # nothing there can be hidden
            return {}
        return {"held_out_loss": loss, "held_out_accuracy": accuracy}

    def judged(self, numbers, key):
        """Mean loss of the hidden pieces of these sequences and the share of them that are right; CorpusError if none
        can be hidden."""
        found, network = [], self.model.network
        with blas.one_thread():
            for number in range(-(-len(numbers) // self.batch)):
                found.append(network.judged(self._batch(numbers, number, np.random.default_rng((*key, number)))))
        losses, right = (np.concatenate(parts) for parts in zip(*found, strict=True))
        if not len(losses):
            raise CorpusError("no piece of the text can be hidden: all are unknown")
        return float(losses.mean()), float(right.mean())


def masking_of(model):
    """The Masking of a model's parameters and pieces."""
    pieces, positions = model.pieces, model.sizes.positions
    if pieces.ids["mask"] is None:
        raise ParameterError(f"the pieces have no {pieces.special['mask']} to hide others with")
    if model.max_length > positions:
        raise ParameterError(f"max_length={model.max_length}: the model has {positions} positions")
    if model.next_sentence and model.sizes.segments < 2:
        raise ParameterError("next_sentence=True: the model has one kind of segment only")
    special = {number for number in pieces.ids.values() if number is not None}
    ordinary = np.array([number for number in range(len(pieces)) if number not in special], np.int32)
    if not len(ordinary):
        raise ParameterError("the pieces are all special tokens: there is nothing to hide")
    inside = np.zeros(model.sizes.vocab, bool)
    inside[: len(pieces)] = pieces.inside()
    return Masking(
        pieces.ids["cls"], pieces.ids["sep"], pieces.ids["mask"], ordinary, inside, int(model.max_length),
        float(model.share), bool(model.whole_words), bool(model.next_sentence),
    )  # fmt: skip
