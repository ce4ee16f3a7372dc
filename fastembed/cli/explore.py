"""``explore``: a page to look at vectors with, for any browser."""

import time
from pathlib import Path

import click

from .outputs import check_output, written
from .program import Verb
from .query import load_vectors


@click.command(cls=Verb, no_args_is_help=True)
@click.argument("file")
@click.option("-o", "--out", default="explorer.html", show_default=True, help="Page to write.")
@click.option(
    "--words",
    type=click.IntRange(1),
    default=2000,
    show_default=True,
    help="How many of the most frequent words; 50,000 at most.",
)
@click.option("--title", help="Heading of the page; FILE's name if not given.")
def explore(file, out, words, title):
    """Write one HTML file, for any browser and without a network, to explore vectors in.

    It has a map to zoom into and search, the neighbours of a word that is typed or clicked, and analogies, of the
    --words most frequent words in FILE (any file with vectors).
    """
    from ..report import explorer

    path, vectors = check_output(out, (".html", ".htm")), load_vectors(file)
    start = time.perf_counter()
    explorer(vectors, path, words=words, title=title or Path(file).name)
    what = f"{min(words, len(vectors)):,} words x {vectors.vector_size}"
    written(path, what, time.perf_counter() - start)
