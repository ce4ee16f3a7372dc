"""Damaged, truncated and lying files of vectors: FormatError, or vectors that are whole; never anything else."""

import struct

import numpy as np
import pytest
from tiny_vectors import random_vectors

from fastembed import KeyedVectors, Vocab, io
from fastembed.errors import CorpusError, FormatError, MissingFileError
from fastembed.evaluate import word_pairs

FORMATS = ["safetensors", "word2vec", "word2vec-bin", "glove", "vec"]


def attempt(path, data, **options):
    """KeyedVectors that hold together, or None for FormatError; any other outcome fails the test."""
    path.write_bytes(data)
    try:
        kv = io.load(path, threads=2, **options)
    except FormatError as error:
        assert str(path) in str(error) and "\n" not in str(error) and len(str(error)) < 600
        return None
    words = kv.index_to_key
    assert kv.vectors.shape == (len(words), kv.vector_size) and len(set(words)) == len(words) > 0
    assert all(words) and kv.vectors.nbytes < 100 * len(data)
    return kv


@pytest.fixture(params=FORMATS)
def written(request, tmp_path):
    """(format, bytes of a small file, a path to write to)."""
    io.save(random_vectors(12, 6), tmp_path / "whole", request.param)
    return request.param, (tmp_path / "whole").read_bytes(), tmp_path / "damaged"


def test_a_file_cut_anywhere_is_refused(written):
    format, data, path = written
    lines = {len(line) for line in [data[: k + 1] for k in range(len(data)) if data[k] == 10]}
    for length in range(len(data)):
        if format == "glove" and length in lines:
            continue  # whole lines without a header are whole vectors
        assert attempt(path, data[:length]) is None, length


def test_flipped_bits(written):
    _, data, path = written
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(500):
        changed = bytearray(data)
        changed[rng.integers(len(data))] ^= 1 << rng.integers(8)
        refused += attempt(path, bytes(changed)) is None
    assert refused


def test_overwritten_bytes(written):
    _, data, path = written
    rng, refused = np.random.default_rng(2), 0
    pieces = [
        b"\0" * 8,
        b"\xff" * 8,
        b"9" * 8,
        b"\n",
        b" ",
        b"\n\n",
        b"-1",
        b"nan",
        b"1e99",
        b"\x00\x00\xc0\x7f",
        b"\xc3",
    ]
    for _ in range(500):
        piece = pieces[rng.integers(len(pieces))]
        place = int(rng.integers(len(data) - len(piece)))
        refused += attempt(path, data[:place] + piece + data[place + len(piece) :]) is None
        refused += attempt(path, data[:place] + piece + data[place:]) is None
    assert refused


def test_a_head_full_of_noise(written):
    _, data, path = written
    rng, refused = np.random.default_rng(3), 0
    for _ in range(200):
        noise = rng.bytes(int(rng.integers(1, 40)))
        refused += attempt(path, noise + data[len(noise) :]) is None
        refused += attempt(path, noise) is None
    assert refused


@pytest.mark.parametrize("format", ["word2vec", "word2vec-bin"])
@pytest.mark.parametrize(
    "header",
    [
        "13 6", "11 6", "12 5", "12 7", "0 6", "12 0", "0 0", "-12 6", "12 -6", "999999999999999999 6",
        "12 999999999999999999", "999999999999999999 999999999999999999", "9" * 100 + " 6", "12 6 1", "12", "1e1 6",
        "4294967308 6", "12 4294967302", "nan 6", "12.0 6", "",
    ],
)  # fmt: skip
def test_headers_that_lie(format, header, tmp_path):
    io.save(random_vectors(12, 6), tmp_path / "whole", format)
    data = (tmp_path / "whole").read_bytes()
    assert attempt(tmp_path / "damaged", header.encode() + data[data.index(b"\n") :]) is None


@pytest.mark.parametrize(
    "line, message",
    [
        ("b 1 2", "line 3: 3 columns where a word and 3 numbers"),
        ("b 1 2 3 4", "line 3: 5 columns"),
        ("b 1 x2 3", "line 3: 'x2' is not a finite number"),
        ("b 1 nan 3", "line 3: 'nan' is not"),
        ("b 1 -inf 3", "line 3: '-inf' is not"),
        ("b 1 1e39 3", "line 3: '1e39' is not"),
        ("b 1 2,5 3", "line 3: '2,5' is not"),
        ("b 1 2\x003 3", "line 3: .* is not a finite number"),
        (" 1 2 3", "line 3: the line does not begin with a word"),
        ("", "line 3: the line does not begin with a word"),
        ("a 4 5 6", "line 3: the word 'a' comes a second time"),
        (b"\xff\xfe 1 2 3", "line 3: the word is not UTF-8"),
    ],
)
def test_bad_lines_are_named(line, message, tmp_path):
    line = line if isinstance(line, bytes) else line.encode()
    (tmp_path / "file").write_bytes(b"3 3\na 1.0000 2.0000 3.0000\n" + line + b"\nc 7 8 9\n")
    with pytest.raises(FormatError, match=message):
        io.load(tmp_path / "file")
    if line != b"b 1 2 3 4":  # without a header the same line may be a word of two parts
        (tmp_path / "file").write_bytes(b"a 1.0000 2.0000 3.0000\nz 1 2 3\n" + line + b"\nc 7 8 9\n")
        with pytest.raises(FormatError, match=message):
            io.load(tmp_path / "file")


def test_the_first_bad_line_is_named_whatever_the_threads(tmp_path, monkeypatch):
    monkeypatch.setattr(io.rows, "CHUNK_BYTES", 50)
    lines = [f"w{v} 1 2 3" for v in range(400)]
    lines[77] = lines[78] = lines[300] = "bad 1 2"
    (tmp_path / "file").write_text("400 3\n" + "\n".join(lines) + "\n")
    for threads in (1, 2, 5):
        with pytest.raises(FormatError, match="line 79: 3 columns"):
            io.load(tmp_path / "file", threads=threads)


def test_repeated_words_and_bad_bytes_can_be_accepted(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"4 1\na 1\nb 2\na 3\nc\xff 4\n")
    kv = io.load(path, duplicates="first", errors="replace")
    assert kv.index_to_key == ["a", "b", "c\ufffd"] and kv.vectors.ravel().tolist() == [1, 2, 4]
    path.write_bytes(b"2 1\nc\xff 1\nc\xfe 2\n")
    with pytest.raises(FormatError, match="second time"):
        io.load(path, errors="replace")


def test_damaged_binary_rows_are_placed(tmp_path):
    def binary(*rows):
        return b"%d 2\n" % len(rows) + b"".join(word + b" " + struct.pack("<2f", *v) + b"\n" for word, v in rows)

    path = tmp_path / "file"
    for rows, message in [
        ([(b"a", (1, 2)), (b"", (1, 2))], "byte 15: row 1: no word"),
        ([(b"a", (1, 2)), (b"x\ny", (1, 2))], "byte 15: row 1: a word with a newline"),
        ([(b"a", (1, 2)), (b"b", (1, float("nan")))], "byte 17: row 1 holds NaN"),
        ([(b"a", (1, 2)), (b"a", (1, 2))], "byte 15: the word 'a' comes a second time"),
        ([(b"a", (1, 2)), (b"\xc3", (1, 2))], "byte 15: the word is not UTF-8"),
    ]:
        path.write_bytes(binary(*rows))
        with pytest.raises(FormatError, match=message):
            io.load(path)
    path.write_bytes(binary((b"a", (1, 2))) + b"more")
    with pytest.raises(FormatError, match="4 bytes follow"):
        io.load(path)


@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "empty"),
        (b"\n", "no format"),
        (b"just some words of text\n", "no format"),
        (b"\x00" * 100, "no format"),
        (struct.pack("<ii", 793712314, 12) + bytes(100), "byte 8: the parameter dim is 0"),
        (struct.pack("<ii", 793712314, 13) + bytes(100), "later version 13"),
        (b"PK\x03\x04" + bytes(30), "zip"),
        (b"\x80\x04\x95" + bytes(30), "pickle"),
        (b"\x28\xb5\x2f\xfd" + bytes(30), "zstd"),
        (b"\x1f\x8b" + bytes(30), "damaged archive"),
        (b"BZh9" + bytes(30), "damaged archive"),
        (b"\xfd7zXZ\x00" + bytes(30), "damaged archive"),
    ],
)
def test_other_files_are_recognised(data, message, tmp_path):
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(FormatError, match=message):
        io.load(tmp_path / "file")


def test_folders_and_missing_files(tmp_path):
    with pytest.raises(FormatError, match="folder"):
        io.load(tmp_path)
    for read in (
        io.load,
        KeyedVectors.load,
        Vocab.load,
        io.read_conllu,
        lambda path: word_pairs(random_vectors(), path),
    ):
        with pytest.raises(MissingFileError, match="there is no file .*nothing here") as found:
            read(tmp_path / "nothing here")
        assert isinstance(found.value, FileNotFoundError) and not isinstance(found.value, CorpusError)


def test_a_line_without_an_end_takes_no_time(tmp_path, monkeypatch):
    monkeypatch.setattr(io.rows, "CHUNK_BYTES", 16)  # a search per chunk would be quadratic
    (tmp_path / "file").write_bytes(b"1 2\na 1 " + b"2" * 3_000_000 + b"\n")
    with pytest.raises(FormatError, match="line 2.*is not a finite number"):
        io.load(tmp_path / "file")


def test_many_equal_beginnings_do_not_slow_down_the_search_for_repeats(tmp_path):
    words = [b"%s%d" % (b"\x00" * 64, v) for v in range(20000)]
    (tmp_path / "file").write_bytes(b"20000 1\n" + b"".join(word + b" 1\n" for word in words))
    assert len(io.load(tmp_path / "file")) == 20000
