"""The history of word vectors in one table: every step on the same text and the same tasks."""

import json
import os
from pathlib import Path

from .. import data
from ..results import Column, Table
from ..runner import BenchError, Contestant, call

SUMMARY = "one-hot to BERT: word similarity, parts of speech, senses, opinions; all trained on enwiki18-lm"
PARTS = ("all",)
CONTEXTUAL = ("ELMo", "BERT")
NAMES = ("one-hot", "TF-IDF", "SVD", "SkipGram", "CBOW", "GloVe", "FastText", *CONTEXTUAL)
COLUMNS = [
    Column("ws353", "WS-353", "score"),
    Column("simlex", "SimLex-999", "score"),
    Column("pos", "POS", "score"),
    Column("sense", "senses", "score"),
    Column("sense_both", "both", "score"),
    Column("opinion", "opinions", "score"),
    Column("seconds", "training", "seconds"),
]
NOTES = [
    "POS: UD English-EWT, a linear layer on static vectors of the word and its two neighbours, or on the mix of layers",
    "senses: CoarseWSD-20, nearest centroid, 50 sentences a word; static: mean of 10 words on each side; contextual:",
    "the word's last layer; both: that, at half length, beside SkipGram's mean around it",
    "opinions: sentence polarity, logistic regression on the mean vector, or on the words",
]


def run(context, part):
    """One table; a model that is in $FASTEMBED_BENCH_MODELS (elmo.fe, bert.fe) is not trained again, nor judged again
    if its figures are there too (elmo.json)."""
    tasks = {"treebank": data.treebank(), "opinions": data.labelled_sentences(), "senses": data.senses(50)}
    if not all(tasks.values()):
        raise BenchError("no evaluation sets: they are looked for in $FASTEMBED_SHARED/data/eval")
    text = data.text(context.options.corpus or data.sentences(), context.options.megabytes)
    folder = os.environ.get("FASTEMBED_BENCH_MODELS") or data.cache_folder() / f"history-{text.size}-{context.epochs}"
    os.makedirs(folder, exist_ok=True)
    job = {"text": text.path, "threads": max(context.threads), "seed": 1, "epochs": context.epochs}
    job |= {"models": str(folder), "sets": context.sets} | tasks
    contestants = []
    for name in NAMES:
        one = Contestant(name, lambda name=name: judged(job | {"name": name}, context.tell))
        if not context.options.only or name in context.options.only:
            context.tell(name)
            one.rounds.append(one.measure())
            contestants.append(one)
    notes = NOTES + [layers(one) for one in contestants if one.name in CONTEXTUAL]
    title = f"history, {text.name}, {text.size / data.MEGABYTE:.0f} MB, {text.words:,} words, {context.epochs} epochs"
    return [Table("history:all", title, COLUMNS, contestants, notes)]


def judged(job, tell):
    """Figures of one step of the history, kept beside its model for as long as that stays as it is."""
    model, figures = (Path(job["models"], job["name"].lower() + ending) for ending in (".fe", ".json"))
    if figures.exists() and (not model.exists() or figures.stat().st_mtime >= model.stat().st_mtime):
        tell(f"not measured anew: {figures} has figures of an earlier run")
        return json.loads(figures.read_text())
    found = call("peers.history:measure", job)
    figures.write_text(json.dumps(found))
    return found


def layers(contestant):
    """POS of each layer by itself, in one line."""
    found = contestant.rounds[0]
    single = [found[f"pos_{layer}"] for layer in range(len(found)) if f"pos_{layer}" in found]
    shown = " ".join(f"{score:.3f}" for score in single)
    others = f"their average {found['pos_average']:.3f}; learnt mix {found['pos']:.3f}, s = {found['weights']}"
    return f"{contestant.name}: POS by layer {shown}; {others}"
