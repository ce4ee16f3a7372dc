"""The training loop against the slow reference: windows, chunks, subsampling, noise, paths, schedule, loss."""

import numpy as np
import pytest
import reference

from fastembed import memory, parallel
from fastembed._core import probe, simd, tables
from fastembed._core.job import Job
from fastembed._core.sgns import Trainer
from fastembed.vocab import Vocab

V, DIM, LR = 13, 20, 0.05
SENTENCES = [5, 1, 40, 0, 3, 77, 2, 30]  # lengths; 0 is an empty sentence


def corpus(types=V, seed=0):
    """Sentences of types, Zipf-like; the last type has no row in the model."""
    random = np.random.default_rng(seed)
    weights = 1 / np.arange(1, types + 1)
    ids = random.choice(types, sum(SENTENCES), p=weights / weights.sum()).astype(np.int32)
    counts = np.maximum(np.bincount(ids, minlength=types), 1)
    order = np.argsort(-counts, kind="stable")
    rank = np.argsort(order)
    return rank[ids].astype(np.int32), np.cumsum([0, *SENTENCES]), counts[order]


def problem(hs, sample=0.05, types=V):
    ids, offsets, counts = corpus(types)
    words = types - 1
    vocab = Vocab([f"w{k:03}" for k in range(words)], counts[:words])
    gates = np.zeros((types, 2), np.uint32)
    gates[:words, 0], gates[:words, 1] = vocab.keep_thresholds(sample), np.arange(words)
    random = np.random.default_rng(1)
    inputs, outputs = (memory.zeros((words, simd.padded(DIM))) for _ in range(2))
    inputs[:, :DIM] = random.uniform(-0.3, 0.3, (words, DIM))
    outputs[:, :DIM] = random.uniform(-0.3, 0.3, (words, DIM))
    noise = None if hs else tables.alias_cells(vocab.alias_table(0.75))
    paths = vocab.huffman() if hs else None
    return (ids, offsets, gates), inputs, outputs, noise, paths


def run(parts, settings, epochs=1, threads=1, subwords=None):
    """Train and return (loss of the last epoch, predictions of the last epoch)."""
    (ids, offsets, gates), inputs, outputs, noise, paths = parts
    trainer = Trainer((ids, offsets, gates), inputs, outputs, noise, paths, settings, subwords)
    for epoch in range(epochs):
        loss, predictions = np.zeros(trainer.chunks), np.zeros(trainer.chunks, np.int64)
        schedule = (LR, LR / 10, epoch * len(ids), epochs * len(ids))
        job = Job(trainer.chunks)
        parallel.run(
            lambda job, n, e=epoch, s=schedule, a=loss, b=predictions: trainer.train(job, e, s, a, b), job, threads
        )
        assert job.done == len(ids)
    return loss.sum(), predictions.sum()


def settings_of(**changes):
    return {
        "dim": DIM,
        "window": 3,
        "negative": 4,
        "cbow": False,
        "dynamic_window": True,
        "mean_gradient": True,
        "seed": 5,
        "chunk_tokens": 16,
        "threads": 1,
    } | changes


CASES = {
    "wide window": {"window": 20, "dynamic_window": False},
    "wide window, twenty negatives": {"window": 20, "negative": 20},
    "skip-gram": {},
    "fixed window": {"dynamic_window": False},
    "many negatives": {"negative": 9},
    "negatives kept": {"negative": 11, "chunk_tokens": 100},
    "one of two kept": {"negative": 2, "window": 1, "chunk_tokens": 1000},
    "kept for the widest window": {"negative": 6, "window": 31, "chunk_tokens": 1000},
    "none kept": {"negative": 6, "window": 32, "chunk_tokens": 1000},
    "cbow, negatives kept": {"cbow": True, "negative": 5, "chunk_tokens": 1000},
    "one negative": {"negative": 1, "window": 1},
    "one chunk": {"chunk_tokens": 1000},
    "tiny chunks": {"chunk_tokens": 1},
    "cbow": {"cbow": True},
    "cbow, classic gradient": {"cbow": True, "mean_gradient": False},
}


def stay():
    """How many rows of a step stay in registers; see reference.train_skipgram."""
    return 10 if simd.lanes() == 16 else 8


@pytest.mark.parametrize("hs", [False, True], ids=["negatives", "tree"])
@pytest.mark.parametrize("case", CASES)
def test_loop_equals_reference(isa, case, hs):
    check_loop(problem(hs), settings_of(**CASES[case]))


@pytest.mark.parametrize("types", [2, 3, V, 90, 129, 130, 300])
def test_one_of_several_threads_that_works_alone(types):
    """It trains rows of its own for the last 127 nodes of the tree; the shared ones follow it the whole way."""
    check_loop(problem(True, 1, types), settings_of(threads=3), least=types)


def test_own_rows_and_shared_ones_meet():
    random = np.random.default_rng(8)
    shared, step = (random.standard_normal((9, 16)).astype(np.float32) for _ in range(2))
    before, own = shared.copy(), np.empty((4, 16), np.float32)
    probe.meet(own, shared, step[:4], 0.25)
    np.testing.assert_array_equal(shared[:5], before[:5])
    np.testing.assert_allclose(shared[5:], before[5:] + step[:4] / 4, atol=1e-6)
    np.testing.assert_array_equal(own, shared[5:])


def check_loop(parts, settings, least=50):
    (ids, offsets, gates), inputs, outputs, noise, paths = parts
    x, w = inputs.astype(float), outputs.astype(float)
    rows = np.append(np.arange(len(gates) - 1), -1)[ids]
    sentences = [rows[a:b].tolist() for a, b in zip(offsets, offsets[1:], strict=False)]
    tree = None
    if paths is not None:
        path_offsets, nodes, codes = paths
        spans = [slice(a, b) for a, b in zip(path_offsets, path_offsets[1:], strict=False)]
        tree = [(nodes[span], 1 - codes[span].astype(int)) for span in spans]
        parts = (*parts[:4], (path_offsets, nodes, 1 - codes))
    total = 2 * len(ids)
    for epoch in range(2):
        before = epoch * len(ids)
        rates = settings | {
            "stay": stay(),
            "epoch": epoch,
            "lr": lambda p, b=before: LR + (LR / 10 - LR) * (b + p) / total,
        }
        if tree:
            rates["negative"] = 0
        want = reference.word2vec_epoch(sentences, gates[:, 0], x, w, rates, noise, tree)
    loss, predictions = run(parts, settings, epochs=2)
    assert predictions == want[1] >= least
    assert loss == pytest.approx(want[0], rel=1e-5)
    np.testing.assert_allclose(inputs, x, atol=2e-5)
    np.testing.assert_allclose(outputs, w, atol=2e-5)


SUBWORD_CASES = [name for name in CASES if "negatives" not in name]


@pytest.mark.parametrize("hs", [False, True], ids=["negatives", "tree"])
@pytest.mark.parametrize("case", SUBWORD_CASES)
def test_loop_with_subwords_equals_reference(isa, case, hs):
    """Words share rows with themselves inside the window and with each other: no update may be lost."""
    settings = settings_of(**CASES[case])
    corpus, inputs, outputs, noise, paths = problem(hs)
    random = np.random.default_rng(2)
    parts = [np.unique(random.choice(V + 6, random.integers(1, 9))).astype(np.int32) for _ in range(V - 1)]
    matrix = memory.zeros((V + 6, inputs.shape[1]))
    matrix[:, :DIM] = random.uniform(-0.5, 0.5, (V + 6, DIM))
    table = np.cumsum([0, *map(len, parts)]), np.concatenate(parts)
    x, w = matrix.astype(float), outputs.astype(float)
    ids, offsets, gates = corpus
    rows = np.append(np.arange(V - 1), -1)[ids]
    sentences = [rows[a:b].tolist() for a, b in zip(offsets, offsets[1:], strict=False)]
    tree = None
    if hs:
        tree = [(paths[1][a:b], paths[2][a:b].astype(int)) for a, b in zip(paths[0], paths[0][1:], strict=False)]
    rates = settings | {"stay": stay(), "epoch": 0, "lr": lambda p: LR + (LR / 10 - LR) * p / len(ids)}
    rates |= {"negative": 0} if hs else {}
    want = reference.word2vec_epoch(sentences, gates[:, 0], x, w, rates, noise, tree, parts)
    loss, predictions = run((corpus, matrix, outputs, noise, paths), settings, subwords=table)
    assert predictions == want[1] > 50
    assert loss == pytest.approx(want[0], rel=1e-5)
    np.testing.assert_allclose(matrix, x, atol=2e-5)
    np.testing.assert_allclose(outputs, w, atol=2e-5)


def test_the_same_run_gives_the_same_bits():
    first, second = problem(False), problem(False)
    assert run(first, settings_of(), epochs=3) == run(second, settings_of(), epochs=3)
    assert (first[1] == second[1]).all() and (first[2] == second[2]).all()


@pytest.mark.parametrize("hs", [False, True], ids=["negatives", "tree"])
def test_threads_make_the_same_predictions(hs):
    """Draws, windows and schedule do not depend on the number of threads; only races may move the numbers."""
    results = [run(problem(hs, types=200), settings_of(threads=n), threads=n) for n in (1, 2, 5)]
    assert len({predictions for _, predictions in results}) == 1
    assert np.ptp([loss for loss, _ in results]) < 0.1 * results[0][0]


def test_the_seed_changes_the_draws():
    assert run(problem(False), settings_of()) != run(problem(False), settings_of(seed=6))


def test_no_sentence_is_cut():
    """A sentence far longer than any chunk is one context: the pairs of a fixed window can be counted."""
    length, window = 50_000, 2
    ids, offsets = np.zeros(length, np.int32), np.array([0, length])
    ids[1::2] = 1
    gates = np.array([[0xFFFFFFFF, 0], [0xFFFFFFFF, 1]], np.uint32)
    parts = problem(False)
    noise = np.array([[0xFFFFFFFF, 0], [0xFFFFFFFF, 1]], np.uint32)
    parts = ((ids, offsets, gates), parts[1][:2], parts[2][:2], noise, None)
    settings = settings_of(window=window, dynamic_window=False, chunk_tokens=999)
    assert run(parts, settings)[1] == 2 * window * length - window * (window + 1)


def test_trainer_refuses_what_does_not_fit():
    (ids, offsets, gates), inputs, outputs, noise, _ = problem(False)
    with pytest.raises(ValueError, match="offsets"):
        Trainer((ids, offsets[:-1], gates), inputs, outputs, noise, None, settings_of())
    with pytest.raises(ValueError, match="multiple"):
        Trainer(
            (ids, offsets, gates),
            np.ones((5, 20), np.float32),
            np.ones((5, 20), np.float32),
            noise,
            None,
            settings_of(),
        )
