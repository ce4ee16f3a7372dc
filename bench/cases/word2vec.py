"""Word2vec training for one epoch: speed in training, and the whole job from a text file to vectors on disk."""

import tempfile
from pathlib import Path

from ..peers import external, installed
from ..results import OURS, Column, Table
from ..runner import Contestant, call, take_turns

SUMMARY = "skip-gram and CBOW, negative sampling and hierarchical softmax: words/s, whole job, memory"
PARTS = ("sg-ns", "cbow-ns", "sg-hs", "sg-ns-300")
COLUMNS = [
    Column("rate", "training", "rate", "more"),
    Column("cpu_rate", "a CPU second", "rate", "more"),
    Column("ingest", "ingest", "seconds"),
    Column("whole", "whole job", "seconds", "less"),
    Column("peak", "peak", "megabytes", "less"),
]
NOTES = [
    "training: words of text a second in one epoch; whole job: text file, 1 epoch, vectors on disk (bench/README.md)",
    "fastText runs 10 threads confined to the same number of CPUs: with fewer it trains on uninitialised memory",
]


def settings(context, part, threads):
    """The job that every contestant gets: the model's parameters and the text."""
    kind, _, dim = part.partition("-ns-")
    return {
        "sg": part.startswith("sg"),
        "hs": kind.endswith("hs"),
        "dim": int(dim or 100),
        "window": 5,
        "negative": 5,
        "sample": 1e-4,
        "min_count": 5,
        "epochs": 1,
        "lr": context.lr or 0.025,
        "seed": 1,
        "threads": threads,
        "text": context.text.path,
        "lines": context.text.lines,
        "output": "vectors",
    }


def trainers(context, part):
    """Name -> function(job) for all who can train ``part``; a job's figures come back as a dict."""
    found = {OURS: lambda job: call("peers.ours:train", job)}
    if installed("gensim"):
        found["gensim corpus_file"] = lambda job: call("peers.gensim:train", job | {"iterable": False})
        found["gensim iterable"] = lambda job: call("peers.gensim:train", job | {"iterable": True})
    if installed("fasttext"):
        found["fasttext"] = lambda job: call("peers.fasttext:train", job)
    for program in context.programs:
        if part.removesuffix("-300") in program.kinds:
            found[program.name] = lambda job, program=program: external.train(program, job)
    return found


def measure(train, job):
    """One epoch's figures; who does not time its training is run again for more epochs, and the difference counts."""
    with tempfile.TemporaryDirectory(prefix="fe") as folder:
        job = job | {"output": str(Path(folder, "vectors"))}
        figures = train(job)
        if "train" not in figures:
            more = epochs_more(figures["whole"])
            figures |= difference(figures, train(job | {"epochs": job["epochs"] + more}), more)
    for rate, seconds in (("rate", "train"), ("cpu_rate", "cpu")):
        figures[rate] = job["words"] / figures[seconds] if figures[seconds] else None
    return figures


def epochs_more(whole):
    """How many, after a run of so many seconds: programs may need seconds to begin, and never the same."""
    return max(1, min(4, int(20 / whole)))


def difference(shorter, longer, epochs):
    """Wall and CPU seconds of an epoch, of which ``longer`` had so many more; None where they cost next to nothing.

    That is no speed: noise, or a program that ends its second epoch at once (word2vec.c of 2017 does).
    """
    pairs = {"train": (shorter["whole"], longer["whole"]), "cpu": (shorter["cpu"], longer["cpu"])}
    costs = {name: (b - a) / epochs if a and b - a > 0.05 * epochs * a else None for name, (a, b) in pairs.items()}
    return costs if costs["cpu"] or not shorter["cpu"] else dict.fromkeys(costs)


def run(context, part):
    """One table a number of threads."""
    return [_table(context, part, threads) for threads in context.threads]


def _table(context, part, threads):
    job = settings(context, part, threads) | {"words": context.text.words}
    contestants = [
        Contestant(name, lambda train=train: measure(train, job)) for name, train in trainers(context, part).items()
    ]
    contestants = take_turns(context.chosen(contestants), context.repeats, context.tell)
    title = f"word2vec {part}, {threads} thread(s), dim {job['dim']}, {context.about}"
    return Table(f"word2vec:{part}:{threads}", title, COLUMNS, contestants, NOTES)
