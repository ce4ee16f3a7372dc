"""ARPA files: what is written is read, by us and by others; what is wrong is refused with the line."""

import bz2
import gzip
import io
import logging
import lzma

import numpy as np
import pytest

import fastembed as fe
from fastembed.errors import FormatError, ParameterError
from fastembed.io import arpa
from fastembed.models import ngram

GOOD = """\\data\\
ngram 1=5
ngram 2=3
ngram 3=1

\\1-grams:
-1.5\t<unk>
0\t<s>\t-0.5
-0.8\t</s>
-0.4\ta\t-0.3
-0.6\tb\t-0.1

\\2-grams:
-0.2\t<s> a\t-0.25
-0.7\ta b
-0.3\tb </s>

\\3-grams:
-0.1\t<s> a b

\\end\\
"""


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.ERROR, "fastembed")


@pytest.fixture
def model():
    return fe.NGramLM(order=3).fit(["a b c", "a b d e", "b c", "日本 a"] * 3, verbose=0)


def load(folder, text):
    (folder / "m.arpa").write_bytes(text if isinstance(text, bytes) else text.encode())
    return fe.load(folder / "m.arpa")


def test_a_file_from_elsewhere(tmp_path):
    model = load(tmp_path, GOOD)
    assert model.vocab.words == ["<unk>", "<s>", "</s>", "a", "b"] and model.counts == [5, 3, 1] and model.order == 3
    ln10 = np.log(10)
    assert model.score("a b") == pytest.approx(ln10 * (-0.2 - 0.1 - 0.3), abs=1e-6)
    assert model.score("b a") == pytest.approx(ln10 * (-0.5 - 0.6 - 0.1 - 0.4 - 0.3 - 0.8), abs=1e-6)
    assert model.score("a zebra") == pytest.approx(ln10 * (-0.2 - 0.25 - 0.3 - 1.5 - 0.8), abs=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\t", "  "),
        lambda text: "\n\n" + text + "\n\n",
        lambda text: text.replace("\n\\2", "\n\n\n\\2"),
        lambda text: text.rstrip("\n"),
        lambda text: text.replace("ngram 1=5", "ngram  1 = 5"),
    ],
)
def test_spellings(change, tmp_path):
    assert load(tmp_path, change(GOOD)).score("a b") == load(tmp_path, GOOD).score("a b")


@pytest.mark.parametrize("comment", ["\n\n", "# 3 5 lines of a comment\nthe end 1 2\n\n", "2 2\n"])
def test_what_stands_before_the_data_counts_for_nothing(comment, tmp_path):
    model, plain = load(tmp_path, comment + GOOD), load(tmp_path, GOOD)
    assert model.counts == plain.counts and model.score("a b") == plain.score("a b")
    with pytest.raises(FormatError, match=f"line {9 + comment.count(chr(10))}"):
        load(tmp_path, comment + GOOD.replace("-0.8", "x"))


def test_words_may_come_in_any_order_and_unk_may_be_missing(tmp_path):
    text = GOOD.replace("-1.5\t<unk>\n", "").replace("ngram 1=5", "ngram 1=4")
    text = text.replace("-0.8\t</s>\n", "").replace("-0.6\tb\t-0.1\n", "-0.6\tb\t-0.1\n-0.8\t</s>\n")
    model = load(tmp_path, text)
    assert model.score("a b") == load(tmp_path, GOOD).score("a b")
    assert model.vocab.words == ["<unk>", "<s>", "</s>", "a", "b"]
    assert model.logprob("zebra") == pytest.approx(-100 * np.log(10))


def test_without_shorter_ngrams(tmp_path):
    """The suffix of an n-gram may be missing: then a longer one can exist where a shorter one does not."""
    text = GOOD.replace("-0.7\ta b\n", "").replace("ngram 2=3", "ngram 2=2")
    model = load(tmp_path, text)
    assert not model._model.closed
    assert model.score("a b") == pytest.approx(np.log(10) * (-0.2 - 0.1 - 0.3), abs=1e-6)
    model.save(tmp_path / "m.fe")
    assert fe.load(tmp_path / "m.fe").score("a b") == model.score("a b")


BAD = [
    (("-0.7\ta b\n", ""), "line 14: the header says 3 2-grams but 2 lines follow"),
    (("ngram 2=3", "ngram 2=4"), "line 14: the header says 4 2-grams but 3 lines follow"),
    (("ngram 2=3", "ngram 2=99999999999999999"), "do not fit into a file"),
    (("ngram 2=3", "ngram 2=0"), "promises no n-grams"),
    (("ngram 2=3\n", ""), "line 3: 'ngram 3=1': `ngram 2=COUNT` should stand here"),
    (("ngram 3=1", "ngram 3=one"), "should stand here"),
    (("\nngram 3=1", ""), r"line \d+: .*end.* should stand here, not .*3-grams"),
    (("\\3-grams:", "\\4-grams:"), r"line 18: .*3-grams:.* should stand here, not .*4-grams"),
    (("\\2-grams:", "\\3-grams:"), "should stand here"),
    (("-0.7\ta b", "nan\ta b"), "line 15: a number is missing"),
    (("-0.7\ta b", "inf\ta b"), "line 15: a number is missing"),
    (("-0.7\ta b", "a b"), "line 15: a number is missing"),
    (("-0.7\ta b", "0.7\ta b"), "line 15: .* above 0"),
    (("-0.7\ta b", "-0.7\ta"), "line 15: fewer words"),
    (("-0.7\ta b", "-0.7\ta b -1 -2"), "line 15: more columns"),
    (("-0.7\ta b", "-0.7\ta x"), "line 15: a word that is not among the 1-grams"),
    (("<s> a\t-0.25", "<s> a\t0.25"), "line 14: the logarithm of a back-off weight above 0"),
    (("<s> a\t-0.25", "<s> a\tnan"), "line 14: a number"),
    (("-0.7\ta b", "-0.7\t<s> a"), "line 15: an n-gram that has come before"),
    (("-0.6\tb\t-0.1", "-0.6\ta\t-0.1"), "line 11: a word that has come before"),
    (("<s> a b", "b b a"), "line 19: an n-gram whose first words, its context, are none"),
    (("-0.8\t</s>", "-0.8\tc"), "the 1-grams lack </s>"),
    (("\\end\\\n", ""), "truncated"),
    (("-0.4\ta", "-0.4\t\udcff"), "not UTF-8"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_files(change, message, tmp_path):
    assert change[0] in GOOD
    with pytest.raises(FormatError, match=message):
        load(tmp_path, GOOD.replace(*change).encode(errors="surrogateescape"))


def test_truncated_anywhere(tmp_path):
    data = GOOD.encode()
    for end in range(0, len(data) - 6, 2):
        with pytest.raises(FormatError):
            load(tmp_path, data[:end])


def test_overwritten_anywhere(tmp_path):
    random, data = np.random.default_rng(0), GOOD.encode()
    for _ in range(200):
        hurt = bytearray(data)
        where = random.integers(len(data))
        hurt[where : where + 2] = random.bytes(2)
        try:
            load(tmp_path, bytes(hurt)).scores(["a b", "b"])
        except FormatError as error:
            assert "m.arpa" in str(error)


@pytest.mark.parametrize("name", ["m.arpa", "m.arpa.gz", "m.arpa.bz2", "M.ARPA.XZ"])
def test_round_trip(model, name, tmp_path):
    model.save(tmp_path / name)
    again = fe.load(tmp_path / name)
    assert again.vocab.words == model.vocab.words and again.counts == model.counts
    for one, two in zip(again._model.nodes[1:], model._model.nodes[1:], strict=True):
        assert np.array_equal(one, two)
    fe.io.save(again, tmp_path / "twice.arpa")
    unpack = {"gz": gzip.decompress, "bz2": bz2.decompress, "xz": lzma.decompress}.get(name.lower()[7:], bytes)
    assert (tmp_path / "twice.arpa").read_bytes() == unpack((tmp_path / name).read_bytes())


@pytest.fixture(scope="module")
def sections():
    """A larger ARPA file: (header, [lines of each order])."""
    random = np.random.default_rng(0)
    words = [f"w{k}" if k % 7 else f"a-rather-long-word-{k}" for k in range(60)]
    text = [" ".join(random.choice(words, random.integers(1, 9))) for _ in range(300)]
    grams = fe.NGramLM(order=4).fit(text, verbose=0).to_arpa()
    out = io.BytesIO()
    arpa._write(grams, out, np.asarray(grams.vocab.blob), np.asarray(grams.vocab.offsets))
    header, *rest = out.getvalue().decode().split("-grams:\n")
    return header, [part.split("\n\n")[0].split("\n") for part in rest]


def joined(sections):
    header, parts = sections
    bodies = ["\n".join(lines) + f"\n\n\\{k}" for k, lines in enumerate(parts, 2)]
    return "-grams:\n".join([header, *bodies]).removesuffix(f"\\{len(parts) + 1}") + "\\end\\\n"


@pytest.mark.parametrize("size", [1 << 22, 500])
def test_lines_may_come_in_any_order(sections, size, tmp_path, monkeypatch):
    monkeypatch.setattr(arpa, "CHUNK_BYTES", size)
    header, parts = sections
    before, random = load(tmp_path, joined(sections)), np.random.default_rng(1)
    shuffled = [parts[0], *([*random.permutation(lines)] for lines in parts[1:])]
    after = load(tmp_path, joined((header, shuffled)))
    assert shuffled[3] != parts[3] and after.vocab.words == before.vocab.words
    for one, two in zip(before._model.nodes[1:], after._model.nodes[1:], strict=True):
        assert np.array_equal(one, two)
    after.save(tmp_path / "again.arpa")
    assert (tmp_path / "again.arpa").read_text() == joined(sections)


@pytest.mark.parametrize("row", [0, 15, 16, 40, 150])
@pytest.mark.parametrize(("line", "message"), [("-1\tw1 w2 w3 w999", "not among"), ("-1\tw1 w2 w3", "fewer words")])
def test_the_first_bad_line_is_named(sections, row, line, message, tmp_path):
    header, parts = sections
    changed = [*parts[3]]
    changed[row], changed[row + 3] = line, "0.5"
    first = joined(sections)[: joined(sections).index("\\4-grams")].count("\n") + 2
    with pytest.raises(FormatError, match=f"line {first + row}: .*{message}"):
        load(tmp_path, joined((header, [*parts[:3], changed])))


def test_packed_files_do_not_depend_on_the_time(model, tmp_path):
    model.save(tmp_path / "a.arpa.gz")
    assert (tmp_path / "a.arpa.gz").read_bytes()[4:8] == bytes(4)


def test_what_cannot_be_written(model, tmp_path):
    with pytest.raises(ParameterError, match="laplace"):
        fe.NGramLM(order=2, smoothing="laplace").fit(["a b"], verbose=0).save(tmp_path / "m.arpa")
    spaced = fe.NGramLM(order=2).fit([["a b", "c"]], verbose=0)
    with pytest.raises(ParameterError, match="'a b' has a blank"):
        spaced.save(tmp_path / "m.arpa")
    with pytest.raises(ParameterError, match="no word vectors"):
        fe.io.save(model, tmp_path / "m.txt")
    assert not list(tmp_path.iterdir())


def test_no_vectors_to_save_as_arpa(tmp_path):
    vectors = fe.KeyedVectors(["a"], np.ones((1, 2), np.float32))
    with pytest.raises(ParameterError):
        fe.io.save(vectors, tmp_path / "m.arpa")
    with pytest.raises(FormatError, match="no word vectors"):
        load(tmp_path, GOOD)
        fe.KeyedVectors.load(tmp_path / "m.arpa")


def test_impossible_probabilities(tmp_path):
    model = fe.NGramLM(order=2, smoothing="mle").fit(["a b", "b a"], verbose=0)
    for save in (model.save, lambda path: fe.io.save(model, path)):
        with pytest.raises(ParameterError, match="probability 0, which an ARPA file cannot hold"):
            save(tmp_path / "m.arpa")
    assert not list(tmp_path.iterdir())
    grams = ngram.Grams(model.vocab, model._model.counts, model._model.blocks)
    arpa.write(grams, tmp_path / "m.arpa")
    assert "-99\t<unk>" in (tmp_path / "m.arpa").read_text()


def test_words_alone_without_zeros_are_written_exactly(tmp_path):
    model = fe.NGramLM(order=1, smoothing="mle", min_count=2).fit(["a b a c"], verbose=0)
    model.save(tmp_path / "m.arpa")
    for word in ("a", "c", "</s>"):
        assert fe.load(tmp_path / "m.arpa").logprob(word) == pytest.approx(model.logprob(word), rel=1e-6)
