import heapq

import numpy as np
import pytest

from fastembed import Vocab
from fastembed.errors import FormatError, ParameterError, WordNotFoundError


def zipf(size, seed=0):
    draw = np.random.default_rng(seed)
    return np.sort(draw.zipf(1.2, size).clip(max=10**9))[::-1]


def vocab_of(counts):
    return Vocab([f"w{number}" for number in range(len(counts))], counts)


def test_words_and_blob_are_two_views_of_one_thing():
    words = ["the", "世界", "naïve", "a b"]
    vocab = Vocab(words, [4, 3, 2, 1])
    again = Vocab((vocab.blob, vocab.offsets), vocab.counts)
    assert again.words == words and again.index == vocab.index == dict(zip(words, range(4), strict=True))
    assert bytes(vocab.blob).decode() == "".join(words)
    assert len(again) == 4 and "世界" in again and "cat" not in again and 3 not in again
    assert again["naïve"] == 2 and again.total == 10 and list(again) == words


def test_unknown_words_are_answered_with_similar_ones():
    vocab = Vocab(["house", "mouse", "Paris"], [3, 2, 1])
    with pytest.raises(WordNotFoundError, match="'hause' is not among the 3 words .* similar: house"):
        vocab["hause"]
    with pytest.raises(KeyError, match="similar: Paris"):
        vocab["paris"]
    with pytest.raises(WordNotFoundError, match="not int"):
        vocab[3]
    with pytest.raises(WordNotFoundError, match="not list"):
        vocab[["a"]]


def test_numbering():
    vocab = Vocab(["a", "b", "世界", "w" * 17], [4, 3, 2, 1])
    texts = ["b a\tb", "", "c 世界 \ud800", "\n", "w" * 17 + " " + "w" * 18, "a " * 70]
    for copies, threads in ((1, 1), (2000, 3)):
        ids, offsets = vocab.number(texts * copies, threads)
        assert ids.tolist() == [1, 0, 1, -1, 2, -1, 3, -1, *[0] * 70] * copies and ids.dtype == np.int32
        assert np.diff(offsets).tolist() == [3, 0, 3, 0, 2, 70] * copies and offsets.dtype == np.int64
    ids, offsets = vocab.number([])
    assert len(ids) == 0 and offsets.tolist() == [0]


def test_pruned_is_a_prefix():
    vocab = vocab_of([9, 5, 5, 2, 1])
    assert vocab.pruned(5).words == ["w0", "w1", "w2"] and vocab.pruned(5).counts.tolist() == [9, 5, 5]
    assert len(vocab.pruned(6)) == 1 and len(vocab.pruned(10)) == 0 and len(vocab.pruned()) == 5
    assert vocab.pruned(1, 2).words == ["w0", "w1"] and len(vocab.pruned(5, 100)) == 3
    for bad in ({"min_count": -1}, {"max_vocab": 0}):
        with pytest.raises(ParameterError, match=next(iter(bad))):
            vocab.pruned(**bad)
    with pytest.raises(ParameterError, match="sorted"):
        vocab_of([1, 2]).pruned(1)


def test_keep_thresholds():
    vocab = vocab_of([600, 300, 90, 9, 1])
    share = 0.01 * 1000 / vocab.counts
    want = np.minimum(1, np.sqrt(share) + share)
    assert np.abs(vocab.keep_thresholds(0.01) / 2**32 - want).max() < 1e-9
    assert vocab.keep_thresholds(0.01)[-1] == 0xFFFFFFFF
    with np.errstate(over="raise"):
        assert (vocab.keep_thresholds(1e308) == 0xFFFFFFFF).all()
    assert (vocab.keep_thresholds(0) == 0xFFFFFFFF).all()
    for bad in (-1, float("nan"), float("inf")):
        with pytest.raises(ParameterError, match="sample="):
            vocab.keep_thresholds(bad)


@pytest.mark.parametrize("exponent", [0.75, 0.0, 1.0, -0.5])
@pytest.mark.parametrize("counts", [[1], [5, 3, 1], [1] * 7, zipf(5000)], ids=len)
def test_alias_table_implies_the_distribution(counts, exponent):
    threshold, alias = vocab_of(counts).alias_table(exponent)
    size = len(counts)
    own = np.where(alias == np.arange(size), 1.0, threshold / 2**32)
    implied = (own + np.bincount(alias, 1.0 - own, size)) / size
    weights = np.asarray(counts, float) ** exponent
    assert np.abs(implied - weights / weights.sum()).max() < 1e-9
    assert threshold.dtype == np.uint32 and alias.dtype == np.int32


def test_alias_table_needs_counts():
    for vocab in (Vocab([]), Vocab(["a", "b"])):
        with pytest.raises(ParameterError, match="counts of at least 1"):
            vocab.alias_table()
    with pytest.raises(ParameterError, match="exponent="):
        vocab_of([1]).alias_table(float("nan"))


def reference_cost(counts):
    """Sum of count * code length of an optimal code: the weights of all inner nodes."""
    heap, cost = [int(count) for count in counts], 0
    heapq.heapify(heap)
    while len(heap) > 1:
        weight = heapq.heappop(heap) + heapq.heappop(heap)
        heapq.heappush(heap, weight)
        cost += weight
    return cost


@pytest.mark.parametrize("counts", [[3, 1], [5, 3, 1], [1] * 9, [2**n for n in range(60, -1, -1)], zipf(3000)], ids=len)
def test_huffman(counts):
    offsets, nodes, codes = vocab_of(counts).huffman()
    size = len(counts)
    assert offsets[-1] == len(nodes) == len(codes) and offsets.dtype == np.int64
    assert nodes.dtype == np.int32 and codes.dtype == np.uint8
    assert sum(int(c) * int(n) for c, n in zip(np.diff(offsets), counts, strict=True)) == reference_cost(counts)
    children = {}  # (node, code) -> what stands there; consistent paths make a prefix-free code
    for word in range(size):
        steps = slice(offsets[word], offsets[word + 1])
        path = list(zip(nodes[steps], codes[steps], strict=True))
        assert path[0][0] == size - 2
        below = [node for node, _ in path[1:]] + [f"leaf {word}"]
        for step, target in zip(path, below, strict=True):
            assert children.setdefault(step, target) == target
    assert len(children) == 2 * (size - 1)


def test_huffman_of_one_word_and_of_unsorted_counts():
    offsets, nodes, codes = vocab_of([7]).huffman()
    assert offsets.tolist() == [0, 0] and len(nodes) == len(codes) == 0
    with pytest.raises(ParameterError, match="sorted"):
        vocab_of([1, 2]).huffman()


def test_arguments_are_checked():
    with pytest.raises(ParameterError, match="2 words need 2 counts"):
        Vocab(["a", "b"], [1])
    for offsets in ([0, 3], [1, 2], [0, 2, 1, 2], []):
        with pytest.raises(ParameterError, match="offsets"):
            Vocab((b"ab", np.array(offsets)))


def test_save_and_load(tmp_path):
    pytest.importorskip("fastembed.io.atomic")
    vocab = Vocab(["the", "New York", "世界"], [4, 3, 2])
    vocab.save(tmp_path / "vocab.txt")
    assert (tmp_path / "vocab.txt").read_bytes() == "the 4\nNew York 3\n世界 2\n".encode()
    again = Vocab.load(tmp_path / "vocab.txt")
    assert again.words == vocab.words and again.counts.tolist() == [4, 3, 2]
    with pytest.raises(FormatError, match="line break"):
        Vocab(["a\nb"], [1]).save(tmp_path / "vocab.txt")
    for word in ("", "\ud800"):
        with pytest.raises(FormatError, match="row 1. is empty or no Unicode"):
            Vocab(["a", word], [2, 1]).save(tmp_path / "vocab.txt")
    assert Vocab.load(tmp_path / "vocab.txt").words == vocab.words


@pytest.mark.parametrize("line", [b"word", b"word x", b" 3", b"w -3", b"w " + b"9" * 30, b"\xff 3", b""])
def test_load_says_which_line_is_wrong(tmp_path, line):
    (tmp_path / "vocab.txt").write_bytes(b"ok 3\n" + line + b"\n")
    with pytest.raises(FormatError, match="line 2"):
        Vocab.load(tmp_path / "vocab.txt")
