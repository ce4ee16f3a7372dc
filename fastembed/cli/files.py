"""``vocab``, ``convert`` and ``info``: commands that read and write files without training."""

import os
import sys
import time
from pathlib import Path

import click

from .options import corpus_options, open_corpus, read
from .outputs import FORMATS, announce, check_apart, check_folder, check_output, size_text
from .program import Verb, say
from .query import load_vectors


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
    """Read vectors from SOURCE (any format, recognised by its content) and write them to TARGET."""
    if format_:
        check_folder(Path(target).parent)
    else:
        check_output(target, [ending for ending in FORMATS if ending != ".fe"])
    vectors = load_vectors(source)
    start = time.perf_counter()
    vectors.save(target, format=format_)
    announce(target, vectors, time.perf_counter() - start)


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
