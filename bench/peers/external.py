"""Any program with word2vec.c's options, measured as a whole process."""

import re
import shlex
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ..runner import BenchError, execute

KINDS = ("sg-ns", "cbow-ns", "sg-hs", "cooccur", "glove", "lmplz", "query")
RATE = re.compile(r"Words(?:/thread)?/sec: *([0-9.]+)k")


@dataclass(frozen=True)
class Program:
    """A peer given as ``--peer NAME[:KIND,...]=COMMAND``; without kinds it only trains skip-gram with negatives."""

    name: str
    command: tuple
    kinds: tuple = ("sg-ns",)


def parse(text):
    """The Program in ``text``, "NAME[:KIND,...]=COMMAND with its own options"."""
    name, separator, command = text.partition("=")
    name, _, kinds = name.partition(":")
    words = tuple(shlex.split(command))
    kinds = tuple(filter(None, kinds.split(","))) or ("sg-ns",)
    if not separator or not name or not words:
        raise BenchError(f"--peer {text!r}: expected NAME=COMMAND")
    if unknown := set(kinds) - set(KINDS):
        raise BenchError(f"--peer {text!r}: no such kind: {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    program = shutil.which(words[0])
    if program is None:
        raise BenchError(f"--peer {text!r}: no program {words[0]!r}")
    return Program(name, (str(Path(program).resolve()), *words[1:]), kinds)


def arguments(job):
    """word2vec.c's options for ``job``; file names are short because such programs have buffers of 100 characters."""
    given = {
        "train": "text",
        "output": "vectors",
        "size": job["dim"],
        "window": job["window"],
        "negative": 0 if job["hs"] else job["negative"],
        "hs": int(job["hs"]),
        "cbow": int(not job["sg"]),
        "sample": job["sample"],
        "min-count": job["min_count"],
        "iter": job["epochs"],
        "alpha": job["lr"],
        "threads": job["threads"],
        "binary": 1,
    }
    return [word for name, value in given.items() for word in (f"-{name}", str(value))]


def rate(output):
    """The last words a second that a program printed about itself, or None."""
    found = RATE.findall(output)
    return float(found[-1]) * 1000 if found else None


def train(program, job):
    """Run ``program`` on ``job``; its vectors go to ``job["output"]`` -> figures."""
    with tempfile.TemporaryDirectory(prefix="fe") as folder:
        Path(folder, "text").symlink_to(job["text"])
        run = execute([*program.command, *arguments(job)], folder=folder)
        vectors = Path(folder, "vectors")
        if not vectors.exists() or not vectors.stat().st_size:
            raise BenchError(f"{program.name} wrote no vectors: {run.output[-500:]}")
        if job["output"]:
            shutil.move(vectors, job["output"])
    return {"whole": run.seconds, "cpu": run.cpu, "peak": run.peak, "reported": rate(run.output)}
