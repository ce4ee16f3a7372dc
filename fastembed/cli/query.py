"""``nn`` and ``analogy``: questions to vectors, from the command line or line by line from standard input."""

import sys

import click

from ..errors import FastembedError, WordNotFoundError
from .program import FAILED, Verb, say

_SHARED = (
    click.option("-k", "--topn", type=click.IntRange(1), default=10, show_default=True, help="How many answers."),
    click.option(
        "--restrict-vocab", type=click.IntRange(1), help="Answer only with the N most frequent words."
    ),
)  # fmt: skip


def _query_options(command):
    for decorate in reversed(_SHARED):
        command = decorate(command)
    return command


def load_vectors(path):
    """The KeyedVectors in a file of any format, also those of a whole model."""
    from ..vectors import KeyedVectors

    return KeyedVectors.load(path)


@click.command(cls=Verb)
@click.argument("file")
@click.argument("words", nargs=-1)
@_query_options
def nn(file, words, topn, restrict_vocab):
    """Nearest neighbours of each of WORDS; without WORDS, of every word read from standard input."""
    vectors = load_vectors(file)

    def answer(word):
        neighbours = vectors.most_similar(word, topn=topn, restrict_vocab=restrict_vocab)
        click.echo(table(word, neighbours))

    return _each(((word,) for word in words) if words else None, answer, 1, "word")


@click.command(cls=Verb)
@click.argument("file")
@click.argument("words", nargs=-1)
@click.option("--nearest", is_flag=True, help="Instead the n-grams whose vectors are nearest to each word.")
@click.option("-k", "--topn", type=click.IntRange(1), default=10, show_default=True, help="How many, with --nearest.")
def subwords(file, words, nearest, topn):
    """The character n-grams that make up each of WORDS, known or not; without WORDS, of standard input's."""
    vectors = load_vectors(file)
    if vectors.subwords is None:
        raise FastembedError(f"{file}: these vectors have no character n-grams")

    def answer(word):
        if nearest:
            click.echo(table(word, vectors.nearest_ngrams(word, topn)))
        else:
            click.echo(
                " ".join([f"{word}{'' if word in vectors else ' (unknown)'}:", *vectors.subwords.ngrams.split(word)])
            )

    return _each(((word,) for word in words) if words else None, answer, 1, "word")


@click.command(cls=Verb)
@click.argument("file")
@click.argument("words", nargs=-1)
@_query_options
def analogy(file, words, topn, restrict_vocab):
    """A is to B as C is to what? Without A B C, three words a line are read from standard input."""
    if words and len(words) != 3:
        raise click.UsageError("give three words, A B C (A is to B as C is to ?)", click.get_current_context())
    vectors = load_vectors(file)

    def answer(a, b, c):
        found = vectors.most_similar(positive=[b, c], negative=[a], topn=topn, restrict_vocab=restrict_vocab)
        click.echo(table(f"{a} : {b} = {c} : ?", found))

    return _each([words] if words else None, answer, 3, "three words A B C")


def table(question, answers):
    """A question and its answers, one a line with the cosine."""
    return "\n".join([question, *(f"  {score:6.3f}  {word}" for word, score in answers)])


def _each(questions, answer, count, prompt):
    """Answer the questions given, or (None) those of standard input until it ends; exit code 1 if one failed."""
    failed = 0
    for question in _lines(prompt, count) if questions is None else questions:
        if len(question) != count:
            say(f"fastembed: error: give {prompt} on a line, not {len(question)}")
            failed = FAILED
            continue
        try:
            answer(*question)
        except WordNotFoundError as error:
            say(f"fastembed: error: {error}")
            failed = FAILED
        sys.stdout.flush()
    return failed


def _lines(prompt, count):
    """The words of each non-empty line of standard input, one by one if count is 1; a prompt where a person types."""
    person = sys.stdin.isatty()
    while True:
        if person:
            click.echo(f"{prompt}? ", err=True, nl=False)
        line = sys.stdin.readline()
        if not line:
            return
        words = line.split()
        if words:
            yield from [[word] for word in words] if count == 1 else [words]
