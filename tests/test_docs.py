"""The documents say what is so: commands and files exist, snippets run, no rule of the house is broken by them."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import click
import pytest

import fastembed
from fastembed.cli import app

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.skipif(not (ROOT / "README.md").exists(), reason="documents are not beside the tests")
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "fastembed/data/README.md")


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def shell_lines():
    blocks = re.findall(r"```sh\n(.*?)```", read("README.md"), re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def command_of(words):
    """The click command that a line of words reaches, and the words left for it."""
    command, context = app, click.Context(app)
    while isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        assert found is not None, f"fastembed has no verb {words[0]}"
        command, words = found, words[1:]
    return command, words


def test_readme_has_its_two_commands():
    setups = [line for line in shell_lines() if line.startswith("python3 -m venv .venv && ")]
    assert [line.rsplit("&& ", 1)[1] for line in setups] == [".venv/bin/fastembed demo", ".venv/bin/pytest"]


@pytest.mark.parametrize("line", [line for line in shell_lines() if "fastembed " in line.replace("/", " ")])
def test_commands_in_the_readme_are_understood(line):
    words = re.split(r"(?:^|[ /])fastembed ", line)[-1].split("#")[0].split()
    command, rest = command_of(words)
    context = click.Context(command)
    command.parse_args(context, rest)
    assert not context.args


def test_python_in_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", read("README.md"), re.DOTALL)
    assert blocks
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "README.md", "README.md", 0)
    report = []
    failed, _ = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=report.append)
    assert not failed, "".join(report)


def modules():
    names = [m.name for m in pkgutil.walk_packages(fastembed.__path__, "fastembed.")]
    return ["fastembed", *(name for name in names if not name.endswith("__main__"))]


@pytest.mark.parametrize("name", modules())
def test_examples_in_docstrings_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = []
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for test in finder.find(importlib.import_module(name)):
        runner.run(test, out=report.append)
    assert not report, "".join(report)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_names_in_the_documents_exist(name):
    for dotted in re.findall(r"`fe\.([A-Za-z_.]+)", read(name)):
        value = fastembed
        for part in dotted.strip(".").split("."):
            assert hasattr(value, part), f"{name} names fe.{dotted}, which has no {part}"
            value = getattr(value, part)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_files_named_in_the_documents_exist(name):
    text = read(name)
    for path in re.findall(r"\b((?:fastembed|tests|csrc|bench)/[\w/]+\.\w+)", text) + re.findall(
        r"\b[A-Z]{4,}\.md\b", text
    ):
        assert (ROOT / path).exists() or path.endswith(("mine.py", "mine.pyx")), path


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_fit_the_line(name):
    text = read(name)
    assert all(len(line) <= 130 or line.startswith("|") for line in text.splitlines())


@pytest.mark.parametrize("name", DOCUMENTS)
def test_nobody_is_told_to_install_the_other_fastembed(name):
    assert not re.search(r"pip3? install (-U )?['\"]?fastembed", read(name))


def test_extras_named_in_the_readme_exist():
    project = read("pyproject.toml")
    for extra in (
        re.search(r"## Extras\n(.*?)\n\n", read("README.md"), re.DOTALL)[1].split("pip install")[0].split("`")[1::2]
    ):
        if extra.isalpha():
            assert re.search(rf"^{extra} = \[", project, re.MULTILINE), extra


def test_version_is_in_the_changelog_or_unreleased():
    assert "## [Unreleased]" in read("CHANGELOG.md") or f"## [{fastembed.__version__}]" in read("CHANGELOG.md")
