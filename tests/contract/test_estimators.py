"""What every registered model promises, whatever its family."""

import copy
import inspect
import pickle

import numpy as np
import pytest

import fastembed as fe
from fastembed import models
from fastembed.errors import FormatError, NotFittedError, ParameterError
from fastembed.io import native


def same(one, two):
    """Whether two models have the same state."""
    return one.to_native()[1] == two.to_native()[1] and same_arrays(one, two)


def same_arrays(one, two):
    """Whether two models have the same state, whatever the time that they took."""
    tensors, others = one.to_native()[0], two.to_native()[0]
    return tensors.keys() == others.keys() and all(np.array_equal(tensors[name], others[name]) for name in tensors)


def test_families_divide_the_models():
    families = {family for family, _, _ in models.MODELS.values()}
    assert sorted(name for family in families for name in models.names(family)) == sorted(models.names())
    assert {"skipgram", "cbow"} <= set(models.names("vectors"))


def test_registered_by_its_class_name(kind):
    assert getattr(fe, kind.__name__) is kind


def test_parameters_are_keyword_only_documented_and_kept(kind):
    signature = inspect.signature(kind)
    assert set(signature.parameters) == set(kind.parameters)
    assert all(p.kind is p.KEYWORD_ONLY for p in signature.parameters.values())
    for name, parameter in kind.parameters.items():
        assert parameter.help and f"{name} :" in kind.__doc__
        assert getattr(kind(), name) == parameter.default == signature.parameters[name].default
    with pytest.raises(TypeError, match=f"^{kind.__name__} takes its parameters by name: {kind.__name__}\\("):
        kind(100)


def test_defaults_pass_their_own_check(kind):
    kind().check_params()


def needs_threads(kind):
    if "threads" not in kind.parameters:
        pytest.skip(f"{kind.__name__} has no parameter threads")


def test_get_set_clone(kind):
    needs_threads(kind)
    model = kind(threads=2)
    twin = kind(**model.get_params())
    assert twin.get_params() == model.get_params()
    assert model.set_params(threads=3) is model and model.threads == 3 and twin.threads == 2
    assert repr(model).startswith(kind.__name__) and "threads=3" in repr(model)
    with pytest.raises(ParameterError, match="nonsense"):
        model.set_params(nonsense=1)


def test_scikit_learn_clones_it(kind):
    base = pytest.importorskip("sklearn.base", reason="scikit-learn is not installed")
    model = kind(threads=2) if "threads" in kind.parameters else kind()
    assert base.clone(model).get_params() == model.get_params()


@pytest.mark.parametrize("value", [0, -1, 5000, float("nan"), "3", 2.5, True, [1], np.array([1, 2])])
def test_impossible_threads(kind, value):
    needs_threads(kind)
    with pytest.raises(ParameterError, match="threads=") as caught:
        kind(threads=value)
    assert isinstance(caught.value, ValueError)


def test_attributes_are_checked_before_any_work(kind, text):
    needs_threads(kind)
    model = kind()
    model.threads = 0
    with pytest.raises(ParameterError, match="threads=0"):
        model.fit(*text)


def test_not_fitted(small, tmp_path):
    for ask in (lambda: small.save(tmp_path / "m.fe"), small.to_native):
        with pytest.raises(NotFittedError, match="fit"):
            ask()
    assert not list(tmp_path.iterdir())


def test_fit_returns_self(small, text):
    assert small.fit(*text) is small


def simple(model):
    """The parameters that are no models."""
    return {name: value for name, value in model.get_params().items() if model.parameters[name].kind is not object}


def test_scikit_learn_knows_whether_it_is_fitted(small, text):
    check = pytest.importorskip("sklearn.utils.validation", reason="scikit-learn is not installed").check_is_fitted
    with pytest.raises(ValueError, match="not fitted"):
        check(small)
    check(small.fit(*text))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_go_on_alike_and_apart(small, text, copied):
    again = copied(small.fit(*text))
    assert same(again, small)
    if "resume" in inspect.signature(small.fit).parameters:
        again.fit(*text, resume=True)
        assert not same(again, small) and same_arrays(again, copied(small).fit(*text, resume=True))
        assert same_arrays(again, small.fit(*text, resume=True))


def test_save_and_load(small, text, tmp_path):
    small.fit(*text).save(tmp_path / "m.fe")
    again = fe.load(tmp_path / "m.fe")
    assert type(again) is type(small) and simple(again) == simple(small)
    assert again.history == small.history and same(again, small)


def test_io_save_takes_it(small, text, tmp_path):
    fe.io.save(small.fit(*text), tmp_path / "m.fe")
    assert same(fe.load(tmp_path / "m.fe"), small)


def test_damaged_files_are_refused(small, text, tmp_path):
    """Truncations and overwritten bytes: FormatError, or a model that can be saved again; never anything else."""
    small.fit(*text).save(tmp_path / "m.fe")
    whole = (tmp_path / "m.fe").read_bytes()
    random = np.random.default_rng(0)
    refused = 0
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
        except FormatError as error:
            refused += 1
            assert "x.fe" in str(error)
        else:
            assert turn % 2 == 0, "a truncated file was accepted"
            model.save(tmp_path / "y.fe")
    assert refused > 150


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(small, text, number, tmp_path):
    tensors, meta = small.fit(*text).to_native()
    for name in tensors:
        if name.startswith(("params.", "head.", "mix.", "optimizer.means.")):
            damaged = np.array(tensors[name])
            damaged.flat[-1] = number
            native.write(tmp_path / "m.fe", tensors | {name: damaged}, meta)
            with pytest.raises(FormatError, match=f"{name} holds NaN or infinity"):
                fe.load(tmp_path / "m.fe")


@pytest.mark.parametrize("name", ["params", "history"])
@pytest.mark.parametrize("value", ["5", "[1]", "[" * 10_000, "", '{"nonsense": 1}', '{"threads": 0}'])
def test_hostile_texts_are_refused(small, text, name, value, tmp_path):
    tensors, meta = small.fit(*text).to_native()
    native.write(tmp_path / "m.fe", tensors, meta | {name: value})
    with pytest.raises(FormatError, match=r"m\.fe"):
        fe.load(tmp_path / "m.fe")


def test_silent(small, text, capsys):
    small.fit(*text)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["m.txt", "m.bin", "m.vec", "m.floret", "m.tsv", "m.arpa", "m.txt.gz", "m.arpa.xz"])
def test_a_whole_model_is_not_saved_under_the_name_of_another_format(small, text, name, tmp_path):
    small.fit(*text)
    if fe.io.holds(fe.io.format_of(small, name), small):
        pytest.skip("such a file holds this model")
    with pytest.raises(ParameterError, match=rf"{name}: {type(small).__name__}\.save writes the whole model.*\.fe"):
        small.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_without_vectors_is_said(small, text, tmp_path):
    if hasattr(type(small), "wv"):
        pytest.skip("this one has vectors")
    small.fit(*text).save(tmp_path / "m.fe")
    with pytest.raises(ParameterError, match=r"no word vectors: save it with the ending \.fe"):
        fe.io.save(small, tmp_path / "m.txt")
    with pytest.raises(FormatError, match=r"m\.fe: holds .* no word vectors"):
        fe.KeyedVectors.load(tmp_path / "m.fe")
