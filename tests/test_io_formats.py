"""Every file format: there and back, what other programs read and write, words that a format cannot hold."""

import bz2
import doctest
import gzip
import lzma
import os
import struct

import numpy as np
import pytest
from tiny_vectors import golden, random_vectors, same

from fastembed import io
from fastembed.errors import FormatError, ParameterError
from fastembed.io import rows
from fastembed.subwords import NGrams, Subwords
from fastembed.vectors import KeyedVectors
from fastembed.vocab import Vocab

READABLE = ["safetensors", "word2vec", "word2vec-bin", "glove", "vec"]


def named(word, dim=2):
    return KeyedVectors(Vocab(["fine", word]), np.ones((2, dim), np.float32))


def text_file(tmp_path, text):
    path = tmp_path / "vectors"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("format", READABLE)
@pytest.mark.parametrize("make", [golden, lambda: random_vectors(700, 13, padded=16), lambda: random_vectors(1, 1)])
def test_there_and_back(format, make, tmp_path):
    path = tmp_path / "file without an extension"
    io.save(make(), path, format)
    loaded = io.load(path)
    assert same(loaded, make())
    assert same(io.load(path, format=format), make())
    assert os.listdir(tmp_path) == [path.name]


OF_VECTORS = [(extension, format) for extension, format in io.EXTENSIONS.items() if format != "arpa"]


@pytest.mark.parametrize("extension, format", OF_VECTORS)
def test_the_extension_chooses_the_format(extension, format, tmp_path):
    kv = golden()
    if format == "floret":  # holds n-grams and nothing else
        kv.subwords = Subwords(NGrams(3, 6, 4, 1), np.ones((4, kv.vector_size), np.float32))
    io.save(kv, tmp_path / f"a{extension}")
    io.save(kv, tmp_path / "b", format)
    assert (tmp_path / f"a{extension}").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_name_of_a_file_does_not_matter_on_load(tmp_path):
    io.save(golden(), tmp_path / "a.txt", "word2vec-bin")
    assert same(KeyedVectors.load(tmp_path / "a.txt"), golden())
    golden().save(tmp_path / "a.txt", format="safetensors")
    assert same(KeyedVectors.load(str(tmp_path / "a.txt")), golden())


def test_unknown_formats_are_refused(tmp_path):
    with pytest.raises(ParameterError, match="a.doc.*safetensors"):
        io.save(golden(), tmp_path / "a.doc")
    with pytest.raises(ParameterError, match="format='doc': give one of.*word2vec"):
        io.save(golden(), tmp_path / "a.txt", format="doc")
    with pytest.raises(ParameterError, match="choose from"):
        io.load(tmp_path / "a", format="projector")
    with pytest.raises(ParameterError, match="no vectors to save"):
        io.save(KeyedVectors(Vocab([]), np.zeros((0, 3))), tmp_path / "a.txt")
    for options in ({"errors": "ignore"}, {"duplicates": "last"}, {"threads": 0}):
        with pytest.raises(ParameterError):
            io.load(tmp_path / "a", **options)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("format", ["word2vec", "word2vec-bin", "glove"])
def test_packed_files_are_unpacked(pack, format, tmp_path):
    io.save(golden(), tmp_path / "plain", format)
    packed = pack((tmp_path / "plain").read_bytes())
    assert same(io.load(text_file(tmp_path, packed)), golden())
    with pytest.raises(FormatError):
        io.load(text_file(tmp_path, packed[:-9]))


@pytest.mark.parametrize("unpack", [gzip.decompress, bz2.decompress, lzma.decompress])
@pytest.mark.parametrize("ending", [".txt", ".vec"])
def test_text_is_packed_as_the_ending_says(unpack, ending, tmp_path):
    packing = {gzip.decompress: ".gz", bz2.decompress: ".bz2", lzma.decompress: ".xz"}[unpack]
    io.save(golden(), tmp_path / f"a{ending}")
    io.save(golden(), tmp_path / f"a{ending}{packing}")
    assert unpack((tmp_path / f"a{ending}{packing}").read_bytes()) == (tmp_path / f"a{ending}").read_bytes()
    with pytest.raises(ParameterError, match="cannot tell the format"):
        io.save(golden(), tmp_path / f"a.bin{packing}")


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("chunk", [1, 7, 100, 1000])
def test_lines_across_chunk_borders(chunk, threads, monkeypatch, tmp_path):
    kv = random_vectors(200, 7)
    for format in ("word2vec", "glove"):
        io.save(kv, tmp_path / format, format)
        monkeypatch.setattr(rows, "CHUNK_BYTES", chunk)
        assert same(io.load(tmp_path / format, threads=threads), kv)


def test_writing_in_small_batches_gives_the_same_file(monkeypatch, tmp_path):
    kv = random_vectors(1000, 7)
    io.save(kv, tmp_path / "a.txt")
    monkeypatch.setattr(rows, "_BATCH_BYTES", 3000)
    monkeypatch.setattr(rows, "_PART_ROWS", 3)
    io.save(kv, tmp_path / "b.txt")
    assert (tmp_path / "a.txt").read_bytes() == (tmp_path / "b.txt").read_bytes()


def test_text_as_other_programs_write_it(tmp_path):
    expected = KeyedVectors(Vocab(["a", "b"]), np.array([[1, -2.5], [0.001, 3]], np.float32))
    for text in (
        "2 2\na 1 -2.5\nb 0.001 3\n",
        "2 2\na 1.000000 -2.500000 \nb 0.001000 3.000000 \n",  # word2vec.c, fastText: a blank at the end
        "2 2\r\na 1 -2.5\r\nb 1e-3 3\r\n",
        "2\t2\na\t1\t-2.5\nb\t1E-03\t+3\n",
        "a 1 -2.5\nb .001 3.\n",
    ):
        assert same(io.load(text_file(tmp_path, text)), expected)


def test_glove_words_with_spaces(tmp_path):
    text = "the 0.5 0.25 1\n. . . 1 2 3\nat name@domain.com 4 5 6\n1 2 7 8 9\n\u00a0x 1 1 1\n"
    kv = io.load(text_file(tmp_path, text))
    assert kv.index_to_key == ["the", ". . .", "at name@domain.com", "1 2", "\u00a0x"]
    assert kv["1 2"].tolist() == [7, 8, 9] and kv[". . ."].tolist() == [1, 2, 3]
    io.save(kv, tmp_path / "b", "glove")
    assert same(io.load(tmp_path / "b"), kv)


def test_binary_with_and_without_newlines(tmp_path):
    rows = [("a", (1.0, 2.0)), ("b\u00e9", (3.0, -4.0)), ("c", (0.5, 32.0))]
    for newline in (b"", b"\n"):
        data = b"3 2\n" + b"".join(w.encode() + b" " + struct.pack("<2f", *v) + newline for w, v in rows)
        kv = io.load(text_file(tmp_path, data))
        assert kv.index_to_key == ["a", "b\u00e9", "c"] and kv.vectors.tolist() == [list(v) for _, v in rows]


@pytest.mark.parametrize(
    "format, words",
    {
        "safetensors": ["", "\ud800"],
        "word2vec": ["a b", "a\tb", "a\nb", "a\rb", " ", "", "\ud800"],
        "vec": ["a b", "a\nb", "", "\ud800"],
        "word2vec-bin": ["a b", "a\nb", "", "\ud800"],
        "glove": ["a\nb", " a", "a ", "\ta", "a\r", "", "a\udfff"],
        "fasttext": ["", "\0", "\udfff"],
        "projector": ["a\tb", "a\nb", "a\rb", "", "\ud800"],
    }.items(),
)
def test_words_that_a_format_cannot_hold(format, words, tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    for word in words:
        with pytest.raises(ParameterError) as caught:
            io.save(named(word), path, format)
        assert repr(word) in str(caught.value) and format in str(caught.value) and "row 1" in str(caught.value)
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("format", [*READABLE, "projector"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none_are_not_written(format, value, tmp_path):
    kv = random_vectors(20, 3)
    kv.vectors[11, 1] = value
    with pytest.raises(ParameterError, match="'w11'.*NaN or infinity"):
        io.save(kv, tmp_path / "file", format)
    assert os.listdir(tmp_path) == []


def test_projector_files(tmp_path):
    io.save(golden(), tmp_path / "vectors.tsv")
    numbers = [line.split("\t") for line in (tmp_path / "vectors.tsv").read_text().splitlines()]
    assert np.array_equal(np.array(numbers, np.float32), golden().vectors)
    assert (tmp_path / "metadata.tsv").read_text(encoding="utf-8") == "".join(f"{w}\n" for w in golden().index_to_key)
    io.save(golden(), tmp_path / "mine.tsv")
    assert (tmp_path / "mine_metadata.tsv").exists()


def test_projector_files_are_not_taken_for_words_that_are_numbers(tmp_path):
    io.save(golden(), tmp_path / "vectors.tsv")
    with pytest.raises(FormatError, match="without words"):
        io.load(tmp_path / "vectors.tsv")
    (tmp_path / "years.txt").write_text("1984 0.5 1\n1985 1 0.25\n")
    assert io.load(tmp_path / "years.txt").index_to_key == ["1984", "1985"]


def test_gensim_reads_ours_and_we_read_gensims(tmp_path):
    gensim = pytest.importorskip("gensim.models", reason="compares with gensim, which is not installed")
    for kv in (golden(), random_vectors(300, 9, padded=16)):
        for format, binary in (("word2vec", False), ("word2vec-bin", True), ("vec", False)):
            io.save(kv, tmp_path / "ours", format)
            theirs = gensim.KeyedVectors.load_word2vec_format(str(tmp_path / "ours"), binary=binary)
            assert same(theirs, kv)
            theirs.save_word2vec_format(str(tmp_path / "theirs"), binary=binary)
            assert same(io.load(tmp_path / "theirs"), kv)
        io.save(kv, tmp_path / "ours", "glove")
        assert same(gensim.KeyedVectors.load_word2vec_format(str(tmp_path / "ours"), no_header=True), kv)


def test_the_example_is_true(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(io).failed == 0 and doctest.testmod(io).attempted
