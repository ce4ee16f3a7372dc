"""Count, prune and encode a text file, against gensim's vocabulary scan (which encodes nothing)."""

from ..peers import installed
from ..results import OURS, Column, Table
from ..runner import Contestant, call, take_turns

SUMMARY = "count, prune and encode a text; gensim: corpus_file vocabulary scan"
PARTS = ("file",)
COLUMNS = [
    Column("seconds", "time", "seconds", "less"),
    Column("cpu", "CPU time", "seconds", "less"),
    Column("peak", "peak", "megabytes", "less"),
]


def run(context, part):
    """One table a number of threads."""
    return [_table(context, threads) for threads in context.threads]


def _table(context, threads):
    job = {"text": context.text.path, "lines": context.text.lines, "min_count": 5, "sample": 1e-4, "threads": threads}
    contestants = [Contestant(OURS, lambda: call("peers.ours:ingest", job))]
    if installed("gensim"):
        contestants.append(Contestant("gensim scan", lambda: call("peers.gensim:ingest", job)))
    contestants = take_turns(context.chosen(contestants), context.repeats, context.tell)
    title = f"ingest, {threads} thread(s), {context.about}"
    return Table(
        f"ingest:{threads}", title, COLUMNS, contestants, ["gensim scans with one thread whatever it is given"]
    )
