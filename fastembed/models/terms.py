"""Terms: all that a vectorizer has met, in how many documents and how often; Columns: those of them that it keeps."""

import os
from functools import cached_property

import numpy as np

from .._core.encode import WordMap
from ..errors import CorpusError, FormatError, ParameterError


class Terms:
    """Terms under ids.

    Parameters
    ----------
    given : list of str, a vocabulary that does not grow and whose order is that of the columns; None learns the terms.

    Attributes
    ----------
    words : WordMap, which counts occurrences.
    documents : (len(words),) int64, in how many documents each term is.
    rows : how many documents there were.
    """

    def __init__(self, given=None):
        self.fixed = given is not None
        self.words = WordMap(int.from_bytes(os.urandom(8), "little"))
        self.documents, self.rows = np.zeros(0, np.int64), 0
        if self.fixed:
            blob, offsets = packed(given)
            self.words.extend(blob, offsets, np.zeros(len(given), np.int64))
            self.documents = np.zeros(len(given), np.int64)

    def __getstate__(self):
        return {"fixed": self.fixed, "rows": self.rows, "state": (*self.export(), self.documents)}

    def __setstate__(self, state):
        self.__init__()
        self.fixed, self.rows = state["fixed"], state["rows"]
        blob, offsets, counts, self.documents = state["state"]
        self.words.extend(blob, offsets, counts)

    def export(self):
        """The terms in the order of their ids: blob, offsets, counts, as WordMap.export."""
        return self.words.export(np.arange(len(self.words), dtype=np.int32))

    def new_words(self):
        """An empty map whose words can be added to these."""
        return WordMap(self.words.seed)

    def add(self, counters, rows):
        """Add what the counters of one run met in so many documents; for each a table from its ids to ours, or None."""
        tables = []
        for counter in counters:
            table = None
            if not self.fixed:
                if len(self.words):
                    table = self.words.join(counter.words)
                else:
                    self.words = counter.words
                    table = np.arange(len(self.words), dtype=np.int32)
                grown = np.zeros(len(self.words), np.int64)
                grown[: len(self.documents)] = self.documents
                self.documents = grown
            self.documents[slice(None) if table is None else table] += counter.documents()
            tables.append(table)
        self.rows += rows
        return tables

    def columns(self, min_df=1, max_df=1.0, max_features=None, often=None):
        """The ids of the terms that become columns, in the order of these.

        Parameters
        ----------
        min_df, max_df, max_features : as in CountVectorizer.
        often : for each id how often its term counts for max_features; None takes the occurrences.

        Raises CorpusError if no term remains.
        """
        if self.fixed:
            return np.arange(len(self.words), dtype=np.int32)
        if not len(self.words):
            raise CorpusError("the documents hold no terms: empty vocabulary; perhaps there are only stop words")
        low, high = (limit if hasattr(limit, "__index__") else limit * self.rows for limit in (min_df, max_df))
        if high < low:
            raise ParameterError(
                f"max_df={max_df!r} allows fewer of the {self.rows} documents than min_df={min_df!r} asks for"
            )
        order = self.words.ranked(False)
        found = self.documents[order]
        kept = (found >= low) & (found <= high)
        order = order[kept]
        if max_features is not None and len(order) > max_features:
            often = self.words.counts() if often is None else often
            # numpy's default sort: of terms that occur equally often it keeps those that scikit-learn keeps
            order = order[np.sort((-often[order]).argsort()[:max_features])]
        if not len(order):
            limits = f"lower min_df={min_df!r} or raise max_df={max_df!r}"
            raise CorpusError(f"after pruning none of {len(self.words)} terms remains: {limits}")
        return order

    def tensors(self):
        """The arrays that hold these terms in a file."""
        blob, offsets, counts = self.export()
        return {
            "terms.blob": blob,
            "terms.offsets": offsets,
            "terms.counts": counts,
            "terms.documents": self.documents,
            "terms.rows": np.array([self.rows], np.int64),
        }

    @classmethod
    def from_tensors(cls, path, tensors, fixed):
        """The terms that ``tensors`` holds; FormatError if the arrays do not fit together."""
        names = ("blob", "offsets", "counts", "documents", "rows")
        arrays = [tensors.get(f"terms.{name}") for name in names]
        kinds = [np.uint8, np.int64, np.int64, np.int64, np.int64]
        if any(a is None or a.ndim != 1 or a.dtype != kind for a, kind in zip(arrays, kinds, strict=True)):
            raise FormatError(path, "the terms are missing or of a wrong type", offset=8)
        blob, offsets, counts, documents, rows = arrays
        size = len(offsets) - 1
        if size < 0 or offsets[0] != 0 or offsets[-1] != len(blob) or np.any(np.diff(offsets) < 0):
            raise FormatError(path, "the terms' offsets do not fit their bytes", offset=8)
        if {len(counts), len(documents)} != {size} or len(rows) != 1 or rows[0] < 0 or np.any(counts < 0):
            raise FormatError(path, "the terms' counts do not fit the terms", offset=8)
        if np.any(documents < 0) or np.any(documents > rows[0]):
            raise FormatError(path, "terms are in more documents than there are", offset=8)
        try:
            unpacked(blob, offsets)
        except UnicodeDecodeError as error:
            raise FormatError(path, f"a term is not UTF-8: {error.reason}", offset=8) from None
        terms = cls()
        if np.any(terms.words.extend(_at_least_one(blob), offsets, counts) != np.arange(size)):
            raise FormatError(path, "a term comes a second time", offset=8)
        terms.fixed, terms.documents, terms.rows = fixed, documents.copy(), int(rows[0])
        return terms


class Columns:
    """The terms of a matrix's columns.

    Parameters
    ----------
    terms : Terms.
    ids : (V,) int32, the id of each column's term.
    """

    def __init__(self, terms, ids):
        self.ids = ids
        self.blob, self.offsets, _ = terms.words.export(ids)
        self.documents, self.rows = terms.documents[ids], terms.rows

    def __len__(self):
        return len(self.ids)

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if name != "lexicon"}

    @cached_property
    def words(self):
        """The terms as a list of str."""
        return unpacked(self.blob, self.offsets)

    @cached_property
    def vocabulary(self):
        """dict from term to column."""
        return dict(zip(self.words, range(len(self)), strict=True))

    @cached_property
    def lexicon(self):
        """WordMap whose ids are the columns."""
        words = WordMap(int.from_bytes(os.urandom(8), "little"))
        words.extend(_at_least_one(self.blob), self.offsets, np.zeros(len(self), np.int64))
        return words

    def table(self, terms):
        """For each id of ``terms`` its column or -1: (len(terms.words),) int32."""
        table = np.full(len(terms.words), -1, np.int32)
        table[self.ids] = np.arange(len(self), dtype=np.int32)
        return table


def packed(words):
    """(blob, offsets) of a list of str, surrogates allowed."""
    encoded = [word.encode("utf-8", "surrogatepass") for word in words]
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(word) for word in encoded], out=offsets[1:])
    return _at_least_one(np.frombuffer(b"".join(encoded), np.uint8)), offsets


def unpacked(blob, offsets):
    """List of str from what ``packed`` made; UnicodeDecodeError if it is none of that."""
    data, places = blob.tobytes(), offsets.tolist()
    if data.isascii():
        text = data.decode()
        return [text[first:last] for first, last in zip(places, places[1:], strict=False)]
    return [data[first:last].decode("utf-8", "surrogatepass") for first, last in zip(places, places[1:], strict=False)]


def _at_least_one(blob):
    """The same bytes, or one that nobody reads: loops in C need an address."""
    return blob if len(blob) else np.zeros(1, np.uint8)
