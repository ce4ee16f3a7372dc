"""GloVe on the same co-occurrence counts: speed of an epoch, and the loss after --epochs."""

import tempfile
from pathlib import Path

from ..peers import stanford
from ..results import OURS, Column, Table
from ..runner import Contestant, call, take_turns

SUMMARY = "GloVe (window 10, x_max 100), dim 100 and 300: speed and loss; the whole job; --peer of kind glove"
PARTS = ("100", "300", "pipeline")
COLUMNS = [
    Column("rate", "training", "rate", "more"),
    Column("cpu_rate", "a CPU second", "rate", "more"),
    Column("loss", "loss", "loss"),
    Column("ws353", "WS-353", "score"),
    Column("simlex", "SimLex-999", "score"),
    Column("peak", "peak", "megabytes", "less"),
]
NOTES = [
    "training: counts a second in an epoch; a peer's is the difference of a run with one epoch more",
    "loss: mean of f d^2 / 2 in the last epoch, as each program reports it; same counts, x_max, alpha and rate",
]


WHOLE_COLUMNS = [
    Column("seconds", "whole job", "seconds", "less"),
    Column("cpu", "CPU time", "seconds", "less"),
    Column("peak", "peak", "megabytes", "less"),
]
WHOLE_NOTES = ["text file to text vectors; theirs: vocab_count, cooccur, shuffle and glove, one after the other"]


def run(context, part):
    """One table a number of threads."""
    return [(_pipeline if part == "pipeline" else _table)(context, part, threads) for threads in context.threads]


def _pipeline(context, part, threads):
    """The whole job, from a text file to vectors."""
    job = {"dim": 100, "window": 10, "min_count": 5, "epochs": context.epochs, "threads": threads, "seed": 1}
    with tempfile.TemporaryDirectory(prefix="fe") as folder:
        job |= {"text": context.text.path, "output": str(Path(folder, "vectors.txt"))}
        contestants = [Contestant(OURS, lambda: call("peers.ours:glove_pipeline", job))]
        for program in context.programs:
            if "glove" in program.kinds:
                contestants.append(Contestant(program.name, lambda program=program: stanford.pipeline(program, job)))
        contestants = take_turns(context.chosen(contestants), context.repeats, context.tell)
    title = f"glove pipeline, {threads} thread(s), dim 100, {context.epochs} epochs, {context.about}"
    return Table(f"glove:pipeline:{threads}", title, WHOLE_COLUMNS, contestants, WHOLE_NOTES)


def _table(context, part, threads):
    with tempfile.TemporaryDirectory(prefix="fe") as folder:
        job = {"dim": int(part), "window": 10, "epochs": context.epochs, "threads": threads, "seed": 1}
        job |= {"text": context.text.path, "counts": str(Path(folder, "counts")), "sets": context.sets}
        context.tell("counting")
        job |= call("peers.ours:counts", job)
        contestants = [Contestant(OURS, lambda: call("peers.ours:glove", job))]
        for program in context.programs:
            if "glove" in program.kinds:
                contestants.append(Contestant(program.name, lambda program=program: stanford.train(program, job)))
        contestants = take_turns(context.chosen(contestants), context.repeats, context.tell)
    about = f"{job['numbers']:,} counts, {job['epochs']} epochs, {context.about}"
    return Table(f"glove:{part}:{threads}", f"glove {part}, {threads} thread(s), {about}", COLUMNS, contestants, NOTES)
