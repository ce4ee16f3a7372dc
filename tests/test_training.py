"""Runs that stop and go on: checkpoints, Ctrl-C, callbacks, growing vocabularies, overflow."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
from stopping import StopAt

import fastembed as fe
from fastembed import parallel
from fastembed.errors import CorpusError, ParameterError, TrainingError
from fastembed.models import training
from fastembed.models.training import Checkpoint

RANDOM = np.random.default_rng(0)
WORDS = [f"w{k}" for k in range(300)]
TEXT = [" ".join(WORDS[k] for k in RANDOM.zipf(1.3, 30) % 300) for _ in range(600)]


def model(kind=fe.SkipGram, **changes):
    return kind(**({"dim": 16, "min_count": 1, "epochs": 3, "threads": 1, "lr": 0.05} | changes))


def same(a, b):
    return (a.wv.vectors == b.wv.vectors).all() and (a.context_vectors == b.context_vectors).all()


class Reports(fe.callbacks.Callback):
    """Keeps what on_progress is told."""

    def __init__(self, kept):
        self.kept = kept

    def on_progress(self, model, progress):
        self.kept.append(progress)


ERRORS = {"STOP": None, "Ctrl-C": KeyboardInterrupt(), "error": RuntimeError("callback")}


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("hs", [False, True], ids=["negatives", "tree"])
def test_a_stopped_run_goes_on_exactly(error, hs, tmp_path, monkeypatch):
    monkeypatch.setattr(parallel, "POLL_SECONDS", 1e-4)
    text = TEXT * 10
    whole = model(hs=hs, dim=64).fit(text, verbose=0)
    parts, stops = model(hs=hs, dim=64), set()
    for words in (1, 90_000, 200_000, 400_000):
        try:
            parts.fit(text, verbose=0, resume=True, callbacks=[StopAt(words, error)])
        except (KeyboardInterrupt, RuntimeError):
            assert np.isfinite(parts.wv.vectors).all()
        parts.save(tmp_path / "m.fe")
        parts = fe.load(tmp_path / "m.fe")
        stops.add((parts.position.epoch, parts.position.chunk))
    assert any(chunk for _, chunk in stops), "no stop fell into an epoch"
    assert parts.position.epoch < 3
    parts.fit(text, verbose=0, resume=True)
    assert same(parts, whole)
    assert [r["loss"] for r in parts.history] == [r["loss"] for r in whole.history]


def test_a_run_that_goes_on_counts_only_its_own_words(monkeypatch):
    monkeypatch.setattr(parallel, "POLL_SECONDS", 1e-4)
    begun, rates = [], []

    class Spy(training.Progress):
        def __init__(self, name, total, done, *rest):
            super().__init__(name, total, done, *rest)
            self.started -= 10.0  # seconds: rate() is the words since then in ten seconds at least
            begun.append(done)

    monkeypatch.setattr(training, "Progress", Spy)
    part = model(dim=64).fit(TEXT * 10, verbose=0, callbacks=[StopAt(90_000)])
    assert part.position.chunk
    part.fit(TEXT * 10, verbose=0, resume=True, callbacks=Reports(rates))
    assert begun[0] == 0 and 90_000 <= begun[1] < rates[0]["total_words"]
    assert all(facts["words_per_second"] <= (facts["words"] - begun[1]) / 10 for facts in rates)


def test_checkpoints_every_epoch_and_resume(tmp_path):
    whole = model().fit(TEXT, verbose=0)
    saved = []
    first = model()

    def look(m, record):
        saved.append((tmp_path / "c" / "checkpoint.fe").exists())
        return fe.callbacks.STOP if record["epoch"] == 2 else None

    first.fit(TEXT, verbose=0, checkpoint=tmp_path / "c", callbacks=look)
    assert saved == [False, True]
    second = model().fit(TEXT, verbose=0, checkpoint=tmp_path / "c", resume=True)
    assert same(second, whole) and len(second.history) == 3
    third = model().fit(TEXT, verbose=0, checkpoint=tmp_path / "c", resume=True)
    assert same(third, whole) and len(third.history) == 3, "a complete run is not trained again"


def test_checkpoints_by_time(tmp_path, monkeypatch):
    monkeypatch.setattr(parallel, "POLL_SECONDS", 1e-4)
    whole = model(epochs=2).fit(TEXT, verbose=0)
    timed = model(epochs=2).fit(TEXT, verbose=0, checkpoint=tmp_path, every="0.001s")
    assert same(timed, whole), "saving in the middle of an epoch must not change the result"
    assert same(fe.load(tmp_path / "checkpoint.fe"), whole)


@pytest.mark.parametrize("every", [0, -1, 1.5, "10", "m", "0s", True, None])
def test_impossible_intervals(every, tmp_path):
    with pytest.raises(ParameterError, match="every="):
        Checkpoint(tmp_path, every)


def test_a_checkpoint_of_a_later_version_is_refused(tmp_path):
    model().fit(TEXT, verbose=0, checkpoint=tmp_path)
    path = tmp_path / "checkpoint.fe"
    path.write_bytes(path.read_bytes().replace(b'"fastembed":"1"', b'"fastembed":"2"'))
    with pytest.raises(fe.errors.FormatError, match="written by a later fastembed"):
        model().fit(TEXT, verbose=0, checkpoint=tmp_path, resume=True)


def test_a_checkpoint_of_other_parameters_is_refused(tmp_path):
    model().fit(TEXT, verbose=0, checkpoint=tmp_path)
    with pytest.raises(ParameterError, match="dim=16"):
        model(dim=17).fit(TEXT, verbose=0, checkpoint=tmp_path, resume=True)
    with pytest.raises(ValueError, match="SkipGram"):
        model(fe.CBOW).fit(TEXT, verbose=0, checkpoint=tmp_path, resume=True)


SCRIPT = """
    import sys, fastembed as fe
    text = [line.split() for line in open(sys.argv[1])]
    model = fe.SkipGram(dim=16, min_count=1, epochs=400, threads=2)
    print("ready", flush=True)
    try:
        model.fit(text, verbose=0, checkpoint=sys.argv[2], every="0.05s")
    except KeyboardInterrupt:
        print("stopped", model.wv["w1"].shape, flush=True)
"""


@pytest.fixture
def running(tmp_path):
    """A process that trains for long and saves checkpoints; (process, checkpoint path)."""
    (tmp_path / "text").write_text("\n".join(TEXT))
    (tmp_path / "script.py").write_text(textwrap.dedent(SCRIPT))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, tmp_path / "script.py", tmp_path / "text", tmp_path / "c"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout.readline() == "ready\n"
    path = tmp_path / "c" / "checkpoint.fe"
    deadline = time.monotonic() + 60
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    yield process, path
    process.kill()
    process.wait()


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_interrupt_leaves_a_usable_model(running):
    process, path = running
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[0] == "stopped (16,)\n" and process.returncode == 0
    assert fe.load(path).wv.vectors.shape[1] == 16


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_kill_leaves_a_checkpoint_to_resume_from(running):
    process, path = running
    time.sleep(0.2)
    process.kill()
    process.wait()
    loaded = fe.load(path)
    done = loaded.position.epoch
    loaded.set_params(epochs=done + 1).fit([line.split() for line in TEXT], resume=True, verbose=0)
    assert len(loaded.history) == done + 1
    assert [name for name in os.listdir(path.parent) if name.endswith(".fe")] == ["checkpoint.fe"]


def test_threads_end_with_the_run():
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        model(threads=4).fit(TEXT, verbose=0, callbacks=[StopAt(1, KeyboardInterrupt())])
    assert threading.active_count() == before


def test_callbacks_see_everything_in_order():
    seen = []

    class Witness(fe.callbacks.Callback):
        def on_train_begin(self, m):
            seen.append("begin")

        def on_progress(self, m, progress):
            assert 0 <= progress["words"] <= progress["total_words"] and progress["lr"] <= m.lr
            seen.append("progress")

        def on_epoch_end(self, m, record):
            assert m.history[-1] is record
            seen.append(record["epoch"])

        def on_train_end(self, m):
            seen.append("end")

    model().fit(TEXT, verbose=0, callbacks=[Witness(), lambda m, record: seen.append("call")])
    assert [s for s in seen if s != "progress"] == ["begin", 1, "call", 2, "call", 3, "call", "end"]
    assert "progress" in seen


def test_who_has_said_stop_is_asked_no_more(monkeypatch):
    monkeypatch.setattr(parallel, "POLL_SECONDS", 1e-4)
    calls = []

    class Stopping(fe.callbacks.Callback):
        def on_progress(self, m, progress):
            calls.append(progress["words"])
            return fe.callbacks.STOP

    stopped = model(dim=64).fit(TEXT * 10, verbose=0, callbacks=[Stopping()])  # its chunk takes many a POLL_SECONDS
    assert len(calls) == 1 and stopped.position.epoch == 0


def test_early_stopping_by_metric():
    values = iter([1.0, 2.0, 1.5, 1.9, 3.0, 4.0])
    stopping = fe.callbacks.EarlyStopping(lambda m: next(values), patience=1)
    assert len(model(epochs=6).fit(TEXT, verbose=0, callbacks=stopping).history) == 4


@pytest.mark.parametrize("kind", [fe.NGramLM, fe.SVDEmbedding])
def test_models_without_a_loss_do_not_stop_early(kind):
    assert len(kind().fit(TEXT, verbose=0, callbacks=fe.callbacks.EarlyStopping()).history) == 1


def test_no_callback():
    with pytest.raises(ParameterError, match="no callback"):
        model().fit(TEXT, callbacks=[42])


def test_vocabulary_grows_and_old_vectors_stay():
    trained = model().fit(TEXT, verbose=0)
    old = {word: trained.wv[word].copy() for word in WORDS[:5]}
    count = trained.vocab.counts[trained.vocab["w1"]]
    trained.set_params(lr=1e-9).fit(["w1 fresh w2", "fresh w3 w1"] * 10, resume=True, verbose=0)
    assert "fresh" in trained.wv and trained.vocab.counts[trained.vocab["w1"]] == count + 20
    assert (np.diff(trained.vocab.counts) <= 0).all()
    for word, vector in old.items():
        np.testing.assert_allclose(trained.wv[word], vector, atol=1e-6)


@pytest.mark.parametrize("hs", [False, True])
def test_a_vocabulary_grows_up_to_max_vocab(hs):
    """No word goes, and of the new ones the most frequent come first."""
    how = {"hs": True, "negative": 0} if hs else {}
    trained = model(max_vocab=len(WORDS) + 1, sample=0, **how).fit(TEXT, verbose=0)
    old = set(trained.vocab.words)
    room = trained.max_vocab - len(old)
    more = ["w1 third second first", "w2 second first", "w3 first"] * 10
    trained.fit(more, resume=True, verbose=0)
    assert set(trained.vocab.words) - old == set(["first", "second", "third"][:room])
    assert old < set(trained.vocab.words) and room == 1
    before = trained.vocab.counts[trained.vocab["w3"]]
    trained.fit(["new words w3 w1"] * 10, resume=True, verbose=0)
    assert len(trained.vocab) == trained.max_vocab and np.isfinite(trained.wv.vectors).all()
    assert trained.vocab.counts[trained.vocab["w3"]] == before + (0 if hs else 10)


def test_overflow_is_an_error_and_the_old_model_stays():
    huge = model(lr=1e30)
    with pytest.raises(TrainingError, match="lr"):
        huge.fit(TEXT, verbose=0)
    with pytest.raises(fe.errors.NotFittedError):
        huge.wv  # noqa: B018
    good = model().fit(TEXT, verbose=0)
    before = good.wv.vectors.copy()
    with pytest.raises(TrainingError):
        good.set_params(lr=1e30).fit(TEXT[:300], resume=True, verbose=0)
    assert (good.wv.vectors == before).all() and len(good.history) == 3


@pytest.mark.parametrize(
    ("text", "words", "changes"),
    [
        (["one one one"], "one word", {}),
        (["a b c d"], "min_count=5", {"min_count": 5}),
        (["a", "b", "a", "b"], "beside", {}),
    ],
)
def test_nothing_to_learn(text, words, changes):
    with pytest.raises(CorpusError, match=words):
        model(sample=0, **changes).fit(text, verbose=0)


def test_loss_falls_and_learning_rate_too():
    history = model(epochs=5, sample=0).fit(TEXT, verbose=0).history
    assert history[-1]["loss"] < history[0]["loss"]
    assert [r["lr"] for r in history] == sorted((r["lr"] for r in history), reverse=True)
    assert history[-1]["lr"] == pytest.approx(0.05 * 1e-4)


def test_learns_what_is_there():
    """Words that share their contexts come close: two topics that never meet."""
    random = np.random.default_rng(1)
    topics = [[f"{name}{k}" for k in range(10)] for name in "ab"]
    text = [" ".join(random.choice(topics[turn % 2], 12)) for turn in range(800)]
    for kind in (fe.SkipGram, fe.CBOW):
        for hs in (False, True):
            wv = model(kind, hs=hs, sample=0, epochs=8).fit(text, verbose=0).wv
            near = {word[0] for word, _ in wv.most_similar("a3", topn=9)}
            assert near == {"a"}, (kind, hs)


def test_parameters_changed_in_the_middle_of_an_epoch(monkeypatch):
    """Chunks keep their size until the epoch ends, whatever would be best for the new parameters."""
    monkeypatch.setattr(parallel, "POLL_SECONDS", 1e-4)
    text = TEXT * 10
    part = model(dim=64).fit(text, verbose=0, callbacks=[StopAt(1)])
    assert part.position.chunk
    part.set_params(window=50, negative=20).fit(text, verbose=0, resume=True)
    assert len(part.history) == 3 and np.isfinite(part.wv.vectors).all()


@pytest.mark.parametrize("change", [{"dim": 17}, {"dim": 40}, {"hs": True}])
def test_what_cannot_change_on_resume(change):
    trained = model().fit(TEXT, verbose=0)
    before = trained.wv.vectors.copy()
    with pytest.raises(ParameterError, match="dim=16"):
        trained.set_params(**change).fit(TEXT, verbose=0, resume=True)
    assert (trained.wv.vectors == before).all()


def test_a_failed_run_does_not_take_an_older_runs_checkpoint(tmp_path):
    model().fit(TEXT, verbose=0, checkpoint=tmp_path)
    good = model(seed=7).fit(TEXT, verbose=0)
    before = good.wv.vectors.copy()
    with pytest.raises(TrainingError, match="lr"):
        good.set_params(lr=1e30).fit(TEXT, verbose=0, checkpoint=tmp_path)
    assert (good.wv.vectors == before).all()


def test_overflow_goes_back_to_the_last_checkpoint_of_the_run(tmp_path):
    run = model(epochs=2)

    def explode(m, record):
        m._inputs[:] = np.inf

    with pytest.raises(TrainingError):
        run.fit(TEXT, verbose=0, checkpoint=tmp_path, every=1, callbacks=[AfterSave(explode)])
    assert np.isfinite(run.wv.vectors).all() and len(run.history) == 1


class AfterSave(fe.callbacks.Callback):
    """Call once when the second epoch is under way, after the checkpoint of the first."""

    def __init__(self, action):
        self.action = action

    def on_progress(self, model, progress):
        if progress["epoch"] == 2 and self.action:
            self.action(model, progress)
            self.action = None


@pytest.mark.parametrize("window", [50, 200, 1000])
@pytest.mark.parametrize("kind", [fe.SkipGram, fe.CBOW])
def test_wide_windows_train(kind, window):
    history = model(kind, window=window, dynamic_window=False, sample=0, epochs=4).fit(TEXT * 3, verbose=0).history
    assert history[-1]["loss"] < history[0]["loss"] < 7 * np.log(2)


def test_many_negatives_train():
    history = model(negative=60, window=8).fit(TEXT, verbose=0).history
    assert history[-1]["loss"] < history[0]["loss"]


def test_no_negatives_only_with_hierarchical_softmax():
    assert model(hs=True, negative=0).fit(TEXT, verbose=0).history
    with pytest.raises(ParameterError, match="negative=0 leaves nothing to learn from"):
        model(negative=0).fit(TEXT, verbose=0)


def test_small_numpy_integers_do_not_wrap():
    small = {name: np.int8(value) for name, value in (("epochs", 3), ("window", 100), ("negative", 9), ("dim", 16))}
    plain = {name: int(value) for name, value in small.items()}
    assert same(model(**small).fit(TEXT, verbose=0), model(**plain).fit(TEXT, verbose=0))


def test_a_numpy_learning_rate_can_be_saved(tmp_path):
    model(lr=np.float32(0.05)).fit(TEXT, verbose=0, checkpoint=tmp_path)
    assert len(fe.load(tmp_path / "checkpoint.fe").history) == 3


def test_a_failing_callback_at_the_end_loses_no_checkpoint(tmp_path):
    class Fails(fe.callbacks.Callback):
        def on_train_end(self, model):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        model().fit(TEXT, verbose=0, checkpoint=tmp_path, every="1h", callbacks=[Fails()])
    assert len(fe.load(tmp_path / "checkpoint.fe").history) == model().epochs


@pytest.mark.skipif(os.name == "nt", reason="locks of POSIX")
def test_a_checkpoint_folder_is_rid_of_what_killed_runs_left(tmp_path):
    left, young = tmp_path / ".0123456789abcdef.tmp", tmp_path / ".0123456789abcde0.tmp"
    left.touch()
    young.touch()
    os.utime(left, (0, 0))
    model().fit(TEXT, verbose=0, checkpoint=tmp_path)
    assert sorted(os.listdir(tmp_path)) == [young.name, "checkpoint.fe"]


def test_a_checkpoint_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ParameterError, match="file"):
        model().fit(TEXT, verbose=0, checkpoint=tmp_path / "file")


def test_a_full_disk_does_not_end_the_run(tmp_path, monkeypatch, caplog):
    def full(self, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fe.SkipGram, "save", full)
    trained = model().fit(TEXT, verbose=0, checkpoint=tmp_path)
    assert len(trained.history) == 3 and "No space left" in caplog.text


@pytest.mark.parametrize(
    ("cls", "more"), [(fe.SkipGram, {}), (fe.CBOW, {"hs": True}), (fe.FastText, {"maxn": 0}), (fe.FastText, {})]
)
def test_training_starts_from_given_vectors(cls, more, tmp_path):
    settings = {"dim": 6, "min_count": 1, "sample": 0, "epochs": 1, "lr": 1e-9, "threads": 1} | more
    given = fe.KeyedVectors(["b", "unheard", "a"], np.arange(18, dtype=np.float32).reshape(3, 6))
    given.save(tmp_path / "v.txt")
    cold = cls(**settings).fit(["a b c d"] * 30, verbose=0)
    for vectors in (given, tmp_path / "v.txt"):
        model = cls(**settings).fit(["a b c d"] * 30, verbose=0, vectors=vectors)
        assert "unheard" not in model.wv
        rows = model._inputs[:, :6]
        for word in "ab":
            np.testing.assert_allclose(rows[model.vocab[word]], given[word], atol=1e-5)
        np.testing.assert_allclose(rows[model.vocab["c"]], cold._inputs[cold.vocab["c"], :6], atol=1e-5)


def test_impossible_vectors_to_start_from(tmp_path):
    given, text = fe.KeyedVectors(["b"], np.zeros((1, 6), np.float32)), ["a b"] * 9
    for options, parameters, message in (
        ({"vectors": given, "resume": True}, {}, "choose one"),
        ({"vectors": given}, {"dim": 7}, "6 dimensions cannot start a model of 7"),
        ({"vectors": {}}, {}, "vectors=dict"),
        ({"vectors": given}, {"hash_count": 1}, "hash_count"),
    ):
        cls = fe.FastText if "hash_count" in parameters else fe.SkipGram
        with pytest.raises(ParameterError, match=message):
            cls(**{"dim": 6, "min_count": 1} | parameters).fit(text, **options)
    fe.NGramLM(order=2).fit(text, verbose=0).save(tmp_path / "lm.fe")
    with pytest.raises(fe.errors.FormatError, match=r"lm\.fe: holds NGramLM"):
        fe.SkipGram(dim=6).fit(text, vectors=tmp_path / "lm.fe")
