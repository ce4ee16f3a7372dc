"""Imports flow one way: a file may import what stands below it, never what stands beside or above it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "fastembed"
LAYERS = (  # lowest first; a layer may import the layers below it, and its own files
    ("_version", "errors", "late"),
    ("memory", "blas"),
    ("_core",),
    ("parallel", "blas"),
    ("vocab", "tokenize"),
    ("sources", "items"),
    ("ingest",),
    ("cache",),
    ("corpus", "subwords"),
    ("vectors", "sample", "pieces"),
    ("io",),
    ("nn",),
    ("models",),
    ("evaluate", "callbacks"),
    ("report",),
    ("cli",),
    ("__main__",),
)
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
IMPORT = re.compile(r"^\s*(?:from\s+(\.*[\w.]*)\s+c?import\s+(.+)|c?import\s+([\w., ]+))", re.MULTILINE)


def layer_of(path):
    """First part of the module's name below fastembed: "vocab", "cli", ..."""
    return path.relative_to(ROOT).parts[0].split(".")[0]


def imported(path, text):
    """Layers of fastembed that the import lines of a file name."""
    package = ["fastembed", *path.relative_to(ROOT).parts[:-1]]
    found = set()
    for source, names, plain in IMPORT.findall(text):
        if plain:
            modules = [m.strip().split(" as ")[0] for m in plain.split(",")]
        else:
            dots = len(source) - len(source.lstrip("."))
            base = package[: len(package) - dots + 1] if dots else []
            stem = [*base, *(part for part in source.lstrip(".").split(".") if part)]
            parts = [n.strip().split(" as ")[0] for n in names.split("#")[0].strip("() \\").split(",")]
            modules = [".".join([*stem, p]) for p in parts if p] if len(stem) == 1 else [".".join(stem)]
        found |= {m.split(".")[1] for m in modules if m.startswith("fastembed.")}
    return found


def violations(path, text):
    own = layer_of(path)
    names = {name for name in imported(path, text) if name in RANK and name != own}
    return [f"{path.name}: {own} imports {name}" for name in sorted(names) if RANK[name] >= RANK[own]]


def sources():
    return [
        p
        for ending in ("py", "pyx", "pxd")
        for p in sorted(ROOT.rglob(f"*.{ending}"))
        if p.parent != ROOT or p.stem != "__init__"
    ]


def test_imports_flow_one_way():
    assert not [line for path in sources() for line in violations(path, path.read_text(encoding="utf-8"))]


def test_every_module_has_a_layer():
    assert {layer_of(path) for path in sources()} <= set(RANK)


@pytest.mark.parametrize(
    ("file", "line", "layers"),
    [
        ("vocab.py", "from .io import save", {"io"}),
        ("vocab.py", "from . import errors, corpus as c", {"errors", "corpus"}),
        ("models/word2vec.py", "from ..vectors import KeyedVectors", {"vectors"}),
        ("models/word2vec.py", "    from .. import report", {"report"}),
        ("_core/sgns.pyx", "from fastembed._core.job cimport Job", {"_core"}),
        ("_core/sgns.pyx", "from fastembed.parallel import run", {"parallel"}),
        ("cli/__init__.py", "import fastembed.report.scene", {"report"}),
        ("io/native.py", "from .atomic import atomic_write", {"io"}),
        ("io/native.py", "import json, os", set()),
    ],
)
def test_import_lines_are_understood(file, line, layers):
    assert imported(ROOT / file, line) == layers


def test_an_upward_import_is_found():
    assert violations(ROOT / "vocab.py", "from .io import save") == ["vocab.py: vocab imports io"]
    assert violations(ROOT / "io" / "native.py", "from ..vocab import Vocab") == []


@pytest.mark.parametrize("heavy", ["scipy", "numpy", "click", "matplotlib", "tqdm"])
def test_import_is_light(heavy):
    code = f"import sys, fastembed; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT.parent).returncode == 0
