"""Sequences of a text and what of them is hidden."""

import numpy as np
import pytest

from fastembed.nn.masking import Masking, Sequences

CLS, SEP, MASK = 2, 3, 4
ORDINARY = np.arange(5, 50, dtype=np.int32)
INSIDE = np.arange(50) % 3 == 2  # pieces 5, 8, 11, ... go on a word


def masking(**options):
    return Masking(CLS, SEP, MASK, ORDINARY, INSIDE, **({"room": 32} | options))


def text(count=400, seed=0):
    random = np.random.default_rng(seed)
    ids = random.integers(5, 50, count, dtype=np.int32)
    offsets = np.unique(np.append(random.integers(0, count, count // 9), [0, count]))
    return ids, offsets


def random(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("room", [1, 5, 30, 1000])
def test_sequences_hold_the_text_once(room):
    ids, offsets = text()
    sequences = Sequences(ids, offsets, room)
    parts = [sequences.at(number) for number in range(len(sequences))]
    assert np.array_equal(np.concatenate(parts), ids)
    assert max(map(len, parts)) <= room
    longest = np.diff(offsets).max()
    if room >= longest:  # whole sentences, and no two neighbours would have fit together with another sentence
        assert set(sequences.bounds) <= set(offsets)
        for first, middle in zip(sequences.bounds, sequences.bounds[1:], strict=False):
            more = offsets[np.searchsorted(offsets, middle) + 1 :][:1]
            assert not len(more) or more[0] - first > room


@pytest.mark.parametrize("room", [1, 5, 1000])
def test_sequences_of_one_sentence(room):
    ids, offsets = text()
    sequences = Sequences(ids, offsets, room, pack=False)
    assert np.array_equal(np.concatenate([sequences.at(number) for number in range(len(sequences))]), ids)
    assert set(offsets) <= set(sequences.bounds) and np.diff(sequences.bounds).max() <= room
    assert room < 1000 or np.array_equal(sequences.bounds, offsets)


def test_empty_text():
    assert len(Sequences(np.empty(0, np.int32), np.zeros(1, np.int64), 8)) == 0


def made(**options):
    sequences = Sequences(*text(4000), 30)
    return masking(**options).batch(sequences, np.arange(len(sequences)), random()), sequences


def test_a_batch_is_the_text_where_nothing_is_hidden():
    batch, sequences = made()
    restored = batch.ids.copy()
    restored[batch.places] = batch.targets
    for number, (first, last) in enumerate(zip(batch.offsets, batch.offsets[1:], strict=False)):
        assert restored[first:last].tolist() == [CLS, *sequences.at(number), SEP]
    assert batch.ids.dtype == batch.targets.dtype == batch.segments.dtype == np.int32
    assert not batch.segments.any() and batch.random is None
    assert np.all(np.diff(batch.places) > 0) and np.isin(batch.targets, ORDINARY).all()


def test_how_much_is_hidden_and_by_what():
    batch, sequences = made(share=0.3)
    wanted = np.maximum(1, np.rint(0.3 * np.diff(sequences.bounds)))
    found = np.bincount(np.searchsorted(batch.offsets, batch.places, "right") - 1)
    assert np.array_equal(found, wanted)
    shown = batch.ids[batch.places]
    masked, same = (shown == MASK).mean(), (shown == batch.targets).mean()
    assert abs(masked - 0.8) < 0.04 and abs(same - 0.1 - 0.1 / 45) < 0.03
    assert np.isin(shown[shown != MASK], ORDINARY).all()


def test_every_place_is_hidden_now_and_then():
    sequences = Sequences(*text(200), 30)
    hidden = np.zeros(200)
    for seed in range(200):
        batch = masking().batch(sequences, np.arange(len(sequences)), random(seed))
        rows = np.searchsorted(batch.offsets, batch.places, "right")
        hidden[batch.places - 2 * rows + 1] += 1
    assert hidden.min() > 5 and abs(hidden.mean() / 200 - 0.15) < 0.02


def test_whole_words():
    batch, _ = made(words=True)
    restored = batch.ids.copy()
    restored[batch.places] = batch.targets
    hidden = np.zeros(len(restored), bool)
    hidden[batch.places] = True
    ordinary = np.isin(restored, ORDINARY)
    goes_on = INSIDE[restored] & ordinary
    goes_on[batch.offsets[:-1] + 1] = False  # a piece behind [CLS] begins
    pairs = np.flatnonzero(goes_on)
    assert len(pairs) > 1000 and np.array_equal(hidden[pairs], hidden[pairs - 1])
    counts = np.bincount(np.searchsorted(batch.offsets, batch.places, "right") - 1, minlength=len(batch.offsets) - 1)
    assert counts.min() >= 1 and abs(hidden.sum() / ordinary.sum() - 0.15) < 0.03


def test_pairs():
    sequences = Sequences(*text(4000), 29)
    batch = masking(pairs=True).batch(sequences, np.arange(len(sequences)), random())
    restored = batch.ids.copy()
    restored[batch.places] = batch.targets
    assert 0.35 < batch.random.mean() < 0.75
    for number, (first, last) in enumerate(zip(batch.offsets, batch.offsets[1:], strict=False)):
        row, segments = restored[first:last], batch.segments[first:last]
        middle, end = np.flatnonzero(row == SEP)
        assert row[0] == CLS and end == len(row) - 1 and len(row) <= 32
        assert np.array_equal(segments, np.arange(len(row)) > middle)
        if not batch.random[number]:
            assert np.array_equal(np.concatenate([row[1:middle], row[middle + 1 : end]]), sequences.at(number))


def test_the_key_decides():
    sequences = Sequences(*text(), 30)
    one, two, other = (masking().batch(sequences, np.arange(3), random(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one.ids, two.ids) and np.array_equal(one.places, two.places)
    assert not np.array_equal(one.places, other.places)


def test_sequences_without_an_ordinary_piece():
    ids = np.int32([MASK, MASK, 7, 8])
    batch = masking(room=4).batch(Sequences(ids, np.int64([0, 2, 4]), 2), np.arange(2), random())
    assert batch.targets.tolist() in ([7], [8])
