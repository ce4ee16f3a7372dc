"""The command train: flags that models share, and errors of one line."""

import contextlib
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from command import assert_refused, done, run

import fastembed as fe

SMALL = ["--dim", "8", "--min-count", "1", "--epochs", "2", "--threads", "1"]


@pytest.mark.parametrize("name", ["skipgram", "cbow", "glove", "fasttext"])
@pytest.mark.parametrize("flag", ["--vectors", "-pretrainedVectors"])
def test_train_starts_from_vectors(folder, name, flag):
    (folder / "v.txt").write_text("1 8\nking 1 2 3 4 5 6 7 8\n")
    done(run("train", name, "text.txt", "-o", "m.vec", flag, "v.txt", *SMALL, "--lr", "1e-9"))
    cosine = np.dot(fe.load("m.vec")["king"], range(1, 9)) / np.linalg.norm(range(1, 9))
    assert cosine / np.linalg.norm(fe.load("m.vec")["king"]) > 0.99
    assert_refused(run("train", name, "text.txt", "-o", "n.fe", "--vectors", "none.txt", *SMALL), 1, "none.txt")
    assert_refused(run("train", name, "text.txt", "-o", "n.fe", "--vectors", "v.txt"), 2, "8 dimensions", "of 100")


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("skipgram text.txt -o m.fe --negative 0", 2, "negative=0"),
        ("skipgram text.txt -o m.fe --min-lr 0.5", 2, "min_lr=0.5 is above lr=0.025"),
        ("nnlm text.txt -o m.fe --min-lr 0.5", 2, "min_lr=0.5 is above lr=0.1"),
        ("fasttext text.txt -o m.fe --minn 5 --maxn 3", 2, "minn=5, maxn=3"),
        ("fasttext text.txt -o m.floret", 2, "m.floret: a floret table needs --hash-count 1 to 4"),
        ("fasttext text.txt -o m.fe -o m.bin --hash-count 2", 2, "m.bin: fastText's format has no --hash-count"),
        ("skipgram text.txt -o m.floret", 2, "m.floret: the name must end in"),
        (
            "ngram text.txt -o M.ARPA --smoothing mle",
            2,
            "M.ARPA: an ARPA file cannot hold --smoothing mle",
        ),
        (
            "ngram text.txt -o m.arpa.gz --smoothing laplace",
            2,
            "m.arpa.gz: an ARPA file cannot hold --smoothing laplace",
        ),
        ("skipgram text.txt -o m.fe --every 2", 2, "--checkpoint FOLDER"),
        ("skipgram text.txt -o m.fe --checkpoint states --every 3q", 2, "every='3q'"),
        ("skipgram text.txt -o m.fe --checkpoint text.txt", 2, "checkpoint='text.txt'"),
        ("skipgram text.txt -o m.fe --resume old.fe --vectors v.txt", 2, "choose one of them"),
        ("skipgram text.txt -o text.txt", 2, "text.txt: is text to read, which would be lost"),
        ("skipgram -input text.txt -o ./text.txt", 2, "text.txt: is text to read, which would be lost"),
        ("skipgram t*.txt -o text.txt", 2, "text.txt: is text to read, which would be lost"),
    ],
)
def test_misuse_is_found_before_the_text_is_read(folder, monkeypatch, line, code, message):
    fe.SkipGram(dim=8, epochs=1).fit("text.txt", verbose=0).save("old.fe")
    before = (folder / "text.txt").read_bytes()
    monkeypatch.setattr(fe.Corpus, "encode", None)  # who reads, fails
    assert_refused(run("train", *line.split()), code, message)
    assert (folder / "text.txt").read_bytes() == before
    assert not list(folder.glob("m.*"))


def test_a_list_of_words_does_not_replace_the_text(folder):
    before = (folder / "text.txt").read_bytes()
    assert_refused(run("vocab", "text.txt", "-o", "text.txt"), 2, "would be lost")
    assert (folder / "text.txt").read_bytes() == before


def test_training_goes_on_from_the_folder_of_checkpoints(folder):
    done(run("train", "skipgram", "text.txt", "-o", "m.fe", "--checkpoint", "states", "--every", "2", *SMALL))
    done(run("train", "skipgram", "text.txt", "-o", "n.fe", "--resume", "states", "--epochs", "3"))
    assert len(fe.load("n.fe").history) == 3
    assert_refused(run("train", "cbow", "text.txt", "-o", "n.fe", "--resume", "states"), 1, "states", "SkipGram")


def test_a_nameless_corpus_is_named(folder):
    assert_refused(run("train", "skipgram", "", "-o", "m.fe"), 1, "there is no file ''")


@pytest.mark.skipif(os.name != "posix", reason="needs a shell of POSIX")
@pytest.mark.parametrize("gone", ["2>&1 | true", "2>&-", ">&-", ">&- 2>&-"])
def test_training_ends_though_nobody_reads_what_it_says(folder, gone):
    root = os.path.dirname(os.path.dirname(fe.__file__))
    line = f"(sleep 0.2; exec {sys.executable} -m fastembed train skipgram text.txt -o m.fe --epochs 3) {gone}"
    subprocess.run(line, shell=True, env=os.environ | {"PYTHONPATH": root}, stdout=subprocess.DEVNULL)
    assert len(fe.load("m.fe").history) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("place", ["fastembed.corpus.Corpus.encode", "fastembed.models.word2vec.Word2Vec._begin"])
def test_an_interrupt_that_an_import_drops_is_not_lost(folder, monkeypatch, place, number):
    module, name, method = place.rsplit(".", 2)
    cls = getattr(sys.modules.get(module) or __import__(module, fromlist=[name]), name)
    inner = getattr(cls, method)

    def dropped(self, *args, **kwargs):
        with contextlib.suppress(KeyboardInterrupt):  # as Cython's modules do where they are imported
            signal.raise_signal(number)
        return inner(self, *args, **kwargs)

    monkeypatch.setattr(cls, method, dropped)
    assert run("train", "skipgram", "text.txt", "-o", "m.fe", *SMALL).exit_code == 130
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
