"""Counter against a few lines of Python: the same terms, the same counts, whatever the characters."""

import random
import re
from collections import Counter

import numpy as np
import pytest

from fastembed._core import documents as core
from fastembed._core.encode import WordMap
from fastembed.models.analysis import Tokens, tables

ALPHABETS = (
    "abcXYZ019_ \t\n.,-",
    "aZ \x1c\x1f\x0b\x00\x7f_9!",
    "aÀéßµ \xa0\x85²½ª·",
    "aБжΩςİKȺ中文字、。 \u2003\u200b\u0301٣०",
    "a𝔄𐐀𐐨😀 _ﬁ\u1e9e\udc80\ud800",
)
LENGTHS = (0, 1, 2, 3, 15, 16, 17, 62, 63, 64, 65, 127, 128, 200)


def texts(seed, size=60):
    draw = random.Random(seed)
    return ["".join(draw.choices(draw.choice(ALPHABETS), k=draw.choice(LENGTHS))) for _ in range(size)]


def counter(unit="word", ngrams=(1, 1), cut=(0, 2, 1), stop=None, words=None):
    made = core.Counter(words or WordMap(3), words is None, stop, unit, ngrams, cut)
    made.tables(*tables()[:2])
    return made


def rows(made, found):
    """For each document the dict of its terms (bytes) to their counts."""
    ids, counts, ends = found
    pieces = zip(np.split(ids, ends[:-1]), np.split(counts, ends[:-1]), strict=True)
    return [{made.words.word(i): int(c) for i, c in zip(*piece, strict=True)} for piece in pieces]


def grams(units, ngrams, glue):
    return Counter(
        glue.join(units[k : k + n]) for n in range(ngrams[0], ngrams[1] + 1) for k in range(len(units) - n + 1)
    )


def expected(items):
    return {term.encode("utf-8", "surrogatepass"): count for term, count in items.items()}


def lower(text):
    """One character to one, as the table has it; what is irregular is left to the caller of Counter."""
    return "".join(c if c in tables()[2] else c.lower() for c in text)


@pytest.mark.parametrize("ngrams", [(1, 1), (1, 2), (2, 3)])
@pytest.mark.parametrize(("pattern", "cut"), [(r"\w\w+", (0, 2)), (r"\w+", (0, 1)), (r"\S+", (1, 1))])
def test_words_are_those_of_the_regular_expression(pattern, cut, ngrams):
    documents, made = texts(1), counter(ngrams=ngrams, cut=(*cut, 1))
    found = rows(made, made.count(documents))
    assert found == [expected(grams(re.findall(pattern, lower(text)), ngrams, " ")) for text in documents]


def test_case_is_kept_if_asked():
    documents, made = texts(2), counter(cut=(0, 2, 0))
    assert rows(made, made.count(documents)) == [expected(Counter(re.findall(r"\w\w+", text))) for text in documents]


@pytest.mark.parametrize("ngrams", [(1, 1), (1, 3), (3, 5)])
def test_characters(ngrams):
    documents, made = texts(3), counter("char", ngrams)
    found = rows(made, made.count(documents))
    assert found == [expected(grams(re.sub(r"\s\s+", " ", lower(text)), ngrams, "")) for text in documents]


@pytest.mark.parametrize("ngrams", [(1, 1), (2, 4), (4, 9)])
def test_characters_within_words(ngrams):
    def padded(word):
        text = f" {word} "
        if len(text) < ngrams[0]:
            return Counter()
        return grams(text, ngrams, "")

    documents, made = texts(4), counter("char_wb", ngrams, (1, 1, 1))
    found = rows(made, made.count(documents))
    for text, row in zip(documents, found, strict=True):
        whole = Counter()
        for word in lower(text).split():
            whole += padded(word) or Counter([f" {word} "])
        assert row == expected(whole)


def test_stop_words_are_gone_before_n_grams_are_made():
    stop = WordMap(9)
    for word in (b"the", b"a_word_of_more_than_sixteen_bytes", "été".encode()):
        stop.add(word, 1)
    documents = ["The cat the dog " * 9, "a_word_of_more_than_sixteen_bytes été Été cat", "the", ""]
    made = counter(ngrams=(1, 2), stop=stop)
    kept = [[w for w in re.findall(r"\w\w+", d.lower()) if w.encode() not in words_of(stop)] for d in documents]
    assert rows(made, made.count(documents)) == [expected(grams(words, (1, 2), " ")) for words in kept]


def words_of(numbered):
    return {numbered.word(k) for k in range(len(numbered))}


def test_a_map_that_is_only_read_stays_as_it_is():
    words = WordMap(3)
    for word in ("cat", "the cat", "a term of more than sixteen bytes"):
        words.add(word.encode(), 0)
    made = counter(ngrams=(1, 2), words=words)
    found = made.count(["The cat and the cat", "nothing known", ""])
    assert rows(made, found) == [{b"cat": 2, b"the cat": 2}, {}, {}]
    assert len(words) == 3 and not words.counts().any() and made.documents().tolist() == [1, 1, 0]


def test_tokens_may_hold_anything():
    lists = [["a b", "", "c"], [], ["", ""], ["é", "a b", "\0", "\ud800"], ["x" * 40, "a", "b c"]]
    made = counter(ngrams=(1, 2))
    assert rows(made, made.count(Tokens(lists))) == [expected(grams(tokens, (1, 2), " ")) for tokens in lists]


def test_documents_with_a_term_and_its_occurrences_are_counted():
    made = counter()
    for _ in range(3):
        made.count(["aa bb aa", "bb"])
    assert made.documents().tolist() == [3, 6] and made.words.counts().tolist() == [6, 6]


def test_one_long_document_among_short_ones():
    words = [f"word{k}" for k in range(3000)]
    made = counter(ngrams=(1, 2))
    documents = ["aa", " ".join(words * 3), "bb é", "aa"]
    found = rows(made, made.count(documents))
    assert found == [expected(grams(re.findall(r"\w\w+", text), (1, 2), " ")) for text in documents]


def test_the_tables_are_what_python_says():
    classes, small, irregular = tables()
    assert set(irregular) >= {"İ", "Σ"}
    for code in [*range(0x3000), *range(0xFE00, 0x11000), *random.Random(5).sample(range(0x110000), 3000)]:
        character = chr(code)
        assert bool(classes[code] & core.WORD) == (re.fullmatch(r"\w", character) is not None)
        assert bool(classes[code] & core.SPACE) == character.isspace()
        if character not in irregular:
            assert chr(small[code]) == character.lower()
