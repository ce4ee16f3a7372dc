"""fe.sample: the novels are there, small, whole, and in the language they claim."""

import lzma

import pytest

import fastembed as fe


def text(language):
    return lzma.decompress(fe.sample.path(language).read_bytes()).decode("utf-8")


def test_packed_size_is_at_most_3_mb():
    assert sum(fe.sample.path(language).stat().st_size for language in ("english", "chinese")) <= 3_000_000


def test_the_packed_texts_are_described():
    described = (fe.sample.path("english").parent / "README.md").read_text(encoding="utf-8")
    for language in ("english", "chinese"):
        path = fe.sample.path(language)
        lines = text(language).count("\n")
        assert path.name in described
        assert f"{lines:,} lines" in described


def test_english_holds_the_three_novels():
    english = text("english")
    for phrase in ("It is a truth universally acknowledged", "Call me Ishmael.", "Genoa and Lucca"):
        assert phrase in english


def test_chinese_holds_the_two_novels_in_words():
    chinese = text("chinese")
    for word in (" 宝玉 ", " 曹操 ", " 孔明 "):
        assert chinese.count(word) > 500
    assert "  " not in chinese


def test_corpora_are_ready_to_train():
    english = fe.sample.english().encode()
    assert 880_000 < len(english.ids) < 920_000
    assert english.vocab.words[:3] == ["the", "and", "to"]
    chinese = fe.sample.chinese().encode()
    assert 700_000 < len(chinese.ids) < 800_000
    assert "宝玉" in chinese.vocab
    assert "，" not in chinese.vocab


def test_options_go_to_the_corpus():
    assert "The" in fe.sample.english(lowercase=False).encode().vocab


def test_unknown_language():
    with pytest.raises(fe.errors.ParameterError, match="'klingon': use one of english, chinese"):
        fe.sample.path("klingon")
