import bz2
import gzip
import io
import lzma
import os
import threading
from pathlib import Path

import numpy as np
import pytest

import fastembed as fe
from fastembed import sources
from fastembed.errors import CorpusError, MissingFileError, ParameterError

TEXT = "the cat sat on the mat\nthe dog\n" * 500


def words_of(source, **options):
    encoded = fe.Corpus(source, **options).encode()
    return [encoded.vocab.words[number] for number in encoded.ids]


def zstd(data):
    return pytest.importorskip("zstandard").ZstdCompressor(write_checksum=True).compress(data)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstd])
@pytest.mark.parametrize("name", ["text.txt", "text.gz"])
def test_packed_files_are_known_by_content(tmp_path, pack, name):
    (tmp_path / name).write_bytes(pack(TEXT.encode()))
    assert words_of(tmp_path / name) == TEXT.split()
    (tmp_path / name).write_bytes(pack(TEXT.encode()) + pack(b"more words"))  # two members, one after the other
    assert words_of(tmp_path / name) == TEXT.split() + ["more", "words"]
    assert words_of(io.BytesIO(pack(TEXT.encode()))) == TEXT.split()


def test_plain_text_called_gz(tmp_path):
    (tmp_path / "text.gz").write_text(TEXT)
    assert words_of(tmp_path / "text.gz") == TEXT.split()


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstd])
def test_truncated_and_damaged_files(tmp_path, pack):
    path, packed = tmp_path / "text", pack(os.urandom(30_000).hex(" ").encode())
    for keep in (20, len(packed) // 2, len(packed) - 1):
        path.write_bytes(packed[:keep])
        with pytest.raises(CorpusError, match="text is truncated"):
            fe.Corpus(path).encode()
    middle = len(packed) // 2
    path.write_bytes(packed[:middle] + bytes(64) + packed[middle + 64 :])
    with pytest.raises(CorpusError, match="text is (damaged|truncated)"):
        fe.Corpus(path).encode()


def test_zstd_without_its_package(tmp_path, monkeypatch):
    import sys

    (tmp_path / "text.zst").write_bytes(b"\x28\xb5\x2f\xfd" + bytes(20))
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(CorpusError, match=r"text.zst: .*fastembed-trainer\[zstd\]"):
        fe.Corpus(tmp_path / "text.zst").encode()


def test_missing_files():
    with pytest.raises(MissingFileError, match="there is no file nope.txt"):
        fe.Corpus("nope.txt")
    with pytest.raises(FileNotFoundError, match="no file matches nope"):
        fe.Corpus("nope/*.txt")
    with pytest.raises(CorpusError, match="give a list of str"):
        fe.Corpus("the cat sat on the mat")
    with pytest.raises(CorpusError, match="^'the cat .*: File name too long; .* give a list of str$") as caught:
        fe.Corpus("the cat sat on the mat " * 1000)
    assert len(str(caught.value)) < 300
    with pytest.raises(CorpusError, match="there is no file b.txt"):
        fe.Corpus(["a.txt", "b.txt"][1:])


def test_a_directory(tmp_path):
    with pytest.raises(CorpusError, match="is a directory: give its files"):
        fe.Corpus(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"abc\0def", "a NUL byte at offset 3"),
        (gzip.compress(b"abcd\0def", mtime=0), "a NUL byte at offset 4"),
        (b"PK\x03\x04 zip", "is a ZIP archive"),
        ("utf 16".encode("utf-16"), "is UTF-16 text"),
        (b"%PDF-1.7", "is a PDF"),
    ],
)
def test_binary_files(tmp_path, content, message):
    (tmp_path / "binary").write_bytes(content)
    with pytest.raises(CorpusError, match=f"binary .*{message}"):
        fe.Corpus(tmp_path / "binary").encode()


def test_nul_after_the_head_is_replaced(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"word " * 20_000 + b"a\0b end")
    encoded = fe.Corpus(path).encode()
    assert encoded.replaced == 1 and "a\ufffdb" in encoded.vocab
    with pytest.raises(CorpusError, match="text holds a NUL byte at offset 100001"):
        fe.Corpus(path, errors="strict").encode()


def test_byte_order_mark_is_no_word(tmp_path):
    (tmp_path / "text").write_bytes(b"\xef\xbb\xbfthe cat")
    assert words_of(tmp_path / "text") == ["the", "cat"]


def test_several_files_end_sentences(tmp_path):
    for name, text in (("a.txt", "a b"), ("b.txt", "c\nd"), ("c.txt", "")):
        (tmp_path / name).write_text(text)
    for source in (str(tmp_path / "*.txt"), sorted(tmp_path.iterdir()), [str(p) for p in sorted(tmp_path.iterdir())]):
        encoded = fe.Corpus(source).encode()
        assert encoded.vocab.words == ["a", "b", "c", "d"] and encoded.offsets.tolist() == [0, 2, 3, 4]


def test_lists_of_str_are_sentences_unless_they_are_paths(tmp_path):
    assert words_of(["the cat", "sat"]) == ["the", "cat", "sat"]
    (tmp_path / "a").write_text("from a file")
    assert words_of([str(tmp_path / "a")]) == ["from", "a", "file"]
    with pytest.raises(MissingFileError, match="there is no file .*b"):
        fe.Corpus([str(tmp_path / "a"), str(tmp_path / "b")])


def test_standard_input(monkeypatch):
    class Stdin:
        buffer = io.BytesIO(TEXT.encode())

    monkeypatch.setattr("sys.stdin", Stdin)
    assert words_of("-") == TEXT.split()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_named_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=Path(tmp_path / "pipe").write_text, args=(TEXT,))
    writer.start()
    assert words_of(tmp_path / "pipe") == TEXT.split()
    writer.join()


def test_file_object_starts_where_it_stands_and_stays_open():
    file = io.BytesIO(b"skipped kept words")
    file.read(8)
    assert words_of(file) == ["kept", "words"] and not file.closed


def test_a_text_file_object_brings_its_own_encoding(tmp_path, caplog):
    (tmp_path / "text").write_bytes("世界 你好".encode("gb18030"))
    fe.Corpus(tmp_path / "text").encode()
    assert "open(path, encoding=...)" in caplog.text
    with open(tmp_path / "text", encoding="gb18030") as file:
        assert words_of(file) == ["世界", "你好"]


@pytest.mark.parametrize("change", ["longer", "shorter", "same size"])
def test_a_file_that_changes_while_it_is_read(tmp_path, change):
    path = tmp_path / "text"
    path.write_text(TEXT)
    (source,) = sources.resolve(path)
    stream = source.open()
    stream.readinto(memoryview(bytearray(10)))
    path.write_text({"longer": TEXT + "x", "shorter": "x", "same size": TEXT}[change])
    os.utime(path, ns=(1, 1))
    stream.close()
    with pytest.raises(CorpusError, match="text changed while it was read: 15500 bytes then"):
        source.check()


def test_a_file_that_changes_between_two_uses(tmp_path):
    path = tmp_path / "text"
    path.write_text(TEXT)
    corpus = fe.Corpus(path)
    encoded = corpus.encode()
    assert corpus.encode() is encoded
    path.write_text(TEXT + "more")
    with pytest.raises(CorpusError, match="text changed after it was read"):
        corpus.encode()
    path.unlink()  # a file that is gone cannot mislead anybody
    assert corpus.encode() is encoded


@pytest.mark.parametrize("source", [b"bytes", 3, None, {"a": 1}, np.array("text")])
def test_not_a_corpus(source):
    with pytest.raises(ParameterError, match="a corpus of"):
        fe.Corpus(source)


def test_a_list_of_paths_holds_nothing_else(tmp_path):
    (tmp_path / "text").write_text(TEXT)
    with pytest.raises(ParameterError, match="a list of paths holds NoneType, None: give paths alone"):
        fe.Corpus([tmp_path / "text", None])


def test_a_file_object_gives_text():
    class Numbers:
        def read(self, size):
            return size

    with pytest.raises(CorpusError, match="the file object gives int, not str or bytes"):
        fe.Corpus(Numbers()).encode()
