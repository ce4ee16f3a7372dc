"""``vocab``, ``convert`` and ``info``: commands that read and write files without training."""

import os
import sys
import time
from pathlib import Path

import click

from ..errors import FastembedError
from .options import corpus_options, open_corpus, read
from .outputs import FORMATS, LANGUAGE_FORMATS, announce, check_apart, check_folder, check_output, size_text, written
from .program import Verb, say


@click.command(cls=Verb, no_args_is_help=True)
@corpus_options
@click.option("-o", "--out", help="Write the list to this file instead of standard output.")
@click.option("--min-count", "-minCount", type=click.INT, default=1, show_default=True, help="Leave out rarer words.")
@click.option("--max-vocab", type=click.INT, help="Keep at most this many words.")
@click.option("--threads", "-thread", type=click.INT, help="How many threads read (default: every CPU).")
def vocab(corpus, out, min_count, max_vocab, threads, **settings):
    """Count the words of a text: one "word count" a line, the most frequent first."""
    if out:
        check_folder(Path(out).parent)
        check_apart(corpus, [out])
    encoded = read(open_corpus(corpus, threads=threads, **settings))
    kept = encoded.vocab.pruned(min_count, max_vocab)
    lines = (f"{word} {count}\n" for word, count in zip(kept.words, kept.counts.tolist(), strict=True))
    if out:
        from ..io.atomic import atomic_write

        with atomic_write(Path(out)) as stream:
            stream.writelines(line.encode() for line in lines)
    else:
        sys.stdout.writelines(lines)
    say(f"{encoded.vocab.total:,} words, {len(encoded.vocab):,} different, {len(kept):,} listed")


@click.command(cls=Verb, no_args_is_help=True)
@click.argument("source")
@click.argument("target")
@click.option(
    "--format", "format_", help="Format of TARGET, where its ending does not say it: word2vec, word2vec-bin ..."
)
def convert(source, target, format_):
    """Read vectors or a model from SOURCE (any format, recognised by its content) and write them to TARGET.

    TARGET's ending says what is written: the vectors, or, with .fe, .arpa (also .arpa.gz, .arpa.bz2, .arpa.xz; of
    n-gram models) and .bin (of FastText and classifiers), the whole model. A TARGET without an ending is a folder: of
    BERT as transformers reads it, of ELMo as bilm-tf does.
    """
    from ..io import load, save

    path = Path(target)
    folder = not format_ and (path.is_dir() or not path.suffix)
    if folder or format_:
        check_folder(path.parent)
    else:
        check_output(target, _ENDINGS)
    loaded, start = load(source), time.perf_counter()
    if folder:
        _write_folder(loaded, path)
        say(f"wrote {target}: {type(loaded).__name__} in {time.perf_counter() - start:.1f} s")
    elif _whole(loaded, path, format_):
        save(loaded, target, format_)
        written(target, type(loaded).__name__, time.perf_counter() - start)
    else:
        vectors = loaded.wv if hasattr(type(loaded), "wv") else loaded
        save(vectors, target, format_)
        announce(target, vectors, time.perf_counter() - start)


_ENDINGS = tuple(FORMATS | LANGUAGE_FORMATS)


def _whole(loaded, path, format):
    """Whether all of what was loaded is to be written, and not only its vectors; UsageError if it cannot be."""
    from ..io import format_of, holds

    ending, format = path.suffix.lower(), format or format_of(loaded, path)
    if ending == ".fe" and hasattr(loaded, "most_similar"):
        message = f"{path}: vectors alone are no model: the name must end in .safetensors"
        raise click.UsageError(message, click.get_current_context())
    if format == "arpa" and not holds(format, loaded):
        message = f"{path}: an ARPA file holds n-grams, and {type(loaded).__name__} has none"
        raise click.UsageError(message, click.get_current_context())
    return ending == ".fe" or (format != "safetensors" and holds(format, loaded))


def _write_folder(model, path):
    """Write a BERT or an ELMo as other programs have it; UsageError for what is neither."""
    if not hasattr(model, "embed"):
        message = f"{path}: the name must end in one of {', '.join(_ENDINGS)}; folders are of ELMo and BERT only"
        raise click.UsageError(message, click.get_current_context())
    if path.exists() and not path.is_dir():
        raise FastembedError(f"{path}: is a file, not a folder to write to")
    if not hasattr(model, "to_hdf5"):
        model.save(path)
        return
    words = None if model.vocab is None else path / "vocabulary.txt"
    path.mkdir(exist_ok=True)
    model.to_hdf5(path / "options.json", path / "weights.hdf5", words)


@click.command(cls=Verb, no_args_is_help=True)
@click.argument("file")
def info(file):
    """What a model or vector file contains."""
    from ..io import load

    loaded = load(file)
    lines = [("file", f"{file}, {size_text(os.path.getsize(file))}"), ("holds", type(loaded).__name__)]
    vectors = loaded if hasattr(loaded, "most_similar") else getattr(loaded, "wv", None)
    if vectors is not None:
        rows, dim = vectors.vectors.shape
        lines += [("words", f"{rows:,}"), ("dimensions", dim), ("first words", " ".join(vectors.index_to_key[:8]))]
    if loaded is not vectors:
        lines += [(name, value) for name, value in loaded.get_params().items() if value is not None]
        history = getattr(loaded, "history", None) or []
        if history and "loss" in history[-1]:
            lines += [
                ("trained", f"{len(history)} epoch{'s' * (len(history) > 1)}, last loss {history[-1]['loss']:.4f}")
            ]
    click.echo("\n".join(f"{name:15s} {value}" for name, value in lines))
