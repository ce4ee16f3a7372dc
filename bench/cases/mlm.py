"""Pre-training of BERT against the same network in transformers, on the same batches: losses and speed."""

from ..peers import installed
from ..results import OURS, Column, Table
from ..runner import Contestant, call, take_turns

SUMMARY = "BERT.tiny() on hidden pieces, AdamW: loss and tokens trained a second; transformers with PyTorch"
PARTS = ("steps", "curve")
STEPS = {"steps": 12, "curve": 300}
COLUMNS = [
    Column("rate", "tokens/s", "number", "more"),
    Column("cpu_rate", "tokens/CPU s", "number", "more"),
    Column("early", "loss, first half", "loss"),
    Column("loss", "loss, last tenth", "loss"),
    Column("peak", "peak", "megabytes", "less"),
]
NOTES = [
    "the same start, the same batches of 32 sequences (theirs padded), no dropout; losses are of the hidden pieces",
    "before each step; the first two steps are not timed",
]


def run(context, part):
    """One table a number of threads."""
    return [_table(context, part, threads) for threads in context.threads]


def _table(context, part, threads):
    job = {"text": context.text.lines, "threads": threads, "seed": 1, "lr": context.lr or 1e-3, "steps": STEPS[part]}
    contestants = [Contestant(OURS, lambda: call("peers.mlm:ours", job))]
    if installed("torch") and installed("transformers"):
        contestants.append(Contestant("torch", lambda: call("peers.mlm:theirs", job, blas_threads=threads)))
    repeats = context.repeats if part == "steps" else 1
    contestants = take_turns(context.chosen(contestants), repeats, context.tell)
    title = f"mlm {part}, {threads} thread(s), up to {STEPS[part]} steps, {context.about}"
    return Table(f"mlm:{part}:{threads}", title, COLUMNS, contestants, NOTES)
