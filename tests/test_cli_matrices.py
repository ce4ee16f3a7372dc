"""The verbs that write matrices: tfidf and cooccur."""

import json

import numpy as np
import pytest
from command import LINES, assert_refused, done, run

import fastembed as fe


def test_tfidf(folder):
    sparse = pytest.importorskip("scipy.sparse")
    flags = ["--ngram-range", "1", "2", "--min-df", "2", "--max-df", "0.9", "--no-smooth-idf", "--norm", "none"]
    (folder / "stop.txt").write_text("the\nand\n", encoding="utf-8")
    output = done(run("tfidf", "text.txt", "-o", "x.npz", "-o", "x.fe", "--stop-words", "stop.txt", *flags))
    assert "wrote x.npz: 240 documents x 17 terms" in output
    options = {"ngram_range": (1, 2), "min_df": 2, "max_df": 0.9, "smooth_idf": False, "norm": None}
    wanted = fe.TfidfVectorizer(stop_words=["the", "and"], **options)
    matrix = sparse.load_npz(folder / "x.npz")
    assert (matrix != wanted.fit_transform(LINES)).nnz == 0
    terms = json.loads((folder / "x.terms.json").read_text(encoding="utf-8"))
    assert terms == wanted.get_feature_names_out().tolist()
    assert (fe.load(folder / "x.fe").transform(LINES) != matrix).nnz == 0
    assert "TfidfVectorizer" in done(run("info", "x.fe"))
    assert_refused(run("nn", "x.fe", "king"), 1, "x.fe: holds TfidfVectorizer, which has no word vectors")


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
@pytest.mark.parametrize(
    ("line", "stopped"),
    [
        ("tfidf text.txt -o x.npz", "scipy.sparse.save_npz"),
        ("cooccur text.txt -o x.npz", "scipy.sparse.save_npz"),
        ("cooccur text.txt -o x.bin", "fastembed.io.cooccurrences.write"),
        ("convert v.txt x.tsv", "fastembed.io.projector.write_text"),
    ],
)
def test_no_half_of_two_files_is_left(folder, monkeypatch, line, stopped, error):
    pytest.importorskip("scipy.sparse")
    fe.KeyedVectors(["a"], np.ones((1, 2), np.float32)).save("v.txt")
    before = sorted(folder.iterdir())

    def stop(*args, **kwargs):
        raise error

    monkeypatch.setattr(stopped, stop)
    assert run(*line.split()).exit_code == (130 if error is KeyboardInterrupt else 1)
    assert sorted(folder.iterdir()) == before


def test_tfidf_bad_use(folder):
    assert_refused(run("tfidf", "text.txt"), 2, "-o X.npz")
    assert_refused(run("tfidf", "text.txt", "-o", "x.txt"), 2, "must end in one of .npz, .fe")
    assert_refused(run("tfidf", "text.txt", "-o", "no/x.npz"), 1, "no such folder")
    assert_refused(run("tfidf", "no.txt", "-o", "x.npz"), 1, "no.txt")
    assert_refused(run("tfidf", "text.txt", "-o", "x.npz", "--min-df", "x"), 2, "'x' is no number")
    assert_refused(run("tfidf", "text.txt", "-o", "x.npz", "--min-df", "0"), 2, "min_df=0")
    assert_refused(run("tfidf", "text.txt", "-o", "x.npz", "--min-df", "999"), 2, "min_df=999")
    assert_refused(run("tfidf", "text.txt", "-o", "x.npz", "--token-pattern", "("), 2, "no regular expression")
    assert_refused(run("tfidf", "text.txt", "-o", "x.npz", "--stop-words", "no.txt"), 2, "no.txt: No such file")
    assert not list(folder.glob("x*"))


def test_cooccur(folder):
    sparse = pytest.importorskip("scipy.sparse")
    flags = ["--window", "2", "--min-count", "2", "--weighting", "flat", "--memory", "50M"]
    output = done(run("cooccur", "text.txt", "-o", "x.npz", "-o", "x.fe", "-o", "x.bin", *flags))
    wanted = fe.Cooccurrence(window=2, min_count=2, weighting="flat").fit(LINES, verbose=0)
    assert f"{len(wanted.vocab)} words x {len(wanted.vocab)} columns, {wanted.matrix.nnz} entries" in output
    assert (sparse.load_npz(folder / "x.npz") != wanted.matrix).nnz == 0
    assert json.loads((folder / "x.terms.json").read_text(encoding="utf-8")) == wanted.vocab.words
    assert (fe.load(folder / "x.fe").matrix != wanted.matrix).nnz == 0
    records = np.fromfile(folder / "x.bin", [("row", "<i4"), ("column", "<i4"), ("count", "<f8")])
    coo = wanted.matrix.tocoo()
    assert (records["row"] == coo.row + 1).all() and (records["column"] == coo.col + 1).all()
    assert (records["count"] == coo.data).all()
    assert fe.Vocab.load(folder / "x.vocab.txt").words == wanted.vocab.words
    assert "Cooccurrence" in done(run("info", "x.fe"))
    assert_refused(run("nn", "x.fe", "king"), 1, "x.fe: holds Cooccurrence, which has no word vectors")


def test_cooccur_bad_use(folder):
    assert_refused(run("cooccur", "text.txt"), 2, "-o X.npz")
    assert_refused(run("cooccur", "text.txt", "-o", "x.txt"), 2, "must end in one of .npz, .fe, .bin")
    assert_refused(run("cooccur", "text.txt", "-o", "x.npz", "--window", "0"), 2, "window=0")
    assert_refused(run("cooccur", "text.txt", "-o", "x.npz", "--memory", "much"), 2, "memory='much'")
    assert_refused(run("cooccur", "text.txt", "-o", "x.npz", "--memory", "1K"), 2, "memory of 1000 bytes")
    assert_refused(run("cooccur", "text.txt", "-o", "x.npz", "--weighting", "x"), 2, "x")
    assert_refused(run("cooccur", "text.txt", "-o", "x.npz", "--directional", "--no-symmetric"), 2, "choose one")
    assert_refused(run("cooccur", "text.txt", "-o", "x.bin", "--directional", "--min-count", "1"), 2, "V x V")
    assert not list(folder.glob("x*"))
