"""Word analogies and similarities of the same vectors, ours against gensim: seconds, and that the scores agree."""

import tempfile
from pathlib import Path

from .. import data
from ..peers import installed
from ..results import OURS, Column, Table
from ..runner import BenchError, Contestant, call, take_turns
from . import word2vec

SUMMARY = "questions-words (30,000 and 300,000 words) and similarity sets on the same vectors"
PARTS = ("30000", "300000")
COLUMNS = [
    Column("analogy_seconds", "analogies", "seconds", "less"),
    Column("pair_seconds", "similarities", "seconds", "less"),
    Column("analogies", "accuracy", "score"),
    Column("ws353", "WS-353", "score"),
    Column("simlex", "SimLex-999", "score"),
    Column("men", "MEN", "score"),
    Column("peak", "peak", "megabytes", "less"),
]


def run(context, part):
    """One table a number of threads (those of the matrix product)."""
    sets = data.evaluation_sets()
    if not sets:
        raise BenchError("no evaluation sets: they are looked for in $FASTEMBED_SHARED/data/eval")
    with tempfile.TemporaryDirectory(prefix="fe") as folder:
        job = {"input": str(Path(folder, "vectors.bin")), "sets": sets, "restrict": int(part)}
        training = word2vec.settings(context, "sg-ns", max(context.threads))
        trainer = "peers.ours:train" if OURS in context.available else "peers.gensim:train"
        call(trainer, training | {"output": job["input"], "iterable": False})
        return [_table(context, part, job, threads) for threads in context.threads]


def _table(context, part, job, threads):
    contestants = [Contestant(OURS, lambda: call("peers.ours:evaluate", job, threads))]
    if installed("gensim"):
        contestants.append(Contestant("gensim", lambda: call("peers.gensim:evaluate", job, threads)))
    contestants = take_turns(context.chosen(contestants), context.repeats, context.tell)
    title = f"evaluate, the {int(part):,} most frequent words, {threads} thread(s), vectors of {context.about}"
    return Table(f"evaluate:{part}:{threads}", title, COLUMNS, contestants, [agreement(contestants)])


def agreement(contestants):
    """How far the contestants' scores of the same vectors lie apart, in one line."""
    apart = 0.0
    for name in ("analogies", "ws353", "simlex", "men"):
        scores = [one.rounds[0][name] for one in contestants if name in one.rounds[0]]
        apart = max(apart, max(scores, default=0) - min(scores, default=0))
    return f"largest difference between the scores of {len(contestants)} contestants: {apart:.1e}"
