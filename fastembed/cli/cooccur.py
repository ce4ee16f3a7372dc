"""``fastembed cooccur CORPUS... -o X.npz``: words beside words; its flags are Cooccurrence's parameters."""

import logging
import time

import click

from .. import models
from .options import corpus_options, model_options, open_corpus, read
from .outputs import check_output, write_matrix, written
from .program import Verb, interrupts

ENDINGS = {
    ".npz": "the matrix, for scipy.sparse.load_npz; its words go beside it into a JSON list, X.terms.json",
    ".fe": "the whole object: fe.load(file).matrix",
    ".bin": "the records that GloVe's own programs read; the words and counts go beside it, X.vocab.txt",
}


def run(corpus, out, tokenizer, lowercase, cache_dir, errors, quiet, **values):
    targets = [check_output(path, tuple(ENDINGS)) for path in out]
    if not targets:
        raise click.UsageError("say where to write: -o X.npz", click.get_current_context(True))
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
    from ..io import cooccurrences

    ending = path.suffix.lower()
    if ending == ".fe":
        counts.save(path)
    elif ending == ".npz":
        words = counts.vocab.words
        write_matrix(counts.matrix, words * (2 if counts.directional else 1), path)
    else:
        cooccurrences.write(counts.matrix, path)
        counts.vocab.save(path.with_suffix(".vocab.txt"))


def command():
    """The click command."""
    endings = "\n".join(f"  {ending:5s} {text}" for ending, text in ENDINGS.items())
    made = click.command(
        "cooccur",
        cls=Verb,
        help="Count how often words stand near each other. CORPUS is as for train; windows end with the line."
        f"\n\n\b\nOUT's ending says what is written:\n{endings}",
        no_args_is_help=True,
    )(corpus_options(_options(run)))
    first = [p for p in made.params if p.name in ("corpus", "out")]
    rest = [p for p in made.params if p not in first]
    made.params = first + model_options(models.get("cooccur")) + rest
    return made


def _options(function):
    function = click.option("-q", "--quiet", is_flag=True, help="No progress.")(function)
    return click.option("-o", "--out", multiple=True, help="File to write; may be given several times.")(function)


cooccur = command()
