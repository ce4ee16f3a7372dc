"""``fastembed tfidf CORPUS... -o X.npz``: documents to a sparse matrix; its flags are TfidfVectorizer's parameters."""

import json
import time
from pathlib import Path

import click

from .. import models
from ..errors import FastembedError
from .options import corpus_options, model_options, open_corpus, read
from .outputs import check_folder, written
from .program import Verb

ENDINGS = {
    ".npz": "the matrix, for scipy.sparse.load_npz; its terms go beside it into a JSON list, X.terms.json",
    ".fe": "the vectorizer: fe.load(file).transform(more documents)",
}


def run(corpus, out, tokenizer, cache_dir, errors, quiet, **values):
    targets = [check(path) for path in out]
    if not targets:
        raise click.UsageError("say where to write: -o X.npz", click.get_current_context(True))
    vectorizer = models.get("tfidf")(**values)
    settings = {"tokenizer": tokenizer, "cache_dir": cache_dir, "errors": errors, "threads": vectorizer.threads}
    documents = open_corpus(corpus, **settings)
    read(documents, quiet)
    matrix = vectorizer.fit_transform(documents)
    for path in targets:
        start = time.perf_counter()
        if path.suffix.lower() == ".fe":
            vectorizer.save(path)
        else:
            save_matrix(matrix, vectorizer, path)
        written(path, f"{matrix.shape[0]:,} documents x {matrix.shape[1]:,} terms", time.perf_counter() - start)


def check(path):
    """Fail now if ``path`` cannot be written."""
    path = Path(path)
    if path.suffix.lower() not in ENDINGS:
        raise click.UsageError(f"{path}: the name must end in .npz or .fe", click.get_current_context(True))
    if path.is_dir():
        raise FastembedError(f"{path}: is a folder, not a file to write")
    check_folder(path.parent)
    return path


def save_matrix(matrix, vectorizer, path):
    """The matrix in scipy's format and, beside it, the list of its terms."""
    from scipy.sparse import save_npz

    from ..io.atomic import atomic_write

    terms = json.dumps(vectorizer.get_feature_names_out().tolist(), ensure_ascii=False, indent=0)
    with atomic_write(path.with_suffix(".terms.json")) as file:
        file.write(terms.encode("utf-8", "replace"))
    with atomic_write(path) as file:
        save_npz(file, matrix)


def command():
    """The click command."""
    endings = "\n".join(f"  {ending:5s} {text}" for ending, text in ENDINGS.items())
    made = click.command(
        "tfidf",
        cls=Verb,
        help="Weigh the terms of documents by TF-IDF. CORPUS is as for train; each line that is not empty is a "
        f"document.\n\n\b\nOUT's ending says what is written:\n{endings}",
        no_args_is_help=True,
    )(corpus_options(_options(run), lowercase=False))
    first = [p for p in made.params if p.name in ("corpus", "out")]
    rest = [p for p in made.params if p not in first]
    made.params = first + model_options(models.get("tfidf")) + rest
    return made


def _options(function):
    function = click.option("-q", "--quiet", is_flag=True, help="No progress.")(function)
    return click.option("-o", "--out", multiple=True, help="File to write; may be given several times.")(function)


tfidf = command()
