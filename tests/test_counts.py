"""CountVectorizer and TfidfVectorizer: scikit-learn's results, in any number of threads, in one call or in many."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from text_samples import documents

import fastembed as fe
from fastembed.errors import CorpusError, FormatError, NotFittedError, ParameterError
from fastembed.io import native

TEXT = [
    "The cat sat on the mat. A cat!",
    "",
    "dogs & cats: don't 42 x_y  é à Émile ÇA",
    "  \n\t the  the the",
    "Straße ΣΑΣ İstanbul 中文 字 ok",
    "the dog sat",
]
COUNTS = [
    {},
    {"lowercase": False},
    {"ngram_range": (1, 2)},
    {"ngram_range": (2, 3)},
    {"analyzer": "char", "ngram_range": (1, 3)},
    {"analyzer": "char_wb", "ngram_range": (1, 4)},
    {"analyzer": "char_wb", "ngram_range": (3, 6), "lowercase": False},
    {"min_df": 2},
    {"min_df": 0.1, "max_df": 0.5},
    {"max_df": 12},
    {"max_features": 5},
    {"max_features": 7, "binary": True, "ngram_range": (1, 2)},
    {"max_features": 4, "min_df": 2, "dtype": np.float32},
    {"binary": True},
    {"stop_words": ["the", "on", "été"], "ngram_range": (1, 2)},
    {"stop_words": "english"},
    {"stop_words": ["the"], "token_pattern": "[a-z]+", "ngram_range": (1, 2)},
    {"token_pattern": r"(?u)\b\w+\b"},
    {"token_pattern": r"\S+", "ngram_range": (1, 2)},
    {"token_pattern": r"[a-z]+(\w)"},
    {"token_pattern": r"\w*"},
    {"token_pattern": r"[^,]+", "ngram_range": (1, 2)},
    {"strip_accents": "unicode"},
    {"strip_accents": "ascii", "analyzer": "char_wb", "ngram_range": (2, 3)},
    {"strip_accents": "unicode", "lowercase": False},
    {"strip_accents": lambda text: text.replace("é", "e")},
    {"tokenizer": str.split, "token_pattern": None},
    {"preprocessor": str.upper, "stop_words": ["THE"]},
    {"analyzer": str.split},
    {"dtype": np.float32},
    {"dtype": np.uint8},
    {"vocabulary": ["the", "cat", "zzz", "the cat"], "ngram_range": (1, 2)},
    {"vocabulary": {"cat": 1, "the": 0}},
    {"vocabulary": {"the", "cat", "Straße"}},
]
WEIGHTS = [
    {},
    {"norm": "l1"},
    {"norm": None},
    {"use_idf": False},
    {"smooth_idf": False},
    {"sublinear_tf": True, "ngram_range": (1, 2)},
    {"sublinear_tf": True, "binary": True},
    {"dtype": np.float32},
    {"min_df": 2, "max_features": 6},
    {"vocabulary": ["the", "cat", "zzz"]},
    {"analyzer": "char_wb", "ngram_range": (2, 4)},
]
CASES = [("CountVectorizer", case) for case in COUNTS] + [("TfidfVectorizer", case) for case in WEIGHTS]


@pytest.fixture
def theirs():
    return pytest.importorskip("sklearn.feature_extraction.text", reason="scikit-learn is not installed")


def same(ours, other):
    """Whether two matrices are the same to 1e-12 (float32: 1e-6), ours with sorted indices and no duplicates."""
    other = other.copy()
    other.sort_indices()
    tolerance = 1e-6 if other.dtype == np.float32 else 1e-12
    return (
        type(ours) is type(other)
        and (ours.shape, ours.dtype, ours.indices.dtype) == (other.shape, other.dtype, other.indices.dtype)
        and np.array_equal(ours.indptr, other.indptr)
        and np.array_equal(ours.indices, other.indices)
        and np.allclose(ours.data, other.data, rtol=tolerance, atol=tolerance)
    )


@pytest.mark.parametrize(("name", "case"), CASES)
@pytest.mark.parametrize("seed", [None, 1, 2])
def test_the_same_as_scikit_learn(theirs, name, case, seed):
    texts = TEXT if seed is None else documents(seed)
    other, ours = getattr(theirs, name)(**case), getattr(fe, name)(**case, threads=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = other.fit_transform(texts)
    assert same(ours.fit_transform(texts), wanted)
    assert ours.get_feature_names_out().tolist() == other.get_feature_names_out().tolist()
    assert ours.vocabulary_ == other.vocabulary_
    if name == "TfidfVectorizer" and ours.use_idf:
        assert np.allclose(ours.idf_, other.idf_, rtol=1e-6) and ours.idf_.dtype == other.idf_.dtype
    for more in (texts, [*documents(9), "nothing of this is known"]):
        assert same(ours.transform(more), other.transform(more))
    mine, back = ours.inverse_transform(wanted), other.inverse_transform(wanted)
    assert [sorted(row) for row in mine] == [sorted(row) for row in back]


@pytest.mark.parametrize("kind", [fe.CountVectorizer, fe.TfidfVectorizer])
@pytest.mark.parametrize("ngrams", [(1, 1), (1, 2)])
def test_any_number_of_threads(kind, ngrams, monkeypatch):
    monkeypatch.setattr("fastembed.models.counting.BLOCK", 500)
    texts = documents(3, 300)
    one = kind(ngram_range=ngrams, min_df=2, threads=1)
    wanted = one.fit_transform(texts)
    for threads in (2, 7):
        model = kind(ngram_range=ngrams, min_df=2, threads=threads)
        assert same(model.fit_transform(texts), wanted) and model.vocabulary_ == one.vocabulary_
        assert same(model.transform(texts), wanted)


@pytest.mark.parametrize("kind", [fe.CountVectorizer, fe.TfidfVectorizer])
@pytest.mark.parametrize(
    "case", [{}, {"min_df": 3, "max_df": 0.5}, {"max_features": 20}, {"vocabulary": ["cat", "the"]}]
)
def test_in_parts_as_at_once(kind, case):
    texts = documents(4, 90)
    whole, parts = kind(**case).fit(texts), kind(**case)
    for first in range(0, len(texts), 25):
        assert parts.partial_fit(iter(texts[first : first + 25])) is parts
    assert parts.vocabulary_ == whole.vocabulary_
    assert same(parts.transform(texts), whole.transform(texts))


def test_more_may_follow_a_fit_and_a_saved_file(tmp_path):
    texts = documents(5, 60)
    model = fe.TfidfVectorizer(min_df=2).fit(texts[:30])
    model.save(tmp_path / "m.fe")
    wanted = fe.TfidfVectorizer(min_df=2).fit(texts)
    for part in (model, fe.load(tmp_path / "m.fe")):
        assert same(part.partial_fit(texts[30:]).transform(texts), wanted.transform(texts))


def test_limits_apply_when_all_has_been_seen():
    model = fe.CountVectorizer(min_df=2).partial_fit(["one two", "three"])
    with pytest.raises(CorpusError, match="none of 3 terms"):
        model.transform(["one"])
    assert model.partial_fit(["two four"]).get_feature_names_out().tolist() == ["two"]


def test_lines_of_a_corpus(tmp_path):
    lines = [" ".join(text.split()) for text in documents(6)]
    path = tmp_path / "text.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    texts = [line for line in lines if line]
    wanted = fe.CountVectorizer().fit_transform(texts)
    assert same(fe.CountVectorizer().fit_transform(fe.Corpus(path)), wanted)
    assert same(fe.CountVectorizer().fit(texts).transform(fe.Corpus(path)), wanted)


def test_generators_arrays_and_series():
    texts = documents(7)
    wanted = fe.CountVectorizer().fit_transform(texts)
    assert same(fe.CountVectorizer().fit_transform(text for text in texts), wanted)
    assert same(fe.CountVectorizer().fit_transform(np.array(texts, object)), wanted)
    assert same(fe.CountVectorizer().fit_transform(np.array(texts)), wanted)


def test_nothing_to_transform():
    model = fe.CountVectorizer().fit(TEXT)
    assert model.transform([]).shape == (0, len(model.vocabulary_))
    assert model.transform(["", "zzz"]).nnz == 0


@pytest.mark.parametrize("kind", [fe.CountVectorizer, fe.TfidfVectorizer])
@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("one str", "are one str: give a list"),
        (b"bytes", "are one bytes: give a list"),
        (5, "are int: give a list"),
        (["fine", None], r"document 1 \(from 0\) is NoneType, None: documents are str"),
        ([b"bytes"], "document 0 .* is bytes"),
        ([float("nan")], "document 0 .* is float, nan"),
        ([["a", "list"]], "document 0 .* is list"),
        ([], "empty vocabulary"),
        (["", "a"], "empty vocabulary"),
    ],
)
def test_what_are_no_documents(kind, source, message):
    with pytest.raises(CorpusError, match=message) as caught:
        kind().fit_transform(source)
    assert isinstance(caught.value, ValueError) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ({"min_df": 0}, "min_df=0"),
        ({"min_df": 1.5}, "min_df=1.5: give a whole number of at least 1 or a share"),
        ({"max_df": -0.1}, "max_df=-0.1"),
        ({"max_df": True}, "max_df=True"),
        ({"max_df": "1"}, "max_df='1'"),
        ({"ngram_range": (2, 1)}, r"ngram_range=\(2, 1\): give two whole numbers"),
        ({"ngram_range": (0, 1)}, "ngram_range"),
        ({"ngram_range": [1, 2]}, "ngram_range"),
        ({"ngram_range": 2}, "ngram_range"),
        ({"analyzer": "words"}, "analyzer='words': give 'word' or 'char' or 'char_wb' or a function"),
        ({"strip_accents": "latin"}, "strip_accents='latin'"),
        ({"stop_words": "german"}, "stop_words='german': give 'english' or a collection of str"),
        ({"stop_words": [1]}, "stop_words"),
        ({"token_pattern": "("}, r"token_pattern='\(' is no regular expression: missing \)"),
        ({"token_pattern": b"a"}, "token_pattern"),
        ({"max_features": 0}, "max_features=0"),
        ({"tokenizer": "split"}, "tokenizer='split': give a function"),
        ({"dtype": "text"}, "dtype='text'"),
        ({"dtype": complex}, "dtype"),
        ({"vocabulary": "cat"}, "vocabulary='cat'"),
        ({"vocabulary": 3}, "vocabulary=3"),
    ],
)
def test_impossible_parameters(case, message):
    with pytest.raises(ParameterError, match=message) as caught:
        fe.CountVectorizer(**case)
    assert isinstance(caught.value, ValueError) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ({"min_df": 5, "max_df": 2}, "max_df=2 allows fewer of the 6 documents than min_df=5"),
        ({"max_df": 0.1}, "max_df=0.1 allows fewer"),
        ({"min_df": 6}, "none of 18 terms remains"),
        ({"token_pattern": "(a)(b)"}, "at most 1 capturing group"),
        ({"token_pattern": None}, "token_pattern=None"),
        ({"vocabulary": []}, "empty vocabulary"),
        ({"vocabulary": ["a", "b", "a"]}, "'a' comes twice"),
        ({"vocabulary": {"a": 0, "b": 2}}, "the numbers from 0, each once"),
        ({"vocabulary": {"a": 0, "b": 0}}, "the numbers from 0, each once"),
        ({"tokenizer": lambda text: text}, "the tokenizer returned one str"),
        ({"analyzer": len}, "the analyzer returned one int, 30, where"),
        ({"analyzer": lambda text: [1]}, "the analyzer returned 1 among its tokens"),
        ({"preprocessor": len}, "the preprocessor returned int"),
    ],
)
def test_what_turns_out_to_be_impossible(case, message):
    model = fe.CountVectorizer(**case)
    with pytest.raises(ValueError, match=message):
        model.fit(TEXT)
    with pytest.raises(ValueError):
        model.transform(TEXT)


def test_a_failed_fit_changes_nothing():
    model = fe.TfidfVectorizer(threads=2).fit(TEXT)
    before = model.transform(TEXT)

    def broken():
        yield from TEXT
        raise OSError("the disk has gone")

    for call in (model.fit, model.fit_transform, model.partial_fit):
        with pytest.raises(OSError, match="the disk has gone"):
            call(broken())
        with pytest.raises(CorpusError):
            call([*TEXT, 3])
    assert same(model.transform(TEXT), before)


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_of_the_users_function_comes_through(threads, monkeypatch):
    monkeypatch.setattr("fastembed.models.counting.BLOCK", 20)

    def tokenizer(text):
        if "dog" in text:
            raise KeyError("no dogs")
        return text.split()

    model = fe.CountVectorizer(tokenizer=tokenizer, threads=threads)
    with pytest.raises(KeyError, match="no dogs"):
        model.fit(["the cat sat on the mat"] * 50 + ["the dog"] + ["more"] * 50)
    with pytest.raises(NotFittedError):
        model.transform(["the cat"])


@pytest.mark.parametrize("kind", [fe.CountVectorizer, fe.TfidfVectorizer])
def test_not_fitted(kind):
    model = kind()
    for ask in (lambda: model.transform(TEXT), lambda: model.vocabulary_, model.get_feature_names_out):
        with pytest.raises(NotFittedError, match="fit"):
            ask()


def test_a_given_vocabulary_needs_no_fit_for_counts_but_for_idf():
    assert fe.CountVectorizer(vocabulary=["cat", "the"]).transform(["the the cat"]).toarray().tolist() == [[1, 2]]
    model = fe.TfidfVectorizer(vocabulary=["cat", "the"])
    with pytest.raises(NotFittedError, match="no idf"):
        model.transform(["the cat"])
    model.idf_ = [1, 3]
    model.norm = None
    assert model.transform(["the the cat"]).toarray().tolist() == [[1, 6]]
    with pytest.raises(ParameterError, match="2 numbers"):
        model.idf_ = [1]
    with pytest.raises(NotFittedError, match="use_idf=False"):
        fe.TfidfVectorizer(use_idf=False).fit(TEXT).idf_  # noqa: B018


def test_in_scikit_learns_pipeline_and_search(theirs):
    pipeline = pytest.importorskip("sklearn.pipeline")
    search = pytest.importorskip("sklearn.model_selection")
    bayes = pytest.importorskip("sklearn.naive_bayes")
    texts, labels = ["good film", "bad film", "very good", "so bad"] * 5, [1, 0, 1, 0] * 5
    steps = pipeline.make_pipeline(fe.TfidfVectorizer(), bayes.MultinomialNB())
    grid = search.GridSearchCV(steps, {"tfidfvectorizer__ngram_range": [(1, 1), (1, 2)]}, cv=2).fit(texts, labels)
    assert grid.predict(["good", "bad"]).tolist() == [1, 0]
    assert list(grid.best_estimator_[:-1].get_feature_names_out())[0] == "bad"


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies(copied):
    model = fe.TfidfVectorizer(min_df=2).fit(documents(8))
    model.transform(TEXT)
    again = copied(model)
    assert same(again.transform(TEXT), model.transform(TEXT))
    assert same(again.partial_fit(TEXT).transform(TEXT), model.partial_fit(TEXT).transform(TEXT))


@pytest.mark.parametrize(
    "case",
    [
        {},
        {"ngram_range": (1, 2), "stop_words": ["the"], "dtype": np.float32, "min_df": 2},
        {"stop_words": frozenset(["cat"]), "norm": None},
        {"vocabulary": ["zzz", "cat", "İ"], "smooth_idf": False},
        {"vocabulary": {"cat": 1, "the": 0}},
        {"analyzer": "char", "max_features": 30},
        {"token_pattern": r"\w*"},
    ],
)
def test_saved_and_loaded(case, tmp_path):
    model = fe.TfidfVectorizer(**case).fit(documents(9))
    model.save(tmp_path / "m.fe")
    again = fe.load(tmp_path / "m.fe")
    assert same(again.transform(TEXT), model.transform(TEXT))
    assert again.vocabulary_ == model.vocabulary_ and again.ngram_range == model.ngram_range


def test_lone_surrogates_survive_a_file(tmp_path):
    model = fe.CountVectorizer(analyzer="char").fit(["a\udc80b\0"])
    model.save(tmp_path / "m.fe")
    assert fe.load(tmp_path / "m.fe").vocabulary_ == {"\0": 0, "a": 1, "b": 2, "\udc80": 3} == model.vocabulary_


def test_functions_are_not_saved(tmp_path):
    model = fe.CountVectorizer(tokenizer=str.split).fit(TEXT)
    with pytest.raises(ParameterError, match="tokenizer=.*: a model with a function of yours cannot be saved"):
        model.save(tmp_path / "m.fe")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "change",
    [
        {"terms.blob": np.frombuffer(b"\xff" * 6, np.uint8)},
        {"terms.offsets": np.array([0, 3, 2, 6])},
        {"terms.offsets": np.array([0, 2, 4, 7])},
        {"terms.offsets": np.zeros(0, np.int64)},
        {"terms.counts": np.array([1, 1])},
        {"terms.counts": np.array([1, -1, 1])},
        {"terms.documents": np.array([1, 1, 9])},
        {"terms.rows": np.array([-1])},
        {"terms.blob": np.frombuffer(b"aaaabb", np.uint8)},
        {"columns": np.array([0, 1, 3], np.int32)},
        {"columns": np.array([0, 0, 1], np.int32)},
        {"columns": np.array([-1, 0, 1], np.int32)},
        {"columns": np.array([0, 1, 2], np.int64)},
        {"columns": np.zeros(0, np.int32)},
        {"idf": np.ones(4)},
        {"idf": np.full(3, np.nan)},
        {"idf": np.ones(3, np.float32)},
    ],
)
def test_hostile_files(change, tmp_path):
    tensors, meta = fe.TfidfVectorizer().fit(["aa bb cc", "aa"]).to_native()
    native.write(tmp_path / "m.fe", tensors | change, meta)
    with pytest.raises(FormatError, match=r"m\.fe"):
        fe.load(tmp_path / "m.fe")
