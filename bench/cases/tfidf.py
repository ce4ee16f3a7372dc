"""Documents to sparse matrices, against scikit-learn's classes of the same names."""

from ..peers import installed
from ..results import OURS, Column, Table
from ..runner import Contestant, call, take_turns

SUMMARY = "fit_transform of documents of 1,000 words: CountVectorizer, TfidfVectorizer, words and pairs of words"
PARTS = ("counts", "tfidf", "tfidf-2grams")
COLUMNS = [
    Column("seconds", "fit_transform", "seconds", "less"),
    Column("transform", "transform", "seconds", "less"),
    Column("peak", "peak", "megabytes", "less"),
]


def run(context, part):
    """One table a number of threads."""
    return [_table(context, part, threads) for threads in context.threads]


def _table(context, part, threads):
    job = {
        "lines": context.text.lines,
        "class": "CountVectorizer" if part == "counts" else "TfidfVectorizer",
        "ngrams": 2 if part.endswith("2grams") else 1,
    }
    contestants = [Contestant(OURS, lambda: call("peers.ours:documents", job | {"threads": threads}))]
    if installed("sklearn"):
        contestants.append(Contestant("scikit-learn", lambda: call("peers.sklearn:documents", job)))
    contestants = take_turns(context.chosen(contestants), context.repeats, context.tell)
    title = f"{part}, {threads} thread(s), {context.about}"
    notes = ["scikit-learn has one thread; the documents are a list of str in memory"]
    return Table(f"tfidf:{part}:{threads}", title, COLUMNS, contestants, notes)
