import os
import tempfile
import time

import numpy as np
import pytest

import fastembed as fe
from fastembed import ingest, sources
from fastembed.errors import CorpusError


def test_a_line_of_100_megabytes(tmp_path):
    path = tmp_path / "line"
    with open(path, "wb") as file:
        for _ in range(10):
            file.write(b"one two three four " * 526_316)
    encoded = fe.Corpus(path, threads=2).encode()
    assert path.stat().st_size > 100_000_000 and len(encoded.ids) == 4 * 10 * 526_316
    assert encoded.offsets.tolist() == [0, len(encoded.ids)]
    assert encoded.vocab.counts.tolist() == [5_263_160] * 4


def test_blocks_cover_the_text_once_and_end_at_white_space(tmp_path, monkeypatch):
    monkeypatch.setattr(ingest, "BLOCK", 64)
    text = b"".join(b"%d%s" % (n, b"\n" if n % 7 == 0 else b" ") for n in range(2000))
    (tmp_path / "text").write_bytes(text)
    blocks = ingest.Blocks(sources.resolve(tmp_path / "text"), False)
    buffer, pieces = np.zeros(100 + ingest.core.TEXT_PAD, np.uint8), []
    while (block := blocks.fill(buffer)) is not None:
        number, first, last, _, offset = block
        pieces.append(bytes(buffer[first:last]))
        assert number == len(pieces) - 1 and pieces[-1][-1:] in b" \n"
        assert text[offset + first : offset + last] == pieces[-1][: len(text) - offset - first]
    assert b"".join(pieces) == text + b"\n" and len(pieces) > 80
    assert blocks.consumed == len(text)


def test_the_first_error_is_reported_by_any_number_of_threads(tmp_path, monkeypatch):
    monkeypatch.setattr(ingest, "BLOCK", 2000)
    text = bytearray(b"word " * 100_000)
    for at in (400_003, 70_001, 250_002, 71_111):
        text[at] = 0xE4
    (tmp_path / "text").write_bytes(text)
    for _ in range(5):
        with pytest.raises(CorpusError, match=r"is not UTF-8 \(byte 0xe4\) at offset 70001$"):
            fe.Corpus(tmp_path / "text", threads=4, errors="strict").encode()


@pytest.mark.parametrize("threads", [1, 3])
def test_a_file_that_grows_while_it_is_read(tmp_path, threads):
    path = tmp_path / "text"
    path.write_text("word " * 500_000)

    def progress(_done, _total):
        with open(path, "a") as file:
            file.write("more ")

    class Slow(ingest.core.Encoder):
        def encode(self, first, last):
            time.sleep(0.02)
            return super().encode(first, last)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(CorpusError, match="text changed while it was read"):
        patch.setattr(ingest.core, "Encoder", Slow)
        patch.setattr(ingest, "BLOCK", 1 << 16)
        fe.Corpus(path, threads=threads).encode(progress)


@pytest.mark.parametrize("limit", [1, 5_000, 70_000])
def test_many_threads_leave_memory_for_files(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(ingest, "BLOCK", 1 << 12)
    words = [f"w{n * n % 997}" for n in range(100_000)]
    (tmp_path / "text").write_text(" ".join(words))
    want = fe.Corpus(tmp_path / "text", threads=1).encode()
    monkeypatch.setattr(ingest, "MEMORY", limit)
    for _ in range(5):
        encoded = fe.Corpus(tmp_path / "text", threads=8).encode()
        assert isinstance(encoded.ids, np.memmap) and np.array_equal(encoded.ids, want.ids)
        assert [encoded.vocab.words[number] for number in encoded.ids[:100]] == words[:100]


def test_a_disk_that_fills_up_under_many_threads(tmp_path, monkeypatch):
    monkeypatch.setattr(ingest, "BLOCK", 1 << 12)
    monkeypatch.setattr(ingest, "MEMORY", 20_000)
    (tmp_path / "text").write_text("word " * 100_000)

    def full(_file, _array):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ingest, "_write", full)
    with pytest.raises(CorpusError, match="cannot be written to .*: No space left on device"):
        fe.Corpus(tmp_path / "text", threads=8).encode()


@pytest.mark.parametrize("threads", [1, 2])
def test_progress_reaches_the_size_of_the_files(tmp_path, threads):
    (tmp_path / "text").write_text("word " * 500_000)
    seen = []
    fe.Corpus([tmp_path / "text"] * 2, threads=threads).encode(lambda done, total: seen.append((done, total)))
    assert seen[-1] == (5_000_000, 5_000_000) and seen == sorted(seen)


def test_an_error_in_progress_stops_the_run(tmp_path):
    (tmp_path / "text").write_text("word " * 5_000_000)

    def progress(_done, _total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fe.Corpus(tmp_path / "text").encode(progress)


def open_files_in(folder):
    links = [os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
    return [target for link in links if os.path.lexists(link) for target in [os.readlink(link)] if folder in target]


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_temporary_files_have_no_name_and_are_closed(tmp_path, monkeypatch):
    monkeypatch.setattr(ingest, "MEMORY", 100)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    encoded = fe.Corpus(["a b c"] * 1000).encode()
    assert os.listdir(tmp_path) == [] and isinstance(encoded.ids, np.memmap) and len(encoded.ids) == 3000
    assert len(open_files_in(str(tmp_path))) == 2  # a map keeps its file
    del encoded
    assert open_files_in(str(tmp_path)) == []
