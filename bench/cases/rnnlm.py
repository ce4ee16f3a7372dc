"""The recurrent language model against the same network in PyTorch: speed of training steps, and perplexity."""

from itertools import cycle

from ..peers import installed
from ..results import OURS, Column, Table
from ..runner import Contestant, call, take_turns

SUMMARY = "RNNLM (2x200 LSTM, 20,000 words, 20 streams of 35 steps, Adam): words trained a second, perplexity; PyTorch"
PARTS = ("steps", "epoch")
COLUMNS = [
    Column("rate", "words/s", "number", "more"),
    Column("cpu_rate", "words/CPU s", "number", "more"),
    Column("loss", "loss", "loss"),
    Column("perplexity", "perplexity", "number", "less"),
    Column("peak", "peak", "megabytes", "less"),
]
NOTES = [
    "the same start and the same batches; the loss is that of the last ten steps, the perplexity that of every 50th",
    "sentence, held out, the state carried on; in `steps` after 22 steps, of which the first two are not timed",
]


def run(context, part):
    """One table a number of threads."""
    return [_table(context, part, threads) for threads in context.threads]


def _table(context, part, threads):
    job = {"text": context.text.lines, "threads": threads, "max_vocab": 20_000, "cell": "lstm"}
    job |= {"dim": 200, "hidden": 200, "layers": 2, "batch": 20, "unroll": 35, "clip": 5.0, "optimizer": "adam"}
    job |= {"lr": context.lr or 0.002, "steps": 22 if part == "steps" else None, "epochs": 1}
    job["held_batches"] = 2 if part == "steps" else None

    def train(function):
        seeds = cycle(context.seeds)
        return lambda: call(f"peers.rnnlm:{function}", job | {"seed": next(seeds)}, blas_threads=threads)

    contestants = [Contestant(OURS, train("ours"))]
    if installed("torch"):
        contestants.append(Contestant("torch", train("theirs")))
    rounds = context.repeats if part == "steps" else len(context.seeds)
    contestants = take_turns(context.chosen(contestants), rounds, context.tell)
    title = f"rnnlm {part}, {threads} thread(s), {context.about}"
    return Table(f"rnnlm:{part}:{threads}", title, COLUMNS, contestants, NOTES)
