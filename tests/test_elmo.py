"""ELMo: what it learns, how it goes on, what it gives for sentences of all kinds, and what it refuses."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from stopping import assert_goes_on_exactly, assert_starts_from_a_checkpoint, state

import fastembed as fe
from fastembed.errors import CorpusError, FormatError, NotFittedError, ParameterError, TrainingError
from fastembed.io import native

TEXT = ["the cat sat on the mat", "a dog lay on a rug", "the dog sat on the rug"] * 20
RANDOM = np.random.default_rng(0)
LONG = [" ".join(f"w{k}" for k in RANDOM.zipf(1.3, 30) % 200) for _ in range(50)]
SMALL = {
    "char_dim": 4, "filters": ((1, 8), (2, 8)), "dim": 8, "hidden": 16, "min_count": 1, "epochs": 15, "batch": 4,
    "steps": 8, "samples": None, "lr": 0.02, "threads": 1,
}  # fmt: skip


def model(**changes):
    return fe.ELMo(**(SMALL | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"chars": None},
        {"chars": "unicode", "layers": 1},
        {"samples": 6, "dropout": 0.05},
        {"optimizer": "adagrad", "lr": 0.5, "hidden": 8, "epochs": 20},
    ],
    ids=["bytes", "words", "unicode", "sampled", "adagrad"],
)
def test_it_learns_a_small_language_in_both_directions(changes):
    one = model(**changes).fit(TEXT, verbose=0)
    found = one.perplexity(TEXT)
    assert found.forward < 1.7 and found.backward < 1.7
    last = one.history[-1]
    assert last["loss"] == pytest.approx((last["forward_loss"] + last["backward_loss"]) / 2)


def test_a_rate_that_ruins_the_model_is_warned_of(caplog):
    ruined = model(lr=1e5, clip=None, optimizer="adagrad", epochs=1).fit(TEXT, verbose=0)
    assert ruined.history[0]["loss"] > 1000 and "smaller lr" in caplog.text


def test_a_word_has_other_vectors_in_other_sentences():
    one = model(epochs=2).fit(TEXT, verbose=0)
    first, second = one.embed(["the dog sat", "a dog lay"])
    assert first.shape == (3, 3, 16) and one.depth == 3 and one.width == 16
    assert (first[0, 1] == second[0, 1]).all() and not (first[1:, 1] == second[1:, 1]).all(axis=1).any()
    assert (first[0, :, :8] == first[0, :, 8:]).all()
    assert (one.embed(["the dog sat"], layers=1)[0] == first[1]).all()


def test_padding_and_the_rest_of_a_batch_change_nothing():
    one = model(epochs=1).fit(TEXT, verbose=0)
    together = one.embed(["the cat", "a dog lay on a rug by the mat", "rug"])
    for states, sentence in zip(together, ["the cat", "a dog lay on a rug by the mat", "rug"], strict=True):
        np.testing.assert_allclose(one.embed([sentence])[0], states, atol=1e-6)


def test_sentences_of_all_kinds():
    one = model(epochs=1).fit(TEXT, verbose=0)
    found = one.embed([[], "", ["mat"], "é 是 \U0001f600", ["x" * 10_000], [""], ["<s>", "\ud800"]])
    assert [states.shape[1] for states in found] == [0, 0, 1, 3, 1, 1, 2]
    assert all(np.isfinite(states).all() for states in found)
    assert (one.embed([["x" * 48]])[0] == one.embed([["x" * 10_000]])[0]).all()  # cut as the original cuts
    assert one.embed([]) == one.embed([], stateful=True) == []
    with pytest.raises(ParameterError, match="None is of type NoneType"):
        one.embed([None])


def test_lists_of_words_are_folded_as_the_text_was():
    one = model(epochs=1).fit(fe.Corpus(["The Cat sat"] * 20, lowercase=True), verbose=0)
    small, large, listed = one.embed(["the cat", "The CAT", ["The", "CAT"]])
    assert np.array_equal(small, large) and np.array_equal(small, listed)


def test_long_sentences_are_read_in_parts(monkeypatch):
    from fastembed.nn import reading

    one, sentences = model(epochs=1).fit(TEXT, verbose=0), [" ".join(["the cat sat"] * 7), "a dog", "a"]
    whole = one.embed(sentences)
    monkeypatch.setattr(reading, "STEPS", 9)
    for before, after in zip(whole, one.embed(sentences), strict=True):
        np.testing.assert_allclose(before, after, atol=1e-6)


def test_stateful_goes_on_and_forgets():
    one = model(epochs=1).fit(TEXT, verbose=0)
    (first,), (second,) = (one.embed(["the cat"], stateful=True) for _ in range(2))
    assert not np.allclose(first[1:], second[1:]) and (first[0] == second[0]).all()
    assert (one.embed(["the cat"])[0] == first).all()
    one.reset()
    assert (one.embed(["the cat"], stateful=True)[0] == first).all()


def test_vectors_follow_training(tmp_path):
    one, seen = model(epochs=2), []
    one.fit(TEXT, verbose=0, callbacks=lambda lm, record: seen.append((lm.embed(["the cat"])[0], lm.perplexity(TEXT))))
    assert not (seen[0][0] == seen[1][0]).any(axis=-1).all() and seen[1][1].forward < seen[0][1].forward
    assert (one.embed(["the cat"])[0] == seen[1][0]).all()
    alone = model(epochs=2).fit(TEXT, verbose=0)
    assert (state(alone) == state(one)).all()  # looking changes nothing


def test_threads_change_little():
    two = [model(threads=n, epochs=1, dropout=0.1, samples=20).fit(LONG, verbose=0) for n in (1, 2)]
    assert (state(two[0]) == state(two[1])).all()
    found = [one.embed(LONG[:5]) for one in two]
    assert all((a == b).all() for a, b in zip(*found, strict=True))


@pytest.mark.parametrize("error", [None, KeyboardInterrupt()], ids=["STOP", "Ctrl-C"])
def test_a_stopped_run_goes_on_exactly(error, tmp_path, monkeypatch):
    settings = {"samples": 20, "dropout": 0.1, "epochs": 2, "optimizer": "adam" if error else "adagrad"}
    assert_goes_on_exactly(lambda: model(**settings), LONG, (1, 700, 1900), error, tmp_path, monkeypatch)


def test_a_new_model_starts_from_a_checkpoint(tmp_path):
    assert_starts_from_a_checkpoint(lambda: model(epochs=3), TEXT, tmp_path)


@pytest.mark.parametrize("chars", ["bytes", "unicode", None])
def test_saved_and_loaded(chars, tmp_path):
    one = model(chars=chars, epochs=1).fit(TEXT, verbose=0)
    one.save(tmp_path / "m.fe")
    again = fe.load(tmp_path / "m.fe")
    assert (again.embed(["the cat 是"])[0] == one.embed(["the cat 是"])[0]).all()
    assert again.perplexity(TEXT) == one.perplexity(TEXT)


def test_a_finished_model_goes_on_with_its_vocabulary():
    one = model(epochs=1).fit(TEXT, verbose=0)
    words = one.vocab.words
    one.fit(["the zebra sat on the mat"] * 30, verbose=0, resume=True)
    assert one.vocab.words == words and len(one.history) == 2
    with pytest.raises(ParameterError, match="hidden=16"):
        one.set_params(hidden=8).fit(TEXT, verbose=0, resume=True)


@pytest.mark.parametrize(("name", "said"), [("characters", "vectors became"), ("output", "21 steps in a row")])
@pytest.mark.parametrize("clip", [None, 5.0])
def test_overflow_is_said_and_undone(name, said, clip):
    one = model(epochs=1, clip=clip).fit(TEXT, verbose=0)
    one.params[name][:] *= 1e38
    before = state(one).copy()
    with np.errstate(all="ignore"), pytest.raises(TrainingError, match=f"{said}(.|\n)*smaller lr|smaller lr.*{said}"):
        one.set_params(epochs=5).fit(LONG, verbose=0, resume=True)
    assert np.array_equal(state(one), before, equal_nan=True)


@pytest.mark.parametrize("corpus", [["word"], ["word word"] * 5, ["a b"]])
def test_batches_larger_than_the_corpus(corpus):
    one = model(batch=100, epochs=2).fit(corpus, verbose=0)
    assert np.isfinite(one.perplexity(corpus)).all()


@pytest.mark.parametrize("corpus", [[], [""], ["   "]])
def test_empty_corpora(corpus):
    with pytest.raises(CorpusError, match="empty"):
        model().fit(corpus, verbose=0)


def test_before_fit():
    for use in (lambda m: m.embed(["a"]), lambda m: m.perplexity(TEXT), lambda m: m.depth, lambda m: m.to_native()):
        with pytest.raises(NotFittedError):
            use(model())


@pytest.mark.parametrize(
    ("name", "values"),
    {
        "chars": ("utf8", 3),
        "filters": ((), (3,), ((1, 2, 3),), ((0, 4),), ((2, 4.5),), "1:2", ((60, 4),)),
        "activation": ("elu", None),
        "highway": (-1, 1.5),
        "max_chars": (2, None),
        "dim": (0, "8"),
        "hidden": (0, 4),
        "layers": (0, 1000),
        "cell_clip": (0, -1.0, float("nan")),
        "samples": (0, 1.5),
        "optimizer": ("sgd", None),
        "lr": (0, float("nan")),
        "steps": (0, 1 << 17),
        "dropout": (1.0, -0.1),
        "shuffle": ("no",),
    }.items(),
)
def test_nonsense_is_refused(name, values):
    for value in values:
        with pytest.raises(ParameterError, match=f"{name}="):
            model(**{name: value}).fit(TEXT[:1], verbose=0)


def test_damaged_files(tmp_path):
    one = model(chars="unicode", epochs=1).fit(TEXT, verbose=0)
    tensors, meta = one.to_native()
    damages = [
        ({name: array for name, array in tensors.items() if name != "params.projection"}, meta),
        (tensors | {"params.output": tensors["params.output"][:-1]}, meta),
        (tensors | {"alphabet": tensors["alphabet"][::-1].copy()}, meta),
        (tensors | {"optimizer.steps": np.array([-3])}, meta),
        (tensors, meta | {"params": meta["params"].replace('"hidden": 16', '"hidden": 4')}),
        (tensors, meta | {"params": meta["params"].replace('"hidden": 16', '"hidden": 65536')}),
        (tensors, meta | {"position": "{}"}),
    ]
    for number, (arrays, texts) in enumerate(damages):
        native.write(tmp_path / f"{number}.fe", arrays, texts)
        with pytest.raises(FormatError, match="no complete ELMo"):
            fe.load(tmp_path / f"{number}.fe")


def test_the_example_runs(tmp_path, monkeypatch, capsys):
    text, example = ["the bank of the river", "a bank lent the money"] * 10, Path(__file__).parents[1] / "examples"
    (tmp_path / "text").write_text("\n".join(text))
    model(epochs=1).fit(text, verbose=0).save(tmp_path / "m.fe")
    command = ["elmo_bank.py", str(tmp_path / "text"), "--model", str(tmp_path / "m.fe")]
    monkeypatch.setattr(sys, "argv", command)
    runpy.run_path(str(example / "elmo_bank.py"), run_name="__main__")
    assert "cosine of the two banks:" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", [*command, "--word", "river"])
    with pytest.raises(SystemExit):
        runpy.run_path(str(example / "elmo_bank.py"), run_name="__main__")
    assert "has no word 'river'" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", [*command[:2], "--word", "shore", "--sentences", "the shore"])
    monkeypatch.setattr(fe.ELMo, "fit", lambda *arguments: pytest.fail("trained before the word was looked for"))
    with pytest.raises(SystemExit, match="has no sentence with the word 'shore'"):
        runpy.run_path(str(example / "elmo_bank.py"), run_name="__main__")
