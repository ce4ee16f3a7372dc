"""ELMo's pre-training against the same network in PyTorch: words trained a second, in both directions."""

from ..peers import installed
from ..results import OURS, Column, Table
from ..runner import Contestant, call, take_turns

SUMMARY = "pre-training ELMo.small (2 layers of 512 cells onto 128, 64 streams of 20 steps): words a second; PyTorch"
PARTS = ("small",)
STEPS = 12
COLUMNS = [
    Column("rate", "training", "rate", "more"),
    Column("cpu_rate", "a CPU second", "rate", "more"),
    Column("loss", "loss", "loss"),
    Column("peak", "peak", "megabytes", "less"),
]
NOTES = [
    f"the same start, batches and drawn words; {STEPS} steps, the first two not timed; the loss is the last step's",
    "PyTorch too encodes each distinct word of a step once, over all 50 characters; its LSTMs do not clip",
]


def run(context, part):
    """One table a number of threads."""
    return [_table(context, part, threads) for threads in context.threads]


def _table(context, part, threads):
    job = {"text": context.text.lines, "threads": threads, "steps": STEPS}
    contestants = [Contestant(OURS, lambda: call("peers.elmo:ours", job))]
    if installed("torch"):
        contestants.append(Contestant("torch", lambda: call("peers.elmo:theirs", job, blas_threads=threads)))
    contestants = take_turns(context.chosen(contestants), context.repeats, context.tell)
    title = f"elmo {part}, {threads} thread(s), {context.about}"
    return Table(f"elmo:{part}:{threads}", title, COLUMNS, contestants, NOTES)
