"""``fastembed cooccur CORPUS... -o X.npz``: words beside words; its flags are Cooccurrence's parameters."""

import logging
import time

from .. import models
from .matrix import check_outputs, matrix_command
from .options import open_corpus, read
from .outputs import write_matrix, written
from .program import interrupts

ENDINGS = {
    ".npz": "the matrix, for scipy.sparse.load_npz; its words go beside it into a JSON list, X.terms.json",
    ".fe": "the whole object: fe.load(file).matrix",
    ".bin": "the records that GloVe's own programs read; the words and counts go beside it, X.vocab.txt",
}


def run(corpus, out, tokenizer, lowercase, cache_dir, errors, quiet, **values):
    targets = check_outputs(out, ENDINGS)
    counts = models.get("cooccur")(**values)
    settings = {"tokenizer": tokenizer, "lowercase": lowercase, "cache_dir": cache_dir, "errors": errors}
    text = open_corpus(corpus, threads=counts.threads, **settings)
    logging.getLogger("fastembed").setLevel(logging.WARNING if quiet else logging.INFO)
    read(text, quiet)
    counts.fit(text, callbacks=(interrupts,), verbose=0 if quiet else 1)
    for path in targets:
        start = time.perf_counter()
        write(counts, path)
        rows, columns = counts.matrix.shape
        what = f"{rows:,} words x {columns:,} columns, {counts.matrix.nnz:,} entries"
        written(path, what, time.perf_counter() - start)


def write(counts, path):
    """Write to one file, as its ending says."""
    from ..io import atomic_write, cooccurrences

    ending = path.suffix.lower()
    if ending == ".fe":
        counts.save(path)
    elif ending == ".npz":
        words = counts.vocab.words
        write_matrix(counts.matrix, words * (2 if counts.directional else 1), path)
    else:
        words = path.with_suffix(".vocab.txt")
        with atomic_write(words) as file:  # both files or none
            file.write(counts.vocab.text(words))
            cooccurrences.write(counts.matrix, path)


cooccur = matrix_command(
    "cooccur",
    run,
    ENDINGS,
    "Count how often words stand near each other. CORPUS is as for train; windows end with the line.",
)
