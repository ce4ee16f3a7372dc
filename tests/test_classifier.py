"""FastTextClassifier: what it learns, step by step, and what it refuses."""

import numpy as np
import pytest

import fastembed as fe
from fastembed.errors import CorpusError, NotFittedError, ParameterError, TrainingError
from fastembed.models.labelled import of_texts

TEXTS = ["a fine film", "a dull film", "so fine so good", "dull and bad", "neither here nor there", ""] * 20
LABELS = ["+", "-", "+", "-", "0", "0"] * 20
SMALL = {"dim": 12, "epochs": 8, "lr": 0.5, "threads": 1}
KINDS = [{}, {"loss": "hs"}, {"loss": "ova"}, {"word_ngrams": 3, "minn": 2, "maxn": 3, "bucket": 150}]


@pytest.fixture(scope="module", params=KINDS, ids=str)
def settings(request):
    return SMALL | request.param


def fitted(settings, texts=TEXTS, labels=LABELS, **options):
    return fe.FastTextClassifier(**settings).fit(texts, labels, verbose=0, **options)


def test_it_learns(settings):
    model = fitted(settings | {"epochs": 30})
    assert model.score(TEXTS, LABELS) == 1.0
    assert model.predict(["fine", "dull and bad film"]).tolist() == ["+", "-"]
    losses = [record["loss"] for record in model.history]
    assert losses[-1] < losses[0] / 2 and np.isfinite(losses).all()


def test_probabilities(settings):
    model = fitted(settings)
    p = model.predict_proba(TEXTS[:6])
    assert p.shape == (6, 3) and (p >= 0).all() and (p <= 1).all()
    assert settings.get("loss") == "ova" or np.allclose(p.sum(1), 1)
    assert model.classes_.tolist() == ["+", "-", "0"] == sorted(model.classes_)
    assert (model.classes_[p.argmax(1)] == model.predict(TEXTS[:6])).all()
    for row, pairs in zip(p, model.predict_top(TEXTS[:6], k=-1), strict=True):
        assert dict(pairs) == dict(zip(model.classes_.tolist(), row.tolist(), strict=True))
        assert [score for _, score in pairs] == sorted(row, reverse=True)
    limit = 0.999 * float(np.sort(p[0])[1])
    assert len(model.predict_top(TEXTS[:1], k=3, threshold=limit)[0]) == 2
    assert [len(pairs) for pairs in model.predict_top(TEXTS[:6], k=2)] == [2] * 6
    assert model.predict([]).shape == (0,) and model.predict_proba([]).shape == (0, 3) and model.predict_top([]) == []


def reference_epoch(model, documents, ids, epoch, epochs):
    """The epoch in float64 on the model's matrices as they are: (inputs, outputs, sum of losses)."""
    lines, dim = model._lines(documents), model.dim
    inputs, outputs = model._inputs[:, :dim].astype(float), model._outputs[:, :dim].astype(float)
    count, chunk, total = len(lines), max(1, len(lines) // 256), 0.0
    paths = model._labels().huffman() if model.loss == "hs" else None
    for at, number in enumerate(np.random.default_rng((model.seed, epoch)).permutation(count)):
        lr = model.lr * (1 - (epoch * count + at // chunk * chunk) / (epochs * count))
        rows = lines.bags(number, number + 1)[1]
        h = inputs[rows].mean(0)
        if paths is not None:
            path = slice(paths[0][ids[number]], paths[0][ids[number] + 1])
            met, wanted = paths[1][path], paths[2][path]
        else:
            met, wanted = np.arange(len(outputs)), np.arange(len(outputs)) == ids[number]
        scores = outputs[met] @ h
        if model.loss == "softmax":
            p = np.exp(scores) / np.exp(scores).sum()
            total -= np.log(p[ids[number]])
        else:
            p = 1 / (1 + np.exp(-scores))
            total -= np.log(np.where(wanted, p, 1 - p)).sum()
        gradient = lr * (wanted - p)
        change = gradient @ outputs[met] / len(rows)
        outputs[met] += gradient[:, np.newaxis] * h
        np.add.at(inputs, rows, change)
    return inputs, outputs, total


def test_training_equals_numpy(settings, isa):
    epochs = 2
    model = fitted(settings | {"epochs": epochs}, callbacks=lambda model, record: "stop")
    documents, names = of_texts(TEXTS, "__label__"), list(model._names)
    inputs, outputs, loss = reference_epoch(model, documents, [names.index(x) for x in LABELS], 1, epochs)
    model.fit(TEXTS, LABELS, resume=True, verbose=0)
    np.testing.assert_allclose(model._inputs[:, : model.dim], inputs, atol=2e-5)
    np.testing.assert_allclose(model._outputs[:, : model.dim], outputs, atol=2e-5)
    assert model.history[-1]["loss"] == pytest.approx(loss / len(TEXTS), rel=1e-5)


def test_one_thread_is_reproducible_and_several_learn_the_same(settings):
    one, two, many = fitted(settings), fitted(settings), fitted(settings | {"threads": 3})
    assert (one._inputs == two._inputs).all() and one.history[-1]["loss"] == two.history[-1]["loss"]
    assert fitted(settings | {"seed": 2}).history[-1]["loss"] != one.history[-1]["loss"]
    assert many.history[-1]["loss"] == pytest.approx(one.history[-1]["loss"], rel=0.2)


def test_files_of_labelled_lines(tmp_path):
    path = tmp_path / "lines.txt"
    lines = [f"__label__{label} {text}" for label, text in zip(LABELS, TEXTS, strict=True)]
    path.write_text("\n\n".join(lines) + "\nno label at all\n")
    model = fe.FastTextClassifier(**SMALL).fit(path, verbose=0)
    direct = fitted(SMALL)
    assert model.classes_.tolist() == direct.classes_.tolist() and model.score(path) > 0.9
    assert model.test(path)["documents"] == len(TEXTS)
    assert model.vocab.index["no"] >= 0 and model.vocab.counts[model.vocab["</s>"]] == len(TEXTS) + 1
    other = fe.FastTextClassifier(**SMALL, label_prefix="#").fit([f"#{k % 2} w{k % 2} x" for k in range(50)], verbose=0)
    assert other.classes_.tolist() == ["0", "1"] and other.vocab.words == ["</s>", "x", "w0", "w1"]


@pytest.mark.parametrize("loss", ["softmax", "hs", "ova"])
def test_several_labels(loss):
    texts = ["red", "blue", "red blue", "grey"] * 30
    labels = [["r"], ["b"], ["r", "b"], []] * 30
    model = fitted(SMALL | {"loss": loss, "epochs": 40}, texts, labels)
    assert model.history[-1]["loss"] >= 0 and model._counts.tolist() == [60, 60]
    assert {label for label, _ in model.predict_top(["red blue"], k=2)[0]} == {"r", "b"}
    found = model.test(texts, labels, k=2, threshold=0.3)
    assert found["documents"] == 90 and found["recall"] > 0.9 and (loss != "ova" or found["precision"] == 1)
    assert model.score(texts, labels) == 1.0
    lines = ["__label__r red", "__label__b blue", "__label__r __label__b red blue"] * 30
    again = fe.FastTextClassifier(**SMALL | {"loss": loss}).fit(lines, verbose=0)
    assert again._counts.tolist() == [60, 60]


@pytest.mark.parametrize(
    "labels, classes",
    [
        ([2, 10, 1] * 10, [1, 2, 10]),
        (np.array([True, False, True] * 10), [False, True]),
        (np.array(["b", "a", "b"] * 10), ["a", "b"]),
        ([np.int64(3), 5, np.int8(3)] * 10, [3, 5]),
    ],
)
def test_kinds_of_labels(labels, classes, tmp_path):
    model = fitted(SMALL, ["x", "y", "z"] * 10, labels)
    model.save(tmp_path / "m.fe")
    for one in (model, fe.load(tmp_path / "m.fe")):
        assert one.classes_.tolist() == classes and one.score(["x", "y", "z"], labels[:3]) == 1.0
        assert type(one.predict_top(["x"])[0][0][0]) is type(classes[0])


def test_lists_of_words_and_line_breaks():
    words = fitted(SMALL, [text.split() for text in TEXTS])
    lines = fitted(SMALL, [text.replace(" ", "\n") for text in TEXTS])
    assert (words._inputs == lines._inputs).all()
    assert (words.predict_proba(["fine\nfilm"]) == words.predict_proba([["fine", "film"]])).all()


def test_words_that_look_like_labels_are_no_words():
    model = fitted(SMALL, [f"__label__{label} {text}" for label, text in zip(LABELS, TEXTS, strict=True)])
    assert not [word for word in model.vocab.words if word.startswith("__label__")]
    assert (model.predict_proba(["__label__+ film"]) == model.predict_proba(["film"])).all()


def test_only_rows_that_are_used_are_kept():
    model = fitted(SMALL | {"word_ngrams": 2, "minn": 3, "maxn": 4})
    assert len(model._inputs) < 200 and model.bucket == 2_000_000
    known, more = model.predict_proba(["fine film"]), model.predict_proba(["unheardof words"])
    assert np.isfinite(more).all() and (known != more).any()
    rows = len(model._inputs)
    model.fit(["quite unheardof words", "a film"] * 9, ["-", "+"] * 9, resume=True, verbose=0)
    assert len(model._inputs) > rows and (model.predict_proba(["unheardof words"]) != more).any()
    assert not model._inputs[len(model.vocab)].any(), "the row of n-grams never seen stays zero"


def test_resume_equals_uninterrupted(settings, tmp_path):
    whole = fitted(settings | {"epochs": 3})
    part = fitted(settings | {"epochs": 3}, callbacks=lambda model, record: "stop", checkpoint=tmp_path)
    again = fe.FastTextClassifier(**settings | {"epochs": 3})
    again.fit(TEXTS, LABELS, resume=True, checkpoint=tmp_path, verbose=0)
    part.fit(TEXTS, LABELS, resume=True, verbose=0)
    for model in (part, again):
        assert (model._inputs == whole._inputs).all() and len(model.history) == 3


def test_word_vectors(settings):
    model = fitted(settings)
    assert model.wv.vectors.shape == (len(model.vocab), 12) and "fine" in model.wv
    assert ("finest" not in model.wv) and (not model.maxn or model.wv["finest"].shape == (12,))


def test_scikit_learn_tools():
    selection = pytest.importorskip("sklearn.model_selection", reason="scikit-learn is not installed")
    base = pytest.importorskip("sklearn.base")
    model = fe.FastTextClassifier(**SMALL | {"epochs": 30})
    assert base.is_classifier(model) and base.clone(model).get_params() == model.get_params()
    scores = selection.cross_val_score(model, TEXTS, LABELS, cv=3)
    assert scores.mean() == 1.0
    for scoring in ("neg_log_loss", "f1_macro", "roc_auc_ovr"):
        assert np.isfinite(selection.cross_val_score(model, TEXTS, LABELS, cv=2, scoring=scoring)).all()
    grid = selection.GridSearchCV(model, {"lr": [1e-9, 0.5]}, cv=2).fit(TEXTS, LABELS)
    assert grid.best_params_ == {"lr": 0.5} and grid.predict(["fine"]).tolist() == ["+"]


BAD = {  # what is wrong -> (texts, labels, what the error says)
    "fewer labels": (["a", "b"], ["x"], "2 texts and 1 labels"),
    "more labels": (["a", "b"], ["x", "y", "z"], "2 texts and 3 labels"),
    "one text": ("a b", ["x", "y"], "the texts are one str"),
    "one label": (["a", "b"], "xy", "the labels are one str"),
    "a number": (["a", 3.5], ["x", "y"], "3.5"),
    "no label": (["a", "b"], [None, "x"], "NoneType"),
    "a fraction": (["a", "b"], [0.5, float("nan")], "float"),
    "labels of two kinds": (["a", "b"], [1, "x"], "int and str"),
    "an empty label": (["a", "b"], ["", "x"], "label ''"),
    "a label that is not Unicode": (["a", "b"], ["\ud800", "x"], "Unicode"),
    "a huge label": (["a", "b"], [1 << 70, 2], "64 bits"),
    "one class": (["a", "b"], ["x", "x"], "'x' is the only label"),
    "lists without labels": (["a", "b"], [[], []], "there are no labels"),
    "nothing": ([], [], "there are no labels"),
    "too rare": (["a", "b"], ["x", "y"], "min_count=3 leaves no word"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused(case):
    texts, labels, message = BAD[case]
    model = fe.FastTextClassifier(**SMALL, min_count=3 if case == "too rare" else 1)
    with pytest.raises((ParameterError, CorpusError), match=message) as caught:
        model.fit(texts, labels, verbose=0)
    assert isinstance(caught.value, ValueError) and "\n" not in str(caught.value)
    with pytest.raises(NotFittedError):
        model.predict(["a"])


@pytest.mark.parametrize(
    "lines, message",
    [
        (["no labels", "here"], "no word begins with '__label__'"),
        (["__label__ a", "__label__x b"], "no name"),
        (["__label__x a", "b"], "'x' is the only label"),
    ],
)
def test_bad_lines_are_refused(lines, message):
    with pytest.raises(CorpusError, match=message):
        fe.FastTextClassifier(**SMALL).fit(lines, verbose=0)


def test_a_missing_file_and_a_binary_one(tmp_path):
    (tmp_path / "x").write_bytes(b"\0\1\2" * 100)
    for path in (tmp_path / "none", tmp_path / "x"):
        with pytest.raises(CorpusError):
            fe.FastTextClassifier(**SMALL).fit(path, verbose=0)


@pytest.mark.parametrize(
    "given",
    [
        {"lr": float("nan")},
        {"lr": 0},
        {"loss": "ns"},
        {"word_ngrams": 0},
        {"label_prefix": ""},
        {"label_prefix": "a b"},
    ],
    ids=str,
)
def test_impossible_parameters(given):
    with pytest.raises(ParameterError, match=next(iter(given))):
        fe.FastTextClassifier(**given)


def test_minn_above_maxn():
    with pytest.raises(ParameterError, match="minn=4"):
        fe.FastTextClassifier(minn=4, maxn=2).fit(TEXTS, LABELS)


def test_unseen_labels():
    model = fitted(SMALL)
    assert model.test(["fine", "odd"], ["+", "never"])["recall"] == 0.5
    with pytest.raises(ParameterError, match="'never'"):
        model.fit(["fine", "odd"], ["+", "never"], resume=True, verbose=0)
    with pytest.raises(ParameterError, match="dim=12"):
        model.set_params(dim=13).fit(TEXTS, LABELS, resume=True, verbose=0)


@pytest.mark.parametrize("k", [0, -2, 1.5, "3", True, None])
def test_impossible_k(k):
    with pytest.raises(ParameterError, match="k="):
        fitted(SMALL | {"epochs": 1}).predict_top(["a"], k=k)


def test_odd_texts():
    """Lone surrogates, huge words, words without n-grams, texts of nothing known: all have probabilities."""
    texts = ["\ud800 x", "w" * 10_000_000, "<>", "\0", "\u3000", "", "completely unknown"]
    model = fitted(SMALL | {"word_ngrams": 2, "minn": 2, "maxn": 3, "bucket": 99}, TEXTS + texts, LABELS + ["+"] * 7)
    assert np.isfinite(model.predict_proba(texts)).all() and len(model.predict(texts)) == 7
    bare = fitted(SMALL | {"min_count": 121}, [*TEXTS, ""], [*LABELS, "0"])
    assert bare.vocab.words == ["</s>"]


def test_numbers_that_overflow():
    model = fe.FastTextClassifier(**SMALL | {"lr": 1e30})
    with pytest.raises(TrainingError, match="smaller lr"):
        model.fit(TEXTS, LABELS, verbose=0)
    with pytest.raises(NotFittedError):
        model.predict(["a"])
