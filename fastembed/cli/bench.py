"""``bench``: the benchmarks, which stay with the source and are not installed."""

import os
import subprocess
import sys
from pathlib import Path

import click

from ..errors import FastembedError

_SOURCE = Path(__file__).parents[2]


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["-h"]})
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def bench(args):
    """Measure against the installed peers: python -m bench ARGS, in a checkout of the source.

    fastembed bench --help lists ARGS, --list the cases.
    """
    if not (_SOURCE / "bench" / "cases" / "word2vec.py").is_file():
        raise FastembedError("the benchmarks are not installed: run python -m bench in a checkout of the source")
    path = os.pathsep.join(filter(None, [str(_SOURCE), os.environ.get("PYTHONPATH")]))
    return subprocess.run([sys.executable, "-m", "bench", *args], env=os.environ | {"PYTHONPATH": path}).returncode
