"""Documents with labels as numbers: from texts and a list of labels, or from lines in fastText's format."""

from dataclasses import dataclass

import numpy as np

from ..corpus import Corpus
from ..errors import CorpusError, ParameterError
from ..subwords import WHOLE
from ..vocab import Vocab
from .training import fingerprint

KINDS = {"str": str, "int": int, "bool": bool}  # what labels may be; numpy's own kinds count as these


@dataclass
class Documents:
    """N documents as numbers.

    types : Vocab of W different tokens.
    ids : (T,) int32 tokens; spans : (N, 2) int64, where each document begins and ends among them.
    silent : (W,) bool, tokens that are no part of the text: labels, and the mark of an end.
    mark : a short text that differs for other documents.
    """

    types: Vocab
    ids: np.ndarray
    spans: np.ndarray
    silent: np.ndarray
    mark: str

    def words(self):
        """Vocab of all words and of the end of a document, which is one."""
        lengths, keep = np.diff(self.types.offsets), ~self.silent
        counts, end = self.types.counts[keep], WHOLE.encode()
        at = int(np.searchsorted(-counts, -len(self.spans)))  # before those of equal count
        sizes = np.insert(lengths[keep], at, len(end))
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        blob = self.types.blob[np.repeat(keep, lengths)]
        blob = np.insert(blob, int(offsets[at]), np.frombuffer(end, np.uint8))
        return Vocab((blob, offsets), np.insert(counts, at, len(self.spans)))


@dataclass
class Targets:
    """The labels of N documents.

    names : L labels, the most frequent first; counts : (L,).
    ids : (n,) int32, those of document d are ids[offsets[d]:offsets[d + 1]]; offsets (N + 1,) int64.
    kind : a key of KINDS.
    """

    names: list
    counts: np.ndarray
    ids: np.ndarray
    offsets: np.ndarray
    kind: str

    def among(self, names):
        """The same with the numbers of other names; ParameterError for one that is not among them."""
        index = {name: number for number, name in enumerate(names)}
        unseen = next((name for name in self.names if name not in index), None)
        if unseen is not None:
            raise ParameterError(f"the label {unseen!r} is none of the {len(names)} that the model was trained with")
        table = np.array([index[name] for name in self.names], np.int32)
        return Targets(names, self.counts, table[self.ids], self.offsets, self.kind)


def of_texts(texts, prefix):
    """Documents of an iterable of str, or of lists of str (tokens already); CorpusError for anything else.

    Line breaks are white space, and words that begin like a label are left out, as in fastText.
    """
    if isinstance(texts, (str, bytes)) or not hasattr(texts, "__iter__"):
        raise CorpusError(f"the texts are one {type(texts).__name__}: give a list of str")
    texts = texts if hasattr(texts, "__len__") else list(texts)
    if not len(texts):
        return Documents(Vocab([]), np.zeros(1, np.int32), np.zeros((0, 2), np.int64), np.zeros(0, bool), "")
    encoded = Corpus(_ended(texts)).encode()
    spans = np.stack([encoded.offsets[:-1], encoded.offsets[1:] - 1], 1)
    silent = starts_with(encoded.vocab, prefix) | _ends(encoded.vocab)
    return Documents(encoded.vocab, encoded.ids, spans, silent, fingerprint(encoded))


def _ended(texts):
    """The texts with a mark at the end, so that empty ones count too."""
    for number, text in enumerate(texts):
        if isinstance(text, str):
            yield text.replace("\n", " ") + " " + WHOLE
        elif isinstance(text, (list, tuple)):
            yield [*text, WHOLE]
        else:
            shown = repr(text)[:50]
            raise CorpusError(f"text {number} (from 0) is {type(text).__name__}, {shown}: texts are str")


def of_lines(corpus, prefix):
    """(Documents, Targets) of lines of words and labels, which begin with ``prefix``; several in a line are allowed.

    Raises CorpusError if there is no label or one without a name.
    """
    encoded = corpus.encode()
    types, labelled = encoded.vocab, starts_with(encoded.vocab, prefix)
    numbers = np.flatnonzero(labelled)
    if not len(numbers):
        raise CorpusError(f"{corpus.name}: no word begins with {prefix!r}, so there are no labels")
    names = [types.words[number].removeprefix(prefix) for number in numbers]
    if "" in names:
        raise CorpusError(f"{corpus.name}: the label {prefix!r} has no name behind its prefix")
    spans = np.stack([encoded.offsets[:-1], encoded.offsets[1:]], 1)
    documents = Documents(types, encoded.ids, spans, labelled | _ends(types), fingerprint(encoded))
    place = np.full(len(types), -1, np.int32)
    place[numbers] = np.arange(len(numbers))
    found = place[encoded.ids]
    offsets = np.concatenate([[0], np.cumsum(np.add.reduceat(found >= 0, encoded.offsets[:-1], dtype=np.int64))])
    return documents, Targets(names, types.counts[numbers], found[found >= 0], offsets, "str")


def targets_of(labels, documents):
    """Targets of one label (str, int or bool) a document, or of a list of labels for each; for so many documents.

    Raises ParameterError if there are more or fewer, or for labels of another kind.
    """
    lists = label_lists(labels)
    if len(lists) != documents:
        raise ParameterError(f"{documents} texts and {len(lists)} labels: give one label, or list of them, a text")
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in lists], dtype=np.int64)])
    flat = [label for one in lists for label in one]
    kind = _kind(flat)
    index = {}
    ids = np.array([index.setdefault(label, len(index)) for label in map(KINDS[kind], flat)], np.int32)
    counts = np.bincount(ids, minlength=len(index))
    names = list(index)
    order = sorted(range(len(names)), key=lambda k: (-counts[k], str(names[k]).encode("utf-8", "replace")))
    place = np.empty(len(names), np.int32)
    place[order] = np.arange(len(names))
    return Targets([names[k] for k in order], counts[order].astype(np.int64), place[ids], offsets, kind)


def label_lists(labels):
    """A list of labels for each of many things that have one or several; ParameterError for one label alone."""
    labels = labels.tolist() if hasattr(labels, "tolist") else labels
    if isinstance(labels, (str, bytes)) or not hasattr(labels, "__len__"):
        raise ParameterError(f"the labels are one {type(labels).__name__}: give a list of them")
    return [one if isinstance(one, (list, tuple, np.ndarray)) else (one,) for one in labels]


def _kind(labels):
    """The one kind of all labels, a key of KINDS; ParameterError if there is none."""
    kinds = set()
    for kind in set(map(type, labels)):
        plain = "bool" if issubclass(kind, (bool, np.bool_)) else "int" if issubclass(kind, (int, np.integer)) else None
        kinds.add("str" if issubclass(kind, str) else plain)
        if None in kinds:
            wrong = next(label for label in labels if type(label) is kind)
            raise ParameterError(f"a label is {kind.__name__}, {repr(wrong)[:50]}: give str, whole numbers or bool")
    if len(kinds) != 1:
        raise ParameterError(f"labels are {' and '.join(sorted(kinds))}" if kinds else "there are no labels")
    kind = kinds.pop()
    if kind == "str":
        _check_names(labels)
    elif kind == "int" and not all(-(1 << 63) <= label < 1 << 63 for label in labels):
        raise ParameterError("a label is a whole number beyond 64 bits")
    return kind


def named(text, kind):
    """The label that a file's text stands for; ValueError, KeyError or TypeError if it is none of this kind."""
    if kind == "bool":
        return {"True": True, "False": False}[text]
    label = KINDS[kind](text)
    if kind == "int" and not -(1 << 63) <= label < 1 << 63:
        raise ValueError(f"the label {str(label)[:50]} is beyond 64 bits")
    return label


def _check_names(labels):
    for label in set(labels):
        if not label or "\0" in label or any("\ud800" <= character <= "\udfff" for character in label):
            raise ParameterError(f"the label {label!r} is empty, holds NUL or is no valid Unicode")


def starts_with(vocab, prefix):
    """Mask (W,) of the words that begin with a prefix."""
    wanted = prefix.encode("utf-8", "replace")
    mask = np.diff(vocab.offsets) >= len(wanted)
    for place, byte in enumerate(wanted):
        rows = np.flatnonzero(mask)
        mask[rows] = vocab.blob[vocab.offsets[rows] + place] == byte
    return mask


def _ends(types):
    return starts_with(types, WHOLE) & (np.diff(types.offsets) == len(WHOLE))
