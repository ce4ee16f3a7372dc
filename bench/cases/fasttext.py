"""FastText for one epoch, words with their n-grams, and opening a .bin: ours, the official package and gensim."""

import tempfile
from pathlib import Path

from ..peers import installed
from ..results import OURS, Column, Table
from ..runner import Contestant, call, take_turns
from . import classifier, word2vec

SUMMARY = (
    "skip-gram and CBOW with subwords (minn 3, maxn 6, 2 M buckets): words/s, memory; opening a .bin; "
    "classifying sentences (see quality:fasttext for what the vectors are worth)"
)
PARTS = ("sg-ns", "cbow-ns", "sg-hs", "open", "classifier")
OPENING = [Column("open", "open and 1,000 words", "seconds", "less"), Column("peak", "peak", "megabytes", "less")]


def settings(context, part, threads):
    """The job that every contestant gets."""
    return word2vec.settings(context, part, threads) | {
        "minn": 3,
        "maxn": 6,
        "bucket": 2_000_000,
        "lr": context.lr or 0.05,
        "words": context.text.words,
    }


def trainers():
    """Name -> function(job) for all who can train vectors with subwords."""
    found = {OURS: "peers.ours:train", "gensim": "peers.gensim:train", "fasttext": "peers.fasttext:train"}
    return {
        name: lambda job, where=where: call(where, job | {"iterable": False})
        for name, where in found.items()
        if name == OURS or installed(name)
    }


def run(context, part):
    """One table a number of threads; one in all for opening."""
    if part == "open":
        return [_opening(context)]
    if part == "classifier":
        return (table for threads in context.threads for table in classifier.tables(context, threads))
    return [_training(context, part, threads) for threads in context.threads]


def _training(context, part, threads):
    job = settings(context, part, threads)
    contestants = [
        Contestant(name, lambda train=train: word2vec.measure(train, job)) for name, train in trainers().items()
    ]
    contestants = take_turns(context.chosen(contestants), context.repeats, context.tell)
    title = f"fasttext {part}, {threads} thread(s), dim {job['dim']}, {context.about}"
    return Table(f"fasttext:{part}:{threads}", title, word2vec.COLUMNS, contestants, word2vec.NOTES)


def _opening(context):
    with tempfile.TemporaryDirectory(prefix="fe") as folder:
        job = settings(context, "sg-ns", max(context.threads)) | {"output": str(Path(folder, "m.bin"))}
        call("peers.ours:train", job)
        job["input"] = job["output"]
        openers = {
            OURS: "peers.ours:open_bin",
            "gensim": "peers.gensim:open_bin",
            "fasttext": "peers.fasttext:open_bin",
        }
        contestants = [
            Contestant(name, lambda where=where: call(where, job))
            for name, where in openers.items()
            if name == OURS or installed(name)
        ]
        contestants = take_turns(context.chosen(contestants), context.repeats, context.tell)
    notes = ["open the file and ask for the vectors of 500 known words and of 500 that it has never seen"]
    return Table("fasttext:open", f"a .bin of {context.about}, 2 M buckets x 100", OPENING, contestants, notes)
