"""``embed``: a vector for every word in its sentence, or one for the sentence, from a contextual model."""

import contextlib
import itertools
import sys
import time
import zipfile
from pathlib import Path

import click
import numpy as np

from ..errors import FastembedError
from ..models.pieced import PiecedModel, normed
from .outputs import check_output, written
from .program import Verb

ENDINGS = {
    ".npz": "an array for each line, under its number from 0 (numpy.load)",
    ".hdf5": "the same in HDF5, as bilm-tf's programs write it (needs h5py)",
    ".npy": "with --pool: one matrix, a row for each line",
}
BLOCK = 1024  # lines that are embedded at a time


@click.command(
    cls=Verb,
    no_args_is_help=True,
    epilog="\b\nOUT's ending says what is written:\n" + "\n".join(f"  {e:6s} {text}" for e, text in ENDINGS.items()),
)
@click.argument("model")
@click.argument("text")
@click.option("-o", "--out", required=True, help="File to write.")
@click.option("--layers", default="all", show_default=True, help="all, mix (their average) or the number of one.")
@click.option("--words", is_flag=True, help="BERT: a vector for each word, the mean of its pieces'.")
@click.option("--pool", is_flag=True, help="One vector for each line, the mean of its words'; see below.")
@click.option("--normalize", is_flag=True, help="Every vector to length 1.")
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16"]),
    help="BERT: bfloat16 rounds what matrix products take, for CPUs that are fast at it.",
)
def embed(model, text, out, layers, words, pool, normalize, precision):
    """Vectors of the words (BERT: pieces) of each line of TEXT, or of - for standard input; empty lines give empty
    arrays.

    MODEL is a contextual model: a .fe file, a folder with config.json and model.safetensors (BERT), or one with
    options.json and weights.hdf5 (ELMo).

    With --pool, BERT gives the mean of its last layer with [CLS] and [SEP], as sentence-transformers does; ELMo the
    mean of its layers' average, and zeros for an empty line.
    """
    path = check_output(out, (".npy",) if pool else (".npz", ".hdf5"))
    opened, start = load_contextual(model), time.perf_counter()
    if precision:
        if not isinstance(opened, PiecedModel):
            raise FastembedError(f"--precision: {model} holds {type(opened).__name__}, not BERT")
        opened.set_params(precision=precision)
    layers = int(layers) if layers.lstrip("-").isdigit() else layers
    vectors = _pooled(opened, layers) if pool else _each(opened, layers, words)
    count = 0
    with _writer(path) as add:
        for block in _blocks(_lines(text)):
            for states in vectors(block):
                add(count, normed(states) if normalize else states)
                count += 1
        if not count:
            raise FastembedError(f"{'standard input' if text == '-' else text}: there is no line to embed")
    what = f"{count:,} vectors" if pool else f"{count:,} sentences"
    written(path, f"{what} x {opened.width}", time.perf_counter() - start)


def load_contextual(path):
    """The contextual model in a file or a folder."""
    from .. import models
    from ..io import load

    folder = Path(path)
    if (folder / "config.json").exists():
        return models.get("bert").load(path)
    if (folder / "options.json").exists():
        return models.get("elmo").load(folder / "options.json", folder / "weights.hdf5")
    if folder.is_dir():
        raise FastembedError(f"{path}: a folder without config.json (BERT) or options.json (ELMo)")
    model = load(path)
    if not hasattr(model, "embed"):
        raise FastembedError(f"{path}: holds {type(model).__name__}, not a contextual model")
    return model


def _each(model, layers, words):
    """A function: lines -> their arrays, (L + 1, T, D) or (T, D)."""
    if words and isinstance(model, PiecedModel):
        return lambda lines: model.embed(lines, layers, align="words")
    return lambda lines: model.embed(lines, layers)


def _pooled(model, layers):
    """A function: lines -> a vector (D,) of each."""
    if isinstance(model, PiecedModel):
        return lambda lines: model.embed(lines, -1 if layers == "all" else layers, pool="mean")
    return lambda lines: map(_mean, model.embed(lines, "mix" if layers == "all" else layers))


def _mean(states):
    return states.mean(0) if len(states) else np.zeros(states.shape[1], states.dtype)


def _lines(text):
    """Lines of a file or of standard input, without their ends."""
    from ..io.source import decoded, read_lines

    if text == "-":
        return decoded("standard input", (line.removesuffix(b"\n") for line in sys.stdin.buffer))
    lines = list(read_lines(text))
    return lines[:-1] if lines[-1] == "" else lines  # the last line's end begins no other


def _blocks(lines):
    lines = iter(lines)
    return iter(lambda: list(itertools.islice(lines, BLOCK)), [])


@contextlib.contextmanager
def _writer(path):
    """A function (number, array) that adds an array to a file, which is there when all are in it."""
    from ..io.atomic import atomic_write

    if path.suffix == ".hdf5":
        with atomic_write(path, "w+b") as file, _hdf5(file) as datasets:
            yield lambda number, array: datasets.create_dataset(str(number), data=array)
    elif path.suffix == ".npy":
        rows = []
        yield lambda number, array: rows.append(array)
        if rows:
            with atomic_write(path) as file:
                np.save(file, np.stack(rows))
    else:
        with atomic_write(path) as file, zipfile.ZipFile(file, "w") as archive:

            def add(number, array):
                with archive.open(f"{number}.npy", "w", force_zip64=True) as entry:
                    np.lib.format.write_array(entry, array)

            yield add


def _hdf5(file):
    try:
        import h5py
    except ImportError:
        raise FastembedError('.hdf5 needs h5py: pip install "fastembed-trainer[hdf5]"') from None
    return h5py.File(file, "w")
