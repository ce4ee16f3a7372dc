"""What the verbs that turn a corpus into a sparse matrix share."""

import click

from .. import models
from .options import corpus_options, model_options
from .outputs import check_output
from .program import Verb


def matrix_command(name, run, endings, summary, lowercase=True):
    """The click command of a registered model whose result is a matrix; its flags are the model's parameters.

    Parameters
    ----------
    run : callable that gets ``corpus``, ``out``, ``quiet``, how to read the corpus, and the parameters.
    endings : dict of the endings that a file to write may have and what is then written.
    lowercase : whether --lowercase says how to read a corpus; if not, the model has such a parameter.
    """
    said = "\n".join(f"  {ending:5s} {text}" for ending, text in endings.items())
    command = click.command(
        name,
        cls=Verb,
        help=f"{summary}\n\n\b\nOUT's ending says what is written:\n{said}",
        no_args_is_help=True,
    )(corpus_options(_options(run), lowercase))
    first = [p for p in command.params if p.name in ("corpus", "out")]
    rest = [p for p in command.params if p not in first]
    command.params = first + model_options(models.get(name)) + rest
    return command


def check_outputs(out, endings):
    """The paths given with -o, each checked; one there must be."""
    if not out:
        raise click.UsageError("say where to write: -o X.npz", click.get_current_context(True))
    return [check_output(path, tuple(endings)) for path in out]


def _options(function):
    function = click.option("-q", "--quiet", is_flag=True, help="No progress.")(function)
    return click.option("-o", "--out", multiple=True, help="File to write; may be given several times.")(function)
