"""The feed-forward language model against the same network in PyTorch: speed of training steps."""

from ..peers import installed
from ..results import OURS, Column, Table
from ..runner import Contestant, call, take_turns

SUMMARY = "NNLM (context 4, dim 100, hidden 200, direct, 20,000 words, batch 512): words trained a second; PyTorch"
PARTS = ("full", "sampled")
COLUMNS = [
    Column("rate", "training", "rate", "more"),
    Column("cpu_rate", "a CPU second", "rate", "more"),
    Column("loss", "loss", "loss"),
    Column("peak", "peak", "megabytes", "less"),
]
NOTES = [
    "words a second in the steps alone, AdaGrad; the batches are made before; the loss is that of the last ten steps,",
    "ours from biases that begin as the words' logarithms, PyTorch's from zero; in sampled an estimate",
]
BATCHES = {"full": 22, "sampled": 202}  # the first two are not timed


def run(context, part):
    """One table a number of threads."""
    return [_table(context, part, threads) for threads in context.threads]


def _table(context, part, threads):
    job = {"text": context.text.path, "threads": threads, "seed": 1, "max_vocab": 20_000, "batches": BATCHES[part]}
    job |= {"context": 4, "dim": 100, "hidden": 200, "direct": True, "output": part, "samples": 1024}
    job |= {"optimizer": "adagrad", "lr": context.lr or 0.1, "batch": 512}
    contestants = [Contestant(OURS, lambda: call("peers.ours:nnlm", job))]
    if installed("torch"):
        contestants.append(Contestant("torch", lambda: call("peers.torch:nnlm", job, blas_threads=threads)))
    contestants = take_turns(context.chosen(contestants), context.repeats, context.tell)
    about = f"{BATCHES[part] - 2} steps of 512 words, {context.about}"
    return Table(f"nnlm:{part}:{threads}", f"nnlm {part}, {threads} thread(s), {about}", COLUMNS, contestants, NOTES)
