"""RNNLM: its gradients, what it learns, how it goes on, and what it refuses."""

import logging

import numpy as np
import pytest
from stopping import assert_goes_on_exactly, assert_starts_from_a_checkpoint, state

import fastembed as fe
from fastembed.errors import CorpusError, FormatError, ParameterError, TrainingError
from fastembed.io import native
from fastembed.models.language import BOS, EOS, UNK
from fastembed.nn.layers import added
from fastembed.nn.optim import SGD, Guard
from fastembed.nn.params import Params
from fastembed.nn.streams import Streams, Unroll
from fastembed.nn.unrolled import CELLS, Network, Shape

TEXT = ["the cat sat on the mat", "a dog lay on a rug", "the dog sat on the rug"] * 20
RANDOM = np.random.default_rng(0)
LONG = [" ".join(f"w{k}" for k in RANDOM.zipf(1.3, 30) % 200) for _ in range(200)]
SMALL = {"dim": 8, "hidden": 8, "layers": 1, "min_count": 1, "epochs": 12, "batch": 4, "unroll": 8, "samples": 6}
SMALL |= {"threads": 1, "lr": 0.02}
COUNTS = np.array([9, 0, 20, 30, 20, 10, 5, 3, 2, 1])


def model(**changes):
    return fe.RNNLM(**(SMALL | changes))


def small_network(dtype=np.float64, threads=1, **changes):
    """A Network of ten words with parameters of some size, and an Unroll of rows of unequal length."""
    shape = Shape.of(model(**{"dim": 5, "hidden": 5, "layers": 2} | changes))
    params = Params(shape.arrays(10), dtype)
    params.flat[:] = np.random.default_rng(1).standard_normal(params.flat.shape) / 2
    random = np.random.default_rng(2)
    words, targets = (random.choice([0, 2, 3, 4, 9], (4, 3)).astype(np.int32) for _ in range(2))
    return Network(params, shape, COUNTS, threads), Unroll(words, targets, np.array([4, 2, 3]))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("output", ["full", "sampled"])
@pytest.mark.parametrize(("tied", "dropout"), [(False, 0.0), (True, 0.0), (False, 0.4), (True, 0.4)])
def test_gradients_of_every_parameter(cell, output, tied, dropout):
    network, unroll = small_network(cell=cell, output=output, tied=tied, dropout=dropout, threads=2)
    _, before = network.features(unroll)

    def loss():
        if output == "sampled":
            network.output.seed(1)
        return network.forward(unroll, before, np.random.default_rng(3) if dropout else None)[0].sum()

    loss()
    gradients = added(network.backward(1.0) + network.output.gradients(), network.params)
    gradients = [(name, rows, array.copy()) for name, rows, array in gradients]
    assert {name for name, _, _ in gradients} == set(network.params)
    for name, rows, gradient in gradients:
        for place in RANDOM.permutation(list(np.ndindex(gradient.shape)))[:12].tolist():
            where = tuple(place) if rows is None else (rows[place[0]], *place[1:])
            before_it, sums = network.params[name][where], []
            for change in (1e-5, -1e-5):
                network.params[name][where] = before_it + change
                sums.append(loss())
            network.params[name][where] = before_it
            assert (sums[0] - sums[1]) / 2e-5 == pytest.approx(gradient[tuple(place)], abs=1e-6)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("optimizer", "lr"), [("sgd", 0.5), ("adagrad", 0.2), ("adam", 0.02)])
def test_it_learns_a_small_language(cell, optimizer, lr):
    one = model(cell=cell, optimizer=optimizer, lr=lr, epochs=30).fit(TEXT, verbose=0)
    assert one.next_words("the cat sat on", topn=1)[0][0] == "the"
    assert one.perplexity(TEXT, carry=True) < 1.35 < np.exp(one.history[0]["loss"])


@pytest.mark.parametrize(
    "changes",
    [{"dropout": 0.1}, {"clip": None}, {"tied": True}, {"tied": True, "output": "sampled"}, {"layers": 2}]
    + [{"output": "sampled", "proposal": "log_uniform"}, {"decay": 0.9}, {"dim": 3}, {"tied": True, "clip": None}],
    ids=str,
)
def test_other_parameters_learn_too(changes):
    one = model(epochs=30, **changes).fit(TEXT, verbose=0)
    assert one.perplexity(TEXT, carry=True) < 1.6


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_it_uses_words_farther_back_than_any_window(cell):
    text = [f"{word} x x x x x {word}" for word in np.random.default_rng(1).choice(["a", "b", "c"], 150)]
    one = model(cell=cell, lr=0.03, epochs=20, unroll=20, hidden=16).fit(text, verbose=0)
    assert all(one.next_words(f"{word} x x x x x", topn=1)[0][0] == word for word in "abc")
    assert one.perplexity(text, carry=True) < 1.25 and one.perplexity(text) < 1.3  # from zeros about as well


def test_the_rate_falls_as_asked():
    rates = [r["lr"] for r in model(lr=1.0, decay=0.5, decay_after=2, epochs=4).fit(TEXT[:3], verbose=0).history]
    assert rates == [1.0, 0.5, 0.25, 0.25]  # of what comes after the epoch; the last one stays
    assert model(lr=1.0, epochs=2).fit(TEXT[:3], verbose=0).history[-1]["lr"] == pytest.approx(0.01)


def test_steps_are_those_of_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    shape = Shape.of(model(dim=6, hidden=7, layers=2))
    params = shape.begin(COUNTS, (3,))
    layer = CELLS["lstm"](6, 7, layers=2, params=params.part("layers."))
    embedding, layers, output = torch.nn.Embedding(10, 6), torch.nn.LSTM(6, 7, 2), torch.nn.Linear(7, 10)
    layers.load_state_dict({name: torch.tensor(array) for name, array in layer.to_torch().items()})
    everything = [
        p for part in (embedding, layers, output) for name, p in part.named_parameters() if "bias_hh" not in name
    ]
    with torch.no_grad():
        for theirs, ours in ((embedding.weight, "embedding"), (output.weight, "output"), (output.bias, "output.bias")):
            theirs.copy_(torch.tensor(params[ours]))
    network, optimizing, guard = Network(params, shape, COUNTS), SGD(params), Guard(0.5)
    optimizer = torch.optim.SGD(everything, lr=1.0)
    ids = RANDOM.choice([0, *range(3, 10)], 300).astype(np.int32)
    streams = Streams(ids, np.arange(0, 301, 10), begin=BOS, end=EOS, rows=4, steps=5)
    mine = his = None
    for number in range(streams.batches - 1):
        unroll = streams.batch_at(number)
        losses, mine = network.step(optimizing, unroll, mine, 1.0, guard, (1, number))
        optimizer.zero_grad()
        y, his = layers(embedding(torch.tensor(unroll.words)), his)
        loss = torch.nn.functional.cross_entropy(output(y).flatten(0, 1), torch.tensor(unroll.targets).flatten().long())
        (loss * 5).backward()
        torch.nn.utils.clip_grad_norm_(everything, 0.5)
        optimizer.step()
        his = tuple(part.detach() for part in his)
        assert losses.mean() == pytest.approx(float(loss.detach()), abs=2e-5)
    np.testing.assert_allclose(mine[1], his[1].numpy(), atol=1e-4)


@pytest.mark.parametrize("output", ["full", "sampled"])
@pytest.mark.parametrize("tied", [False, True])
def test_threads_change_only_the_order_of_sums(output, tied):
    two = [model(output=output, tied=tied, threads=n, epochs=1, dropout=0.1).fit(LONG, verbose=0) for n in (1, 3)]
    assert two[0].history[0]["loss"] == pytest.approx(two[1].history[0]["loss"], abs=1e-3)
    again = model(output=output, tied=tied, threads=3, epochs=1, dropout=0.1).fit(LONG, verbose=0)
    assert (state(two[1]) == state(again)).all()


@pytest.mark.parametrize("cell", CELLS)
def test_logprobs_agree_with_the_distribution(cell):
    one = model(cell=cell, epochs=1, max_vocab=50).fit(LONG, verbose=0)
    logs, words = one.logprobs(LONG[:3])
    contexts = [[BOS] * (30 - k) + words[:k].tolist() for k in range(31)]
    table = one._next(np.array(contexts, np.int32))
    assert words[30] == EOS and UNK in words
    np.testing.assert_allclose(logs[:31], table[np.arange(31), words[:31]], atol=1e-5)
    np.testing.assert_allclose(np.exp(table).sum(axis=1), 1, atol=1e-6)
    assert (table[:, BOS] == -np.inf).all()


def test_sentences_of_any_length_are_scored_together_and_alone(monkeypatch):
    one = model(epochs=2).fit(TEXT, verbose=0)
    sentences = ["", "the", "the cat sat on the mat " * 30, "on a rug", "x" * 10_000, "dog " * 500]
    alone = [one.score(sentence) for sentence in sentences]
    np.testing.assert_allclose(one.scores(sentences), alone, rtol=1e-5)
    monkeypatch.setattr("fastembed.models.rnnlm.STEPS", 3)
    np.testing.assert_allclose(one.scores(sentences), alone, rtol=1e-5)


def test_contexts_begin_with_a_sentence():
    one = model().fit(TEXT, verbose=0)
    assert one.logprob("the") == one.logprob("the", "<s> <s>") == one.logprob("the", "</s>") != one.logprob("the", "on")
    assert one.logprob("mat", "the cat") == one.logprob("mat", "<s> the cat")
    assert np.isfinite(one.logprob("zebra", "a zebra")) and np.isfinite(one.score("zebra"))
    assert one.perplexity(["never seen words only"]) > 1


def test_what_is_generated_is_what_comes_next():
    one = model(epochs=3).fit(LONG, verbose=0)
    words = one.generate("w1 w2", length=12, temperature=0).split()
    for count in range(len(words)):
        logs = one._after(["w1", "w2", *words[:count]])[0]
        logs[[UNK, BOS]] = -np.inf
        assert one.vocab.words[int(np.argmax(logs))] == words[count]
    assert one.generate(seed=3) == one.generate(seed=3)


def test_the_state_is_carried_if_asked():
    one = model(epochs=3, unroll=5).fit(LONG, verbose=0)
    ids, offsets = one._numbered(LONG[:20])
    streams = one._streams(ids, offsets, 1, len(ids) + 20)
    exact = np.exp(one.network.losses(streams.batch_at(0))[0].mean())
    assert one.perplexity(LONG[:20], carry=True) == pytest.approx(exact, rel=1e-5)
    assert one.perplexity(LONG[:20]) == fe.evaluate.perplexity(one, LONG[:20]).perplexity != pytest.approx(exact)


@pytest.mark.parametrize("error", [None, KeyboardInterrupt()], ids=["STOP", "Ctrl-C"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_stopped_run_goes_on_exactly(error, cell, tmp_path, monkeypatch):
    settings = {"cell": cell, "output": "sampled", "dropout": 0.1, "epochs": 3, "layers": 2}

    def look(one):
        assert one.perplexity(LONG[:5]) < 1000

    assert_goes_on_exactly(lambda: model(**settings), LONG, (1, 4000, 10_000), error, tmp_path, monkeypatch, look)


def test_a_new_model_starts_from_a_checkpoint(tmp_path):
    assert_starts_from_a_checkpoint(lambda: model(epochs=3), TEXT, tmp_path)


def test_a_finished_model_goes_on_with_its_vocabulary():
    one = model(epochs=2).fit(TEXT, verbose=0)
    words = one.vocab.words
    one.fit(["the zebra sat on the mat"] * 30, verbose=0, resume=True)
    assert one.vocab.words == words and len(one.history) == 4
    with pytest.raises(ParameterError, match="hidden=8"):
        one.set_params(hidden=9).fit(TEXT, verbose=0, resume=True)


def test_early_stopping_watches_other_text():
    stopping = fe.callbacks.EarlyStopping(lambda one: -one.perplexity(["the cat lay on a mat"]), patience=0)
    one = model(epochs=200, lr=0.05).fit(TEXT, verbose=0, callbacks=stopping)
    assert 1 < len(one.history) < 200


def test_divergence_is_said_and_undone(monkeypatch):
    one = model(epochs=1).fit(TEXT, verbose=0)
    before = state(one).copy()
    backward = Network.backward
    monkeypatch.setattr(Network, "backward", lambda self, scale: backward(self, np.inf))
    with pytest.raises(TrainingError, match="21 steps in a row"):
        one.fit(LONG, verbose=0, resume=True)
    assert (state(one) == before).all()
    monkeypatch.undo()
    one.params["embedding"][4] = np.nan
    with pytest.raises(TrainingError, match="smaller lr"):
        one.fit(TEXT, verbose=0, resume=True)


def test_a_step_that_overflows_is_left_out(caplog, monkeypatch):
    steps, step = [], Network.step

    def sometimes_bad(self, optimizing, unroll, state, rate, guard, key):
        steps.append(key)
        if len(steps) % 5 == 0:
            kept, self.output.backward = self.output.backward, lambda scale: np.full_like(kept(scale), np.nan)
        try:
            return step(self, optimizing, unroll, state, rate, guard, key)
        finally:
            self.output.__dict__.pop("backward", None)

    monkeypatch.setattr(Network, "step", sometimes_bad)
    one = model()
    with caplog.at_level(logging.WARNING, "fastembed"):
        one.fit(TEXT, verbose=0)
    assert one.guard.skipped == len(steps) // 5 == sum("left out" in text for text in caplog.messages)
    assert np.isfinite(state(one)).all() and one.perplexity(TEXT) < 3


def test_a_model_stays_as_trained_when_its_parameters_change(tmp_path):
    one = model(epochs=1).fit(TEXT, verbose=0)
    before = one.perplexity(TEXT)
    one.set_params(cell="gru", layers=3, hidden=99, threads=2)
    assert one.perplexity(TEXT) == pytest.approx(before, rel=1e-6)
    one.save(tmp_path / "m.fe")
    assert fe.load(tmp_path / "m.fe").perplexity(TEXT) == pytest.approx(before, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "values"),
    {
        "cell": ("transformer", None),
        "dim": (0, "8", 1 << 20),
        "hidden": (0, None),
        "layers": (0, 101),
        "tied": (1, "no"),
        "output": ("hierarchical", None),
        "decay": (-0.1, 1.5, float("nan")),
        "decay_after": (0,),
        "lr": (0, -0.1, float("nan"), float("inf")),
        "batch": (0, 1 << 21),
        "unroll": (0, 2.5),
        "dropout": (1.0, -0.1, float("nan")),
        "clip": (0, float("nan")),
    }.items(),
)
def test_nonsense_is_refused(name, values):
    for value in values:
        with pytest.raises(ParameterError, match=f"{name}="):
            fe.RNNLM(**{name: value})


def test_tied_vectors_are_as_long_as_states():
    with pytest.raises(ParameterError, match="dim=8, hidden=9"):
        model(tied=True, hidden=9).fit(TEXT, verbose=0)


@pytest.mark.parametrize("corpus", [[], [""], ["   "]])
def test_empty_corpora(corpus):
    with pytest.raises(CorpusError, match="empty"):
        model().fit(corpus, verbose=0)


@pytest.mark.parametrize("output", ["full", "sampled"])
@pytest.mark.parametrize("corpus", [["word"], ["word word"] * 5, ["a b"], ["x" * 900, "", "a"]])
def test_corpora_smaller_than_a_batch(output, corpus):
    one = model(output=output, batch=100, unroll=50).fit(corpus, verbose=0)
    assert 1 <= one.perplexity(corpus) < len(one.vocab)
    assert one.perplexity(corpus, carry=True) < len(one.vocab)


def test_damaged_files(tmp_path):
    one = model(epochs=1).fit(TEXT, verbose=0)
    tensors, meta = one.to_native()
    damages = [
        ({name: array for name, array in tensors.items() if name != "params.layers.0.recurrent"}, meta),
        (tensors | {"params.output": tensors["params.output"][:-1]}, meta),
        (tensors | {"carried.0": np.full_like(tensors["carried.0"], np.nan)}, meta),
        (tensors | {"carried.1": tensors["carried.1"][0]}, meta),
        (tensors | {"vectors": np.full_like(tensors["vectors"], np.inf)}, meta),
        (tensors, meta | {"params": meta["params"].replace('"hidden": 8', '"hidden": 65536')}),
        (tensors, meta | {"params": meta["params"].replace('"cell": "lstm"', '"cell": "gru"')}),
    ]
    for number, (arrays, texts) in enumerate(damages):
        native.write(tmp_path / f"{number}.fe", arrays, texts)
        with pytest.raises(FormatError, match="no complete RNNLM"):
            fe.load(tmp_path / f"{number}.fe")
