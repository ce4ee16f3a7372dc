"""What several test files share."""

import os
from pathlib import Path

import command
import pytest

from fastembed._core import simd

SHARED = Path(os.environ.get("FASTEMBED_SHARED", Path(__file__).parents[2] / "shared"))


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="also run the tests that take minutes")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--slow"):
        skip = pytest.mark.skip(reason="takes minutes; run with --slow")
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(skip)


@pytest.fixture(params=simd.available())
def isa(request):
    """Every instruction set of this machine in turn."""
    before = simd.active()
    simd.use(request.param)
    yield request.param
    simd.use(before)


@pytest.fixture
def shared():
    """The folder of corpora and evaluation sets that lies beside the project, where it is present."""
    if not SHARED.is_dir():
        pytest.skip(f"no data at {SHARED} (set FASTEMBED_SHARED)")
    return SHARED


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty current folder with text.txt in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text("\n".join(command.LINES) + "\n", encoding="utf-8")
    return tmp_path
