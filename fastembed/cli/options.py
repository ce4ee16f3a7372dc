"""Command-line options made from the parameters of a model, and those that say how to read a corpus."""

import sys

import click
import numpy as np

from ..models.parameters import Choice, Filters, Portion, Range, Thresholds, Type, Words
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
    "word_ngrams": "-wordNgrams",
    "loss": "-loss",
    "label_prefix": "-label",
}


class PortionType(click.ParamType):
    """``2`` is a whole number, ``0.5`` a share."""

    name = "number or share"

    def convert(self, value, param, context):
        try:
            return value if not isinstance(value, str) else int(value) if value.isdigit() else float(value)
        except ValueError:
            self.fail(f"{value!r} is no number", param, context)


class WordsType(click.ParamType):
    """The name of a list of words, or a file with a word on each line."""

    def __init__(self, names):
        self.names = names
        self.name = "|".join([*names, "file"])

    def convert(self, value, param, context):
        if not isinstance(value, str) or value in self.names:
            return value
        try:
            with open(value, encoding="utf-8") as lines:
                return [line.rstrip("\r\n") for line in lines if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            self.fail(f"{value}: {getattr(error, 'strerror', None) or 'is not UTF-8'}", param, context)


class ThresholdsType(click.ParamType):
    """``0,0,1`` is (0, 0, 1)."""

    name = "n,n,..."

    def convert(self, value, param, context):
        try:
            return value if not isinstance(value, str) else tuple(int(number) for number in value.split(",") if number)
        except ValueError:
            self.fail(f"{value!r} is no list of whole numbers such as 0,0,1", param, context)


class FiltersType(click.ParamType):
    """``1:32,2:64`` is ((1, 32), (2, 64))."""

    name = "width:number,..."

    def convert(self, value, param, context):
        try:
            pairs = [pair.split(":") for pair in value.split(",")] if isinstance(value, str) else value
            return tuple((int(width), int(number)) for width, number in pairs)
        except ValueError:
            self.fail(f"{value!r} is no list of pairs such as 1:32,2:64", param, context)


def model_options(cls):
    """The click options of all parameters of a model that can be given on a command line."""
    return [found for found in (option(*item) for item in cls.parameters.items()) if found is not None]


def option(name, parameter):
    """The click option of a model's Parameter: ``--min-count``, and fastText's ``-minCount`` where it has one.

    None if the parameter cannot be given on a command line.
    """
    if parameter.kind is callable:
        return None
    flag = name.replace("_", "-")
    shared = {"default": parameter.default, "help": parameter.help, "show_default": parameter.default is not None}
    if parameter.kind is bool:
        return click.Option([name, f"--{flag}/--no-{flag}"], **shared)
    names = [name, f"--{flag}"] + ([FASTTEXT[name]] if name in FASTTEXT else [])
    return click.Option(names, **shared | _value(parameter))


def _value(parameter):
    """How the value of a Parameter is read."""
    if isinstance(parameter, Choice):
        names = [*parameter.choices, *(["none"] if parameter.optional else [])]
        return {"type": click.Choice(names), "callback": lambda context, option, value: _unless_none(value)}
    if isinstance(parameter, Type):
        return {"type": click.Choice(parameter.choices), "default": np.dtype(parameter.default).name}
    if isinstance(parameter, Range):
        return {"type": int, "nargs": 2}
    if isinstance(parameter, Thresholds):
        return {"type": ThresholdsType(), "default": ",".join(map(str, parameter.default)), "show_default": False}
    if isinstance(parameter, Filters):
        shown = ",".join(f"{width}:{number}" for width, number in parameter.default)
        return {"type": FiltersType(), "default": shown}
    if isinstance(parameter, Words):
        return {"type": WordsType(parameter.names)}
    return {"type": PortionType() if isinstance(parameter, Portion) else parameter.kind}


def _unless_none(value):
    return None if value == "none" else value


def corpus_options(command, lowercase=True):
    """Adds CORPUS... and the flags that say how to read it, --lowercase among them or not."""
    for decorate in reversed(_CORPUS if lowercase else _CORPUS[:2] + _CORPUS[3:]):
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
