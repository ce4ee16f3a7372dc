"""Probes against scikit-learn and by hand, and treebanks."""

import numpy as np
import pytest

from fastembed import evaluate, io
from fastembed.errors import FormatError, ParameterError


def data(count=400, classes=5, seed=0):
    random = np.random.default_rng(seed)
    targets = random.integers(0, classes, count)
    centres = np.random.default_rng(9).normal(size=(classes, 12))
    return (centres[targets] + 2 + random.normal(size=(count, 12))).astype(np.float32), targets


@pytest.mark.parametrize("ridge", [1e-3, 0.5])
def test_the_probe_is_ridge_regression(ridge):
    linear = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is not installed")
    (train, classes), (test, test_classes) = data(), data(300, seed=1)
    penalty = ridge * np.square(train - train.mean(0)).sum() / train.shape[1]
    model = linear.Ridge(alpha=penalty).fit(train.astype(np.float64), np.eye(5)[classes])
    wanted = np.mean(model.predict(test).argmax(1) == test_classes)
    found = evaluate.linear_probe(train, classes, test, test_classes, ridge)
    assert found == evaluate.Probe(pytest.approx(wanted, abs=1e-12), ridge)
    names = np.array(["e", "d", "c", "b", "a"])
    assert evaluate.linear_probe(train, names[classes], test, names[test_classes], ridge).accuracy == found.accuracy


def test_the_penalty_is_chosen_on_training_vectors():
    (train, classes), (test, test_classes) = data(60), data(300, seed=1)
    found = evaluate.linear_probe(train, classes, test, test_classes)
    others = evaluate.linear_probe(train, classes, test, test_classes[::-1])
    assert found.ridge == others.ridge and found.accuracy > others.accuracy


def test_columns_that_say_nothing_do_no_harm():
    (train, classes), (test, test_classes) = data(), data(300, seed=1)
    wide = [np.concatenate([rows, np.ones_like(rows), rows], 1) for rows in (train, test)]
    found = evaluate.linear_probe(wide[0], classes, wide[1], test_classes, 1e-6).accuracy
    assert found == pytest.approx(evaluate.linear_probe(train, classes, test, test_classes, 1e-6).accuracy, abs=0.01)


def test_sense_centroids_by_hand():
    train = np.float32([[1, 0], [10, 1], [0, 3], [0, 0]])
    test = np.float32([[5, 1], [1, 5], [0, 1]])
    assert evaluate.sense_centroids(train, ["x", "x", "y", "y"], test, ["x", "y", "x"]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("probe", [evaluate.linear_probe, evaluate.sense_centroids])
def test_what_does_not_fit(probe):
    train, classes = data(20)
    with pytest.raises(ParameterError, match="train: vectors of shape"):
        probe(train, classes[1:], train, classes)
    with pytest.raises(ParameterError, match="test: the vectors hold NaN"):
        probe(train, classes, train * np.nan, classes)
    with pytest.raises(ParameterError, match="train: vectors of shape"):
        probe(train[:0], classes[:0], train, classes)
    with pytest.raises(ParameterError, match="12 numbers a vector and test has 11"):
        probe(train, classes, train[:, 1:], classes)
    with pytest.raises(ParameterError, match="should be numbers"):
        probe(train.astype(str), classes, train, classes)
    with pytest.raises(ParameterError, match="are no array"):
        probe([[1, 2], [1]], ["a", "b"], train, classes)
    with pytest.raises(ParameterError, match="not both"):
        probe(train[:3], np.array(["a", 1, None], object), train, classes)


@pytest.mark.parametrize("ridge", [0, -1, float("nan"), "small"])
def test_penalties_that_are_none(ridge):
    with pytest.raises(ParameterError, match="ridge="):
        evaluate.linear_probe(*data(20), *data(20), ridge)


def test_one_vector_chooses_no_penalty():
    train, classes = data(20)
    with pytest.raises(ParameterError, match="give the ridge"):
        evaluate.linear_probe(train[:1], classes[:1], train, classes)
    assert evaluate.linear_probe(train[:1], classes[:1], train, classes, 0.1).accuracy >= 0


TREE = """# text = We don't
1\tWe\twe\tPRON\tPRP\t_\t0\troot\t_\t_
2-3\tdon't\t_\t_\t_\t_\t_\t_\t_\t_
2\tdo\tdo\tAUX\tVB\t_\t1\tx\t_\t_
3\tn't\tnot\tPART\tRB\t_\t1\tx\t_\t_
3.1\tgo\tgo\tVERB\tVB\t_\t_\t_\t_\t_

# text = Yes
1\tYes\tyes\tINTJ\tUH\t_\t0\troot\t_\t_

"""


def test_treebanks(tmp_path):
    path = tmp_path / "t.conllu"
    path.write_text(TREE)
    assert io.read_conllu(path) == ([["We", "do", "n't"], ["Yes"]], [["PRON", "AUX", "PART"], ["INTJ"]])
    assert io.read_conllu(path, "xpos")[1] == [["PRP", "VB", "RB"], ["UH"]]


def test_damaged_treebanks(tmp_path):
    path = tmp_path / "t.conllu"
    path.write_text(TREE.replace("\tYes", " Yes"))
    with pytest.raises(FormatError, match=r"line 9.*9 columns|9 columns.*line 9"):
        io.read_conllu(path)
    path.write_text(TREE.rstrip())
    with pytest.raises(FormatError, match="truncated"):
        io.read_conllu(path)
    with pytest.raises(FormatError, match="no column 'form'"):
        io.read_conllu(path, "form")
