"""``classify``: train FastTextClassifier on labelled lines, label the lines of a text, test a model."""

import logging
import sys
import time

import click

from .. import models
from ..errors import FastembedError
from .options import model_options, open_corpus, read
from .outputs import announce_labels, check_output
from .program import Group, Verb, interrupts

ENDINGS = {".bin": "fastText's own format", ".fe": "the whole model: training can go on"}
BATCH = 1000  # lines that are labelled at a time


@click.group(cls=Group)
def classify():
    """Labels for texts, as fastText's supervised models give them: train, predict, test."""


def run(corpus, out, quiet, verbose, input_files, output_prefix, **values):
    quiet = quiet or verbose == 0
    targets = [check_output(path, ENDINGS) for path in out]
    if output_prefix:
        targets.append(check_output(output_prefix + ".bin", ENDINGS))
    if not targets:
        raise click.UsageError("say where to write: -o FILE", click.get_current_context(True))
    model = models.get("classifier")(**values)
    lines = open_corpus((*corpus, *input_files), threads=model.threads)
    logging.getLogger("fastembed").setLevel(logging.WARNING if quiet else logging.INFO)
    read(lines, quiet)
    model.fit(lines, callbacks=(interrupts,), verbose=0 if quiet else 1)
    for path in targets:
        start = time.perf_counter()
        _save(model, path)
        announce_labels(path, model, time.perf_counter() - start)


def _save(model, path):
    from ..io import save

    save(model, path)


def train_command(name="train"):
    """The command that trains; by the name of ``supervised`` it is fastText's."""
    endings = "\n".join(f"  {ending:5s} {text}" for ending, text in ENDINGS.items())
    made = click.command(
        name,
        cls=Verb,
        help="Train on lines of words and labels: words that begin with the label prefix. CORPUS is as for train.\n\n"
        f"\b\nOUT's ending says what is written:\n{endings}",
        short_help="Train on lines with labels.",
        no_args_is_help=True,
    )(_options(run))
    first = [p for p in made.params if p.name in ("corpus", "out")]
    rest = [p for p in made.params if p not in first]
    made.params = first + model_options(models.get("classifier")) + rest
    return made


def _options(function):
    for decorate in reversed((
        click.argument("corpus", nargs=-1),
        click.option("-o", "--out", multiple=True, help="File to write; may be given several times."),
        click.option("-q", "--quiet", is_flag=True, help="No progress."),
        click.option("-input", "input_files", multiple=True, help="fastText's CORPUS."),
        click.option("-output", "output_prefix", help="fastText's OUT: writes OUTPUT.bin."),
        click.option("-verbose", type=click.INT, default=2, hidden=True),
    )):  # fmt: skip
        function = decorate(function)
    return function


classify.add_command(train_command())


def load_classifier(path):
    """The FastTextClassifier in a file; FastembedError if it holds something else."""
    from ..io import load

    model = load(path)
    if not isinstance(model, models.get("classifier")):
        raise FastembedError(f"{path}: holds {type(model).__name__}, not FastTextClassifier")
    return model


_TOP = (
    click.option("-k", "--topn", type=click.IntRange(-1), default=1, show_default=True, help="Labels a line; -1: all."),
    click.option(
        "--threshold", type=click.FloatRange(0), default=0.0, show_default=True, help="Leave out less probable ones."
    ),
)


def _top(function):
    for decorate in reversed(_TOP):
        function = decorate(function)
    return function


@classify.command(cls=Verb)
@click.argument("model")
@click.argument("text", default="-")
@_top
@click.option("-p", "--probabilities", is_flag=True, help="Print the probability behind each label.")
@click.option("--prefix/--no-prefix", default=False, help="Print labels as they stand in a file: __label__x.")
def predict(model, text, topn, threshold, probabilities, prefix):
    """The labels of each line of TEXT, a file or - (standard input); what MODEL says, a line for each."""
    model = load_classifier(model)
    start = model.label_prefix if prefix else ""
    for lines in _batches(text):
        for pairs in model.predict_top(lines, topn, threshold):
            words = [f"{start}{label}" + (f" {score:.6g}" if probabilities else "") for label, score in pairs]
            click.echo(" ".join(words))
        sys.stdout.flush()


@classify.command(cls=Verb)
@click.argument("model")
@click.argument("corpus", nargs=-1)
@_top
def test(model, corpus, topn, threshold):
    """Precision and recall of MODEL's labels on labelled lines."""
    model = load_classifier(model)
    found = model.test(open_corpus(corpus), k=topn, threshold=threshold)
    click.echo(
        f"{found['documents']:,} lines  precision@{topn} {found['precision']:.4f}  recall@{topn} {found['recall']:.4f}"
    )


def _batches(path):
    """Lists of the lines of a file or of standard input; one at a time where a person or another program waits."""
    stream = click.open_file(path, "r", encoding="utf-8", errors="replace")
    size, lines = (1 if path == "-" else BATCH), []
    with stream:
        for line in stream:
            lines.append(line)
            if len(lines) >= size:
                yield lines
                lines = []
        if lines:
            yield lines
