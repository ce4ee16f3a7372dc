"""GloVe: the step against its definition, the blocks, and the promises of the model."""

import itertools

import numpy as np
import pytest

import fastembed as fe
from fastembed import memory
from fastembed._core import glove, simd
from fastembed._core.job import Job
from fastembed.errors import CorpusError, ParameterError, TrainingError
from fastembed.models import glove as models_glove

RANDOM = np.random.default_rng(3)
WORDS = [f"w{number}" for number in range(60)]
TEXT = [" ".join(RANDOM.choice(WORDS, 12, p=np.arange(60, 0, -1) / 1830)) for _ in range(300)]
SMALL = {"dim": 10, "min_count": 1, "window": 3, "epochs": 3, "threads": 1}


def model(**parameters):
    return fe.GloVe(**SMALL | parameters)


def bytes_of(model):
    """Everything that was trained."""
    return [side.tobytes() for side in model._sides]


@pytest.fixture(scope="module")
def counts():
    return fe.Cooccurrence(window=3, min_count=1, threads=1).fit(TEXT, verbose=0)


def reference(entry, words, contexts, biases, lr, x_max=100.0, alpha=0.75):
    """One step in double precision: words, contexts (2, D): vector and squares; biases (2, 2); updated -> loss."""
    (w, w_squares), (c, c_squares) = words.copy(), contexts.copy()
    error = w @ c + biases[:, 0].sum() - np.log(entry)
    gradient = min(1.0, (entry / x_max) ** alpha) * error
    words[0] -= lr * gradient * c / np.sqrt(w_squares)
    contexts[0] -= lr * gradient * w / np.sqrt(c_squares)
    words[1] += (lr * gradient * c) ** 2
    contexts[1] += (lr * gradient * w) ** 2
    biases[:, 0] -= gradient / np.sqrt(biases[:, 1])
    biases[:, 1] += gradient**2
    return 0.5 * gradient * error


def sides(rows, dim, seed=0):
    """Two sides of random vectors and sums of squares with their biases."""
    random, made = np.random.default_rng(seed), []
    for _ in range(2):
        side = memory.zeros((rows, 2, simd.padded(dim)))
        side[:, 1] = 1
        side[:, 0, :dim] = random.normal(0, 0.5, (rows, dim))
        side[:, 1, :dim] = random.uniform(1, 3, (rows, dim))
        made.append(side)
    return [*made, *(random.uniform(0.5, 2, (rows, 2)).astype(np.float32) for _ in range(2))]


def train(matrix, given, lr, dim, x_max=100.0, parts=1):
    """One epoch of one thread over scipy's matrix; returns the loss of each chunk."""
    arrays = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data.astype(np.float64)
    settings = {"dim": dim, "x_max": x_max, "alpha": 0.75, "seed": 1}
    trainer = glove.Trainer(models_glove._blocks(arrays, parts, 1), given, settings, (0, 0))
    loss, predictions = np.zeros(trainer.chunks), np.zeros(trainer.chunks, np.int64)
    trainer.train(Job(trainer.chunks), 0, (lr,), loss, predictions)
    assert predictions.sum() == matrix.nnz
    return loss


def single(row, column, value, size=3):
    from scipy import sparse

    return sparse.csr_matrix(([value], ([row], [column])), (size, size))


@pytest.mark.parametrize("dim", [1, 4, 16, 33, 100])
@pytest.mark.parametrize("value", [0.25, 7.0, 5000.0])
def test_one_step_is_the_reference_s(isa, dim, value):
    given = sides(3, dim)
    words, contexts = (given[k][[1, 2][k], :, :dim].astype(float) for k in (0, 1))
    biases = np.array([given[2][1], given[3][2]], float)
    before = [side.copy() for side in given]
    wanted = reference(value, words, contexts, biases, 0.05)
    loss = train(single(1, 2, value), given, 0.05, dim)
    assert loss.sum() == pytest.approx(wanted, rel=1e-5, abs=1e-8)  # of numbers near 1
    np.testing.assert_allclose(given[0][1, :, :dim], words, rtol=3e-6, atol=1e-6)
    np.testing.assert_allclose(given[1][2, :, :dim], contexts, rtol=3e-6, atol=1e-6)
    np.testing.assert_allclose([given[2][1], given[3][2]], biases, rtol=3e-6, atol=1e-6)
    for side, old, touched in zip(given, before, (1, 2, 1, 2), strict=True):
        others = [row for row in range(3) if row != touched]
        assert (side[others] == old[others]).all()
    assert not given[0][:, 0, dim:].any() and (given[0][:, 1, dim:] == 1).all()


def test_a_row_s_entries_follow_each_other(isa):
    """The product of the next entry is taken on the way: every entry must still see the row as it then is."""
    from scipy import sparse

    dim, values = 20, np.array([30.0, 2.0, 400.0, 9.0])
    given = sides(4, dim)
    start = [side.astype(float) for side in given]
    loss = train(sparse.csr_matrix((values, ([1] * 4, range(4))), (4, 4)), given, 0.5, dim).sum()
    found = []
    for order in itertools.permutations(range(4)):
        rows, total = [side.copy() for side in start], 0.0
        for column in order:
            biases = np.array([rows[2][1], rows[3][column]])
            total += reference(values[column], rows[0][1, :, :dim], rows[1][column, :, :dim], biases, 0.5)
            rows[2][1], rows[3][column] = biases
        if np.allclose(rows[0], given[0], rtol=1e-4, atol=1e-4) and np.isclose(total, loss, rtol=1e-4):
            found.append(order)
            np.testing.assert_allclose(rows[1], given[1], rtol=1e-4, atol=1e-4)
    assert len(found) == 1


def test_the_step_is_the_gradient(isa):
    """With squares of 1 and lr 1, a row changes by minus the gradient of the loss: against central differences."""
    dim, value = 6, 20.0
    given = sides(3, dim)
    given[0][:, 1] = given[1][:, 1] = given[2][:, 1] = given[3][:, 1] = 1
    start = [side.astype(float) for side in given]

    def loss(change):
        w, c = start[0][0, 0, :dim] + change[:dim], start[1][1, 0, :dim] + change[dim : 2 * dim]
        error = w @ c + start[2][0, 0] + start[3][1, 0] + change[-2:].sum() - np.log(value)
        return 0.5 * (value / 100) ** 0.75 * error**2

    train(single(0, 1, value), given, 1.0, dim)
    changed = [given[0][0, 0, :dim] - start[0][0, 0, :dim], given[1][1, 0, :dim] - start[1][1, 0, :dim]]
    changed += [[given[2][0, 0] - start[2][0, 0]], [given[3][1, 0] - start[3][1, 0]]]
    steps = np.eye(2 * dim + 2) * 1e-5
    slope = [(loss(step) - loss(-step)) / 2e-5 for step in steps]
    np.testing.assert_allclose(-np.concatenate(changed), slope, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("parts", [1, 3, 5, 17])
def test_blocks_hold_every_entry_once(counts, parts):
    matrix = counts.matrix
    arrays = matrix.indptr.astype(np.int64), matrix.indices, matrix.data
    entries, starts = models_glove._blocks(arrays, parts, 1)
    rows, columns = (entries.view(np.uint16).reshape(-1, 4)[:, k].astype(int) for k in (0, 1))
    block = np.repeat(np.arange(parts**2), np.diff(starts))
    rows, columns = rows * parts + block // parts, columns * parts + block % parts
    found = np.lexsort((columns, rows))
    dense = matrix.tocoo()
    wanted = np.lexsort((dense.col, dense.row))
    assert (rows[found] == dense.row[wanted]).all() and (columns[found] == dense.col[wanted]).all()
    logarithms = entries.view(np.float32).reshape(-1, 2)[:, 1]
    np.testing.assert_allclose(logarithms[found], np.log(dense.data[wanted]), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_the_same_bytes_for_any_number_of_threads(isa, threads):
    one, many = (model(threads=n).fit(TEXT, verbose=0) for n in (1, threads))
    assert bytes_of(one) == bytes_of(many)
    assert [e["loss"] for e in one.history] == [e["loss"] for e in many.history]


def test_instruction_sets_agree(counts):
    before, found = simd.active(), []
    for name in simd.available():
        simd.use(name)
        found.append(model(epochs=2).fit(counts, verbose=0).wv.vectors.copy())
    simd.use(before)
    for vectors in found[1:]:
        np.testing.assert_allclose(vectors, found[0], atol=2e-4)


def test_the_loss_falls_and_counts_are_fitted(counts):
    trained = model(epochs=60, dim=30, x_max=5.0).fit(counts, verbose=0)
    losses = [epoch["loss"] for epoch in trained.history]
    assert losses[-1] < 0.2 * losses[0] and all(np.diff(losses) < 0)
    matrix = counts.matrix.tocoo()
    words, bias = trained._sides[0][:, 0, :30], trained.bias
    product = (words[matrix.row] * trained.context_vectors[matrix.col]).sum(1)
    error = product + bias[matrix.row, 0] + bias[matrix.col, 1] - np.log(matrix.data)
    weights = np.minimum(1, (matrix.data / 5) ** 0.75)
    assert (weights * error**2).mean() / 2 == pytest.approx(losses[-1], rel=0.2)  # of the end, and on the way to it


def test_going_on_after_an_epoch_changes_nothing(counts, tmp_path):
    whole = model(epochs=4).fit(counts, verbose=0)
    stopped = model(epochs=4).fit(
        counts, verbose=0, callbacks=lambda m, record: "stop" if record["epoch"] == 2 else None
    )
    assert len(stopped.history) == 2
    stopped.save(tmp_path / "m.fe")
    again = fe.load(tmp_path / "m.fe").fit(counts, resume=True, verbose=0)
    assert bytes_of(again) == bytes_of(whole) and len(again.history) == 4


def test_going_on_in_the_middle_of_an_epoch(tmp_path):
    """Stopped by a callback wherever it happens to be, saved, loaded, gone on with: as if nothing had happened."""
    text = TEXT * 3
    counts = fe.Cooccurrence(window=50, min_count=1).fit(text, verbose=0)
    parameters = {"dim": 300, "epochs": 40, "threads": 2}
    whole = model(**parameters).fit(counts, verbose=0)

    class Stop(fe.callbacks.Callback):
        def on_progress(self, model, progress):
            return fe.callbacks.STOP

    stopped, stops = model(**parameters).fit(counts, verbose=0, callbacks=Stop()), 1
    while len(stopped.history) < 40:
        stopped.save(tmp_path / "m.fe")
        stopped = fe.load(tmp_path / "m.fe").fit(counts, resume=True, verbose=0, callbacks=Stop())
        stops += 1
    assert bytes_of(stopped) == bytes_of(whole) and stops > 1


def test_a_checkpoint_is_taken_up(counts, tmp_path):
    whole = model(epochs=4).fit(counts, verbose=0)
    model(epochs=2).fit(counts, verbose=0, checkpoint=tmp_path)
    again = model(epochs=4).fit(counts, resume=True, verbose=0, checkpoint=tmp_path)
    assert bytes_of(again) == bytes_of(whole)
    with pytest.raises(ParameterError, match="x_max=100"):
        model(epochs=4, x_max=5.0).fit(counts, resume=True, verbose=0, checkpoint=tmp_path)


def test_new_words_enter(counts):
    trained = model().fit(counts, verbose=0)
    old = trained.wv["w3"].copy()
    trained.fit(["w1 newcomer w2 newcomer"] * 5, resume=True, verbose=0, callbacks=lambda m, r: "stop")
    assert "newcomer" in trained.wv and len(trained.wv) == len(counts.vocab) + 1
    assert (trained.wv["w3"] == old).all()  # has no new neighbours
    with pytest.raises(ParameterError, match="dim=10"):
        trained.set_params(dim=5).fit(counts, resume=True)


@pytest.mark.parametrize("kind", ["w+c", "w", "concat"])
def test_models(counts, kind):
    trained = model(model=kind).fit(counts, verbose=0)
    words, contexts = (side[:, 0, :10] for side in trained._sides[:2])
    wanted = {"w+c": words + contexts, "w": words, "concat": np.hstack((words, contexts))}[kind]
    assert (trained.wv.vectors == wanted).all() and trained.bias.shape == (60, 2)


@pytest.mark.parametrize("kind", ["w+c", "w", "concat"])
def test_warm_start(counts, kind, tmp_path):
    first = model(model=kind, epochs=20).fit(counts, verbose=0)
    first.wv.save(tmp_path / "v.txt")
    cold = model(model=kind, epochs=1).fit(counts, verbose=0)
    for vectors in (first.wv, tmp_path / "v.txt", str(tmp_path / "v.txt"), first):
        warm = model(model=kind, epochs=1, lr=1e-9).fit(counts, verbose=0, vectors=vectors)
        np.testing.assert_allclose(warm.wv.vectors, first.wv.vectors, atol=1e-5)
    assert (warm.wv.vectors != cold.wv.vectors).any()


def test_impossible_warm_starts(counts, tmp_path):
    def vectors(dim, words=WORDS[:5]):
        return fe.KeyedVectors(fe.Vocab(words, np.ones(len(words), np.int64)), np.zeros((len(words), dim), np.float32))

    with pytest.raises(ParameterError, match="9 dimensions cannot start a model of 10"):
        model().fit(counts, vectors=vectors(9))
    with pytest.raises(ParameterError, match="10 dimensions cannot start a model of 20"):
        model(model="concat").fit(counts, vectors=vectors(10))
    vectors(9).save(tmp_path / "v.txt")
    with pytest.raises(ParameterError, match=r"v\.txt: vectors of 9"):
        model().fit(counts, vectors=tmp_path / "v.txt")
    damaged = vectors(10)
    damaged.vectors[2, 3] = np.nan
    with pytest.raises(ParameterError, match="'w2' holds NaN"):
        model().fit(counts, vectors=damaged)
    with pytest.raises(ParameterError, match="none of the 60 words"):
        model().fit(counts, vectors=vectors(10, ["other"]))
    with pytest.raises(ParameterError, match="choose one"):
        model().fit(counts, vectors=vectors(10), resume=True)
    with pytest.raises(ParameterError, match="vectors=int"):
        model().fit(counts, vectors=5)


@pytest.mark.parametrize("name, value", [("x_max", 0), ("x_max", float("nan")), ("alpha", -1), ("window", 0)])
def test_impossible_parameters(name, value):
    with pytest.raises(ParameterError, match=f"{name}="):
        fe.GloVe(**{name: value})


def test_nothing_to_learn():
    for text, message in ((["a a a"] * 9, "one word"), (["a", "b"] * 9, "beside it in its sentence")):
        trained = fe.GloVe(min_count=1)
        with pytest.raises(CorpusError, match=message):
            trained.fit(text, verbose=0)
        assert trained.vocab is None
    with pytest.raises(ParameterError, match="directional"):
        model().fit(fe.Cooccurrence(min_count=1, directional=True).fit(TEXT, verbose=0))


def test_overflow_is_said_and_leaves_the_model(counts):
    trained = model().fit(counts, verbose=0)
    before = bytes_of(trained)
    with pytest.raises(TrainingError, match="smaller lr"):
        trained.set_params(lr=1e30).fit(counts, verbose=0)
    assert bytes_of(trained) == before
