"""floret's tables: there and back, what floret writes, and files that lie."""

import numpy as np
import pytest

import fastembed as fe
from fastembed import io
from fastembed.errors import FormatError, ParameterError
from fastembed.subwords import NGrams, Subwords
from fastembed.vectors import KeyedVectors
from fastembed.vocab import Vocab

WORDS = ["cat", "cats", "mät", "北京人", "antidisestablishmentarianism"]


def table(bucket=30, dim=4, hash_count=2):
    """KeyedVectors without words over a random table of n-gram rows."""
    rows = np.random.default_rng(0).uniform(-1, 1, (bucket, dim)).astype(np.float32)
    return KeyedVectors(Vocab([]), np.zeros((0, dim), np.float32), Subwords(NGrams(2, 4, bucket, hash_count), rows))


@pytest.mark.parametrize("hash_count", [1, 4])
def test_there_and_back(hash_count, tmp_path):
    kv, path = table(hash_count=hash_count), tmp_path / "file without an extension"
    kv.save(path, format="floret")
    for again in (fe.load(path), fe.load(path, format="floret"), KeyedVectors.load(path)):
        assert len(again) == 0 and "cat" not in again and again.subwords.ngrams == kv.subwords.ngrams
        for word in WORDS:
            assert (again[word] == kv[word]).all()
        assert again.similarity("cat", "cats") == kv.similarity("cat", "cats")
        assert again.most_similar("cat") == []
    io.save(again, tmp_path / "again.floret")
    assert (tmp_path / "again.floret").read_bytes() == path.read_bytes()


def test_tables_of_floret_are_read(tmp_path):
    floret = pytest.importorskip("floret", reason="floret is not installed")
    (tmp_path / "text").write_text("the cat sat on the mat\n" * 500)
    settings = {"dim": 4, "minCount": 1, "bucket": 50, "thread": 1, "epoch": 5, "verbose": 0, "minn": 2, "maxn": 4}
    theirs = floret.train_unsupervised(str(tmp_path / "text"), mode="floret", hashCount=3, **settings)
    theirs.save_floret_vectors(str(tmp_path / "m.floret"))
    ours = fe.load(tmp_path / "m.floret")
    for word in WORDS:
        np.testing.assert_allclose(ours[word], theirs.get_word_vector(word), rtol=1e-3, atol=1e-7)


def test_only_tables_without_words_are_written_without_words(tmp_path):
    with pytest.raises(ParameterError, match="no vectors to save"):
        io.save(table(), tmp_path / "m.txt")
    with pytest.raises(ParameterError, match="hash_count"):
        io.save(KeyedVectors(Vocab([]), np.zeros((0, 3), np.float32)), tmp_path / "m.floret")
    assert not list(tmp_path.iterdir())


LIES = {
    "more rows than lines": (b"31 4 2 4 2 2166136261 < >", "line 1: the header says 31"),
    "fewer rows than lines": (b"29 4 2 4 2 2166136261 < >", "line 1: the header says 29"),
    "no rows": (b"0 4 2 4 2 2166136261 < >", "line 1"),
    "more rows than a file can hold": (b"9999999999 4 2 4 2 2166136261 < >", "line 1"),
    "longer rows": (b"30 5 2 4 2 2166136261 < >", "line 2: 5 columns"),
    "rows longer than the file": (b"30 9999999999 2 4 2 2166136261 < >", "do not fit"),
    "rows of nothing": (b"30 0 2 4 2 2166136261 < >", "line 1"),
    "n-grams longer than the longest": (b"30 4 5 4 2 2166136261 < >", "line 1.*minn=5"),
    "no n-grams": (b"30 4 0 0 2 2166136261 < >", "line 1.*hash_count"),
    "five hashes": (b"30 4 2 4 5 2166136261 < >", "line 1.*hash_count=5"),
    "no hash": (b"30 4 2 4 0 2166136261 < >", "line 1"),
    "another seed": (b"30 4 2 4 2 7 < >", "line 1.*seed 7"),
    "other ends of words": (b"30 4 2 4 2 2166136261 [ ]", "line 1"),
}


@pytest.mark.parametrize("header, message", LIES.values(), ids=LIES)
def test_headers_that_lie(header, message, tmp_path):
    table().save(tmp_path / "m.floret")
    _, _, lines = (tmp_path / "m.floret").read_bytes().partition(b"\n")
    (tmp_path / "x.floret").write_bytes(header + b"\n" + lines)
    with pytest.raises(FormatError, match=message):
        fe.load(tmp_path / "x.floret")


@pytest.mark.parametrize("name", [b"8", b"07", b"x", b"30"])
def test_rows_out_of_order_are_named(name, tmp_path):
    table().save(tmp_path / "m.floret")
    lines = (tmp_path / "m.floret").read_bytes().split(b"\n")
    lines[8] = name + lines[8][1:]
    (tmp_path / "x.floret").write_bytes(b"\n".join(lines))
    with pytest.raises(FormatError, match=r"line (9|10): (row 7|the word '8')"):
        fe.load(tmp_path / "x.floret")


def test_a_table_named_without_a_header_is_refused(tmp_path):
    (tmp_path / "x").write_text("cat 1 2\ndog 3 4\n")
    with pytest.raises(FormatError, match="line 1: floret's first line"):
        fe.load(tmp_path / "x", format="floret")


def test_damaged_tables(tmp_path):
    """Cut files are refused; with other bytes in them, refused or whole."""
    table().save(tmp_path / "m.floret")
    whole, path, random = (tmp_path / "m.floret").read_bytes(), tmp_path / "x.floret", np.random.default_rng(1)
    pieces = [b"\0", b"\xff", b"9" * 8, b"\n", b" ", b"-1", b"nan", b"1e99"]
    refused = 0
    for turn in range(600):
        where, piece = int(random.integers(len(whole))), pieces[turn % len(pieces)]
        path.write_bytes(whole[:where] if turn % 2 else whole[:where] + piece + whole[where + len(piece) :])
        try:
            kv = fe.load(path, threads=2)
        except FormatError as error:
            refused += 1
            assert str(path) in str(error) and "\n" not in str(error)
        else:
            assert turn % 2 == 0 and np.isfinite(kv["cats"]).all() if kv.subwords else len(kv)
    assert refused > 300
