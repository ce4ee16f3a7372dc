"""Text to co-occurrence counts, against GloVe's own program."""

import tempfile
from pathlib import Path

from ..peers import stanford
from ..results import OURS, Column, Table
from ..runner import Contestant, call, take_turns

SUMMARY = "counts of neighbours within 10 words, from a text file; --peer NAME:cooccur=COMMAND for GloVe's cooccur"
PARTS = ("window-10",)
COLUMNS = [
    Column("seconds", "time", "seconds", "less"),
    Column("cpu", "CPU time", "seconds", "less"),
    Column("counting", "numbered text", "seconds"),
    Column("peak", "peak", "megabytes", "less"),
    Column("entries", "million entries", "number"),
]


def run(context, part):
    """One table a number of threads."""
    job = {"text": context.text.path, "window": int(part.rpartition("-")[2]), "min_count": 5}
    with tempfile.TemporaryDirectory(prefix="fe") as folder:
        job["vocab"] = str(Path(folder, "vocab"))
        call("peers.ours:vocabulary", job)
        return [_table(context, part, job | {"threads": threads}) for threads in context.threads]


def _table(context, part, job):
    contestants = [Contestant(OURS, lambda: call("peers.ours:cooccur", job))]
    for program in context.programs:
        if "cooccur" in program.kinds:
            contestants.append(Contestant(program.name, lambda program=program: stanford.cooccur(program, job)))
    contestants = take_turns(context.chosen(contestants), context.repeats, context.tell)
    title = f"cooccur {part}, {job['threads']} thread(s), {context.about}"
    notes = [
        "ours from the text to a matrix in memory; GloVe's cooccur from the text and a finished vocabulary to a file",
        "numbered text: our time without reading and numbering; cooccur has one thread",
    ]
    return Table(f"cooccur:{part}:{job['threads']}", title, COLUMNS, contestants, notes)
