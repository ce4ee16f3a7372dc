"""ScalarMix, heads and the taggers and classifiers made of them: gradients, and that the language model stays."""

import copy
import pickle

import numpy as np
import pytest

import fastembed as fe
from fastembed.errors import CorpusError, FormatError, NotFittedError, ParameterError
from fastembed.io import native
from fastembed.models.contextual import ContextualModel, WordWindows
from fastembed.nn.head import Head, padded_places, sentence_means

RANDOM = np.random.default_rng(3)
LENGTHS = np.array([3, 0, 1, 4])


def slope(function, array, at, step=1e-5):
    """The central difference of a function without arguments at one number of an array."""
    old, found = array[at], []
    for sign in (1, -1):
        array[at] = old + sign * step
        found.append(function())
    array[at] = old
    return (found[0] - found[1]) / (2 * step)


def check_gradient(function, array, gradient):
    for at in np.ndindex(array.shape):
        assert gradient[at] == pytest.approx(slope(function, array, at), rel=1e-6, abs=1e-8)


def test_gradients_of_the_mix():
    mix, states, dy = fe.nn.ScalarMix(3, np.float64), RANDOM.normal(size=(3, 5, 4)), RANDOM.normal(size=(5, 4))
    mix.params["scores"][:], mix.params["gamma"][:] = [0.3, -1, 0.5], 1.7

    def loss():
        return np.vdot(mix.forward(states)[0], dy)

    y, tape = mix.forward(states)
    np.testing.assert_allclose(y, 1.7 * sum(s * h for s, h in zip(mix.weights, states, strict=True)), rtol=1e-12)
    dx, grads = mix.backward(tape, dy, inputs=True)
    for name in ("scores", "gamma"):
        check_gradient(loss, mix.params[name], grads[name])
    check_gradient(loss, states, dx)
    assert mix.backward(tape, dy)[0] is None


def test_the_mix_wants_its_layers():
    with pytest.raises(ParameterError, match="2 layers and the mix has 3"):
        fe.nn.ScalarMix(3).forward(np.zeros((2, 5, 4), np.float32))
    for layers in (0, 1.5, True):
        with pytest.raises(ParameterError, match="layers="):
            fe.nn.ScalarMix(layers)


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("hidden", [None, 2])
def test_gradients_of_the_head(pooled, hidden):
    head = Head(3, 4, hidden=hidden, pooled=pooled, dropout=0.3, dtype=np.float64)
    for params in head.groups().values():
        params.flat[:] = RANDOM.normal(size=params.flat.shape)
    vectors, rows = RANDOM.normal(size=(LENGTHS.sum(), 3)), len(LENGTHS) if pooled else LENGTHS.sum()
    targets = RANDOM.integers(0, 4, rows).astype(np.int32)

    def loss():
        return head.forward(vectors, LENGTHS, targets, np.random.default_rng(5)).sum()

    loss()
    dx, grads = head.backward(1.0)
    dx = dx.copy()
    for prefix, params in head.groups().items():
        for name, array in params.items():
            check_gradient(loss, array, grads[prefix][name].copy())
    check_gradient(loss, vectors, dx)


def test_logprobs_are_the_losses():
    head = Head(3, 4, hidden=2, dropout=0.5)
    head.params["output"][:] = RANDOM.normal(size=(4, 4))
    vectors, targets = RANDOM.normal(size=(8, 3)).astype(np.float32), RANDOM.integers(0, 4, 8).astype(np.int32)
    logs = head.logprobs(vectors, LENGTHS)
    np.testing.assert_allclose(np.exp(logs).sum(1), 1, rtol=1e-6)
    np.testing.assert_allclose(head.forward(vectors, LENGTHS, targets), -logs[np.arange(8), targets], rtol=1e-5)


def test_places_and_means():
    assert padded_places(LENGTHS).tolist() == [0, 4, 8, 2, 3, 7, 11, 15]
    means = sentence_means(np.arange(8.0)[:, None], LENGTHS)
    assert means[:, 0].tolist() == [1, 0, 3, 5.5]


WORDS = ["the", "dog", "cat", "runs", "sees", "a"]
TAGS = {"the": "D", "a": "D", "dog": "N", "cat": "N", "runs": "V", "sees": "V"}


class TwoLayers(ContextualModel):
    """Layer 0 is noise, layer 1 says which word it is."""

    depth, width = 2, len(WORDS)

    def __init__(self):
        super().__init__()
        self.table = np.eye(len(WORDS), dtype=np.float32)

    def _tokens(self, sentence):
        return list(sentence)

    def _states(self, batch):
        noise = np.random.default_rng(0)
        return [
            np.stack([noise.normal(size=(len(words), self.width)).astype(np.float32), self._rows(words)])
            for words in batch
        ]

    def _rows(self, words):
        return self.table[[WORDS.index(word) for word in words]].reshape(-1, self.width)


def sentences(count=60):
    random = np.random.default_rng(1)
    rows = [random.choice(WORDS, random.integers(0, 7)).tolist() for _ in range(count)]
    return rows, [[TAGS[word] for word in row] for row in rows]


@pytest.mark.parametrize("head", ["linear", "lstm"])
@pytest.mark.parametrize("memory", ["4G", 1])
def test_the_tagger_learns_which_layer_knows(head, memory):
    X, y = sentences()
    model = TwoLayers()
    before = model.table.tobytes()
    tagger = fe.ELMoTagger(language_model=model, head=head, hidden=4, epochs=30, lr=0.05, memory=memory, threads=1)
    assert tagger.fit(X, y, verbose=0) is tagger
    assert tagger.score(X, y) == 1 and tagger.predict(X) == y
    assert tagger.mix.weights[1] > 0.6 and tagger.history[-1]["weights"] == tagger.mix.weights.tolist()
    assert model.table.tobytes() == before
    record = tagger.history[-1]
    assert record["words_per_second"] * record["seconds"] == pytest.approx(sum(map(len, X)))
    rows = tagger.predict_proba(X)
    assert [len(row) for row in rows] == [len(row) for row in X]
    np.testing.assert_allclose(np.concatenate(rows).sum(1), 1, rtol=1e-6)


@pytest.mark.parametrize("layers", [0, 1, -1, "average"])
def test_layers_that_are_not_learnt(layers):
    X, y = sentences()
    tagger = fe.ELMoTagger(language_model=TwoLayers(), layers=layers, epochs=30, lr=0.05)
    tagger.fit(X, y, verbose=0)
    assert tagger.mix.weights.tolist() == {0: [1, 0], 1: [0, 1], -1: [0, 1], "average": [0.5, 0.5]}[layers]
    assert (tagger.score(X, y) == 1) == (layers in (1, -1))


def test_results_do_not_depend_on_memory_or_threads():
    X, y = sentences()
    found = []
    for memory, threads in (("4G", 1), (1, 1), ("4G", 3)):
        given = {"memory": memory, "threads": threads, "head": "lstm", "hidden": 4, "dropout": 0.2, "epochs": 2}
        wv = fe.KeyedVectors(WORDS, np.eye(len(WORDS), dtype=np.float32))
        tagger = fe.ELMoTagger(language_model=WordWindows(wv, 1), **given).fit(X, y, verbose=0)
        found.append(np.concatenate(tagger.predict_proba(X)))
    assert np.array_equal(found[0], found[1])
    np.testing.assert_allclose(found[2], found[0], rtol=1e-4)


@pytest.mark.parametrize("kind", [str, int, bool])
def test_the_classifier(kind, tmp_path):
    X, _ = sentences()
    y = [kind(int("dog" in row)) if kind is not str else "+-"["dog" in row] for row in X]
    wv = fe.KeyedVectors(WORDS, np.eye(len(WORDS), dtype=np.float32))
    model = fe.ELMoClassifier(language_model=WordWindows(wv), epochs=60, lr=0.1).fit(X, y, verbose=0)
    assert model.score(X, y) == 1 and model.predict(X).tolist() == y
    assert model.predict_proba(X).shape == (len(X), 2) and model.predict_proba([]).shape == (0, 2)
    model.save(tmp_path / "m.fe")
    again = fe.load(tmp_path / "m.fe")
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X)) and again.predict(X).tolist() == y


def test_y_has_to_fit():
    X, y = sentences()
    tagger = fe.ELMoTagger(language_model=TwoLayers())
    with pytest.raises(ParameterError, match=r"sentence 1 \(from 0\) has 2 words and 1 tags"):
        tagger.fit([["a"], ["a", "dog"]], [["D"], ["D"]], verbose=0)
    with pytest.raises(ParameterError, match="give one"):
        tagger.fit(X, y[1:], verbose=0)
    for wrong in ([[1]], [None], [5]):
        with pytest.raises(ParameterError, match=r"sentence 0 \(from 0\): .* is of type"):
            tagger.fit(wrong, [["D"]], verbose=0)
    with pytest.raises(CorpusError, match="'D' is all"):
        tagger.fit([["a"]], [["D"]], verbose=0)
    with pytest.raises(ParameterError, match="2 labels"):
        fe.ELMoClassifier(language_model=TwoLayers()).fit([["a"]], [["D", "E"]], verbose=0)
    with pytest.raises(ParameterError, match="layers=2"):
        fe.ELMoTagger(language_model=TwoLayers(), layers=2).fit(X, y, verbose=0)


@pytest.mark.parametrize("wrong", [None, 5, "D", [None], [5], [["D"], ["D"]]])
def test_y_has_to_fit_where_it_is_scored(wrong):
    X, y = sentences()
    tagger = fe.ELMoTagger(language_model=TwoLayers(), epochs=1).fit(X, y, verbose=0)
    labels = ["dog" in row for row in X]
    classifier = fe.ELMoClassifier(language_model=TwoLayers(), epochs=1).fit(X, labels, verbose=0)
    for model in (tagger, classifier):
        with pytest.raises(ParameterError, match=r"label|tag"):
            model.score([["a", "dog"]], wrong if wrong != [None] and wrong != [5] else [wrong * 3])
    with pytest.raises(ParameterError, match="2 labels"):
        classifier.score([["a"]], [["D", "E"]])
    assert classifier.score(X, np.array(labels)) == classifier.score(X, [[label] for label in labels])


def test_without_a_language_model_or_fit():
    X, y = sentences()
    with pytest.raises(ParameterError, match="language_model=None"):
        fe.ELMoTagger().fit(X, y, verbose=0)
    with pytest.raises(ParameterError, match="language_model='elmo': give a contextual model"):
        fe.ELMoTagger(language_model="elmo")
    for unfitted in (fe.ELMo(), fe.BERT()):
        with pytest.raises(ParameterError, match=r"language_model=.*: fit or load the model first"):
            fe.ELMoTagger(language_model=unfitted)
    with pytest.raises(NotFittedError):
        fe.ELMoTagger(language_model=TwoLayers()).predict(X)


def test_states_that_are_not_finite_are_refused():
    X, y = sentences()
    model = TwoLayers()
    model.table[2] = np.nan
    with pytest.raises(ParameterError, match="NaN or infinity for sentence"):
        fe.ELMoTagger(language_model=model).fit(X, y, verbose=0)


@pytest.mark.parametrize("name", ["elmo", "bert"])
@pytest.mark.parametrize("kind", [fe.ELMoTagger, fe.ELMoClassifier])
def test_not_one_bit_of_the_language_model_changes(name, kind):
    text = ["the dog runs", "a cat sees the dog"] * 9
    if name == "bert":
        pytest.importorskip("tokenizers", reason="the package tokenizers is not installed")
        model = fe.BERT(layers=1, dim=8, heads=1, vocab_size=40, epochs=1)
    else:
        model = fe.ELMo(dim=4, hidden=4, filters=((1, 4),), batch=2, min_count=1, dropout=0.5)
    tensors, meta = model.fit(text, verbose=0).to_native()
    before = {name: array.tobytes() for name, array in tensors.items()}
    y = [line.split() if kind is fe.ELMoTagger else line[0] for line in text]
    head = kind(language_model=model, head="lstm", hidden=3, dropout=0.3, lr=0.1, epochs=2)
    head.fit(text, y, verbose=0).score(text, y)
    tensors, same = model.to_native()
    assert {name: array.tobytes() for name, array in tensors.items()} == before and same == meta


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_of_models_in_use(copied):
    text = ["the dog runs", "a cat sees the dog"] * 9
    elmo = fe.ELMo(dim=4, hidden=4, filters=((1, 4),), batch=2, min_count=1).fit(text, verbose=0)
    model = fe.ELMoTagger(language_model=elmo, head="lstm", hidden=3, epochs=1)
    rows = model.fit(text, [line.split() for line in text], verbose=0).predict_proba(text)
    again = copied(model)
    assert all(np.array_equal(one, two) for one, two in zip(again.predict_proba(text), rows, strict=True))
    again.mix.params.flat[:] = 7
    assert again.mix.gamma == 7 != model.mix.gamma


def test_a_failed_fit_leaves_the_tagger_as_it_was():
    X, y = sentences()
    model = TwoLayers()
    tagger = fe.ELMoTagger(language_model=model, epochs=2).fit(X, y, verbose=0)
    before = tagger.predict_proba(X[:5])
    model.table[2, 0] = np.inf
    with pytest.raises(ParameterError):
        tagger.fit(X, y, verbose=0)
    model.table[2, 0] = 0
    assert all(np.array_equal(a, b) for a, b in zip(before, tagger.predict_proba(X[:5]), strict=True))


def test_a_head_on_a_model_that_cannot_be_saved(tmp_path):
    X, y = sentences()
    tagger = fe.ELMoTagger(language_model=TwoLayers(), epochs=1).fit(X, y, verbose=0)
    with pytest.raises(ParameterError, match="TwoLayers cannot be saved"):
        tagger.save(tmp_path / "m.fe")
    assert not list(tmp_path.iterdir())


def test_scikit_learn_searches(tmp_path):
    search = pytest.importorskip("sklearn.model_selection", reason="scikit-learn is not installed")
    X, _ = sentences()
    y = ["dog" in row for row in X]
    wv = fe.KeyedVectors(WORDS, np.eye(len(WORDS), dtype=np.float32))
    model = fe.ELMoClassifier(language_model=WordWindows(wv), epochs=20, lr=0.1)
    grid = search.GridSearchCV(model, {"lr": [1e-9, 0.1]}, cv=2).fit([" ".join(row) for row in X], y)
    assert grid.best_params_ == {"lr": 0.1}


@pytest.mark.parametrize("labels", ["az", "za"])
def test_scikit_learn_judges_probabilities(labels):
    search = pytest.importorskip("sklearn.model_selection", reason="scikit-learn is not installed")
    X, y = [["dog"], ["cat"], ["cat"]] * 6, [labels[0], labels[1], labels[1]] * 6
    wv = fe.KeyedVectors(WORDS, np.eye(len(WORDS), dtype=np.float32))
    model = fe.ELMoClassifier(language_model=WordWindows(wv), epochs=20, lr=0.1)
    assert model.fit(X, y, verbose=0).classes_.tolist() == ["a", "z"]
    for scoring, least in (("roc_auc", 1), ("neg_log_loss", -0.3)):  # they take the columns to be in order
        assert search.cross_val_score(model, X, y, cv=3, scoring=scoring).min() >= least


def test_scikit_learn_lines_it_up():
    pipeline = pytest.importorskip("sklearn.pipeline", reason="scikit-learn is not installed")
    X, y = sentences()
    wv = fe.KeyedVectors(WORDS, np.eye(len(WORDS), dtype=np.float32))
    line = pipeline.make_pipeline(fe.ELMoTagger(language_model=WordWindows(wv), epochs=20, lr=0.1)).fit(X, y)
    assert line.predict(X) == y and line.score(X, y) == 1


def test_scikit_learn_divides_sentences():
    search = pytest.importorskip("sklearn.model_selection", reason="scikit-learn is not installed")
    X, y = sentences()
    wv = fe.KeyedVectors(WORDS, np.eye(len(WORDS), dtype=np.float32))
    tagger = fe.ELMoTagger(language_model=WordWindows(wv), epochs=20, lr=0.1)
    assert search.cross_val_score(tagger, X, y, cv=3).tolist() == [1, 1, 1]
    grid = search.GridSearchCV(tagger, {"lr": [1e-9, 0.1]}, cv=2).fit(X, y)
    assert grid.best_params_ == {"lr": 0.1}


@pytest.mark.parametrize("label", ["9223372036854775808", "-9223372036854775809", "1.5", ""])
def test_labels_in_a_file_that_are_no_whole_numbers(label, tmp_path):
    wv = fe.KeyedVectors(["good", "bad"], np.eye(2, dtype=np.float32))
    model = fe.ELMoClassifier(language_model=fe.WordWindows(wv), epochs=1)
    tensors, meta = model.fit(["good", "bad"] * 3, [1, 0] * 3, verbose=0).to_native()
    native.write(tmp_path / "m.fe", tensors, meta | {"classes": f'["0", "{label}"]'})
    with pytest.raises(FormatError, match=r"m\.fe: is no complete ELMoClassifier"):
        fe.load(tmp_path / "m.fe")
