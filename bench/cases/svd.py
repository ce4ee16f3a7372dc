"""Truncated SVD of the same sparse matrix: seconds, and the accuracy of the singular values."""

import tempfile
from pathlib import Path

from ..peers import installed
from ..results import OURS, Column, Table
from ..runner import Contestant, call, take_turns

SUMMARY = "truncated SVD of a PPMI matrix (window 2 and 5) and of a TF-IDF matrix, dim 100, against scikit-learn's"
PARTS = ("ppmi-2", "ppmi-5", "tfidf")
DIM = 100
ITERATIONS = (5, 10)  # scikit-learn's default, and what the accuracy of half of the values takes
COLUMNS = [
    Column("seconds", "time", "seconds", "less"),
    Column("cpu", "CPU time", "seconds", "less"),
    Column("half", f"error, first {DIM // 2}", "error"),
    Column("all", f"all {DIM}", "error"),
    Column("peak", "peak", "megabytes", "less"),
]


def run(context, part):
    """One table a number of threads."""
    window = int(part[-1]) if part.startswith("ppmi") else None
    job = {"dim": DIM, "window": window, "text": context.text.path, "lines": context.text.lines}
    with tempfile.TemporaryDirectory(prefix="fe") as folder:
        output = str(Path(folder, "matrix"))
        context.tell(f"making the matrix {part} and its exact singular values")
        matrix = call("peers.ours:matrix", job | {"output": output})
        job |= {"matrix": output + ".npz", "exact": matrix["exact"]}
        about = f"{matrix['rows']:,} x {matrix['columns']:,}, {matrix['numbers']:,} numbers"
        return [_table(context, part, about, job | {"threads": threads}) for threads in context.threads]


def _table(context, part, about, job):
    contestants = [Contestant(OURS, lambda: call("peers.ours:svd", job))]
    for count in ITERATIONS if installed("sklearn") else ():
        name = f"scikit-learn, {count} iterations"
        given = job | {"iterations": count}
        contestants.append(Contestant(name, lambda given=given: call("peers.sklearn:svd", given, job["threads"])))
    contestants = take_turns(context.chosen(contestants), context.repeats, context.tell)
    title = f"svd {part}, {job['threads']} thread(s), {about}, of {context.about}"
    notes = [
        "error: the largest relative one, against ARPACK in double precision; scikit-learn's products take 1 thread"
    ]
    return Table(f"svd:{part}:{job['threads']}", title, COLUMNS, contestants, notes)
