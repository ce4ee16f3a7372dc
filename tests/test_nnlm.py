"""NNLM: its gradients, what it learns, how it goes on, and what it refuses."""

import numpy as np
import pytest
from stopping import assert_goes_on_exactly, assert_starts_from_a_checkpoint, state

import fastembed as fe
from fastembed.errors import CorpusError, FormatError, ParameterError, TrainingError
from fastembed.io import native
from fastembed.models.language import BOS, EOS, UNK
from fastembed.nn.feedforward import Network, Shape
from fastembed.nn.params import Params

TEXT = ["the cat sat on the mat", "a dog lay on a rug", "the dog sat on the rug"] * 20
RANDOM = np.random.default_rng(0)
LONG = [" ".join(f"w{k}" for k in RANDOM.zipf(1.3, 30) % 200) for _ in range(400)]
OUTPUTS = ("full", "sampled", "hierarchical")
SMALL = {"context": 2, "dim": 8, "hidden": 16, "min_count": 1, "epochs": 12, "batch": 32, "samples": 6, "threads": 1}


def model(**changes):
    return fe.NNLM(**(SMALL | changes))


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize(("direct", "dropout"), [(True, 0.0), (False, 0.0), (True, 0.4), (False, 0.4)])
def test_gradients_of_every_parameter(output, direct, dropout):
    shape = Shape.of(model(output=output, direct=direct, dropout=dropout, context=3, dim=4, hidden=5))
    counts = np.array([9, 0, 20, 30, 20, 10, 5, 3, 2, 1])
    params = Params(shape.arrays(10), np.float64)
    params.flat[:] = RANDOM.standard_normal(params.flat.shape) / 2
    network = Network(params, shape, counts, threads=2)
    contexts, words = RANDOM.integers(0, 10, (70, 3)).astype(np.int32), RANDOM.choice([0, 2, 3, 4, 9], 70).astype("i4")

    def loss():
        if output == "sampled":
            network.output.seed(1)
        return network.forward(contexts, words, np.random.default_rng(3) if dropout else None).sum()

    loss()
    gradients = [(name, rows, array.copy()) for name, rows, array in network.backward(1.0) + network.output.gradients()]
    assert {name for name, _, _ in gradients} == set(params)
    for name, rows, gradient in gradients:
        for place in np.ndindex(gradient.shape):
            where = place if rows is None else (rows[place[0]], *place[1:])
            before, sums = params[name][where], []
            for change in (1e-5, -1e-5):
                params[name][where] = before + change
                sums.append(loss())
            params[name][where] = before
            assert (sums[0] - sums[1]) / 2e-5 == pytest.approx(gradient[place], abs=1e-6)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize(("optimizer", "lr"), [("sgd", 1.0), ("adagrad", 0.1), ("adam", 0.01)])
def test_it_learns_a_small_language(output, optimizer, lr):
    one = model(output=output, optimizer=optimizer, lr=lr, epochs=20).fit(TEXT, verbose=0)
    assert one.next_words("sat on", topn=1)[0][0] == "the"
    assert one.perplexity(TEXT) < 1.35 < np.exp(one.history[0]["loss"])


@pytest.mark.parametrize("changes", [{"dropout": 0.2}, {"clip": 0.1}, {"direct": False}, {"proposal": "log_uniform"}])
def test_other_parameters_learn_too(changes):
    one = model(output="sampled", epochs=30, **changes).fit(TEXT, verbose=0)
    assert one.perplexity(TEXT) < 1.6


@pytest.mark.parametrize("output", OUTPUTS)
def test_threads_change_nothing(output):
    two = [model(output=output, threads=n, epochs=1, dropout=0.1, batch=300).fit(LONG, verbose=0) for n in (1, 3)]
    assert (state(two[0]) == state(two[1])).all()
    assert two[0].history[0]["loss"] == two[1].history[0]["loss"]


@pytest.mark.parametrize("output", OUTPUTS)
def test_logprobs_agree_with_the_distribution(output):
    one = model(output=output, epochs=1, max_vocab=50).fit(LONG, verbose=0)
    logs, words = one.logprobs(LONG[:3])
    contexts = [[BOS, BOS], *np.lib.stride_tricks.sliding_window_view(np.append(BOS, words[:30]), 2)]
    table = one._next(np.array(contexts, np.int32))
    assert words[30] == EOS and UNK in words
    np.testing.assert_allclose(logs[:31], table[np.arange(31), words[:31]], atol=1e-5)
    np.testing.assert_allclose(np.exp(table).sum(axis=1), 1, atol=1e-6)
    assert (table[:, BOS] == -np.inf).all()


def test_contexts_of_any_length_and_with_unknown_words():
    one = model().fit(TEXT, verbose=0)
    assert one.logprob("the", "dog sat on") == one.logprob("the", "sat on") != one.logprob("the", "on")
    assert one.logprob("the") == one.logprob("the", "<s> <s>")
    assert np.isfinite(one.logprob("zebra", "a zebra")) and np.isfinite(one.score("zebra"))
    assert one.perplexity(["never seen words only"]) > 1


def test_vectors_are_the_embedding():
    one = model(epochs=1).fit(TEXT, verbose=0)
    assert one.wv.index_to_key == one.vocab.words and one.wv["cat"].shape == (8,)
    assert np.shares_memory(one.wv.vectors, one.params.flat)


@pytest.mark.parametrize("error", [None, KeyboardInterrupt()], ids=["STOP", "Ctrl-C"])
@pytest.mark.parametrize("optimizer", ["adagrad", "adam"])
def test_a_stopped_run_goes_on_exactly(error, optimizer, tmp_path, monkeypatch):
    settings = {"output": "sampled", "dropout": 0.1, "optimizer": optimizer, "epochs": 3, "batch": 64, "lr": 0.01}
    assert_goes_on_exactly(lambda: model(**settings), LONG, (1, 8000, 20_000), error, tmp_path, monkeypatch)


def test_a_new_model_starts_from_a_checkpoint(tmp_path):
    assert_starts_from_a_checkpoint(lambda: model(epochs=3), TEXT, tmp_path)


def test_a_finished_model_goes_on_with_its_vocabulary():
    one = model(epochs=2).fit(TEXT, verbose=0)
    words = one.vocab.words
    one.fit(["the zebra sat on the mat"] * 30, verbose=0, resume=True)
    assert one.vocab.words == words and len(one.history) == 4
    with pytest.raises(ParameterError, match="hidden=16"):
        one.set_params(hidden=8).fit(TEXT, verbose=0, resume=True)


@pytest.mark.parametrize("clip", [None, 1e30])
def test_divergence_is_said_and_undone(clip):
    one = model(epochs=1).fit(TEXT, verbose=0)
    before = state(one).copy()
    with pytest.raises(TrainingError, match="smaller lr"):
        one.set_params(lr=1e6, optimizer="sgd", epochs=50, clip=clip).fit(LONG, verbose=0)
    assert (state(one) == before).all()


def test_a_model_stays_as_trained_when_its_parameters_change(tmp_path):
    one = model(epochs=1).fit(TEXT, verbose=0)
    before = one.perplexity(TEXT)
    one.set_params(context=5, output="hierarchical", threads=2)
    assert one.perplexity(TEXT) == before
    one.save(tmp_path / "m.fe")
    assert fe.load(tmp_path / "m.fe").perplexity(TEXT) == before
    assert one.set_params(**SMALL | {"output": "full"}).fit(TEXT, verbose=0, resume=True)


@pytest.mark.parametrize(
    ("name", "values"),
    {
        "context": (0, -1, 1.5, 1001, None),
        "dim": (0, "8", 1 << 20),
        "hidden": (0, None),
        "direct": ("yes", 1),
        "output": ("softmax", None, 3),
        "samples": (0, 1.0),
        "proposal": ("uniform",),
        "optimizer": ("adamw", None),
        "lr": (0, -0.1, float("nan"), float("inf"), "fast"),
        "min_lr": (-1.0, float("nan")),
        "batch": (0, 1 << 21),
        "dropout": (1.0, -0.1, float("nan")),
        "clip": (0, float("nan"), -1.0),
        "min_count": (0, 1.5),
        "max_vocab": (0, 2.5),
        "epochs": (0, True),
        "seed": (-1, "a"),
    }.items(),
)
def test_nonsense_is_refused(name, values):
    for value in values:
        with pytest.raises(ParameterError, match=f"{name}="):
            fe.NNLM(**{name: value})


@pytest.mark.parametrize("corpus", [[], [""], ["   "]])
def test_empty_corpora(corpus):
    with pytest.raises(CorpusError, match="empty"):
        model().fit(corpus, verbose=0)


def test_no_word_is_frequent_enough():
    with pytest.raises(CorpusError, match="min_count=100"):
        model(min_count=100).fit(TEXT, verbose=0)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("corpus", [["word"], ["word word"] * 5, ["a b"]])
def test_corpora_shorter_than_the_context_and_of_one_word(output, corpus):
    one = model(output=output, context=9).fit(corpus, verbose=0)
    assert 1 <= one.perplexity(corpus) < len(one.vocab)


def test_damaged_files(tmp_path):
    one = model(epochs=1).fit(TEXT, verbose=0)
    tensors, meta = one.to_native()
    damages = [
        ({name: array for name, array in tensors.items() if name != "params.hidden"}, meta),
        (tensors | {"params.output": tensors["params.output"][:-1]}, meta),
        (tensors | {"params.hidden": np.full_like(tensors["params.hidden"], np.nan)}, meta),
        (tensors | {"optimizer.steps": np.array([-3])}, meta),
        (tensors | {"optimizer.squares.hidden": tensors["params.hidden"].astype(np.float64)}, meta),
        (tensors, meta | {"params": meta["params"].replace('"hidden": 16', '"hidden": 65536')}),
        (tensors, meta | {"position": "{}"}),
    ]
    for number, (arrays, texts) in enumerate(damages):
        native.write(tmp_path / f"{number}.fe", arrays, texts)
        with pytest.raises(FormatError, match="no complete NNLM"):
            fe.load(tmp_path / f"{number}.fe")
