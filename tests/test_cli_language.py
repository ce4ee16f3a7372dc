"""The commands of language models."""

import bz2
import lzma
import math
from pathlib import Path

import pytest
from command import LINES, assert_refused, done, run

import fastembed as fe


@pytest.fixture
def trained(folder):
    done(run("train", "ngram", "text.txt", "-o", "m.fe", "-o", "m.arpa", "-o", "m.arpa.gz", "--order", "3", "-q"))
    return folder


def test_train_takes_every_parameter(folder):
    done(
        run(
            "train", "ngram", "text.txt", "-o", "m.fe", "--order", "4", "--smoothing", "witten_bell", "--prune",
            "0,0,1", "--max-vocab", "9", "--memory", "100M", "-q",
        )
    )  # fmt: skip
    model = fe.load("m.fe")
    assert (model.order, model.smoothing, model.prune, len(model.vocab)) == (4, "witten_bell", (0, 0, 1), 12)


@pytest.mark.parametrize("file", ["m.fe", "m.arpa", "m.arpa.gz"])
def test_score(trained, file):
    lines = done(run("score", file, "text.txt")).splitlines()
    assert len(lines) == len(LINES)
    value, sentence = lines[0].split("\t")
    assert sentence == LINES[0] and float(value) == pytest.approx(fe.load(file).score(sentence), abs=1e-5)
    ten = done(run("score", file, "-", "--log10", stdin=LINES[0] + "\n")).split("\t")[0]
    assert float(ten) == pytest.approx(float(value) / math.log(10), abs=1e-5)


@pytest.mark.parametrize("file", ["m.fe", "m.arpa"])
def test_perplexity(trained, file):
    text = done(run("perplexity", file, "text.txt"))
    assert f"{fe.load(file).perplexity('text.txt'):.4f}" in text and "0 of them unknown" in text


def test_generate(trained):
    args = ("generate", "m.fe", "--count", "5", "--seed", "7", "--length", "6", "--context", "the")
    lines = done(run(*args)).splitlines()
    assert len(lines) == 5 and all(line.startswith("the") for line in lines)
    assert done(run(*args)).splitlines() == lines


def test_refusals(trained):
    assert_refused(
        run("train", "ngram", "text.txt", "-o", "m.vec"),
        2,
        "must end in one of .fe, .arpa, .arpa.gz, .arpa.bz2, .arpa.xz",
    )
    assert_refused(run("train", "ngram", "text.txt", "-o", "x.fe", "--order", "0"), 2, "order=0")
    assert_refused(run("train", "ngram", "text.txt", "-o", "x.fe", "--prune", "a"), 2, "0,0,1")
    assert_refused(
        run("train", "ngram", "text.txt", "-o", "x.fe", "--order", "15", "-q"), 1, "longest sentence has 6 words"
    )
    assert_refused(run("score", "text.txt", "text.txt"), 1, "text.txt")
    assert_refused(run("perplexity", "m.fe", "missing.txt"), 1, "missing.txt")
    assert_refused(run("generate", "m.fe", "--temperature", "-1"), 2, "temperature")
    done(run("train", "svd", "text.txt", "-o", "v.fe", "--dim", "3", "-q"))
    assert_refused(run("score", "v.fe", "text.txt"), 1, "v.fe: holds SVDEmbedding, not a language model")


def test_arpa_is_packed_as_the_ending_says(trained):
    done(run("train", "ngram", "text.txt", "-o", "m.arpa.bz2", "-o", "m.arpa.xz", "--order", "3", "-q"))
    assert bz2.decompress(Path("m.arpa.bz2").read_bytes()) == Path("m.arpa").read_bytes()
    assert lzma.decompress(Path("m.arpa.xz").read_bytes()) == Path("m.arpa").read_bytes()


def test_convert_there_and_back(trained):
    done(run("convert", "m.arpa.gz", "again.fe"))
    assert "NGramLM" in done(run("convert", "again.fe", "again.arpa"))
    assert Path("again.arpa").read_bytes() == Path("m.arpa").read_bytes()
    assert_refused(run("convert", "m.fe", "m.vec"), 2, "NGramLM has no word vectors")


def test_info(trained):
    assert "NGramLM" in done(run("info", "m.arpa.gz"))
