"""Command-line options made from the signature and the docstring of a model (or of Corpus)."""

import inspect
import re
from dataclasses import dataclass

import click

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
}


@dataclass(frozen=True)
class Parameter:
    """One keyword parameter of a class: what its flag needs to know."""

    name: str
    default: object
    help: str = ""


def parameters(cls, skip=()):
    """The keyword parameters of ``cls.__init__`` with their defaults and the docstring's words about them."""
    described = _described(inspect.getdoc(cls) or "") | _described(inspect.getdoc(cls.__init__) or "")
    return [
        Parameter(p.name, p.default, described.get(p.name, ""))
        for p in inspect.signature(cls).parameters.values()
        if p.default is not p.empty and p.name not in skip
    ]


def _described(doc):
    """Parameter name -> its text, from lines such as ``dim : floats of a vector`` and their continuations."""
    found, names, indent = {}, (), 0
    for line in doc.splitlines():
        start = re.match(r"( *)([a-z_]+(?:, *[a-z_]+)*) *: (.*)", line)
        depth = len(line) - len(line.lstrip())
        if names and line.strip() and depth > indent:
            for name in names:
                found[name] += " " + line.strip()
        elif start:
            indent, names = len(start[1]), tuple(re.split(r", *", start[2]))
            found |= dict.fromkeys(names, start[3].strip())
        else:
            names = ()
    return found


class Number(click.ParamType):
    """A whole or decimal number; for parameters whose default (None) does not tell which."""

    name = "number"

    def convert(self, value, param, context):
        if isinstance(value, (int, float)):
            return value
        for kind in (int, float):
            try:
                return kind(value)
            except ValueError:
                continue
        self.fail(f"{value!r} is not a valid number.", param, context)
        return None


def option(parameter):
    """The click option of one parameter: ``--min-count``, and fastText's ``-minCount`` where it has one."""
    flag = parameter.name.replace("_", "-")
    if isinstance(parameter.default, bool):
        return click.Option(
            [parameter.name, f"--{flag}/--no-{flag}"], default=parameter.default, show_default=True, help=parameter.help
        )
    kind = {int: click.INT, float: click.FLOAT, str: click.STRING}.get(type(parameter.default), Number())
    names = [parameter.name, f"--{flag}"] + ([FASTTEXT[parameter.name]] if parameter.name in FASTTEXT else [])
    shown = parameter.default is not None
    return click.Option(names, type=kind, default=parameter.default, show_default=shown, help=parameter.help)


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
    from .. import tokenize
    from ..corpus import Corpus

    if not sources:
        raise click.UsageError("name at least one text file, or - for standard input", click.get_current_context(True))
    if "-" in sources and len(sources) > 1:
        raise click.UsageError("- (standard input) cannot be combined with files", click.get_current_context(True))
    source = sources[0] if len(sources) == 1 else list(sources)
    split = None if tokenizer == "whitespace" else getattr(tokenize, tokenizer)
    return Corpus(source, tokenizer=split, lowercase=lowercase, cache_dir=cache_dir, errors=errors, threads=threads)
