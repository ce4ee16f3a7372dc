"""A file is replaced as a whole or not at all."""

import errno
import os
import stat
import subprocess
import sys
import textwrap

import pytest
from tiny_vectors import golden, random_vectors, same

from fastembed import io, report
from fastembed.errors import MissingFileError, MissingFolderError
from fastembed.io import atomic
from fastembed.io.atomic import atomic_write

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")


def test_a_finished_block_writes_the_file(tmp_path):
    path = tmp_path / "file"
    with atomic_write(path) as file:
        file.write(b"one")
        assert not path.exists()
    with atomic_write(path, "w") as file:
        file.write("zwei\u00fc\n")
        assert path.read_bytes() == b"one"
    assert path.read_bytes() == "zwei\u00fc\n".encode() and os.listdir(tmp_path) == ["file"]


def test_an_error_keeps_its_words(tmp_path):
    for error in (MissingFileError("there is no file x"), OSError("what a library says")):
        said = str(error)
        with pytest.raises(OSError) as found, atomic_write(tmp_path / "file"):
            raise error
        assert str(found.value) == said


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
def test_an_error_leaves_the_old_file(error, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(error), atomic_write(path) as file:
        file.write(b"new")
        raise error
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failing_step_leaves_the_old_file(step, tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    io.save(golden(), path)

    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic.os, step, full)
    with pytest.raises(OSError, match="No space.*a.txt") as caught:
        io.save(random_vectors(), path)
    assert caught.value.errno == errno.ENOSPC
    assert same(io.load(path), golden()) and os.listdir(tmp_path) == ["a.txt"]


@POSIX
@pytest.mark.parametrize("format", ["safetensors", "word2vec", "word2vec-bin", "glove", "vec", "projector"])
def test_a_full_disk_leaves_the_old_file(format, tmp_path):
    path = tmp_path / "file.tsv"
    path.write_bytes(b"old")
    program = f"""
        import resource, sys
        sys.path.insert(0, {os.path.dirname(__file__)!r})
        from tiny_vectors import random_vectors
        from fastembed import io
        kv = random_vectors(5000, 20)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            io.save(kv, {str(path)!r}, {format!r})
        except OSError as error:
            sys.exit(7 if error.filename == {str(path)!r} else 8)
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], env=environment)
    assert done.returncode == 7
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["file.tsv"]


@POSIX
def test_a_kill_at_any_moment_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    io.save(golden(), path)
    program = f"""
        import sys
        sys.path.insert(0, {os.path.dirname(__file__)!r})
        from tiny_vectors import random_vectors
        from fastembed.io.atomic import atomic_write
        from fastembed.io.rows import write_text
        with atomic_write({str(path)!r}) as file:
            file.write(b"20000 9" + bytes(1 << 20))
            write_text(random_vectors(20000, 9), file)
            print("written", flush=True)
            sys.stdin.read()
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"written\n"
        monkeypatch.setattr(atomic, "_YOUNG", -1)
        atomic.sweep(tmp_path)
        assert len(os.listdir(tmp_path)) == 2, "a file that is being written was taken for a dead one's"
        child.kill()
    assert same(io.load(path), golden())
    (tmp_path / ".other.tmp").touch()
    atomic.sweep(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".other.tmp", "a.txt"]


@POSIX
def test_permissions_are_those_of_a_new_file_or_of_the_old_one(tmp_path):
    previous = os.umask(0o027)
    try:
        with atomic_write(tmp_path / "new") as file:
            file.write(b"x")
    finally:
        os.umask(previous)
    assert stat.S_IMODE(os.stat(tmp_path / "new").st_mode) == 0o640
    os.chmod(tmp_path / "new", 0o604)
    with atomic_write(tmp_path / "new") as file:
        file.write(b"y")
    assert stat.S_IMODE(os.stat(tmp_path / "new").st_mode) == 0o604


@POSIX
def test_links_are_followed_and_devices_written(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    os.symlink("real", tmp_path / "link")
    with atomic_write(tmp_path / "link") as file:
        file.write(b"new")
    assert os.path.islink(tmp_path / "link") and (tmp_path / "real").read_bytes() == b"new"
    with atomic_write(os.devnull) as file:
        file.write(b"gone")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
    if os.path.exists("/dev/full"):
        with pytest.raises(OSError, match="No space.*/dev/full"):
            io.save(golden(), "/dev/full", "word2vec")


def test_folders_and_missing_folders_are_named(tmp_path):
    with pytest.raises(OSError, match=str(tmp_path.name)):
        io.save(golden(), tmp_path, "word2vec")
    message = r"a\.(txt|fe|html|svg): there is no folder .*nowhere to write to"
    for ending in ("txt", "fe", "html", "svg"):
        save = {"html": report.explorer, "svg": lambda kv, path: report.map(kv, path=path)}.get(ending, io.save)
        with pytest.raises(MissingFolderError, match=message) as caught:
            save(golden(), tmp_path / "nowhere" / f"a.{ending}")
        assert isinstance(caught.value, FileNotFoundError)


def test_a_file_can_be_saved_over_itself_while_it_is_mapped(tmp_path):
    io.save(golden(), tmp_path / "a.fe")
    kv = io.load(tmp_path / "a.fe")
    io.save(kv, tmp_path / "a.fe")
    assert same(kv, golden()) and same(io.load(tmp_path / "a.fe"), golden())
