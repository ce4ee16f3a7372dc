"""``doctor``: everything about this installation that decides whether and how fast it works."""

import os
import platform
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import click

from .._version import __version__
from .program import FAILED, Verb

_EXTRAS = {  # extra -> (module, what it is for)
    "zh": ("rjieba", "Chinese word segmentation"),
    "zstd": ("zstandard", ".zst files"),
    "plot": ("matplotlib", "PNG pictures"),
    "tokenizers": ("tokenizers", "pieces of words, for BERT"),
    "hdf5": ("h5py", "ELMo's original files"),
}
_QDRANT = "fastembed"  # the distribution of that name is Qdrant's inference library


@click.command(cls=Verb)
def doctor():
    """Versions, instruction set, threads, extras, conflicts; exit code 1 if something is wrong."""
    problems = []
    lines = [*_versions(), *_machine(), *_extras(), *_conflicts(problems)]
    click.echo("\n".join(f"{name:18s} {text}" for name, text in lines))
    for problem in problems:
        click.echo(f"problem: {problem}", err=True)
    return FAILED if problems else 0


def _version(distribution):
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _versions():
    yield "fastembed-trainer", f"{__version__} in {Path(__file__).parent.parent}"
    yield "Python", f"{platform.python_version()} in {sys.prefix}"
    yield "system", platform.platform()
    for name in ("numpy", "scipy", "click", "tqdm"):
        yield name, _version(name) or "missing"


def _machine():
    from .. import simd
    from ..parallel import default_threads

    names = simd.available()
    forced = os.environ.get("FASTEMBED_ISA")
    yield "processor", _processor()
    yield "instruction set", f"{simd.active()} of {', '.join(names)}" + (" (FASTEMBED_ISA)" if forced else "")
    yield "threads", f"{default_threads()} usable of {os.cpu_count()}"
    yield "memory", _memory()
    yield "huge pages", _huge_pages()


def _processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _memory():
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        total, free = os.sysconf("SC_PHYS_PAGES") * page, os.sysconf("SC_AVPHYS_PAGES") * page
    except (AttributeError, OSError, ValueError):  # Windows; a system that does not count free pages
        return "unknown"
    return f"{total / 1e9:.1f} GB, {free / 1e9:.1f} GB free"


def _huge_pages():
    try:
        text = Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text()
    except OSError:
        return "not known on this system"
    return text.partition("[")[2].partition("]")[0] or "unknown"


def _extras():
    for extra, (module, purpose) in _EXTRAS.items():
        state = f"{module} {_version(module) or ''}".strip() if find_spec(module) else f"not installed ({module})"
        yield f"extra {extra}", f"{state}: {purpose}"


def _conflicts(problems):
    """Whether another distribution puts files into the same folder."""
    other = _version(_QDRANT)
    overwritten = (Path(__file__).parent.parent / "text" / "text_embedding.py").exists()
    if other or overwritten:
        problems.append(
            f"the distribution fastembed {other or ''} (Qdrant's inference library) has the same import name: use a "
            "separate virtual environment for each".replace("  ", " ")
        )
    yield "name conflict", f"with fastembed {other or 'of Qdrant'}" if other or overwritten else "none"
