"""What the vectors are worth: every contestant trains with several seeds and is scored by the same evaluation."""

import tempfile
from pathlib import Path

from .. import data
from ..results import OURS, Column, Table
from ..runner import BenchError, Contestant, call, take_turns
from . import fasttext, word2vec

SUMMARY = "WS-353, SimLex-999, MEN and analogies (30,000 words) after --epochs with each of --seeds"
PARTS = (*word2vec.PARTS, "fasttext")
SETS = {"ws353": "WS-353", "simlex": "SimLex-999", "men": "MEN"}
ANALOGIES = {"analogies": "analogies", "semantic": "semantic", "syntactic": "syntactic"}
COLUMNS = [Column(name, heading, "score") for name, heading in (SETS | ANALOGIES).items()]
RARE = {"rare": "RW known", "rare_all": "RW all", "unknown": "RW unknown"}


def run(context, part):
    """One table a number of threads; figures are means over the seeds, notes give the spread."""
    sets = data.evaluation_sets()
    if not sets:
        raise BenchError("no evaluation sets: they are looked for in $FASTEMBED_SHARED/data/eval")
    return [_table(context, part, sets, threads) for threads in context.threads]


def _table(context, part, sets, threads):
    subwords = part == "fasttext"
    job = fasttext.settings(context, "sg-ns", threads) if subwords else word2vec.settings(context, part, threads)
    job |= {"epochs": context.epochs, "lr": context.lr or 0.05, "whole_model": subwords}
    judge = "peers.ours:evaluate" if OURS in context.available else "peers.gensim:evaluate"

    def score(train, seeds):
        with tempfile.TemporaryDirectory(prefix="fe") as folder:
            output = str(Path(folder, "vectors.bin"))
            train(job | {"seed": next(seeds), "output": output})
            return call(judge, {"input": output, "sets": sets, "restrict": 30_000, "subwords": subwords})

    contestants = []
    trainers = fasttext.trainers() if subwords else word2vec.trainers(context, part)
    for name, train in trainers.items():
        seeds = iter(context.seeds)
        contestants.append(Contestant(name, lambda train=train, seeds=seeds: score(train, seeds)))
    contestants = take_turns(context.chosen(contestants), len(context.seeds), context.tell)
    title = f"quality {part}, {threads} thread(s), {context.epochs} epochs, lr {job['lr']}, {context.about}"
    notes = [
        f"medians of {len(context.seeds)} seed(s); only fastembed and gensim take the seed",
        *map(spread, contestants),
    ]
    columns = COLUMNS + [Column(name, heading, "score") for name, heading in RARE.items() if subwords]
    return Table(f"quality:{part}:{threads}", title, columns, contestants, notes)


def spread(contestant):
    """Lowest and highest score of a contestant over its rounds, in one line."""
    parts = []
    for column in COLUMNS + [Column("rare", "RW known", "score"), Column("rare_all", "RW all", "score")]:
        values = [figures[column.figure] for figures in contestant.rounds if figures.get(column.figure) is not None]
        if values:
            parts.append(f"{column.heading} {min(values):.3f}..{max(values):.3f}")
    return f"{contestant.name}: {', '.join(parts)}"
