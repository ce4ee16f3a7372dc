"""Files written once and read for ever: tests/golden has one of every format (gensim.* written by gensim 4.4)."""

from pathlib import Path

import pytest
from tiny_vectors import golden, same

from fastembed import io
from fastembed.errors import FormatError

GOLDEN = Path(__file__).parent / "golden"
WRITTEN = {
    "word2vec.txt": "word2vec",
    "word2vec.bin": "word2vec-bin",
    "vectors.vec": "vec",
    "glove.txt": "glove",
    "projector.tsv": "projector",
}
READ = ["word2vec.txt", "word2vec.bin", "vectors.vec", "glove.txt", "native-1.safetensors"]


@pytest.mark.parametrize("name", [*READ, "word2vec.txt.gz", "gensim.bin", "gensim.txt"])
def test_golden_files_are_read(name):
    assert same(io.load(GOLDEN / name), golden())


@pytest.mark.parametrize("name, format", WRITTEN.items())
def test_golden_files_are_written_byte_for_byte(name, format, tmp_path):
    io.save(golden(), tmp_path / name, format)
    assert (tmp_path / name).read_bytes() == (GOLDEN / name).read_bytes()


def test_the_projectors_words_have_no_heading(tmp_path):
    io.save(golden(), tmp_path / "projector.tsv")
    name = "projector_metadata.tsv"
    assert (tmp_path / name).read_bytes() == (GOLDEN / name).read_bytes()


def test_foreign_tensors_are_named():
    with pytest.raises(FormatError, match="foreign.safetensors.*not written by fastembed.*vectors"):
        io.load(GOLDEN / "foreign.safetensors")
