"""GloVe on the same co-occurrence counts: speed of an epoch, and the loss after --epochs."""

import tempfile
from pathlib import Path

from ..peers import stanford
from ..results import OURS, Column, Table
from ..runner import Contestant, call, take_turns

SUMMARY = "GloVe (window 10, x_max 100), dim 100 and 300: counts trained a second, loss; --peer of kind glove"
PARTS = ("100", "300")
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


def run(context, part):
    """One table a number of threads."""
    return [_table(context, part, threads) for threads in context.threads]


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
