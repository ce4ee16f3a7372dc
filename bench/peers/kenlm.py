"""KenLM: the Python package inside a measured process; lmplz, build_binary and query as whole processes."""

import os
import re
from time import perf_counter

from ..runner import BenchError, execute

TYPES = re.compile(r"^(\d+) (\d+) D1=", re.MULTILINE)  # n-grams of each order, as lmplz reports them
PERPLEXITY = re.compile(r"^Perplexity including OOVs:\s+(\S+)", re.MULTILINE)  # as query reports it


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
    start = perf_counter()
    found = [model.score(sentence) for sentence in sentences]
    rate = job["words"] / (perf_counter() - start)
    return {"rate": rate, "single": rate, "mean": sum(found) / len(found)}


def query(program, job):
    """Score the lines of the text by query, from a binary model that build_binary, beside it, makes before.

    Opening the model costs time as well, so that of an empty text is taken off.
    """
    binary = job["arpa"] + ".bin"
    if not os.path.exists(binary):
        execute([os.path.join(os.path.dirname(program.command[0]), "build_binary"), "probing", job["arpa"], binary])
    with open(job["text"], encoding="utf-8") as file:
        runs = [execute([*program.command, "-v", "summary", binary], stdin=text) for text in ("", file.read())]
    found = PERPLEXITY.search(runs[1].output)
    if not found:
        raise BenchError(f"{program.name} reported no perplexity: {runs[1].output[-500:]}")
    seconds = runs[1].seconds - runs[0].seconds
    return {"file": job["words"] / seconds, "perplexity": float(found[1])}
