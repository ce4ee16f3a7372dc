"""The text and the evaluation sets that the cases use: found, unpacked, cut and counted once, then kept in a cache."""

import bz2
import gzip
import json
import lzma
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .runner import ROOT, BenchError

MEGABYTE = 1_000_000
BLOCK = 1 << 20
LINE_WORDS = 1000  # as word2vec.c cuts; gensim trains on no more than 10,000 words of a line
OPENERS = {".xz": lzma.open, ".gz": gzip.open, ".bz2": bz2.open}


@dataclass(frozen=True)
class Text:
    """A plain text file at ``path``, the same text in ``lines`` of at most LINE_WORDS words, and its word count."""

    name: str
    path: str
    lines: str
    words: int
    size: int


def shared():
    """The folder with common data: $FASTEMBED_SHARED, or ../shared beside the repository."""
    return Path(os.environ.get("FASTEMBED_SHARED") or ROOT.parent / "shared") / "data"


def cache_folder():
    """Where unpacked text is kept between runs: $FASTEMBED_BENCH_CACHE, or one of this user among temporary files."""
    name = f"fastembed-bench-{os.getuid() if hasattr(os, 'getuid') else 'user'}"
    folder = Path(os.environ.get("FASTEMBED_BENCH_CACHE") or Path(tempfile.gettempdir()) / name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def default_corpus():
    """The 100 MB text if the common data are there, else the sample that ships with the package."""
    large = shared() / "corpora" / "enwiki18-text8.txt.xz"
    if large.exists():
        return large
    samples = sorted((ROOT / "fastembed" / "data").glob("english*.xz"))
    if not samples:
        raise BenchError("no corpus found: give one with --corpus FILE")
    return samples[0]


def text(corpus=None, megabytes=None):
    """The first ``megabytes`` (all if None or 0) of ``corpus``, a plain or packed file -> Text."""
    source = Path(corpus or default_corpus())
    if not source.is_file():
        raise BenchError(f"{source}: no such file")
    name = source.name.split(".")[0]
    stamp = f"{name}-{source.stat().st_size:x}-{source.stat().st_mtime_ns:x}-{megabytes or 'all'}"
    folder = cache_folder() / stamp
    note = folder / "note.json"
    if not note.exists():
        folder.mkdir(exist_ok=True)
        _unpack(source, folder / "text", int((megabytes or 0) * MEGABYTE))
        words = recut(folder / "text", folder / "lines")
        note.write_text(json.dumps({"words": words}))
    size = (folder / "text").stat().st_size
    words = json.loads(note.read_text())["words"]
    return Text(name, str(folder / "text"), str(folder / "lines"), words, size)


def _unpack(source, target, limit):
    """Copy ``source`` to ``target``, no more than ``limit`` bytes (0: all), ending between words."""
    with OPENERS.get(source.suffix, open)(source, "rb") as packed, open(target, "wb") as plain:
        left = limit or float("inf")
        while left and (block := packed.read(int(min(BLOCK, left)))):
            left -= len(block)
            if not left:
                block = block[: max(block.rfind(b" "), block.rfind(b"\n")) + 1] or block
            plain.write(block)


def recut(source, target, words=LINE_WORDS):
    """Write ``source`` to ``target`` in lines of at most ``words`` words, keeping its own line ends -> words in all."""
    total = on_line = 0
    rest = b""
    with open(source, "rb") as plain, open(target, "wb") as cut:
        while block := plain.read(BLOCK):
            block = rest + block
            end = max(block.rfind(b" "), block.rfind(b"\n")) + 1
            block, rest = block[:end], block[end:]
            lines = block.split(b"\n")
            for number, line in enumerate(lines):
                tokens = line.split()
                total += len(tokens)
                on_line = _write_words(cut, tokens, on_line, words)
                if number < len(lines) - 1:
                    cut.write(b"\n")
                    on_line = 0
        tokens = rest.split()
        _write_words(cut, tokens, on_line, words)
        cut.write(b"\n")
    return total + len(tokens)


def _write_words(cut, tokens, on_line, words):
    """Append ``tokens`` to a line of ``on_line`` words, ending lines after ``words`` words -> words now on the line."""
    start = 0
    while start < len(tokens):
        piece = tokens[start : start + words - on_line]
        start += len(piece)
        on_line = (on_line + len(piece)) % words
        cut.write(b" ".join(piece) + (b" " if on_line else b"\n"))
    return on_line


def labelled_sentences():
    """(label, sentence) of the sentences of film reviews, "pos" or "neg"; empty if they are not there."""
    files = [(kind, shared() / "eval/contextual/sentence_polarity" / f"rt-polarity.{kind}") for kind in ("pos", "neg")]
    if not all(path.exists() for _, path in files):
        return []
    return [(kind, line) for kind, path in files for line in path.read_text(encoding="latin-1").splitlines()]


def sentences():
    """The text in sentences if the common data are there, else the sample that ships with the package."""
    large = shared() / "corpora" / "enwiki18-lm" / "train.txt.xz"
    return large if large.exists() else default_corpus()


def treebank():
    """{"train": path, "test": path} of parts of speech; empty if they are not there."""
    folder = shared() / "eval" / "contextual" / "UD_English-EWT"
    paths = {part: folder / f"en_ewt-ud-{part}.conllu" for part in ("train", "test")}
    return {part: str(path) for part, path in paths.items()} if all(map(Path.exists, paths.values())) else {}


def senses(limit):
    """{word: {"train": [...], "test": [...]}}, at most ``limit`` (sentence, place of the word, sense) in each."""
    found = {}
    for folder in sorted((shared() / "eval" / "contextual" / "CoarseWSD-20").glob("*/")):
        parts = {}
        for part in ("train", "test"):
            lines = (folder / f"{part}.data.txt").read_text().splitlines()
            gold = (folder / f"{part}.gold.txt").read_text().split()
            rows = [(sentence, int(place), sense) for (place, sentence), sense in
                    zip((line.split("\t", 1) for line in lines), gold, strict=True)]  # fmt: skip
            parts[part] = rows[:: max(1, len(rows) // limit)][:limit]
        found[folder.name] = parts
    return found


def evaluation_sets():
    """Paths of the evaluation files by short name; only those that are there."""
    folder = shared() / "eval"
    files = {
        "ws353": folder / "similarity" / "ws353.tsv",
        "simlex": folder / "similarity" / "simlex999.tsv",
        "men": folder / "similarity" / "men3000.tsv",
        "rare": folder / "similarity" / "rw2034.tsv",
        "analogies": folder / "analogy" / "questions-words.txt",
    }
    return {name: str(path) for name, path in files.items() if path.exists()}
