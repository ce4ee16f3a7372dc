"""``eval``: a table of scores for files of word pairs and of analogies."""

import json

import click

from .program import Verb
from .query import load_vectors


@click.command("eval", cls=Verb)
@click.argument("file")
@click.argument("tests", nargs=-1, required=True)
@click.option(
    "--restrict-vocab",
    type=click.IntRange(1),
    default=300_000,
    show_default=True,
    help="Analogies use only the N most frequent words.",
)
@click.option("--case-sensitive", is_flag=True, help="Do not fold words to one case.")
@click.option("--delimiter", default="\t", help="Between the columns of word pairs (default: tab).")
@click.option("--sections", is_flag=True, help="Show every section of an analogy file.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the table.")
def eval(file, tests, restrict_vocab, case_sensitive, delimiter, sections, as_json):
    """Score vectors on TESTS: files of word pairs (word, word, score) or of analogies (": section" lines).

    Pairs with words that are not in the vocabulary are left out; where vectors have subwords a second line counts them
    too, such words being made of their n-grams.
    """
    vectors = load_vectors(file)
    rows = []
    for path in tests:
        if is_analogies(path):
            rows += _analogies(vectors, path, restrict_vocab, not case_sensitive, sections)
        else:
            rows += _pairs(vectors, path, delimiter, not case_sensitive)
    click.echo(json.dumps(rows, ensure_ascii=False, indent=1) if as_json else _table(rows))


def is_analogies(path):
    """Whether the first line of text in a file is a section title of an analogy file, ``: name``."""
    from ..io.source import read_lines

    first = next((line for line in read_lines(path) if line.strip() and not line.startswith("#")), "")
    return first.lstrip("\ufeff").startswith(":")


def _pairs(vectors, path, delimiter, fold):
    """The scores of the known words, and if there are others that have subwords, of all."""
    from ..evaluate import word_pairs

    rows = []
    for subwords in (False, True):
        if subwords and (vectors.subwords is None or not rows[0]["out_of_vocabulary"]):
            continue
        found = word_pairs(vectors, path, delimiter=delimiter, case_insensitive=fold, subwords=subwords)
        pearson, spearman, unknown = found
        rows.append(
            {
                "test": f"{path} with subwords" if subwords else str(path), "kind": "pairs",
                "spearman": float(spearman[0]), "pearson": float(pearson[0]), "out_of_vocabulary": float(unknown) / 100,
            }
        )  # fmt: skip
    return rows


def _analogies(vectors, path, restrict_vocab, fold, every):
    _, parts = vectors.evaluate_word_analogies(path, restrict_vocab=restrict_vocab, case_insensitive=fold)
    rows = []
    for part in parts if every else parts[-1:]:
        correct, asked = len(part["correct"]), len(part["correct"]) + len(part["incorrect"])
        total = part is parts[-1]
        rows.append(
            {
                "test": str(path) if total else f"  {part['section']}", "kind": "analogies",
                "accuracy": correct / asked if asked else None, "correct": correct, "asked": asked,
            }
        )  # fmt: skip
    return rows


def _table(rows):
    """Scores, one test a line."""
    width = max(len(row["test"]) for row in rows)
    lines = []
    for row in rows:
        if row["kind"] == "pairs":
            text = (
                f"spearman {row['spearman']:.3f}  pearson {row['pearson']:.3f}  {row['out_of_vocabulary']:.1%} unknown"
            )
        else:
            share = "nan" if row["accuracy"] is None else f"{row['accuracy']:.3f}"
            text = f"accuracy {share}  {row['correct']:,} of {row['asked']:,} analogies"
        lines.append(f"{row['test']:{width}s}  {text}")
    return "\n".join(lines)
