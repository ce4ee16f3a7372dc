"""The command ``fastembed VERB``; every verb is a file or a few lines here, its flags come from the models.

Exit code 0: done; 1: it failed (a file is missing, damaged, full; training overflowed); 2: the command itself is wrong;
130: Ctrl-C.
"""

import importlib

import click

from .._version import __version__
from .program import Program

_VERBS = {  # verb -> (file, help); a file is imported only when its verb runs
    "train": ("train", "Train a model: fastembed train skipgram text8 -o m.fe"),
    "classify": ("classify", "Labels for texts: train on labelled lines, predict, test."),
    "tfidf": ("tfidf", "Documents to a sparse matrix of TF-IDF weights."),
    "cooccur": ("cooccur", "Count words beside words, for GloVe and SVD."),
    "vocab": ("files", "Count the words of a text."),
    "nn": ("query", "Nearest neighbours of words."),
    "subwords": ("query", "The n-grams that make up words."),
    "analogy": ("query", "A is to B as C is to what?"),
    "eval": ("evaluation", "Score vectors on word pairs and analogies."),
    "score": ("language", "The probability of sentences under a language model."),
    "perplexity": ("language", "How well a language model predicts a text."),
    "generate": ("language", "Sentences from a language model."),
    "embed": ("contextual", "Vectors of words in their sentences, from ELMo or BERT."),
    "explore": ("explore", "A page to look at vectors with: map, neighbours, analogies."),
    "convert": ("files", "Read vectors or a model in one format and write another."),
    "info": ("files", "What a model or vector file contains."),
    "doctor": ("doctor", "Versions, instruction set, threads, extras, conflicts."),
    "bench": ("bench", "Measure against other packages, in a checkout of the source."),
    "demo": ("demo", "Train on the novels that ship with fastembed."),
}
_FASTTEXT_VERBS = ("skipgram", "cbow")  # fastText's own position: fastembed skipgram -input f -output m


class Verbs(Program):
    """The group of all verbs."""

    def list_commands(self, context):
        return list(_VERBS)

    def get_command(self, context, name):
        if name in _FASTTEXT_VERBS:
            return importlib.import_module(".train", __name__).fasttext_command(name)
        if name == "supervised":  # fastText's name of classify train
            return importlib.import_module(".classify", __name__).train_command(name)
        if name not in _VERBS:
            return None
        return getattr(importlib.import_module("." + _VERBS[name][0], __name__), name)

    def format_commands(self, context, formatter):
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _VERBS.items()])


@click.command("fastembed", cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="fastembed")
@click.option("--debug", is_flag=True, help="Show the whole traceback of an error (anywhere on the line).")
def app(debug):
    """Train word vectors on this machine's CPUs and work with them."""


def main(args=None):
    """The entry point of the console script and of ``python -m fastembed``."""
    app.main(args=args, prog_name="fastembed")
