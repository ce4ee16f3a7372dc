"""``fastembed classify`` and fastText's ``supervised``."""

import pytest
from command import assert_refused, done, run

import fastembed as fe

TRAIN = ("--epochs", "20", "--lr", "0.5", "--dim", "8", "--threads", "1")


@pytest.fixture
def lines(folder):
    (folder / "lines.txt").write_text("__label__good a fine film\n__label__bad a dull film\n" * 30, encoding="utf-8")
    return folder


def test_train_predict_test(lines):
    output = done(run("classify", "train", "lines.txt", "-o", "m.bin", "-o", "m.fe", *TRAIN))
    assert "wrote m.bin: 2 labels, 5 words" in output
    for model in ("m.bin", "m.fe"):
        assert done(run("classify", "predict", model, "-", stdin="so fine\ndull\n\n")).splitlines()[:2] == [
            "good",
            "bad",
        ]
        assert done(run("classify", "predict", model, "lines.txt", "--prefix")).split()[:2] == [
            "__label__good",
            "__label__bad",
        ]
        assert "60 lines  precision@1 1.0000  recall@1 1.0000" in done(run("classify", "test", model, "lines.txt"))
        assert "precision@2 0.5000  recall@2 1.0000" in done(run("classify", "test", model, "lines.txt", "-k", "2"))
    words = done(run("classify", "predict", "m.bin", "-p", "-k", "-1", stdin="fine")).split()
    assert words[::2] == ["good", "bad"] and float(words[1]) + float(words[3]) == pytest.approx(1, abs=1e-4)
    assert done(run("classify", "predict", "m.bin", "--threshold", "0.9", "-k", "2", stdin="fine")).split() == ["good"]


def test_fasttexts_own_command_line(lines):
    options = (
        "-wordNgrams 2 -loss hs -bucket 1000 -minn 2 -maxn 3 -epoch 9 -lr 0.5 -thread 1 -label __label__ -verbose 0"
    )
    assert "epoch" not in done(run("supervised", "-input", "lines.txt", "-output", "m", *options.split()))
    model = fe.load("m.bin")
    assert (model.loss, model.word_ngrams, model.maxn, model.bucket) == ("hs", 2, 3, 1000)


def test_another_prefix(lines):
    (lines / "hash.txt").write_text("#x one\n#y two\n" * 20, encoding="utf-8")
    done(run("classify", "train", "hash.txt", "-o", "m.fe", "--label-prefix", "#", *TRAIN))
    assert done(run("classify", "predict", "m.fe", "--prefix", stdin="two")) == "#y\n"


def test_what_goes_wrong(lines):
    assert_refused(run("classify", "train", "lines.txt"), 2, "say where to write")
    assert_refused(run("classify", "train", "-o", "m.bin"), 2, "name at least one text file")
    assert_refused(run("classify", "train", "lines.txt", "-o", "m.txt"), 2, "must end in one of .bin, .fe")
    assert_refused(run("classify", "train", "text.txt", "-o", "m.bin", "-q"), 1, "no word begins with '__label__'")
    assert_refused(run("classify", "train", "lines.txt", "-o", "m.bin", "--lr", "nan"), 2, "lr=nan")
    assert_refused(run("classify", "predict", "lines.txt"), 1, "no format of word vectors")
    done(run("train", "skipgram", "text.txt", "-o", "v.fe", "--dim", "4", "--epochs", "1", "-q"))
    assert_refused(run("classify", "predict", "v.fe"), 1, "holds SkipGram, not FastTextClassifier")
    done(run("classify", "train", "lines.txt", "-o", "m.bin", "-q", *TRAIN))
    assert_refused(run("classify", "predict", "m.bin", "none.txt"), 1, "none.txt")
    assert_refused(run("classify", "predict", "m.bin", "-k", "0", stdin="x\n"), 2, "k=0")
    assert_refused(run("classify", "test", "m.bin", "text.txt"), 1, "no labels")
    assert not list(lines.glob(".*"))
