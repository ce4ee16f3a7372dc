"""The package as installed: files that must travel with it, its names, and the conflict with another distribution."""

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fastembed
from fastembed import models

PACKAGE = Path(fastembed.__file__).parent


def test_typed_marker_is_there():
    assert (PACKAGE / "py.typed").is_file()


def test_every_public_name_exists():
    for name in fastembed.__all__:
        assert getattr(fastembed, name) is not None
        assert name in dir(fastembed)


def test_callbacks_can_be_imported():
    module = importlib.import_module("fastembed.callbacks")
    assert fastembed.callbacks is module
    assert issubclass(module.EarlyStopping, module.Callback) and module.STOP == models.callbacks.STOP


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'word2vec'"):
        fastembed.word2vec  # noqa: B018


def copy_of_init(tmp_path):
    """A folder with the part of fastembed that is imported at once."""
    folder = tmp_path / "fastembed"
    folder.mkdir()
    for name in ("__init__.py", "_version.py"):
        shutil.copy(PACKAGE / name, folder)
    return folder


def import_it(tmp_path):
    code = "import fastembed; print(fastembed.__file__)"
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    return subprocess.run(
        [sys.executable, "-W", "always", "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True
    )


def test_warns_when_the_other_fastembed_lies_in_the_same_folder(tmp_path):
    folder = copy_of_init(tmp_path)
    (folder / "text").mkdir()
    (folder / "text" / "text_embedding.py").write_text("")
    result = import_it(tmp_path)
    assert str(folder) in result.stdout
    assert "separate virtual environment" in result.stderr


def test_no_warning_without_it(tmp_path):
    folder = copy_of_init(tmp_path)
    result = import_it(tmp_path)
    assert str(folder) in result.stdout
    assert result.stderr == ""
