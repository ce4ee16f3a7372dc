"""KeyedVectors against plain numpy, and against gensim where it is installed."""

import doctest

import numpy as np
import pytest
from tiny_vectors import random_vectors

from fastembed import vectors
from fastembed.errors import FastembedError, ParameterError, WordNotFoundError
from fastembed.subwords import NGrams, Subwords
from fastembed.vectors import KeyedVectors, nearest
from fastembed.vocab import Vocab


@pytest.fixture(params=[None, 32], ids=["dense", "padded"])
def kv(request):
    return random_vectors(padded=request.param)


def units(kv):
    rows = np.asarray(kv.vectors, np.float64)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def ranking(scores, without):
    return [row for row in np.argsort(-scores, kind="stable") if row not in without]


def test_words_and_rows(kv):
    assert len(kv) == 500 and kv.vector_size == 20 and "w3" in kv and "nope" not in kv
    assert list(kv)[:2] == kv.index_to_key[:2] == ["w0", "w1"] and kv.key_to_index["w7"] == 7
    assert np.array_equal(kv["w3"], kv.vectors[3]) and np.array_equal(kv[3], kv["w3"])
    assert np.array_equal(kv[["w3", "w5"]], kv.vectors[[3, 5]])
    assert kv.get_index("w9") == 9 and kv.get_index("nope", 4) == 4 and kv.get_vecattr("w0", "count") == 500
    assert repr(kv) == "KeyedVectors<vector_size=20, 500 keys>"
    assert np.asarray(kv).shape == (500, 20)


def test_a_vector_cannot_be_changed_by_accident(kv):
    with pytest.raises(ValueError):
        kv["w3"][0] = 1
    kv.vectors[3, 0] = 7
    assert kv["w3"][0] == 7


def test_unknown_words_are_named_with_suggestions():
    kv = KeyedVectors(Vocab(["berlin", "paris"]), np.eye(2, 3))
    for ask in (kv.get_vector, kv.most_similar, lambda w: kv.similarity("paris", w), lambda w: kv[["paris", w]]):
        with pytest.raises(WordNotFoundError, match="'berlim'.*berlin"):
            ask("berlim")
    with pytest.raises(KeyError):
        kv[17]


def test_most_similar_is_the_cosine_ranking(kv):
    scores = units(kv) @ units(kv)[3]
    expected = ranking(scores, {3})[:10]
    got = kv.most_similar("w3")
    assert [kv.get_index(word) for word, _ in got] == expected
    assert np.allclose([score for _, score in got], scores[expected], atol=1e-6)
    assert got == kv.similar_by_word("w3") == kv.similar_by_key("w3") == kv.most_similar(["w3"]) == kv.most_similar(3)
    assert [word for word, _ in kv.similar_by_vector(kv["w3"])[1:]] == [word for word, _ in got[:9]]


def test_most_similar_with_weights_negatives_and_limits(kv):
    target = 0.5 * units(kv)[1] + units(kv)[2] - units(kv)[3]
    scores = units(kv) @ (target / np.linalg.norm(target))
    got = kv.most_similar([("w1", 0.5), "w2"], ["w3"], topn=5)
    assert [kv.get_index(word) for word, _ in got] == ranking(scores, {1, 2, 3})[:5]
    assert np.allclose(kv.most_similar([("w1", 0.5), "w2"], ["w3"], topn=None), scores, atol=1e-6)
    first = kv.most_similar("w1", topn=3, restrict_vocab=50)
    assert all(kv.get_index(word) < 50 for word, _ in first)
    part = kv.most_similar("w1", topn=3, clip_start=100, clip_end=200)
    assert all(100 <= kv.get_index(word) < 200 for word, _ in part)
    assert kv.most_similar("w1", topn=0) == [] and len(kv.most_similar("w1", topn=10**6)) == 499
    assert kv.analogy("w1", "w2", "w3") == kv.most_similar(["w2", "w3"], ["w1"])


@pytest.mark.parametrize("method", ["most_similar", "most_similar_cosmul", "similar_by_vector", "distances"])
def test_queries_that_are_no_numbers_are_refused(kv, method):
    with pytest.raises(ParameterError, match="NaN"):
        getattr(kv, method)(np.full(kv.vector_size, np.nan, np.float32))
    with pytest.raises(ParameterError, match="NaN"):
        kv.most_similar_batch(np.array([kv["w1"], kv["w2"] * np.inf]))


def test_a_number_of_neighbours_is_whole(kv):
    for ask in (kv.most_similar, kv.most_similar_cosmul):
        with pytest.raises(ParameterError, match="topn=2.5"):
            ask("w1", topn=2.5)


def test_a_listed_word_comes_once():
    with pytest.raises(ParameterError, match="'b' comes twice"):
        KeyedVectors(["a", "b", "b"], np.eye(3))


def test_no_words_have_no_vectors(kv):
    assert kv[[]].shape == (0, kv.vector_size)


def test_batches_answer_as_single_queries_do():
    kv = random_vectors(5000, 16)
    words = [f"w{v}" for v in range(0, 5000, 7)]
    for restrict in (None, 3000):
        rows, scores = kv.most_similar_batch(words, 6, restrict_vocab=restrict, as_rows=True)
        expected = units(kv)[::7] @ units(kv)[:restrict].T
        for number, row in enumerate(range(0, 5000, 7)):
            best = ranking(expected[number], {row})[:6]
            assert rows[number].tolist() == best
            assert np.allclose(scores[number], expected[number][best], atol=1e-6)
    assert [[w for w, _ in found] for found in kv.most_similar_batch(["w5", "w6"], 3)] == [
        [w for w, _ in kv.most_similar(word, topn=3)] for word in ("w5", "w6")
    ]


def test_batches_of_vectors_keep_every_row():
    kv = random_vectors(300, 16)
    rows, scores = kv.most_similar_batch(kv.vectors[:4] * 3, 1, as_rows=True)
    assert rows.ravel().tolist() == [0, 1, 2, 3] and np.allclose(scores, 1, atol=1e-6)
    assert kv.most_similar_batch([], 3) == []
    assert len(kv.most_similar_batch(["w1"], 1000)[0]) == 299
    with pytest.raises(ParameterError, match="topn"):
        kv.most_similar_batch(["w1"], None)
    with pytest.raises(ParameterError, match="16 columns"):
        kv.most_similar_batch(np.zeros((2, 15), np.float32))


@pytest.mark.parametrize("shape", [(1, 1), (3, 64), (256, 2048), (257, 2049), (600, 130)])
def test_nearest_at_the_borders_of_its_blocks(shape):
    queries, rows = shape
    rng = np.random.default_rng(rows)
    vectors = rng.normal(size=(rows, 8)).astype(np.float32)
    asked = rng.normal(size=(queries, 8)).astype(np.float32)
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    norms = np.linalg.norm(vectors, axis=1)
    found, scores = nearest(vectors, norms, asked, 5)
    exact = (asked @ vectors.T) / norms
    assert found.shape == (queries, min(5, rows)) and len(set(found[0].tolist())) == min(5, rows)
    assert np.allclose(scores, -np.sort(-exact, axis=1)[:, :5], atol=1e-6)
    assert np.allclose(np.take_along_axis(exact, found, 1), scores, atol=1e-6)


def test_zero_vectors_have_no_neighbours_but_do_no_harm():
    vectors = np.array([[1, 0], [0, 0], [1, 1]], np.float32)
    kv = KeyedVectors(Vocab(["a", "zero", "b"]), vectors)
    assert kv.most_similar("a") == [("b", pytest.approx(0.5**0.5)), ("zero", 0.0)]
    assert kv.similarity("a", "zero") == 0
    assert [score for _, score in kv.most_similar("zero")] == [0, 0]


def test_norms_are_computed_once_and_again_on_request(kv):
    assert np.allclose(kv.norms, np.linalg.norm(kv.vectors, axis=1)) and kv.norms is kv.norms
    kv.vectors *= 2
    kv.fill_norms(force=True)
    assert np.allclose(kv.norms, np.linalg.norm(kv.vectors, axis=1))
    assert np.allclose(np.linalg.norm(kv.get_normed_vectors(), axis=1), 1)
    assert np.allclose(kv.get_vector("w1", norm=True), units(kv)[1])


def test_distances_and_ranks(kv):
    cosines = units(kv) @ units(kv)[2]
    assert kv.similarity("w2", "w9") == pytest.approx(cosines[9], abs=1e-6)
    assert kv.distance("w2", "w9") == pytest.approx(1 - cosines[9], abs=1e-6)
    assert np.allclose(kv.distances("w2"), 1 - cosines, atol=1e-6)
    assert np.allclose(kv.distances(kv["w2"], ["w4", "w8"]), 1 - cosines[[4, 8]], atol=1e-6)
    order = ranking(cosines, {2})
    assert kv.rank("w2", kv.index_to_key[order[4]]) == 5
    assert {kv.get_index(word) for word in kv.closer_than("w2", kv.index_to_key[order[4]])} == set(order[:4])
    assert kv.most_similar_to_given("w2", ["w1", f"w{order[0]}", "w5"]) == f"w{order[0]}"
    assert np.allclose(kv.cosine_similarities(kv["w2"], kv.vectors), cosines, atol=1e-6)


def test_means_and_outliers():
    vectors = np.array([[1, 0.1], [1, 0], [1, -0.1], [-1, 0.2]], np.float32)
    kv = KeyedVectors(Vocab(["a", "b", "c", "odd"]), vectors)
    assert kv.doesnt_match(["a", "b", "odd", "c", "unknown"]) == "odd"
    assert np.allclose(kv.get_mean_vector(["a", "c"], pre_normalize=False), [1, 0])
    assert np.allclose(kv.get_mean_vector(["a", "odd"], [3, -1], pre_normalize=False), [1, 0.025])
    assert kv.n_similarity(["a", "c"], ["b"]) == pytest.approx(1)
    mean, outlier = kv.get_mean_vector, kv.doesnt_match
    for call, arguments in ((mean, ([],)), (mean, (["a"], [1, 2])), (outlier, (["?"],))):
        with pytest.raises(ParameterError):
            call(*arguments)
    with pytest.raises(WordNotFoundError):
        kv.get_mean_vector(["a", "nope"], ignore_missing=False)


def test_cosmul_is_a_product_of_shifted_cosines(kv):
    shifted = (1 + units(kv) @ units(kv)[:4].T) / 2
    scores = shifted[:, 1] * shifted[:, 2] / (shifted[:, 3] + 1e-6)
    got = kv.most_similar_cosmul(["w1", "w2"], ["w3"], topn=4)
    assert [kv.get_index(word) for word, _ in got] == ranking(scores, {1, 2, 3})[:4]
    assert np.allclose([score for _, score in got], -np.sort(-np.delete(scores, [1, 2, 3]))[:4], rtol=1e-5)


def test_words_outside_the_vocabulary_answer_through_subwords():
    class Constant(Subwords):
        def vector(self, word):
            return np.full(20, len(word), np.float32)

    plain = random_vectors()
    kv = KeyedVectors(plain.vocab, plain.vectors, Constant(NGrams(3, 6, 1), np.zeros((1, 20), np.float32)))
    assert "unseen" not in kv and kv["unseen"].tolist() == [6] * 20
    assert kv.most_similar("unseen") == kv.similar_by_vector(kv["unseen"] / np.linalg.norm(kv["unseen"]))
    assert kv.similarity("unseen", "longer word") == pytest.approx(1)


def test_parts_that_do_not_fit_are_refused():
    vocab = Vocab(["a", "b"])
    for shape in ((3, 4), (2,), (2, 0)):
        with pytest.raises(ParameterError, match="2 words"):
            KeyedVectors(vocab, np.zeros(shape, np.float32))
    assert KeyedVectors(vocab, np.zeros((2, 3))).vectors.dtype == np.float32
    with pytest.raises(FastembedError):
        KeyedVectors(vocab, np.ones((2, 3))).similar_by_vector([1, 2])


@pytest.mark.parametrize("rows", [[["x"], ["y"]], [[1], [1, 2]], [[1j], [2j]]])
def test_vectors_are_real_numbers_and_words_str(rows):
    with pytest.raises(ParameterError, match="no matrix of real numbers"):
        KeyedVectors(["a", "b"], rows)
    with pytest.raises(ParameterError, match="a word is int, 1: words are str"):
        KeyedVectors(["a", 1], np.eye(2))


@pytest.mark.parametrize("key", [None, 1.5, {}, slice(2), -1])
def test_what_is_no_key(kv, key):
    assert key not in kv
    if key != {}:  # an empty collection of keys
        with pytest.raises(WordNotFoundError, match="neither a word nor a row"):
            kv[key]
    with pytest.raises(WordNotFoundError, match="neither a word nor a row"):
        kv.get_vector(key)


@pytest.mark.parametrize("end", [-1, 2.5, "x"])
def test_impossible_limits_of_a_search(kv, end):
    for method in (kv.most_similar, kv.most_similar_batch, kv.most_similar_cosmul):
        with pytest.raises(ParameterError, match="restrict_vocab="):
            method(["w1"], restrict_vocab=end)
        assert method(["w1"], restrict_vocab=0) == method(["w1"])


def test_weights_are_finite(kv):
    with pytest.raises(ParameterError, match="one finite weight"):
        kv.most_similar([("w1", float("nan"))])


def test_read_only_vectors_are_enough():
    plain = random_vectors()
    plain.vectors.setflags(write=False)
    kv = KeyedVectors(plain.vocab, plain.vectors)
    assert kv.vectors is plain.vectors and kv.most_similar("w1") and kv.most_similar_batch(["w1"])


def test_gensim_agrees():
    gensim = pytest.importorskip("gensim.models", reason="compares with gensim, which is not installed")
    kv = random_vectors(2000, 25)
    other = gensim.KeyedVectors(25)
    other.add_vectors(kv.index_to_key, kv.vectors)
    calls = [
        ("most_similar", ("w5",)),
        ("most_similar", (["w5", ("w8", 2.0)], ["w7"], 20)),
        ("most_similar", ("w5", None, 5, 10, 900)),
        ("most_similar_cosmul", (["w5", "w8"], ["w7"])),
        ("similar_by_vector", (kv.vectors[9] + 1,)),
        ("rank_by_centrality", (["w1", "w2", "w3", "w4"],)),
    ]
    for name, arguments in calls:
        ours, theirs = getattr(kv, name)(*arguments), getattr(other, name)(*arguments)
        texts = [[x for x in pair if isinstance(x, str)] for pair in ours]
        assert texts == [[x for x in pair if isinstance(x, str)] for pair in theirs], name
        numbers = [[x for x in pair if not isinstance(x, str)] for pair in ours]
        assert np.allclose(numbers, [[x for x in pair if not isinstance(x, str)] for pair in theirs], atol=1e-6), name
    for name, arguments in [
        ("similarity", ("w1", "w2")), ("distance", ("w1", "w2")), ("rank", ("w1", "w2")), ("distances", ("w1",)),
        ("n_similarity", (["w1", "w2"], ["w3"])), ("closer_than", ("w1", "w2")),
        ("doesnt_match", (["w1", "w2", "w3"],)), ("get_index", ("w9",)),
        ("get_mean_vector", (["w1", "w2", "nope"], [1.0, 2.0, 3.0])), ("get_normed_vectors", ()),
        ("most_similar_to_given", ("w1", ["w2", "w3"])),
    ]:  # fmt: skip
        ours, theirs = getattr(kv, name)(*arguments), getattr(other, name)(*arguments)
        close = isinstance(ours, (str, list)) or np.allclose(ours, theirs, atol=1e-6)
        assert ours == theirs if isinstance(ours, (str, list)) else close, name


def test_the_example_is_true():
    assert doctest.testmod(vectors).failed == 0 and doctest.testmod(vectors).attempted


def test_words_may_be_a_list(tmp_path):
    kv = KeyedVectors(["a", "b"], [[1, 2], [3, 4]])
    assert kv.most_similar("a")[0][0] == "b"
    kv.save(tmp_path / "kv.safetensors")
    assert KeyedVectors.load(tmp_path / "kv.safetensors").index_to_key == ["a", "b"]


def test_vectors_that_are_no_numbers_are_no_neighbours(monkeypatch):
    rows = np.float32([[1, np.nan], [1, 2], [2, 1], [np.nan, np.nan], [np.inf, 1]])
    kv = KeyedVectors(list("abcde"), rows)
    for few in (256, 0):  # the two ways to find the best
        monkeypatch.setattr(vectors, "_FEW", few)
        for topn in (1, 3, 10):
            found = [kv.most_similar("b", topn=topn), kv.most_similar_cosmul("b", topn=topn)]
            found += [kv.most_similar(kv["b"], topn=topn + 1)[1:], *kv.most_similar_batch(["b"], topn)]
            assert [[word for word, _ in answer] for answer in found] == [["c"]] * 4
    for ask in (kv.most_similar, kv.most_similar_cosmul, kv.most_similar_batch):
        with pytest.raises(ParameterError, match="asked for holds NaN or infinity"):
            ask(["a"])
