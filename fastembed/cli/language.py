"""``score``, ``perplexity`` and ``generate``: what a language model says of a text, and what it says itself."""

import click

from ..errors import FastembedError
from .program import Verb


def load_language(path):
    """The language model in a file."""
    from ..io import load
    from ..models.language import LanguageModel

    model = load(path)
    if not isinstance(model, LanguageModel):
        raise FastembedError(f"{path}: holds {type(model).__name__}, not a language model")
    return model


def open_text(model, sources):
    """The Corpus of paths, or of standard input, with words as the model knows them."""
    if "-" in sources and len(sources) > 1:
        raise click.UsageError("- (standard input) cannot be combined with files", click.get_current_context(True))
    return model.corpus(sources[0] if len(sources) == 1 else list(sources))


@click.command(cls=Verb, no_args_is_help=True)
@click.argument("file")
@click.argument("corpus", nargs=-1, required=True)
@click.option("--log10", is_flag=True, help="Logarithms to base 10, as KenLM's, instead of natural ones.")
def score(file, corpus, log10):
    """The logarithm of the probability of every sentence of CORPUS: "score TAB sentence"; empty lines are none.

    FILE is a language model (.fe, .arpa, .arpa.gz); CORPUS is one or more text files, or - for standard input.
    """
    model = load_language(file)
    text = open_text(model, corpus)
    scores = model.scores(text) / (2.302585092994046 if log10 else 1)
    for value, line in zip(scores.tolist(), text.encode().lines(), strict=True):
        click.echo(f"{value:.6f}\t{line}")


@click.command(cls=Verb, no_args_is_help=True)
@click.argument("file")
@click.argument("corpus", nargs=-1, required=True)
def perplexity(file, corpus):
    """How well a language model predicts CORPUS, per word with the end of each sentence.

    FILE is a language model (.fe, .arpa, .arpa.gz); CORPUS is one or more text files, or - for standard input.
    """
    from ..evaluate import perplexity as measured

    model = load_language(file)
    found = measured(model, open_text(model, corpus))
    lines = [
        ("perplexity", f"{found.perplexity:.4f}"),
        ("without unknown", f"{found.without_unknown:.4f}"),
        ("log probability", f"{found.logprob:.2f}"),
        ("words", f"{found.tokens:,}, {found.unknown:,} of them unknown"),
        ("sentences", f"{found.sentences:,}"),
    ]
    click.echo("\n".join(f"{name:15s} {value}" for name, value in lines))


@click.command(cls=Verb, no_args_is_help=True)
@click.argument("file")
@click.option("--count", type=click.IntRange(1), default=1, show_default=True, help="How many sentences.")
@click.option("--length", type=click.IntRange(1), default=50, show_default=True, help="Words in each, at most.")
@click.option("--seed", type=click.IntRange(0), help="The same seed gives the same sentences.")
@click.option(
    "--temperature", type=click.FloatRange(0), default=1.0, show_default=True,
    help="Below 1 prefers probable words; 0 always takes the most probable.",
)  # fmt: skip
@click.option("--context", default="", help="How every sentence begins.")
def generate(file, count, length, seed, temperature, context):
    """Sentences drawn from a language model (.fe, .arpa, .arpa.gz), one a line."""
    model = load_language(file)
    space = "" if not context or model.unspaced else " "
    for number in range(count):
        own = None if seed is None else seed + number
        said = model.generate(context, length=length, seed=own, temperature=temperature)
        click.echo(f"{context}{space}{said}")
