"""FastTextClassifier against fastText on a split of labelled sentences: time, CPU, memory, accuracy."""

import random
import tempfile
from pathlib import Path

from .. import data
from ..peers import installed
from ..results import OURS, Column, Table
from ..runner import BenchError, Contestant, call, take_turns

KINDS = {  # what documents are made of, and by which loss labels are learnt
    "words": {},
    "words and pairs": {"word_ngrams": 2, "bucket": 200_000},
    "words, pairs, characters": {"word_ngrams": 2, "minn": 3, "maxn": 6, "bucket": 200_000},
    "words, hs": {"loss": "hs"},
    "words, ova": {"loss": "ova"},
}
DEFAULTS = {"dim": 100, "epochs": 5, "lr": 0.5, "word_ngrams": 1, "minn": 0, "maxn": 0, "loss": "softmax", "bucket": 1}
COLUMNS = [
    Column("seconds", "file to model", "seconds", "less"),
    Column("cpu", "CPU", "seconds", "less"),
    Column("peak", "peak", "megabytes", "less"),
    Column("accuracy", "accuracy", "score"),
]


def tables(context, threads):
    """One table for each of KINDS; a round is a split of its own, four fifths to train on."""
    sentences = data.labelled_sentences()
    if not sentences:
        raise BenchError("no labelled sentences: they are looked for in $FASTEMBED_SHARED/data/eval/contextual")
    with tempfile.TemporaryDirectory(prefix="fe") as folder:
        splits = [_split(sentences, seed, Path(folder)) for seed in range(max(context.repeats, len(context.seeds)))]
        for name, kind in KINDS.items():
            yield _table(context, name, DEFAULTS | kind | {"threads": threads}, splits)


def _split(sentences, seed, folder):
    """Files to train on and to test on, of the sentences in random order."""
    sentences = random.Random(seed).sample(sentences, len(sentences))
    cut, files = len(sentences) * 4 // 5, {"seed": seed + 1}
    for name, part in (("train", sentences[:cut]), ("test", sentences[cut:])):
        files[name] = str(folder / f"{name}{seed}")
        Path(files[name]).write_text("".join(f"__label__{label} {text}\n" for label, text in part), encoding="utf-8")
    return files


def _table(context, name, job, splits):
    contestants = []
    for who, where in {OURS: "peers.ours:classify", "fasttext": "peers.fasttext:classify"}.items():
        if who == OURS or installed(who):
            turns = iter(splits)
            contestants.append(Contestant(who, lambda where=where, turns=turns: call(where, job | next(turns))))
    contestants = take_turns(context.chosen(contestants), len(splits), context.tell)
    notes = []
    for one in contestants:
        scores = " ".join(f"{figures['accuracy']:.4f}" for figures in one.rounds)
        mean = sum(figures["accuracy"] for figures in one.rounds) / len(one.rounds)
        notes.append(f"{one.name}: mean accuracy {mean:.4f}, of each split {scores}")
    title = f"classifier of {name}, {job['threads']} thread(s), lr {job['lr']}, {job['epochs']} epochs, rt-polarity"
    return Table(f"fasttext:classifier:{name}:{job['threads']}", title, COLUMNS, contestants, notes)
