"""n-gram language models against KenLM: training against lmplz, scoring against its Python package and query."""

import tempfile
from pathlib import Path

from ..data import recut
from ..peers import installed, kenlm
from ..results import OURS, Column, Table
from ..runner import Contestant, call, take_turns

SUMMARY = "Kneser-Ney models of order 3 and 5, scores of sentences; --peer NAME:lmplz= or NAME:query=COMMAND of KenLM"
PARTS = ("train-3", "train-5", "score-3", "score-5")
SENTENCE = 25  # words on a line, at most
TRAIN = [
    Column("seconds", "time", "seconds", "less"),
    Column("cpu", "CPU time", "seconds", "less"),
    Column("counting", "numbered text", "seconds"),
    Column("peak", "peak", "megabytes", "less"),
    Column("ngrams", "million n-grams", "number"),
]
SCORE = [
    Column("rate", "all at once", "rate", "more"),
    Column("single", "one by one", "rate", "more"),
    Column("file", "a file", "rate", "more"),
    Column("mean", "mean score", "loss"),
    Column("perplexity", "perplexity", "loss"),
]


def run(context, part):
    """One table a number of threads."""
    what, _, order = part.partition("-")
    with tempfile.TemporaryDirectory(prefix="fe") as folder:
        job = {"text": str(Path(folder, "text")), "order": int(order), "arpa": str(Path(folder, "m.arpa"))}
        job["words"] = _sentences(context.text.path, job["text"])
        if what == "score":
            call("peers.ours:ngram", job | {"threads": max(context.threads), "save": True})
        make = _train if what == "train" else _score
        return [make(context, part, job | {"threads": threads}) for threads in context.threads]


def _sentences(source, target):
    """Write ``source`` to ``target`` in lines of SENTENCE words at most, none of them empty -> words in all."""
    words = recut(source, target, SENTENCE)
    with open(target, "rb") as lines:
        kept = [line for line in lines if line.strip()]  # KenLM would count an empty one as a sentence
    with open(target, "wb") as lines:
        lines.writelines(kept)
    return words


def _train(context, part, job):
    contestants = [Contestant(OURS, lambda: call("peers.ours:ngram", job))]
    for program in context.programs:
        if "lmplz" in program.kinds:
            contestants.append(Contestant(program.name, lambda program=program: kenlm.train(program, job)))
    notes = [
        "ours from the text to a model in memory with its hash tables; lmplz from the text to an ARPA file, /dev/null",
        "numbered text: our time without reading and numbering; lmplz has several threads of its own: compare CPU time",
    ]
    return _table(context, part, job, TRAIN, contestants, notes)


def _score(context, part, job):
    contestants = [Contestant(OURS, lambda: call("peers.ours:ngram_scores", job))]
    if installed("kenlm"):
        contestants.append(Contestant("kenlm", lambda: call("peers.kenlm:scores", job)))
    for program in context.programs:
        if "query" in program.kinds:
            contestants.append(Contestant(program.name, lambda program=program: kenlm.query(program, job)))
    notes = [
        "words a second; all at once: ours `scores(sentences)`; kenlm has `score(sentence)` alone",
        "a file: ours `perplexity(path)`, KenLM's query without the time of opening its binary model (probing)",
        "the same ARPA file and sentences; KenLM has one thread",
    ]
    return _table(context, part, job, SCORE, contestants, notes)


def _table(context, part, job, columns, contestants, notes):
    contestants = take_turns(context.chosen(contestants), context.repeats, context.tell)
    title = f"ngram {part}, {job['threads']} thread(s), {context.about}"
    return Table(f"ngram:{part}:{job['threads']}", title, columns, contestants, notes)
