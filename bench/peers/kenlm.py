"""KenLM: the Python package inside a measured process, and lmplz as a whole process."""

import re
from time import perf_counter

from ..runner import BenchError, execute

TYPES = re.compile(r"^(\d+) (\d+) D1=", re.MULTILINE)  # n-grams of each order, as lmplz reports them


def train(program, job):
    """Estimate a model of ``job["order"]``; 4 GB -> figures."""
    options = ["-o", str(job["order"]), "-S", "4G", "--discount_fallback", "--text", job["text"], "--arpa", "/dev/null"]
    run = execute([*program.command, *options])
    found = TYPES.findall(run.output)
    if len(found) != job["order"]:
        raise BenchError(f"{program.name} reported {len(found)} of {job['order']} orders: {run.output[-500:]}")
    ngrams = sum(int(count) for _, count in found) / 1e6
    return {"seconds": run.seconds, "cpu": run.cpu, "peak": run.peak, "ngrams": ngrams}


def scores(job):
    """Score the lines of the text one by one."""
    import kenlm

    model = kenlm.Model(job["arpa"])
    with open(job["text"], encoding="utf-8") as lines:
        sentences = lines.read().splitlines()
    words = sum(len(sentence.split()) for sentence in sentences)
    start = perf_counter()
    found = [model.score(sentence) for sentence in sentences]
    rate = words / (perf_counter() - start)
    return {"rate": rate, "single": rate, "mean": sum(found) / len(found)}
