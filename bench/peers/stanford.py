"""Stanford's GloVe, or any program with its options, measured as a whole process."""

import re
import tempfile
from pathlib import Path

from ..runner import BenchError, call, execute

COST = re.compile(r"cost: *([0-9.]+)")


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
