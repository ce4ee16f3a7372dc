import io
import logging
import random
from collections import Counter

import numpy as np
import pytest

import fastembed as fe
from fastembed import ingest
from fastembed.errors import CorpusError, ParameterError

TEXT = "the cat sat on the mat\n\n the dog\tsat  on\r\nthe log\nnaïve 世界 the\n"


def reference(text):
    """(words by rank, counts, ids, offsets) of a text by plain Python."""
    separators = str.maketrans(dict.fromkeys("\t\v\f\r", " "))
    sentences = [[w for w in line.translate(separators).split(" ") if w] for line in text.split("\n")]
    sentences = [sentence for sentence in sentences if sentence]
    counts = Counter(word for sentence in sentences for word in sentence)
    words = sorted(counts, key=lambda word: (-counts[word], word.encode()))
    index = {word: number for number, word in enumerate(words)}
    ids = [index[word] for sentence in sentences for word in sentence]
    return words, [counts[word] for word in words], ids, np.cumsum([0] + [len(s) for s in sentences]).tolist()


def found(encoded):
    return encoded.vocab.words, encoded.vocab.counts.tolist(), encoded.ids.tolist(), encoded.offsets.tolist()


def random_text(seed, size=60_000):
    draw = random.Random(seed)
    alphabet = "abcdefgÄß世界é"
    words = [
        "".join(draw.choices(alphabet, k=draw.choice([1, 2, 3, 5, 8, 9, 15, 16, 17, 31, 40]))) for _ in range(3000)
    ]
    gaps = [" "] * 20 + ["  ", "\n", "\n\n", "\t", " \r\n", "\v", "\f "]
    return "".join(draw.choice(words) + draw.choice(gaps) for _ in range(size))


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("block", [1100, 65536, 1 << 18])
def test_file_equals_reference(tmp_path, monkeypatch, threads, block):
    monkeypatch.setattr(ingest, "BLOCK", block)
    text = random_text(block)
    path = tmp_path / "text.txt"
    path.write_text(text, encoding="utf-8", newline="")
    assert found(fe.Corpus(path, threads=threads).encode()) == reference(text)


def test_small_things(tmp_path):
    for number, text in enumerate(["a", "a\n", "\n\n a", "a b", " \n a\n b \n\n"]):
        path = tmp_path / f"{number}.txt"
        path.write_text(text)
        assert found(fe.Corpus(path).encode()) == reference(text)


def test_file_objects_and_iterables():
    want = reference(TEXT)
    assert found(fe.Corpus(io.BytesIO(TEXT.encode())).encode()) == want
    assert found(fe.Corpus(io.StringIO(TEXT)).encode()) == want
    assert found(fe.Corpus(TEXT.split("\n")).encode()) == want
    assert found(fe.Corpus(line for line in TEXT.split("\n")).encode()) == want
    assert found(fe.Corpus([line.split() for line in TEXT.split("\n")]).encode()) == want


def test_encode_is_done_once_and_results_are_read_only():
    corpus = fe.Corpus(iter(["a b", "c"]))
    encoded = corpus.encode()
    assert corpus.encode() is encoded
    assert not encoded.ids.flags.writeable and not encoded.offsets.flags.writeable
    assert encoded.ids.dtype == np.int32 and encoded.offsets.dtype == np.int64


def test_invalid_utf8_is_replaced_and_counted(tmp_path, caplog):
    path = tmp_path / "bad.txt"
    path.write_bytes(b"caf\xff ok caf\xff \xe4\xb8 caf\xef\xbf\xbd ok")
    with caplog.at_level(logging.WARNING, "fastembed"):
        encoded = fe.Corpus(path).encode()
    assert encoded.vocab.words == ["caf\ufffd", "ok", "\ufffd"] and encoded.vocab.counts.tolist() == [3, 2, 1]
    assert encoded.replaced == 3
    assert sum("3 invalid UTF-8" in record.message for record in caplog.records) == 1
    with pytest.raises(CorpusError, match=r"bad.txt .*offset 3"):
        fe.Corpus(path, errors="strict").encode()


def test_over_long_words_are_dropped_and_counted(tmp_path, caplog):
    path = tmp_path / "long.txt"
    path.write_bytes(b"a " + b"x" * 10_000_000 + b" b\n" + b"y" * 1001 + b" c " + b"z" * 1000)
    encoded = fe.Corpus(path).encode()
    assert sorted(encoded.vocab.words) == sorted(["a", "b", "c", "z" * 1000])
    assert encoded.dropped == 2 and encoded.offsets.tolist() == [0, 2, 4]
    assert "2 words longer than max_word_bytes=1000 were left out; if it has no spaces, the tokenizer" in caplog.text
    assert len(fe.Corpus(path, max_word_bytes=20_000_000).encode().vocab) == 6


def test_the_whole_of_a_corpus_has_longer_words(tmp_path):
    path, words = tmp_path / "long.txt", ["a", "b", "x" * 5000]
    path.write_text("\n".join(words))
    for text in (path, words):
        read, unread = fe.Corpus(text), fe.Corpus(text)
        assert read.encode().dropped == 1
        assert read.whole().encode().vocab.words == unread.whole().encode().vocab.words == words
        assert unread.whole() is unread.whole() is unread.whole().whole() and unread.encode().dropped == 1
    once = fe.Corpus(word for word in words)
    assert once.encode().dropped == 1 and once.whole() is once, "what was read once cannot be read again"
    assert fe.Corpus(word for word in words).whole().encode().vocab.words == words
    limited, short = fe.Corpus(path, max_word_bytes=1000), fe.Corpus(words[:2])
    short.encode()
    assert limited.whole() is limited and short.whole() is short


def test_empty_corpora_name_the_file(tmp_path):
    (tmp_path / "empty").write_bytes(b" \n \n")
    with pytest.raises(CorpusError, match="empty holds no words: an empty corpus"):
        fe.Corpus(tmp_path / "empty").encode()
    with pytest.raises(CorpusError, match="the list gave no items"):
        fe.Corpus([]).encode()


def test_large_corpora_go_to_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(ingest, "MEMORY", 1000)
    text = random_text(1)
    path = tmp_path / "text.txt"
    path.write_text(text, encoding="utf-8", newline="")
    encoded = fe.Corpus(path, threads=2).encode()
    assert isinstance(encoded.ids, np.memmap)
    assert found(encoded) == reference(text)


@pytest.mark.parametrize("bad", [{"errors": "ignore"}, {"max_word_bytes": 0}, {"threads": 0}, {"tokenizer": "none"}])
def test_bad_parameters(bad):
    with pytest.raises(ParameterError, match=next(iter(bad))):
        fe.Corpus(["a"], **bad)
