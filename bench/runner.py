"""Measured child processes, taken in turns.

The parent imports nothing heavy: Linux counts the parent's memory at the fork into a child's peak.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class BenchError(Exception):
    """A contestant failed; the message names it and quotes its last words."""


@dataclass(frozen=True)
class Run:
    """One finished child process: wall and CPU seconds, ``peak`` resident bytes (None if unknown), what it printed."""

    seconds: float
    cpu: float | None
    peak: int | None
    output: str


@dataclass(frozen=True)
class Contestant:
    """A name and a callable that makes one complete measurement and returns its figures by name."""

    name: str
    measure: object
    rounds: list = field(default_factory=list, compare=False)


def execute(command, stdin="", folder=None, blas_threads=1):
    """Run ``command`` (a list of str) alone in ``folder`` and wait for it -> Run."""
    environment = os.environ | dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(blas_threads))
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as given:
        given.write(stdin.encode())
        given.seek(0)
        start = time.perf_counter()
        child = subprocess.Popen(
            command, stdin=given, stdout=output, stderr=subprocess.STDOUT, cwd=folder, env=environment
        )
        try:
            cpu, peak = _wait(child)
        except BaseException:
            child.kill()
            child.wait()
            raise
        seconds = time.perf_counter() - start
        output.seek(0)
        text = output.read().decode(errors="replace")
    if child.returncode:
        last = " | ".join(text.strip().splitlines()[-3:])
        raise BenchError(f"{Path(command[0]).name} ended with {child.returncode}: {last[-500:]}")
    return Run(seconds, cpu, peak, text)


def _wait(child):
    """Wait for ``child``, note its exit code, and return its own CPU seconds and peak resident bytes."""
    if not hasattr(os, "wait4"):  # Windows
        child.wait()
        return None, None
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def call(function, job, blas_threads=1):
    """Call "module:function" (below bench) with ``job`` in a new interpreter; its dict, plus "peak" and "process"."""
    command = [sys.executable, "-m", "bench.worker", function]
    with tempfile.TemporaryDirectory(prefix="fe") as folder:
        run = execute(command, json.dumps(job | {"folder": folder}), folder, blas_threads)
    lines = run.output.strip().splitlines()
    try:
        figures = json.loads(lines[-1])
    except (IndexError, ValueError):
        raise BenchError(f"{function} gave no result: {run.output[-2000:]}") from None
    return {"peak": run.peak, "process": run.seconds} | figures


def take_turns(contestants, repeats, tell=lambda line: None):
    """Measure all contestants in turn, ``repeats`` times; one that fails is reported and left out."""
    failed = set()
    for number in range(repeats):
        for contestant in contestants:
            if contestant.name in failed:
                continue
            tell(f"round {number + 1}/{repeats}: {contestant.name}")
            try:
                contestant.rounds.append(contestant.measure())
            except BenchError as error:
                failed.add(contestant.name)
                tell(f"{contestant.name} left out: {error}")
    return [contestant for contestant in contestants if contestant.name not in failed]


def medians(rounds):
    """Median of every figure over ``rounds`` (a list of dicts with the same keys); None where one is missing."""
    result = {}
    for key in rounds[0]:
        values = [figures.get(key) for figures in rounds]
        result[key] = None if None in values else statistics.median(values)
    return result


def paired_ratio(ours, theirs, key, faster="more"):
    """Median over the rounds of how many times better ours is than theirs in ``key``; None if unknown.

    Rounds are compared in pairs, so that a machine that slows down half way favours nobody.
    """
    pairs = [(mine.get(key), other.get(key)) for mine, other in zip(ours, theirs, strict=True)]
    if not pairs or any(not mine or not other for mine, other in pairs):
        return None
    return statistics.median(mine / other if faster == "more" else other / mine for mine, other in pairs)
