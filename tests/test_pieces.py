"""Word pieces: training, cutting, and the files of vocabularies."""

import subprocess
import sys
import unicodedata

import numpy as np
import pytest

import fastembed as fe
from fastembed.errors import CorpusError, ParameterError

pytest.importorskip("tokenizers", reason="tokenizers is not installed")
from fastembed.pieces import SPECIAL, Pieces, special_of, vocab_lines  # noqa: E402

WORDS = ["the", "whale", "##s", "un", "##believ", "##able", "don", "'", "t", "naive", "白", "鲸", "##鲸", "!", "cafe"]


def small(**options):
    return Pieces.of_vocab([*SPECIAL.values(), *WORDS], **options)


def cut(pieces, text):
    ids, _ = pieces.encode([text])
    return [pieces.tokens[number] for number in ids]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The whales", ["the", "whale", "##s"]),
        ("unbelievable!", ["un", "##believ", "##able", "!"]),
        ("don't", ["don", "'", "t"]),
        ("Naïve café", ["naive", "cafe"]),
        ("the白鲸", ["the", "白", "鲸"]),  # Chinese characters are words of their own
        ("the\x00wh\x07ale", ["[UNK]"]),
        ("zebra the", ["[UNK]", "the"]),
        ("t" * 101, ["[UNK]"]),
        ("the [MASK] whale", ["the", "[MASK]", "whale"]),
        ("\u00a0the\u3000", ["the"]),
        ("\ud800 the", ["[UNK]", "the"]),
        ("", []),
        (" \t\n", []),
    ],
)
def test_cutting(text, tokens):
    assert cut(small(), text) == tokens


def test_case_kept_and_chinese_in_words():
    pieces = small(lowercase=False, chinese=False)
    assert cut(pieces, "The the") == ["[UNK]", "the"]
    assert cut(pieces, "白鲸") == ["白", "##鲸"]


def test_words_have_at_least_one_piece():
    ids, offsets = small().encode_words(["whales", "\u0301", "the"])
    assert np.diff(offsets).tolist() == [2, 1, 1]
    assert ids.dtype == np.int32 and ids[2] == small().ids["unk"]


def test_encode_nothing():
    ids, offsets = small().encode([])
    assert ids.shape == (0,) and ids.dtype == np.int32 and offsets.tolist() == [0]


def test_json_round_trip_and_padding_is_dropped():
    tokenizer = small().tokenizer
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=8)
    pieces = Pieces.of_json(Pieces(tokenizer).to_json())
    assert cut(pieces, "the whale the whale") == ["the", "whale", "the", "whale"]
    assert pieces.tokens == small().tokens and pieces.ids == small().ids


@pytest.mark.parametrize(
    ("tokens", "match"),
    [(["[PAD]", "[UNK]"], r"lacks \[CLS\], \[SEP\]"), ([*SPECIAL.values(), "a", "a"], "'a' comes twice")],
)
def test_impossible_vocabularies(tokens, match):
    with pytest.raises(ValueError, match=match):
        Pieces.of_vocab(tokens)


@pytest.mark.parametrize("text", ["", "{}", "[", '{"version": "9", "model": 1}', "[" * 10_000])
def test_impossible_json(text):
    with pytest.raises(ValueError, match=r"tokenizer\.json"):
        Pieces.of_json(text)


def test_names_of_special_tokens():
    config = {"cls_token": "<s>", "unk_token": {"content": "<unk>"}, "pad_token": None}
    assert special_of(config) == {"cls": "<s>", "unk": "<unk>"}
    pieces = Pieces.of_vocab(["[PAD]", "<unk>", "<s>", "[SEP]", "a"], special=special_of(config))
    assert (pieces.ids["cls"], pieces.ids["unk"], pieces.ids["mask"]) == (2, 1, None)
    assert vocab_lines("a\nb\n") == ["a", "b"]


def test_training_covers_the_text():
    corpus = fe.sample.english()
    pieces = Pieces.train(corpus, 1000)
    assert len(pieces) == 1000 and pieces.tokens[:5] == list(SPECIAL.values())
    ids, _ = pieces.encode(["The mother of the white whale"])
    assert pieces.ids["unk"] not in ids and len(ids) <= 10
    assert not any(token != token.lower() for token in pieces.tokens[5:])
    inside = pieces.inside()
    assert inside.any() and all(pieces.tokens[k].startswith("##") for k in np.flatnonzero(inside))


def test_training_chinese():
    pieces = Pieces.train(fe.Corpus(["白鲸在海里", "海里有白鲸 和 whale whales"] * 20), 40)
    assert {"白", "鲸", "海", "whale"} <= set(pieces.tokens)
    assert not any(token.startswith("##") and "\u4e00" <= token[2] <= "\u9fff" for token in pieces.tokens)


def test_the_same_corpus_gives_the_same_vocabulary():
    code = (
        "import fastembed as fe; from fastembed.pieces import Pieces; "
        "print(ascii(Pieces.train(fe.Corpus(['the cats sat on a mat', 'a cat sees the hat'] * 9), 60).tokens))"
    )
    runs = {subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout for _ in range(3)}
    assert len(runs) == 1


def test_nothing_to_learn():
    with pytest.raises(CorpusError, match="control characters"):
        Pieces.train(fe.Corpus(["\u200d\u200d"]), 100)


def reference(text, numbers):
    """WordPiece as its authors describe it, in lower case."""
    text = "".join(c for c in text if c in "\t\n\r" or unicodedata.category(c)[0] != "C" and c != "\ufffd")
    text = "".join(f" {c} " if "\u4e00" <= c <= "\u9fff" else c for c in text)
    text = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c) != "Mn")
    for c in sorted(set(text)):
        if unicodedata.category(c)[0] == "P" or c in "$+<=>^`|~":
            text = text.replace(c, f" {c} ")
    for word in text.split():
        first, found = 0, []
        while first < len(word) and len(word) <= 100:
            ends = range(len(word), first, -1)
            pieces = (("##" if first else "") + word[first:end] for end in ends)
            piece = next((piece for piece in pieces if piece in numbers), None)
            if piece is None:
                break
            found.append(piece)
            first += len(piece) - 2 * bool(first)
        yield from found if first == len(word) else ["[UNK]"]


def test_equal_to_a_reference():
    corpus = fe.Corpus(
        ["Ahab's leg — $5 — was “ivory”; the Pequod sailed on", "Élan vital, naïveté & co. <br>", "白鲸 is 鲸!"] * 5
    )
    pieces = Pieces.train(corpus, 120)
    lines = list(corpus.encode().lines()) + ["Pequod’s élan, on 鲸ivory", "zzzz", "A\u0301hab"]
    for line in lines:
        assert cut(pieces, line) == list(reference(line, set(pieces.tokens)))


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda p: p.encode("the"), "a list of texts, not 'the'"),
        (lambda p: p.encode(None), "a list of texts, not None"),
        (lambda p: p.encode(["the", None]), "None is of type NoneType"),
        (lambda p: p.encode_words([b"the"]), "b'the' is of type bytes"),
        (lambda p: fe.Pieces.train(["the sea"], 5), "size=5: give a whole number of at least 6"),
        (lambda p: fe.Pieces.train(["the sea"], "8000"), "size='8000'"),
        (lambda p: fe.Pieces("tokenizer.json"), "give a Tokenizer"),
    ],
)
def test_what_is_no_text(ask, said):
    with pytest.raises(ParameterError, match=said):
        ask(fe.Pieces.train(["the sea"] * 3, 20))
