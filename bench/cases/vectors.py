"""Reading and writing vectors as text, and nearest neighbours, against gensim's KeyedVectors."""

import random
import tempfile
from pathlib import Path

from ..peers import installed
from ..results import OURS, Column, Table
from ..runner import Contestant, call, take_turns

SUMMARY = "200,000 x 100 vectors: load and save text, 200 neighbour queries one by one and in one call"
PARTS = ("text",)
ROWS, DIM, QUERIES = 200_000, 100, 200
COLUMNS = [
    Column("load", "load text", "seconds", "less"),
    Column("save", "save text", "seconds", "less"),
    Column("query", f"{QUERIES} queries", "seconds", "less"),
    Column("batch", "in one call", "seconds", "less"),
    Column("peak", "peak", "megabytes", "less"),
]


def write(path, rows=ROWS, dim=DIM):
    """A word2vec text file of random vectors; values repeat from a pool, which is quick to make and as slow to read."""
    draw = random.Random(1)
    pool = [f"{draw.gauss(0, 0.3):.6f}" for _ in range(9973)]
    with open(path, "w") as file:
        file.write(f"{rows} {dim}\n")
        for row in range(rows):
            start = draw.randrange(len(pool) - dim)
            file.write(f"word{row} {' '.join(pool[start : start + dim])}\n")


def run(context, part):
    """One table a number of threads (those of the matrix product)."""
    with tempfile.TemporaryDirectory(prefix="fe") as folder:
        path = Path(folder, "vectors.txt")
        write(path)
        return [_table(context, {"input": str(path), "rows": ROWS, "queries": QUERIES}, n) for n in context.threads]


def _table(context, job, threads):
    contestants = [Contestant(OURS, lambda: call("peers.ours:vectors", job, threads))]
    if installed("gensim"):
        contestants.append(Contestant("gensim", lambda: call("peers.gensim:vectors", job, threads)))
    contestants = take_turns(context.chosen(contestants), context.repeats, context.tell)
    notes = ["gensim has no call for many queries: its figure is that of one by one"]
    return Table(
        f"vectors:text:{threads}", f"vectors, {ROWS:,} x {DIM}, {threads} thread(s)", COLUMNS, contestants, notes
    )
