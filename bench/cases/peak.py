"""Arithmetic rate of skip-gram training with negative sampling as a share of what the core can do in fp32."""

from ..results import OURS, Column, Table
from ..runner import Contestant, call, take_turns
from . import word2vec

SUMMARY = "GFLOP/s of skip-gram training (one thread) and its share of the core's measured fp32 peak"
PARTS = ("100", "300")
COLUMNS = [
    Column("training", "GFLOP/s in training", "number"),
    Column("step", "in the step alone", "number"),
    Column("sgemm", "sgemm", "number"),
    Column("fma", "FMA loop", "number"),
    Column("share", "training/peak", "score"),
    Column("step_share", "step/peak", "score"),
]
NOTES = [
    "6 flops a weight: dot product and two updates, for every (context, output) pair; padding and sigmoid not counted",
    "peak is the larger of a single-threaded sgemm and a loop of FMAs in registers",
    "the step alone: rows in the cache, each reach of the window equally often, as in training",
]


def run(context, part):
    """One table: one thread of ours."""
    suffix = "" if part == "100" else f"-{part}"
    job = word2vec.settings(context, f"sg-ns{suffix}", 1)
    contestants = [Contestant(OURS, lambda: call("peers.arithmetic:sgns", job))]
    contestants = take_turns(contestants, context.repeats, context.tell)
    return [
        Table(f"sgns-peak:{part}", f"arithmetic, dim {part}, one thread, {context.about}", COLUMNS, contestants, NOTES)
    ]
