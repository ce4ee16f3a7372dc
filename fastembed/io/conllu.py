"""CoNLL-U: sentences of words with their tags, as treebanks of Universal Dependencies have them."""

from ..errors import FormatError
from .source import read_lines

COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")


def read_conllu(path, column="upos"):
    """Words and one column of their annotation.

    Parameters
    ----------
    path : a .conllu file, perhaps packed (.gz .bz2 .xz).
    column : "upos", "xpos", "lemma", "feats", "head", "deprel", "deps" or "misc".

    Returns (sentences, tags): two lists with a list of str for each sentence. Words inside a contraction count, the
    contraction as a whole and words that are not in the text do not. Raises FormatError with the line.
    """
    if column not in COLUMNS[2:]:
        raise FormatError(path, f"there is no column {column!r}; there are {', '.join(COLUMNS[2:])}")
    place, sentences, tags, words, own = COLUMNS.index(column), [], [], [], []
    for number, line in enumerate(read_lines(path), 1):
        if not line and words:
            sentences.append(words)
            tags.append(own)
            words, own = [], []
        if not line or line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) != len(COLUMNS) or not fields[0].replace("-", "").replace(".", "").isdigit():
            raise FormatError(path, f"{len(fields)} columns where CoNLL-U has a number and nine more", line=number)
        if fields[0].isdigit():
            words.append(fields[1])
            own.append(fields[place])
    if words:
        raise FormatError(path, "the last sentence does not end with an empty line: the file is truncated")
    return sentences, tags
