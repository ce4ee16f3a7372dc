"""The command train: flags that models share, and errors of one line."""

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
