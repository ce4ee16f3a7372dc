"""Questions to vectors on the command line: lines of standard input, scores without any known word."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from command import assert_refused, done, run

import fastembed as fe


@pytest.fixture
def vectors(folder):
    kv = fe.KeyedVectors(["king", "queen", "man", "woman"], np.random.default_rng(0).random((4, 5), np.float32))
    kv.save("v.bin")
    return kv


def test_every_word_of_a_line_is_answered(vectors):
    asked = run("nn", "v.bin", "-k", "1", stdin="king queen\n\nman\n")
    assert done(asked) == done(run("nn", "v.bin", "king", "queen", "man", "-k", "1"))
    assert_refused(run("nn", "v.bin", "-k", "1", stdin="king other\n"), 1, "'other'")


def test_analogies_without_known_words_have_no_score(vectors, folder):
    (folder / "analogies.txt").write_text(": one\na b c d\n: two\nman king woman queen\n")
    (folder / "unknown.txt").write_text(": one\na b c d\n")
    assert "accuracy nan  0 of 0" in done(run("eval", "v.bin", "unknown.txt"))
    rows = json.loads(run("eval", "v.bin", "analogies.txt", "--sections", "--json").stdout)
    assert [(row["accuracy"], row["asked"]) for row in rows[::2]] == [(None, 0), (rows[1]["accuracy"], 1)]


def test_analogies_are_recognised_in_a_packed_file(vectors, folder):
    import gzip

    (folder / "analogies.gz").write_bytes(gzip.compress(b": one\nman king woman queen\n"))
    assert "of 1 analogies" in done(run("eval", "v.bin", "analogies.gz"))


@pytest.mark.skipif(not os.path.exists("/dev/stdout"), reason="needs /dev/stdout")
def test_standard_output_by_its_path(folder):
    command = [sys.executable, "-m", "fastembed", "vocab", "text.txt", "--max-vocab", "2", "-o", "/dev/stdout"]
    root = os.path.dirname(os.path.dirname(fe.__file__))
    found = subprocess.run(command, env=os.environ | {"PYTHONPATH": root}, capture_output=True, text=True)
    assert found.stdout.splitlines() == ["the 240", "a 120"], found.stderr
