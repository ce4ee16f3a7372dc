"""Command-line options made from the parameters of a model, and those that say how to read a corpus."""

import sys

import click

from .program import interrupts

FASTTEXT = {  # parameter -> fastText's spelling of it
    "dim": "-dim",
    "window": "-ws",
    "negative": "-neg",
    "min_count": "-minCount",
    "epochs": "-epoch",
    "lr": "-lr",
    "threads": "-thread",
    "sample": "-t",
    "seed": "-seed",
    "minn": "-minn",
    "maxn": "-maxn",
    "bucket": "-bucket",
}


def option(name, parameter):
    """The click option of a model's Parameter: ``--min-count``, and fastText's ``-minCount`` where it has one."""
    flag = name.replace("_", "-")
    shared = {"default": parameter.default, "help": parameter.help, "show_default": parameter.default is not None}
    if parameter.kind is bool:
        return click.Option([name, f"--{flag}/--no-{flag}"], **shared)
    names = [name, f"--{flag}"] + ([FASTTEXT[name]] if name in FASTTEXT else [])
    return click.Option(names, type=parameter.kind, **shared)


def corpus_options(command):
    """Adds CORPUS... and the flags that say how to read it."""
    for decorate in reversed(_CORPUS):
        command = decorate(command)
    return command


_TOKENIZERS = ("whitespace", "words", "characters", "chinese")
_CORPUS = (
    click.argument("corpus", nargs=-1),
    click.option(
        "--tokenizer", type=click.Choice(_TOKENIZERS), default="whitespace", show_default=True,
        help="How a line becomes words.",
    ),
    click.option("--lowercase", is_flag=True, help="Fold to lower case."),
    click.option("--cache-dir", help="Folder for the numbered text of a large corpus (else a temporary one)."),
    click.option(
        "--errors", type=click.Choice(["replace", "strict"]), default="replace", show_default=True,
        help="What to do with invalid UTF-8.",
    ),
)  # fmt: skip


def open_corpus(sources, *, tokenizer="whitespace", lowercase=False, cache_dir=None, errors="replace", threads=None):
    """The Corpus of paths given on the command line; ``-`` alone is standard input."""
    from ..corpus import Corpus

    if not sources:
        raise click.UsageError("name at least one text file, or - for standard input", click.get_current_context(True))
    if "-" in sources and len(sources) > 1:
        raise click.UsageError("- (standard input) cannot be combined with files", click.get_current_context(True))
    source = sources[0] if len(sources) == 1 else list(sources)
    return Corpus(source, tokenizer=tokenizer, lowercase=lowercase, cache_dir=cache_dir, errors=errors, threads=threads)


def read(corpus, quiet=False):
    """Number the words of a Corpus, with a bar on a terminal; returns what ``corpus.encode()`` returns."""
    interrupts.check()
    if quiet or not sys.stderr.isatty():
        return corpus.encode()
    from tqdm import tqdm

    with tqdm(desc="reading", unit="B", unit_scale=True, dynamic_ncols=True, delay=1.0, leave=False) as bar:

        def progress(done, total):
            bar.total = total
            bar.update(done - bar.n)

        return corpus.encode(progress)
