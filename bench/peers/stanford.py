"""GloVe's own programs (github.com/stanfordnlp/GloVe), measured as whole processes."""

import os
import re
import tempfile
from pathlib import Path

from ..runner import BenchError, call, execute

RECORD = 16  # bytes of a record of co-occurrences: two int32 and a float64
MEMORY = 4.0  # gigabytes
COST = re.compile(r"cost: *([0-9.]+)")


def cooccur(program, job):
    """Count the co-occurrences of the text; the vocabulary ``job["vocab"]`` is not part of the time -> figures."""
    with tempfile.TemporaryDirectory(prefix="fe") as folder:
        given = {"window-size": job["window"], "vocab-file": job["vocab"], "memory": MEMORY, "verbose": 0}
        options = [word for name, value in given.items() for word in (f"-{name}", str(value))]
        Path(folder, "text").symlink_to(job["text"])
        redirected = ["sh", "-c", 'exec "$0" "$@" < text > pairs', *program.command, *options]
        run = execute(redirected, folder=folder)
        size = os.path.getsize(Path(folder, "pairs"))
        if not size or size % RECORD:
            raise BenchError(f"{program.name} wrote {size} bytes, which are no records: {run.output[-500:]}")
    return {"seconds": run.seconds, "cpu": run.cpu, "peak": run.peak, "entries": size / RECORD / 1e6}


def train(program, job):
    """Train on the counts of ``job``; a second run with one epoch more tells what an epoch costs -> figures."""
    with tempfile.TemporaryDirectory(prefix="fe") as folder:
        longer = _run(program, job, folder, job["epochs"] + 1)
        run = _run(program, job, folder, job["epochs"])
        costs = COST.findall(run.output)
        if len(costs) != job["epochs"]:
            raise BenchError(f"{program.name} reported {len(costs)} of {job['epochs']} losses: {run.output[-500:]}")
        found = {"input": str(Path(folder, "vectors.txt")), "sets": job["sets"], "restrict": 30_000}
        scores = call("peers.ours:evaluate", found) if job["sets"] else {}
    figures = {"loss": float(costs[-1]), "peak": run.peak}
    seconds, cpu = longer.seconds - run.seconds, longer.cpu - run.cpu
    figures |= {"rate": job["numbers"] / seconds if seconds > 0 else None}
    return scores | figures | {"cpu_rate": job["numbers"] / cpu if cpu > 0 else None}


def pipeline(program, job):
    """From the text to vectors by the four programs, those beside glove being vocab_count, cooccur and shuffle."""
    beside = Path(program.command[0]).parent
    options = {
        "vocab_count": f"-min-count {job['min_count']}",
        "cooccur": f"-vocab-file counts.txt -window-size {job['window']} -memory {MEMORY}",
        "shuffle": f"-memory {MEMORY}",
    }
    files = {"vocab_count": "text > counts.txt", "cooccur": "text > pairs", "shuffle": "pairs > counts.bin"}
    steps = [f'"$0"/{name} {options[name]} -verbose 0 < {files[name]}' for name in files]
    with tempfile.TemporaryDirectory(prefix="fe") as folder:
        Path(folder, "text").symlink_to(job["text"])
        counted = execute(["sh", "-c", " && ".join(steps), str(beside)], folder=folder)
        trained = _run(program, job | {"counts": "counts"}, folder, job["epochs"])
    seconds, cpu = counted.seconds + trained.seconds, counted.cpu + trained.cpu
    return {"seconds": seconds, "cpu": cpu, "peak": max(counted.peak, trained.peak)}


def _run(program, job, folder, epochs):
    given = {
        "input-file": job["counts"] + ".bin",
        "vocab-file": job["counts"] + ".txt",
        "save-file": "vectors",
        "vector-size": job["dim"],
        "threads": job["threads"],
        "iter": epochs,
        "x-max": 100,
        "alpha": 0.75,
        "eta": 0.05,
        "model": 2,
        "seed": job["seed"],
        "write-header": 0,
        "verbose": 0,
    }
    options = [word for name, value in given.items() for word in (f"-{name}", str(value))]
    return execute([*program.command, *options], folder=folder)
