import sys
import unicodedata
from types import SimpleNamespace

import pytest

import fastembed as fe
from fastembed import items, tokenize
from fastembed.errors import CorpusError, ParameterError


def words_of(source, **options):
    encoded = fe.Corpus(source, **options).encode()
    return [encoded.vocab.words[number] for number in encoded.ids]


def test_whitespace_is_what_the_encoder_does():
    text = "a\tb\nc\vd\fe\rf  g\u00a0h\u3000i j\u2028k\x1cl\x85m "
    assert tokenize.whitespace(text) == words_of([text])
    assert "g\u00a0h\u3000i" in tokenize.whitespace(text)


def test_words():
    assert tokenize.words("Don't (really) stop-gap: 3 naïve_cafés, l’été!") == [
        "Don't", "really", "stop-gap", "3", "naïve", "cafés", "l’été"
    ]  # fmt: skip
    assert tokenize.words("हिन्दी भाषा") == ["हिन्दी", "भाषा"]
    assert tokenize.words("-- ' _ …") == []


def test_characters():
    assert tokenize.characters("ab 世\u3000界\n") == ["a", "b", "世", "界"]


def test_chinese():
    pytest.importorskip("rjieba")
    assert tokenize.chinese("我们中出了一个叛徒 ok") == ["我们", "中出", "了", "一个", "叛徒", "ok"]
    assert words_of(["我们 一个"], tokenizer="chinese") == ["我们", "一个"]


def test_chinese_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "rjieba", None)
    tokenize._rjieba.cache_clear()
    with pytest.raises(ParameterError, match=r"fastembed-trainer\[zh\]"):
        fe.Corpus(["我们"], tokenizer="chinese")


@pytest.mark.parametrize("tokenizer", ["words", tokenize.words, lambda text: iter(tokenize.words(text))])
def test_tokenizers_on_files_and_items(tmp_path, tokenizer):
    (tmp_path / "text").write_text("The cat's hat.\n\nIt sat!\n")
    encoded = fe.Corpus(tmp_path / "text", tokenizer=tokenizer).encode()
    assert [encoded.vocab.words[n] for n in encoded.ids] == ["The", "cat's", "hat", "It", "sat"]
    assert encoded.offsets.tolist() == [0, 3, 5]
    assert words_of(["The cat's hat.", "It sat!"], tokenizer=tokenizer) == ["The", "cat's", "hat", "It", "sat"]


def test_long_lines_come_in_pieces_of_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(items, "PIECE", 50)
    spaced, unspaced = "word " * 100, "世界" * 100
    (tmp_path / "text").write_text(f"{spaced}\n{unspaced}\n", encoding="utf-8")
    encoded = fe.Corpus(tmp_path / "text", tokenizer="characters").encode()
    assert encoded.offsets.tolist() == [0, 400, 600] and encoded.replaced == 0
    assert words_of(tmp_path / "text", tokenizer="words")[:100] == ["word"] * 100


def test_invalid_utf8_before_a_tokenizer(tmp_path):
    (tmp_path / "text").write_bytes(b"ok \xff\n caf\xe9 \xef\xbf\xbd\n")
    assert fe.Corpus(tmp_path / "text", tokenizer="characters").encode().replaced == 2
    with pytest.raises(CorpusError, match="text is not UTF-8 at byte 3"):
        fe.Corpus(tmp_path / "text", tokenizer="characters", errors="strict").encode()


def test_lowercase_is_str_lower(tmp_path):
    text = "The THE the ΣΑΣ ÄÖ İ caf\u00c9 Ǆ STRASSE"
    (tmp_path / "text").write_text(text, encoding="utf-8")
    assert words_of(tmp_path / "text", lowercase=True) == text.lower().split()
    assert words_of([text.split()], lowercase=True) == text.lower().split()
    (tmp_path / "text").write_bytes(b"CAF\xff A")
    encoded = fe.Corpus(tmp_path / "text", lowercase=True).encode()
    assert encoded.vocab.words == ["a", "caf\ufffd"] and encoded.replaced == 1


class HuggingFaceTokenizer:
    """Looks like tokenizers.Tokenizer."""

    def to_str(self):
        return "{}"

    def encode_batch(self, texts, add_special_tokens=True):
        special = ["[CLS]"] if add_special_tokens else []
        return [SimpleNamespace(tokens=special + ["##" + word for word in text.split()]) for text in texts]


def test_hugging_face_tokenizers():
    assert words_of(["a b", "", "c"], tokenizer=HuggingFaceTokenizer()) == ["##a", "##b", "##c"]


def test_tokenizers_of_transformers():
    tokenizer = SimpleNamespace(tokenize=str.split, convert_tokens_to_ids=None)
    assert words_of(["a b", "c"], tokenizer=tokenizer) == ["a", "b", "c"]


def test_progress_counts_the_bytes_of_the_files(tmp_path):
    (tmp_path / "text").write_text("word\n" * 100_000)
    seen = []
    fe.Corpus(tmp_path / "text", tokenizer="words").encode(lambda done, total: seen.append((done, total)))
    assert seen[-1] == (500_000, 500_000) and seen == sorted(seen)


def test_a_tokenizer_that_fails(tmp_path):
    def fail(text):
        raise ZeroDivisionError(text)

    (tmp_path / "text").write_text("line\r\n")
    with pytest.raises(ZeroDivisionError, match="^line$"):
        fe.Corpus(tmp_path / "text", tokenizer=fail).encode()


@pytest.mark.parametrize("tokenizer", ["nope", 3])
def test_not_a_tokenizer(tokenizer):
    with pytest.raises(ParameterError, match="tokenizer="):
        fe.Corpus(["a"], tokenizer=tokenizer)


def test_a_tokenizer_that_gives_no_str():
    with pytest.raises(CorpusError, match="item 0: token 1 is of type int"):
        fe.Corpus(["a b"], tokenizer=lambda text: ["a", 1]).encode()


@pytest.mark.parametrize("tokens", [None, 5, "letters", b"bytes"])
def test_a_tokenizer_that_gives_no_list(tokens):
    with pytest.raises(CorpusError, match=f"item 0: the tokenizer gave {tokens!r}, not a list of str"):
        fe.Corpus(["a b"], tokenizer=lambda text: tokens).encode()


def test_every_combining_mark_belongs_to_its_word():
    marks = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)).startswith("M")]
    assert len(marks) > 2000 and tokenize.words("".join(f"a{mark}b " for mark in marks)) == [f"a{m}b" for m in marks]
