"""fe.report.explorer: a page that stands alone, holds any word, and whose neighbours are nearly the exact ones."""

import base64
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from command import assert_refused, done, run

import fastembed as fe

STRANGE = [
    "</script>", "<b>bold</b>", "<!--", "]]>", "\"quoted\" 'word'", "a\\b", "&amp;", "\u2028", "\x00\x01", "曹操",
    "$data", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "__proto__", "😀" * 50, "x" * 5000,
]  # fmt: skip


class Page(HTMLParser):
    """The elements of a page, and the text of its scripts, title and headings."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(path.read_text(encoding="utf-8"))
        self.data = json.loads(self.texts[self.tags.index("script")])

    def handle_starttag(self, tag, attributes):
        assert not {"src", "href", "onerror"} & set(dict(attributes))
        self.tags.append(tag)
        self.texts.append("")

    def handle_data(self, data):
        if self.texts:
            self.texts[-1] += data

    @property
    def vectors(self):
        rows = np.frombuffer(base64.b64decode(self.data["rows"]), np.int8)
        return fe.KeyedVectors(self.data["words"], rows.reshape(-1, self.data["dim"]).astype(np.float32))


def random_vectors(words, dim=20):
    vectors = np.random.default_rng(3).standard_normal((len(words), dim)).astype(np.float32)
    return fe.KeyedVectors(fe.Vocab(words, np.arange(len(words), 0, -1)), vectors)


def numbered(count, dim=100):
    return random_vectors([f"w{i}" for i in range(count)], dim)


def test_neighbours_in_the_page_are_nearly_the_exact_ones(tmp_path):
    exact = numbered(2000)
    page = Page(fe.report.explorer(exact, tmp_path / "page.html", words=1500)).vectors
    assert page.index_to_key == exact.index_to_key[:1500]
    rows, cosines = page.most_similar_batch(page.index_to_key, 10, as_rows=True)
    wanted, _ = exact.most_similar_batch(page.index_to_key, 10, 1500, as_rows=True)
    directions = exact.get_normed_vectors()
    assert np.abs(np.einsum("qd,qkd->qk", directions[:1500], directions[rows]) - cosines).max() < 0.005
    assert np.mean([len(set(a) & set(b)) for a, b in zip(rows, wanted, strict=True)]) > 9.5


def test_the_script_answers_as_most_similar_does(tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node to run the page's script")
    path = fe.report.explorer(numbered(60), tmp_path / "page.html")
    command = [node, str(Path(__file__).with_name("explorer.js")), str(path)]
    said = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    vectors = Page(path).vectors
    words = vectors.index_to_key
    for found, word in zip(said["neighbours"], words, strict=True):
        assert_same(found, vectors.most_similar(word))
    for found, *three in zip(said["analogies"], words, words[1:], words[2:], strict=False):
        assert_same(found, vectors.analogy(*three))
    assert (said["folded"], said["unknown"]) == (7, None)


def assert_same(found, wanted):
    assert [word for word, _ in found] == [word for word, _ in wanted]
    assert [cosine for _, cosine in found] == pytest.approx([cosine for _, cosine in wanted], abs=1e-5)


def test_strange_words_and_titles_do_not_break_the_page(tmp_path):
    plain = Page(fe.report.explorer(numbered(3), tmp_path / "plain.html"))
    page = Page(fe.report.explorer(random_vectors(STRANGE), tmp_path / "page.html", title="$a <b> </title>"))
    assert page.data["words"] == STRANGE
    assert page.tags == plain.tags
    assert page.tags.count("script") == 2
    assert page.texts[page.tags.index("h1")].strip().splitlines()[0] == "$a <b> </title>"


def test_half_a_surrogate_is_replaced(tmp_path):
    assert Page(fe.report.explorer(random_vectors(["a\ud800", "b"]), tmp_path / "page.html")).data["words"][0] == "a?"


def test_the_page_needs_no_network(tmp_path):
    text = fe.report.explorer(numbered(5), tmp_path / "page.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    assert not re.search(r"https?:|//cdn|@import|url\(|\bimport\b|fetch\(", text)
    assert "innerHTML" not in text


def test_the_map_has_the_shape_of_the_first_two_components(tmp_path):
    kv = random_vectors(["a", "b", "c", "d", "e", "f"], 3)
    data = Page(fe.report.explorer(kv, tmp_path / "page.html")).data
    points = np.stack([data["x"], data["y"]], 1) / 1e4
    wanted = fe.report.layout.pca(kv.get_normed_vectors())
    assert min(*data["x"], *data["y"]) == 0
    apart, exact = (np.linalg.norm(p[:, None] - p[None], axis=2) for p in (points, wanted))
    assert np.allclose(apart / apart.max(), exact / exact.max(), atol=1e-3)


@pytest.mark.parametrize("vectors", [np.zeros((1, 4)), np.ones((3, 1)), np.zeros((4, 2)), np.eye(2)])
def test_few_or_equal_vectors(tmp_path, vectors):
    kv = fe.KeyedVectors([f"w{i}" for i in range(len(vectors))], vectors.astype(np.float32))
    data = Page(fe.report.explorer(kv, tmp_path / "page.html")).data
    assert len(data["x"]) == len(data["y"]) == len(vectors)


def test_listed_words_once_each_and_made_of_n_grams(tmp_path):
    model = fe.FastText(dim=8, min_count=1, epochs=1, bucket=100, sample=0).fit(["here and there"] * 20, verbose=0)
    page = Page(fe.report.explorer(model, tmp_path / "page.html", words=["there", "where", "there"]))
    assert page.data["words"] == ["there", "where"]
    assert page.vectors.similarity("there", "where") == pytest.approx(model.wv.similarity("there", "where"), abs=0.02)
    plain = Page(fe.report.explorer(numbered(5), tmp_path / "page.html", words=["w3", "none"]))
    assert plain.data["words"] == ["w3"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"words": 0}, "words=0: give a whole number"),
        ({"words": True}, "words=True"),
        ({"words": "w1"}, "words='w1'"),
        ({"words": [1, 2]}, r"words=\[1, 2\]"),
        ({"words": 2.5}, "words=2.5"),
        ({"words": ["none"]}, "none of the 1 words has a vector"),
        ({"path": "page.svg"}, r"page.svg: the name of a page must end in \.html"),
    ],
)
def test_impossible_pages_are_refused(folder, given, message):
    with pytest.raises(fe.errors.FastembedError, match=message):
        fe.report.explorer(numbered(5), **{"path": "page.html"} | given)
    assert [path.name for path in folder.iterdir()] == ["text.txt"]


def test_pages_are_bounded(tmp_path):
    many = fe.KeyedVectors([str(i) for i in range(50_001)], np.ones((50_001, 1), np.float32))
    wide = fe.KeyedVectors(["a", "b"], np.ones((2, (1 << 23) + 1), np.float32))
    for kv, most in ((many, "50,000"), (wide, "1")):
        with pytest.raises(fe.errors.ParameterError, match=f"holds at most {most} of them"):
            fe.report.explorer(kv, tmp_path / "page.html", words=len(kv))


def test_vectors_that_cannot_be_explored(tmp_path):
    kv = numbered(5)
    kv.vectors[3, 1] = np.nan
    with pytest.raises(fe.errors.ParameterError, match="'w3'.*NaN"):
        fe.report.explorer(kv, tmp_path / "page.html")
    with pytest.raises(fe.errors.ParameterError, match="dict has no word vectors"):
        fe.report.explorer({}, tmp_path / "page.html")
    with pytest.raises(fe.errors.NotFittedError):
        fe.report.explorer(fe.SkipGram(), tmp_path / "page.html")


def test_an_old_page_stays_if_writing_fails(tmp_path, monkeypatch):
    path = fe.report.explorer(numbered(5), tmp_path / "page.html")
    before = path.read_bytes()
    monkeypatch.setattr("os.fsync", lambda handle: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        fe.report.explorer(numbered(6), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_explore_writes_a_page_of_any_file_of_vectors(folder):
    kv = random_vectors(["曹操", "刘备", "孙权"])
    kv.save("v.bin")
    assert "wrote explorer.html: 3 words x 20" in done(run("explore", "v.bin"))
    page = Page(folder / "explorer.html")
    assert page.data["words"] == kv.index_to_key
    assert page.texts[page.tags.index("h1")].strip() == "v.bin"
    done(run("explore", "v.bin", "-o", "p.html", "--words", "2", "--title", "三国"))
    assert (len(Page(folder / "p.html").data["words"]), "三国" in (folder / "p.html").read_text("utf-8")) == (2, True)


def test_explore_refuses_what_it_cannot_show(folder):
    fe.NGramLM(order=2).fit(["a b", "b a"], verbose=0).save("lm.fe")
    for name, out, code, *parts in (
        ("lm.fe", "p.html", 1, "lm.fe", "no word vectors"),
        ("none.fe", "p.html", 1, "none.fe"),
        ("lm.fe", "p.txt", 2, "p.txt", ".html"),
        ("lm.fe", "nowhere/p.html", 1, "nowhere", "no such folder"),
    ):
        assert_refused(run("explore", name, "-o", out), code, *parts)
