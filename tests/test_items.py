import os

import pytest

import fastembed as fe
from fastembed import ingest
from fastembed.errors import CorpusError, ParameterError


def test_tokens_may_hold_anything():
    lists = [["New York", "a\nb", "", "\t"], [], ["世界", "a\nb"]]
    encoded = fe.Corpus(lists).encode()
    assert [encoded.vocab.words[n] for n in encoded.ids] == ["New York", "a\nb", "\t", "世界", "a\nb"]
    assert encoded.offsets.tolist() == [0, 3, 5]


def test_nul_and_lone_surrogates_in_tokens():
    encoded = fe.Corpus([["a\0b", "c\ud800"]]).encode()
    assert encoded.vocab.words == ["a\ufffdb", "c\ufffd\ufffd\ufffd"] and encoded.replaced == 4
    with pytest.raises(CorpusError, match="item 0: a token is not valid Unicode"):
        fe.Corpus([["c\ud800"]], errors="strict").encode()
    for items in (["c\ud800"], ["a", "b\n", "c\ud800"]):
        with pytest.raises(CorpusError, match=f"the list, item {len(items) - 1} is not valid Unicode"):
            fe.Corpus(items, errors="strict").encode()


def test_many_items_cross_blocks(monkeypatch):
    monkeypatch.setattr(ingest, "BLOCK", 1002)
    lists = [[f"word{n % 100}", "x" * (n % 50 + 1)] for n in range(20_000)]
    encoded = fe.Corpus(iter(lists)).encode()
    assert [encoded.vocab.words[n] for n in encoded.ids] == [word for item in lists for word in item]
    assert encoded.offsets.tolist() == list(range(0, 40_001, 2))


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (["a", 3], r"item 1 \(from 0\) is of type int, not str"),
        ([None], r"item 0 .* NoneType"),
        ([b"a"], r"item 0 .* bytes"),
        ([["a"], "b"], r"item 1 .* str, not a list of str"),
        ([["a"], ["b", 5]], r"item 1: token 1 is of type int, not str"),
        ([["a"], [None]], r"item 1: token 0 is of type NoneType"),
    ],
)
def test_wrong_items_are_named(items, message):
    with pytest.raises(CorpusError, match=message):
        fe.Corpus(items).encode()


def test_a_generator_given_twice():
    generator = (line for line in ["a b", "c"])
    assert len(fe.Corpus(generator).encode().ids) == 3
    with pytest.raises(CorpusError, match="the generator gave no items.*only once"):
        fe.Corpus(generator).encode()


def test_a_generator_that_fails_midway(tmp_path, monkeypatch):
    monkeypatch.setattr(ingest, "MEMORY", 10)

    def sentences():
        for _ in range(100_000):
            yield "a b c"
        raise OSError(5, "out of paper")

    with pytest.raises(OSError, match="out of paper") as caught:
        fe.Corpus(sentences(), cache_dir=tmp_path).encode()
    assert not isinstance(caught.value, CorpusError)
    assert os.listdir(tmp_path) == []


class Dataset:
    """Looks like a Hugging Face dataset."""

    def __init__(self, **columns):
        self.columns_ = columns
        self.column_names = list(columns)

    def iter(self, batch_size):
        for first in range(0, len(next(iter(self.columns_.values()))), batch_size):
            yield {name: column[first : first + batch_size] for name, column in self.columns_.items()}

    def __iter__(self):
        raise AssertionError("row by row is slow")


def test_rows_with_columns():
    rows = [{"text": "a b", "label": 1}, {"text": "c", "label": 0}]
    assert fe.Corpus(rows).encode().vocab.words == ["a", "b", "c"]
    assert fe.Corpus([{"body": "a"}]).encode().vocab.words == ["a"]
    assert fe.Corpus([{"x": "a", "y": "b"}], column="y").encode().vocab.words == ["b"]
    with pytest.raises(ParameterError, match="column=None: choose one of x, y"):
        fe.Corpus([{"x": "a", "y": "b"}]).encode()
    with pytest.raises(CorpusError, match="item 1 .* has no column 'text'"):
        fe.Corpus([{"text": "a"}, {"body": "b"}]).encode()


def test_dataset_objects():
    dataset = Dataset(text=[f"w{n}" for n in range(2500)], label=[0] * 2500)
    assert len(fe.Corpus(dataset).encode().vocab) == 2500
    with pytest.raises(ParameterError, match="choose one of train, test"):
        fe.Corpus({"train": dataset, "test": dataset})


def test_tokens_and_a_tokenizer():
    with pytest.raises(ParameterError, match="token lists already"):
        fe.Corpus([["a"]], tokenizer="words").encode()
