"""Co-occurrence counts: exact, the same for any threads and budget, and what happens when room or disk runs out."""

import math
import os
import tempfile

import numpy as np
import pytest
from reference import Stream, cooccurrences

import fastembed as fe
from fastembed._core import cooc
from fastembed.errors import CorpusError, FormatError, NotFittedError, ParameterError
from fastembed.io import native
from fastembed.models import neighbours

TINY = "60K"  # forces several segments, runs on disk and a result on disk for the texts below


def random_text(seed, sentences=40, longest=150):
    random = np.random.default_rng(seed)
    lengths = random.integers(1, longest, sentences)
    return [[f"w{n}" for n in np.minimum(random.zipf(1.3, length), 90)] for length in lengths]


def numbers(text, vocab):
    """Sentences as word numbers, without the words that the vocabulary lacks."""
    return [[vocab.index[word] for word in sentence if word in vocab] for sentence in text]


def same(one, two):
    return all(np.array_equal(getattr(one, part), getattr(two, part)) for part in ("indptr", "indices", "data"))


@pytest.mark.parametrize("sides", ["both", "left", "apart"])
@pytest.mark.parametrize("weighting", ["harmonic", "flat"])
@pytest.mark.parametrize("window", [1, 4, 17])
def test_counts_are_exactly_those_of_the_reference(sides, weighting, window):
    text = random_text(window)
    settings = {"weighting": weighting, "symmetric": sides != "left", "directional": sides == "apart"}
    counts = fe.Cooccurrence(window=window, min_count=3, threads=2, **settings).fit(text, verbose=0)
    words = len(counts.vocab)
    assert 1 < words < 90  # some were dropped, and leave no gap
    wanted = cooccurrences(numbers(text, counts.vocab), words, window, weighting == "harmonic", sides)
    assert counts.matrix.dtype == np.float64
    assert (counts.matrix.toarray() == wanted).all()


def test_columns_are_in_order_and_counts_positive():
    matrix = fe.Cooccurrence(window=3, min_count=1).fit(random_text(0), verbose=0).matrix
    assert cooc.valid(matrix.indptr.astype(np.int64), matrix.indices, matrix.data, matrix.shape[1])


@pytest.mark.parametrize("settings", [{}, {"sample": 1e-2}, {"directional": True}])
@pytest.mark.parametrize(("budget", "threads"), [("1G", 2), ("1G", 7), (TINY, 1), (TINY, 3), ("200K", 2)])
def test_threads_and_budget_change_nothing(settings, budget, threads):
    text = random_text(1, sentences=60)
    one = fe.Cooccurrence(min_count=2, threads=1, **settings).fit(text, verbose=0)
    budget = budget if "directional" not in settings or budget != TINY else "90K"
    other = fe.Cooccurrence(min_count=2, threads=threads, memory=budget, **settings).fit(text, verbose=0)
    assert same(one.matrix, other.matrix)


def test_one_long_sentence_is_cut_without_a_trace():
    sentence = [word for line in random_text(2, sentences=80) for word in line]
    wanted = fe.Cooccurrence(window=12, min_count=1).fit([sentence], verbose=0).matrix
    assert same(wanted, fe.Cooccurrence(window=12, min_count=1, memory=TINY).fit([sentence], verbose=0).matrix)


def test_more_runs_than_are_merged_at_once(monkeypatch):
    monkeypatch.setattr(neighbours, "RUNS", 3)
    text = random_text(3, sentences=120)
    wanted = fe.Cooccurrence(min_count=1).fit(text, verbose=0).matrix
    assert same(wanted, fe.Cooccurrence(min_count=1, memory=TINY).fit(text, verbose=0).matrix)


def test_frequent_words_are_divided(monkeypatch):
    monkeypatch.setattr(neighbours, "HEAVY", 50)
    text = random_text(4)
    divided = fe.Cooccurrence(min_count=1, threads=3).fit(text, verbose=0).matrix
    monkeypatch.undo()
    assert same(divided, fe.Cooccurrence(min_count=1, threads=1).fit(text, verbose=0).matrix)


def test_sums_beyond_32_bits():
    """2 x 20 neighbours in units of 1/232792560 overflow a narrow cell after a few places."""
    text = [["a", "b"] * 300]
    counts = fe.Cooccurrence(window=20, min_count=1).fit(text, verbose=0)
    wanted = cooccurrences(numbers(text, counts.vocab), 2, 20)
    np.testing.assert_allclose(counts.matrix.toarray(), wanted, rtol=1e-15)


def test_windows_beyond_the_exact_ones():
    text = random_text(5, sentences=6)
    counts = fe.Cooccurrence(window=40, min_count=1).fit(text, verbose=0)
    sentences = numbers(text, counts.vocab)
    within = [cooccurrences(sentences, len(counts.vocab), d, False) for d in range(41)]  # within d words
    wanted = sum((within[d] - within[d - 1]) / d for d in range(1, 41))
    np.testing.assert_allclose(counts.matrix.toarray(), wanted, rtol=1e-9)
    assert same(counts.matrix, fe.Cooccurrence(window=40, min_count=1, memory=TINY).fit(text, verbose=0).matrix)


@pytest.mark.parametrize("window", [1, 2, 20, 21, 10_000])
@pytest.mark.parametrize("largest", [1, 10**6, 10**12])
def test_weights_do_not_overflow(window, largest):
    weights, unit = neighbours.weights_of(window, True, largest)
    assert 2 * largest * int(weights.sum()) < 2**63
    distances = np.arange(1, window + 1)
    assert (np.abs(weights[1:] - unit / distances) <= 0.5 + 1e-9 * unit).all()
    if window <= 20 and largest <= 10**6:
        assert unit == math.lcm(*range(1, window + 1)) and (weights[1:] * distances == unit).all()


def test_subsampling_is_that_of_the_vocabulary_and_a_seed():
    text = random_text(6)
    counts = fe.Cooccurrence(window=5, min_count=2, sample=1e-2, seed=3).fit(text, verbose=0)
    coins, keep, place = Stream(3, 0xC00C, 0), counts.vocab.keep_thresholds(1e-2), 0
    thinned = []
    for sentence in text:
        thinned.append([])
        for word in sentence:
            if word in counts.vocab and coins.at(place) >> 32 < keep[counts.vocab.index[word]]:
                thinned[-1].append(counts.vocab.index[word])
            place += 1
    assert 0 < sum(map(len, thinned)) < place
    assert (counts.matrix.toarray() == cooccurrences(thinned, len(counts.vocab), 5)).all()


def test_a_result_beyond_the_budget_is_mapped():
    counts = fe.Cooccurrence(min_count=1, memory=TINY).fit(random_text(7, sentences=400), verbose=0)
    assert counts.matrix.nnz > 5000
    base = counts.matrix.data
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)
    assert counts.matrix.sum() > 0 and (counts.matrix @ np.ones(len(counts.vocab))).shape == (len(counts.vocab),)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
def test_a_full_disk(monkeypatch):
    text, opened = random_text(8, sentences=60), []
    counts = fe.Cooccurrence(min_count=1, window=2).fit(text, verbose=0)
    before = counts.matrix

    def full(**options):
        opened.append(open("/dev/full", "w+b", buffering=0))  # noqa: SIM115 (the test is that it is closed)
        return opened[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(CorpusError, match="the counts cannot be written to .*: No space left"):
        counts.set_params(memory=TINY, window=10).fit(text, verbose=0)
    assert counts.matrix is before
    assert opened and all(file.closed for file in opened)


def test_no_files_stay(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    class Stop(Exception):
        pass

    class Interrupt:
        def on_progress(self, model, facts):
            raise Stop

    counts = fe.Cooccurrence(min_count=1, memory=TINY)
    with pytest.raises(Stop):
        counts.fit(random_text(9, sentences=60), callbacks=[Interrupt()], verbose=0)
    with pytest.raises(NotFittedError):
        _ = counts.matrix
    counts.fit(random_text(9, sentences=60), verbose=0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"window": 0}, "window=0"),
        ({"window": 10_001}, "window=10001"),
        ({"weighting": "soft"}, "weighting='soft'"),
        ({"memory": "4X"}, "memory='4X'"),
        ({"memory": 0}, "memory=0"),
        ({"memory": True}, "memory=True"),
        ({"memory": "9" * 18 + "T"}, "memory="),
        ({"sample": -1}, "sample=-1"),
    ],
)
def test_impossible_parameters(settings, said):
    with pytest.raises(ParameterError, match=said):
        fe.Cooccurrence(**settings)


@pytest.mark.parametrize("memory", ["4G", "500m", "1.5 GB", 4_000_000, np.int64(4_000_000)])
def test_sizes(memory):
    assert fe.Cooccurrence(memory=memory, min_count=1).fit(["a b"], verbose=0).matrix.nnz == 2


def test_what_cannot_be_counted():
    with pytest.raises(ParameterError, match="one row of .* columns and what counts it need"):
        fe.Cooccurrence(min_count=1, memory=1000).fit(random_text(0), verbose=0)
    with pytest.raises(ParameterError, match="choose one"):
        fe.Cooccurrence(min_count=1, directional=True, symmetric=False).fit(["a b"], verbose=0)
    with pytest.raises(CorpusError, match="one word"):
        fe.Cooccurrence(min_count=1).fit(["a a a"], verbose=0)
    with pytest.raises(CorpusError, match="min_count=5 leaves 0 of 2 words"):
        fe.Cooccurrence().fit(["a b"], verbose=0)
    with pytest.raises(CorpusError, match="nothing to count"):
        fe.Cooccurrence(min_count=1).fit(["a", "b"], verbose=0)


def test_the_record_and_the_callbacks():
    calls = []

    class Watch:
        def on_train_begin(self, model):
            calls.append("begin")

        def on_progress(self, model, facts):
            calls.append(facts["words"] / facts["total_words"])

        def on_epoch_end(self, model, record):
            calls.append(record["entries"])

    counts = fe.Cooccurrence(min_count=1).fit(random_text(0), callbacks=Watch(), verbose=0)
    assert calls[0] == "begin" and calls[-1] == counts.matrix.nnz == counts.history[0]["entries"]
    assert all(0 <= share <= 1 for share in calls[1:-1]) and calls[-2] > 0.99


@pytest.mark.parametrize(
    "change",
    [
        {"matrix.columns": lambda a: a + 90},
        {"matrix.columns": lambda a: a[::-1].copy()},
        {"matrix.values": lambda a: -a},
        {"matrix.values": lambda a: a * np.nan},
        {"matrix.values": lambda a: a[:-1]},
        {"matrix.begins": lambda a: a[:-1]},
        {"matrix.begins": lambda a: a[::-1].copy()},
        {"matrix.begins": lambda a: a * 2**40},
        {"matrix.columns": lambda a: a.astype(np.int64)},
    ],
)
def test_hostile_matrices_are_refused(change, tmp_path):
    tensors, meta = fe.Cooccurrence(min_count=1).fit(random_text(0), verbose=0).to_native()
    native.write(tmp_path / "m.fe", tensors | {k: f(np.asarray(tensors[k])) for k, f in change.items()}, meta)
    with pytest.raises(FormatError, match=r"m\.fe"):
        fe.load(tmp_path / "m.fe")
