"""What every model with word vectors promises."""

import json
from fractions import Fraction

import numpy as np
import pytest

import fastembed as fe
from fastembed import models
from fastembed.errors import CorpusError, FormatError, NotFittedError, ParameterError, TrainingError
from fastembed.io import native

TEXT = ["the cat sat on the mat", "the dog sat on the log", "a cat and a dog and a mat"] * 30


@pytest.fixture(params=models.names("vectors"))
def kind(request):
    return models.get(request.param)


def needs(kind, name):
    if name not in kind.parameters:
        pytest.skip(f"{kind.__name__} has no parameter {name}")


def brief(kind):
    """The parameters that make training short, where there are any."""
    return {name: value for name, value in {"epochs": 1, "bucket": 500}.items() if name in kind.parameters}


def test_scikit_learn_tools(kind):
    base = pytest.importorskip("sklearn.base", reason="scikit-learn is not installed")
    pipeline = pytest.importorskip("sklearn.pipeline")
    model = kind(dim=7)
    assert base.clone(model).get_params() == model.get_params()
    search = pytest.importorskip("sklearn.model_selection")
    grid = search.GridSearchCV(kind(min_count=1, **brief(kind)), {"dim": [4, 5]}, scoring=lambda m, X: m.dim, cv=2)
    assert grid.fit(TEXT).best_params_ == {"dim": 5}
    fitted = pipeline.make_pipeline(kind(dim=4, min_count=1, **brief(kind))).fit(TEXT)
    assert fitted[-1].wv.vectors.shape[1] == 4


@pytest.mark.parametrize(
    "value", [0, -1, float("nan"), float("inf"), "3", None, 2.5, True, int, [1], np.array([1, 2]), np.array(3)]
)
@pytest.mark.parametrize("name", ["dim", "window", "epochs", "min_count"])
def test_impossible_whole_numbers(kind, name, value):
    needs(kind, name)
    with pytest.raises(ParameterError, match=f"{name}=") as caught:
        kind(**{name: value})
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    "value",
    [0, -0.1, float("nan"), float("inf"), "0.1", None, 10**400, float, Fraction(1, 10), np.array([0.1, 0.2])],
)
def test_impossible_learning_rates(kind, value):
    needs(kind, "lr")
    with pytest.raises(ParameterError, match="lr="):
        kind(lr=value)


def test_numpy_numbers_are_numbers(kind):
    given = {"dim": np.int64(8), "min_count": 1, "lr": np.float32(0.1), "epochs": np.int32(1), "seed": np.uint8(1)}
    given = brief(kind) | {name: value for name, value in given.items() if name in kind.parameters}
    model = kind(**given).fit(TEXT, verbose=0)
    assert json.loads(model.to_native()[1]["params"])["dim"] == 8


def test_not_fitted(small, tmp_path):
    for ask in (lambda: small.wv, lambda: small.save(tmp_path / "m.fe"), small.to_native):
        with pytest.raises(NotFittedError, match="fit"):
            ask()
    assert not list(tmp_path.iterdir())


def test_fit_returns_self_and_writes_history(small):
    assert small.fit(TEXT, verbose=0) is small
    assert [record["epoch"] for record in small.history] == ([1, 2] if "epochs" in small.parameters else [1])
    for record in small.history:
        assert {"epoch", "loss", "words_per_second", "seconds"} <= set(record)
        assert "lr" in record or "lr" not in small.parameters
        assert np.isfinite(record["loss"]) and record["words_per_second"] > 0
    assert small.wv.vectors.shape == (len(small.vocab), 8) and np.isfinite(small.wv.vectors).all()


def test_the_same_seed_gives_the_same_vectors(kind):
    def vectors(seed):
        model = kind(dim=8, min_count=1, threads=1, seed=seed, **brief(kind))
        return model.fit(TEXT, verbose=0).wv.vectors.copy()

    assert (vectors(1) == vectors(1)).all()
    assert (vectors(1) != vectors(2)).any() or "epochs" not in kind.parameters


def test_save_and_load(small, tmp_path):
    small.fit(TEXT, verbose=0).save(tmp_path / "m.fe")
    again = fe.load(tmp_path / "m.fe")
    assert type(again) is type(small) and again.get_params() == small.get_params()
    assert again.history == small.history and again.vocab.words == small.vocab.words
    assert (again.wv.vectors == small.wv.vectors).all()
    assert (again.vocab.counts == small.vocab.counts).all()


def test_a_loaded_model_trains_on(small, tmp_path):
    needs(type(small), "epochs")
    small.fit(TEXT, verbose=0).save(tmp_path / "m.fe")
    again = fe.load(tmp_path / "m.fe")
    more = ["the new parrot sat on the cat"] * 20
    for model in (small, again):
        model.fit(more, resume=True, verbose=0)
        assert "parrot" in model.wv and len(model.history) == 4
    assert (again.wv.vectors == small.wv.vectors).all()


def test_damaged_files_are_refused(small, tmp_path):
    """Truncations and overwritten bytes: FormatError, or a model that works; never anything else."""
    small.fit(TEXT, verbose=0).save(tmp_path / "m.fe")
    whole = (tmp_path / "m.fe").read_bytes()
    random = np.random.default_rng(0)
    outcomes = set()
    for turn in range(300):
        data = bytearray(whole)
        if turn % 2:
            data = data[: random.integers(len(data))]
        else:
            where = random.integers(min(len(data), 2500))
            data[where : where + 4] = random.bytes(4)
        (tmp_path / "x.fe").write_bytes(data)
        try:
            model = fe.load(tmp_path / "x.fe")
            if model.get_params() == small.get_params() and "epochs" in model.parameters:
                model.set_params(epochs=3).fit(TEXT, resume=True, verbose=0)
        except (FormatError, TrainingError, CorpusError) as error:
            outcomes.add("refused")
            assert not isinstance(error, FormatError) or "x.fe" in str(error)
        else:
            assert turn % 2 == 0, "a truncated file was accepted"
            outcomes.add("accepted")
            assert model.wv.vectors.shape[1]
    assert "refused" in outcomes


PLACES = [
    {"chunk": -5},
    {"chunk": 10**6},
    {"chunk": "1"},
    {"epoch": -1},
    {"epoch": 1.5},
    {"seconds": "x"},
    {"chunk_tokens": -1},
    {"unknown": 1},
]


@pytest.mark.parametrize("change", PLACES)
def test_hostile_positions_are_refused(small, change, tmp_path):
    needs(type(small), "epochs")
    tensors, meta = small.fit(TEXT, verbose=0).to_native()
    place = json.loads(meta["position"]) | change
    native.write(tmp_path / "m.fe", tensors, meta | {"position": json.dumps(place)})
    with pytest.raises(FormatError, match=r"m\.fe"):
        fe.load(tmp_path / "m.fe")


@pytest.mark.parametrize("history", ["5", "[1]", "[" * 10_000, "{}", ""])
def test_hostile_histories_are_refused(small, history, tmp_path):
    tensors, meta = small.fit(TEXT, verbose=0).to_native()
    native.write(tmp_path / "m.fe", tensors, meta | {"history": history})
    with pytest.raises(FormatError, match=r"m\.fe"):
        fe.load(tmp_path / "m.fe")


def test_silent(small, capsys):
    small.fit(TEXT, verbose=1)
    captured = capsys.readouterr()
    assert captured.out == ""


def test_bounds_are_said_in_full():
    with pytest.raises(ParameterError, match="from 1 to 1048576$"):
        fe.SkipGram(dim=-5)
    with pytest.raises(ParameterError, match="a finite number of at least 1e-12"):
        fe.SkipGram(lr=float("inf"))
