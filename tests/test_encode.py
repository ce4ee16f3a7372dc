import random
from collections import Counter

import numpy as np
import pytest

from fastembed._core import encode as core


def random_words(seed, size=20_000):
    draw = random.Random(seed)
    return [
        bytes(draw.choices(b"ab\xc3\xa9", k=draw.choice([1, 2, 3, 7, 8, 9, 15, 16, 17, 24, 33]))) for _ in range(size)
    ]


def words_of(numbered):
    return [numbered.word(number) for number in range(len(numbered))]


def test_word_map_is_a_dictionary_in_order_of_first_occurrence():
    words = random_words(1)
    numbered = core.WordMap(5)
    ids = [numbered.add(word, 2) for word in words]
    distinct = list(dict.fromkeys(words))
    assert words_of(numbered) == distinct
    index = {word: number for number, word in enumerate(distinct)}
    assert ids == [index[word] for word in words]
    blob, offsets, counts = numbered.export(np.arange(len(distinct), dtype=np.int32))
    assert bytes(blob) == b"".join(distinct) and offsets[-1] == len(blob)
    assert dict(zip(distinct, (counts // 2).tolist(), strict=True)) == Counter(words)
    with pytest.raises(IndexError):
        numbered.word(len(distinct))


def test_results_do_not_depend_on_the_seed():
    maps = [core.WordMap(seed) for seed in (0, 1, 2**64 - 1)]
    for word in random_words(2, 3000):
        assert len({numbered.add(word, 1) for numbered in maps}) == 1
    assert len({bytes(numbered.ranked()) for numbered in maps}) == 1


def test_rank_is_by_count_then_bytes():
    draw, numbered = random.Random(3), core.WordMap(5)
    stems = [b"", b"sameeight", b"the same sixteen", b"a prefix longer than sixteen"]
    counts = {}
    for word in {draw.choice(stems) + bytes(draw.choices(b"abc\xe4", k=draw.randint(1, 4))) for _ in range(3000)}:
        counts[word] = draw.choice([1, 2, 3, 70_000, 2**40, 2**40 + 1])
        numbered.add(word, counts[word])
    order = [numbered.word(number) for number in numbered.ranked()]
    assert order == sorted(counts, key=lambda word: (-counts[word], word))


def test_merge_repairs_and_lowers():
    words = [b"\xff", b"a\xe4\xb8", b"\xe4\xb8\xadb", b"a\0", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf" * 12]
    words += [word + b"LONGER than sixteen" for word in words] + ["ÄÖ".encode(), b"AB", b"Z" * 40]
    for lowercase in (False, True):
        source, target = core.WordMap(5), core.WordMap(5)
        for word in words:
            source.add(word, 3)
        table, replaced = target.merge(source, lowercase)
        texts = [word.decode("utf-8", "replace").replace("\0", "\ufffd") for word in words]
        want = [(text.lower() if lowercase else text).encode() for text in texts]
        assert [target.word(number) for number in table] == want
        assert replaced == 3 * sum(text.count("\ufffd") for text in texts)
        assert not source.clean() and target.clean()


def test_repair_is_what_python_does():
    draw = random.Random(4)
    leads = [0x41, 0x80, 0xBF, 0xC1, 0xC2, 0xDF, 0xE0, 0xA0, 0xED, 0x9F, 0xEF, 0xF0, 0x90, 0x8F, 0xF4, 0xF5, 0xFF]
    source, target = core.WordMap(5), core.WordMap(5)
    words = list({bytes(draw.choices(leads, k=draw.randint(1, 24))) for _ in range(5000)})
    for word in words:
        source.add(word, 1)
    table, replaced = target.merge(source)
    texts = [word.decode("utf-8", "replace") for word in words]
    assert [target.word(number).decode() for number in table] == texts
    assert replaced == sum(text.count("\ufffd") for text in texts)


@pytest.mark.parametrize("limit", [1, 3, 16, 1000])
@pytest.mark.parametrize("lists", [False, True])
def test_encoder_equals_split(limit, lists):
    draw = random.Random(limit)
    gap, stop = (b"\xff", b"\xfe") if lists else (b" ", b"\n")
    words = [bytes(draw.choices(b"ab \t" if lists else b"ab\x1c\x00", k=draw.randint(1, 20))) for _ in range(9000)]
    text = b"".join(word + draw.choice([gap, gap, gap + gap, stop, stop + stop]) for word in words)
    encoder = core.Encoder(5, len(text), lists, limit)
    encoder.buffer[: len(text)] = np.frombuffer(text, np.uint8)
    ids, ends = encoder.encode(0, len(text))
    sentences = [[w for w in line.split(gap) if 0 < len(w) <= limit] for line in text.split(stop)]
    assert [encoder.word(number) for number in ids] == [word for sentence in sentences for word in sentence]
    assert encoder.dropped == sum(len(word) > limit for word in words)
    want = np.cumsum([len(sentence) for sentence in sentences[:-1]])
    assert ends.tolist() == list(dict.fromkeys(want.tolist()))


def test_words_longer_than_a_window_and_at_the_end_of_the_text():
    for size in (0, 1, 63, 64, 65, 4095, 4096, 4097, 20_000):
        text = b"a" + b" " + b"x" * size
        encoder = core.Encoder(5, len(text), False, 10**6)
        encoder.buffer[: len(text)] = np.frombuffer(text, np.uint8)
        encoder.encode(0, len(text))
        assert words_of(encoder) == [b"a", b"x" * size][: 1 + (size > 0)]
    with pytest.raises(IndexError):
        encoder.encode(0, len(text) + 1)


def test_separators():
    for byte in range(256):
        text = np.array([97, byte, 98], np.uint8)
        spaces = 1 if byte in b" \t\n\v\f\r" else -1
        marks = 1 if byte >= 0xFE else -1
        assert core.first_separator(text, 3, False) == core.last_separator(text, 3, False) == spaces
        assert core.first_separator(text, 3, True) == core.last_separator(text, 3, True) == marks


def test_words_joined_as_they_are():
    words = random_words(4, 3000) + [b"", b"\xff", b"a\0", b"\xed\xa0\x80"]
    one, two, joined = core.WordMap(5), core.WordMap(5), core.WordMap(5)
    for word in words[:2000]:
        one.add(word, 1) if word else one.extend(np.zeros(1, np.uint8), np.zeros(2, np.int64), np.ones(1, np.int64))
    for word in words[1000:]:
        two.add(word, 2) if word else two.extend(np.zeros(1, np.uint8), np.zeros(2, np.int64), np.full(1, 2, np.int64))
    tables = joined.join(one), joined.join(two)
    assert words_of(joined) == list(dict.fromkeys(words_of(one) + words_of(two)))
    for source, table in zip((one, two), tables, strict=True):
        assert [joined.word(number) for number in table] == words_of(source)
    counts = Counter(words[:2000]) + Counter(words[1000:] * 2)
    assert dict(zip(words_of(joined), joined.counts().tolist(), strict=True)) == counts
    order = joined.ranked(False)
    assert [joined.word(number) for number in order] == sorted(counts)
    blob, offsets, exported = joined.export(order)
    again = core.WordMap(6)
    assert (again.extend(blob, offsets, exported) == np.arange(len(order))).all()
    assert words_of(again) == sorted(counts) and (again.counts() == exported).all()
