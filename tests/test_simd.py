"""Choosing an instruction set."""

import os
import subprocess
import sys

import pytest

import fastembed as fe
from fastembed.errors import ParameterError


def test_base_is_always_there_and_the_best_comes_first():
    names = fe.simd.available()
    assert names[-1] == "base" and len(set(names)) == len(names)
    assert [name for name in ("amx", "avx512bf16", "avx512", "avx2", "base") if name in names] == names


def test_use(isa):
    assert fe.simd.active() == isa
    with pytest.raises(ParameterError, match="mmx"):
        fe.simd.use("mmx")
    assert fe.simd.active() == isa


def run(isa):
    code = "import fastembed as fe; print(fe.simd.active())"
    environment = os.environ | {"FASTEMBED_ISA": isa, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)


def test_environment():
    assert run("base").stdout == "base\n"
    assert run("").stdout.strip() == fe.simd.available()[0]
    assert "cannot run here" in run("sse9").stderr


@pytest.mark.parametrize(("width", "padded"), [(1, 16), (16, 16), (17, 32), (100, 112), (300, 304)])
def test_padded(width, padded):
    assert fe.simd.padded(width) == padded
