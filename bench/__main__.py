"""``python -m bench [CASE[:PART] ...]``: ours against the installed peers; see bench/README.md."""

import argparse
import functools
import os
import sys
from dataclasses import dataclass

from . import data
from .cases import CASES, GROUPS
from .peers import external, installed, missing
from .results import OURS, save
from .runner import BenchError

LONG = ("quality", "history")  # cases that train for long, so only where they are asked for


@dataclass
class Context:
    """What a case needs to know about this session."""

    options: argparse.Namespace
    programs: list

    def __post_init__(self):
        self.repeats, self.threads, self.seeds = self.options.repeats, self.options.threads, self.options.seeds
        self.epochs, self.lr = self.options.epochs, self.options.lr
        self.available = {OURS} if installed("fastembed.models") else set()

    @functools.cached_property
    def text(self):
        """The corpus; unpacked when a case first asks for it."""
        return data.text(self.options.corpus, self.options.megabytes)

    @property
    def sets(self):
        """The evaluation sets of word similarity that are there."""
        return {name: path for name, path in data.evaluation_sets().items() if name in ("ws353", "simlex")}

    @property
    def about(self):
        """The corpus in a few words."""
        return f"{self.text.name}, {self.text.size / data.MEGABYTE:.0f} MB, {self.text.words:,} words"

    def chosen(self, contestants):
        """Those of ``contestants`` that --only names; all if it is not given. BenchError if there is none."""
        only = self.options.only
        found = [one for one in contestants if not only or any(one.name.startswith(name) for name in only)]
        if not found:
            names = ", ".join(one.name for one in contestants)
            raise BenchError(f"--only {' '.join(only)}: there is none of that name among {names}")
        return found

    def tell(self, line):
        """Say on stderr what is going on."""
        print(f"  .. {line}", file=sys.stderr, flush=True)


def whole(text):
    """An option's number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: give a whole number of at least 1")
    return value


def parser():
    """The command line."""
    make = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    make.add_argument(
        "cases", nargs="*", metavar="CASE[:PART]", help="all but quality and history if none is given; see --list"
    )
    make.add_argument("--list", action="store_true", help="list cases, parts and peers, and stop")
    make.add_argument("--corpus", metavar="FILE", help="plain text, .xz, .gz or .bz2")
    make.add_argument("--megabytes", type=float, default=20, help="how much of the corpus (20; 0: all)")
    make.add_argument("--threads", type=whole, nargs="+", default=[1, 2], help="numbers of threads, a table each (1 2)")
    make.add_argument("--repeats", type=whole, default=3, help="rounds; figures are medians (3)")
    make.add_argument("--peer", action="append", default=[], metavar="NAME[:KIND,..]=COMMAND", help=external.__doc__)
    make.add_argument(
        "--only", action="extend", nargs="+", metavar="NAME", help="only contestants whose names begin so"
    )
    make.add_argument("--quality", action="store_true", help="the quality case too (alone if no case is given)")
    make.add_argument("--seeds", type=int, nargs="+", default=[1], help="seeds of quality and rnnlm:epoch (1)")
    make.add_argument("--epochs", type=whole, default=5, help="epochs of the quality case (5)")
    make.add_argument("--lr", type=float, help="learning rate (0.025; quality 0.05)")
    make.add_argument("--save", action="store_true", help="add the results to bench/results/<version>.json")
    return make


def selected(names, quality):
    """(case, part) pairs for the names on the command line; with --quality the same parts of the quality case too."""
    if not names:
        names = ["quality:sg-ns"] if quality else [name for name in CASES if name not in LONG]
    elif quality:
        parts = [name.partition(":")[2] for name in names if name.startswith("word2vec")]
        names = [*names, *(f"quality:{part}" if part else "quality" for part in parts or ["sg-ns"])]
    pairs = []
    for name in [case for given in names for case in GROUPS.get(given, (given,))]:
        case, _, part = name.partition(":")
        if case not in CASES or (part and part not in CASES[case].PARTS):
            raise BenchError(f"no case {name!r}; python -m bench --list shows them")
        pairs += [(case, one) for one in ([part] if part else CASES[case].PARTS)]
    return pairs


def show_list():
    """Print cases, parts and peers."""
    for name, case in CASES.items():
        print(f"{name:10} {case.SUMMARY}\n{'':10} parts: {', '.join(case.PARTS)}")
    for name, cases in GROUPS.items():
        print(f"{name:10} {' and '.join(cases)}")


def main():
    """Run the chosen cases; exit code 2 for bad use, 1 if a case could not run."""
    options = parser().parse_args()
    for line in missing():
        print(f"note: {line}")
    if options.list:
        return show_list()
    try:
        pairs = selected(options.cases, options.quality)
        context = Context(options, [external.parse(text) for text in options.peer])
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5:
        print(f"note: the machine is busy (load {os.getloadavg()[0]:.1f}): trust ratios, not times")
    return run(context, pairs)


def run(context, pairs):
    """Run, print and, if asked, save every (case, part); exit code 1 if one could not run."""
    failed = 0
    settings = {name: getattr(context.options, name) for name in ("megabytes", "repeats", "seeds", "epochs", "lr")}
    for case, part in pairs:
        try:
            for table in CASES[case].run(context, part):
                print(f"\n{table.text()}", flush=True)
                if context.options.save:
                    print(f"  saved to {save(table, settings)}")
        except BenchError as error:
            failed = 1
            print(f"{case}:{part}: {error}", file=sys.stderr)
    return failed


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
