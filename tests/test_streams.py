"""Streams of text: every prediction once, rows that go on, the same from the same key."""

import numpy as np
import pytest

from fastembed.nn.streams import Sentences, Streams, Text

BEGIN, END = 1, 2


def encoded(sentences):
    ids = np.array([word for sentence in sentences for word in sentence], np.int32)
    return ids, np.cumsum([0, *map(len, sentences)])


def random_sentences(count=40, seed=0):
    random = np.random.default_rng(seed)
    return [random.integers(3, 50, random.integers(0, 12)).tolist() for _ in range(count)]


def pairs(sentences, backward=False):
    found = []
    for sentence in sentences:
        words = [BEGIN, *sentence, END][:: -1 if backward else 1]
        found += zip(words, words[1:], strict=False)
    return found


def streams(sentences, rows, steps, **how):
    return Streams(*encoded(sentences), begin=BEGIN, end=END, rows=rows, steps=steps, **how)


def by_row(mine, rows, key=()):
    """What each row reads and predicts in an epoch."""
    found = [[] for _ in range(rows)]
    for number in range(mine.batches):
        unroll = mine.batch_at(number, key)
        assert unroll.words.shape == unroll.targets.shape and len(unroll.words) <= mine.steps
        lengths = np.full(rows, len(unroll.words)) if unroll.lengths is None else unroll.lengths
        assert lengths.max() == len(unroll.words) and unroll.flat(unroll.words).shape == (lengths.sum(),)
        for row, length in enumerate(lengths):
            found[row] += zip(unroll.words[:length, row].tolist(), unroll.targets[:length, row].tolist(), strict=True)
    return found


@pytest.mark.parametrize("backward", [False, True])
def test_the_predictions_of_a_text(backward):
    sentences = [[], [5], [6, 7, 8], [], [9, 10]]
    text = Text(*encoded(sentences), begin=BEGIN, end=END, backward=backward)
    assert list(zip(*(a.tolist() for a in text.at(np.arange(text.size))), strict=True)) == pairs(sentences, backward)
    turned = Text(*encoded(sentences), begin=BEGIN, end=END, backward=backward, order=np.array([2, 0, 1, 4, 3]))
    wanted = pairs([sentences[k] for k in (2, 0, 1, 4, 3)], backward)
    assert list(zip(*(a.tolist() for a in turned.at(np.arange(turned.size))), strict=True)) == wanted


@pytest.mark.parametrize(("rows", "steps"), [(1, 1), (1, 1000), (3, 7), (16, 5), (500, 3), (100_000, 2)])
def test_rows_go_on_from_batch_to_batch_and_cover_the_text(rows, steps):
    sentences = random_sentences()
    mine = streams(sentences, rows, steps)
    found = by_row(mine, rows)
    assert sum(found, []) == pairs(sentences)
    assert max(map(len, found)) - min(map(len, found)) <= 1


@pytest.mark.parametrize("backward", [False, True])
def test_shuffled_sentences_come_once_in_the_order_of_the_key(backward):
    sentences = [[k, k + 100] for k in range(10, 60)]
    mine = streams(sentences, 4, 6, shuffle=True, backward=backward)
    first, second = (sum(by_row(mine, 4, (1, epoch)), []) for epoch in (0, 1))
    assert first != second and sorted(first) == sorted(second) == sorted(pairs(sentences, backward))
    starts = [k for k, (read, _) in enumerate(first) if read == (END if backward else BEGIN)]
    assert starts == list(range(0, 150, 3))


def test_any_batch_can_be_had_without_those_before():
    sentences = random_sentences()
    mine, again = (streams(sentences, 3, 5, shuffle=True) for _ in range(2))
    batches = [mine.batch_at(number, (7, 0)) for number in range(mine.batches)]
    mine.batch_at(0, (7, 1))
    for stream in (mine, again):
        unroll = stream.batch_at(4, (7, 0))
        assert (unroll.words == batches[4].words).all() and (unroll.targets == batches[4].targets).all()


def test_sentences_of_similar_length_without_leaving_any_out():
    sentences = random_sentences(100) + [list(range(3, 500)), []]
    text = Text(*encoded(sentences), begin=BEGIN, end=END)
    words, targets = text.at(np.arange(text.size))
    seen = np.zeros(text.size, int)
    for parts in Sentences(text, tokens=64, rows=8):
        for unroll, places in parts:
            where = unroll.flat(places)
            np.add.at(seen, where, 1)
            assert unroll.words.size <= 64
            assert (unroll.flat(unroll.words) == words[where]).all()
            assert (unroll.flat(unroll.targets) == targets[where]).all()
    assert (seen == 1).all()


def test_no_sentences_and_no_words():
    assert list(Sentences(Text(*encoded([]), begin=BEGIN, end=END))) == []
    (((unroll, places),),) = [list(parts) for parts in Sentences(Text(*encoded([[]]), begin=BEGIN, end=END))]
    assert unroll.words.tolist() == [[BEGIN]] and unroll.targets.tolist() == [[END]] and places.tolist() == [[0]]
