"""Vocab: words and their ids, counts, and what training derives from the counts."""

import difflib
from functools import cached_property

import numpy as np

from . import parallel
from ._core import tables
from ._core.encode import WordMap
from ._core.texts import PAD, Texts, compact
from .errors import FormatError, ParameterError, WordNotFoundError
from .late import late

_atomic_write = late("fastembed.io.atomic", "atomic_write")
_open_file = late("fastembed.io.source", "open_file")
_BLOCK = 1 << 16  # bytes of text that a thread numbers at once
_SUGGEST_AMONG = 20_000  # most frequent words that a suggestion for an unknown word may come from


class Vocab:
    """Words under the ids 0..V-1, most frequent first; words of equal count stand in the order of their UTF-8 bytes.

    Parameters
    ----------
    words : list of str, or a pair (blob, offsets): the UTF-8 bytes of all words one after another, and int64 (V+1,)
        where each begins and the last one ends.
    counts : int64 (V,), or None where they are not known (then they are 0).

    >>> vocab = Vocab(["the", "cat"], [7, 2])
    >>> vocab["cat"], vocab.words[0], len(vocab), vocab.total
    (1, 'the', 2, 9)
    """

    def __init__(self, words, counts=None):
        if isinstance(words, tuple) and len(words) == 2 and not isinstance(words[0], str):
            self.blob, self.offsets = _as_blob(*words)
        else:
            self.words = list(words)
            try:
                encoded = [word.encode("utf-8", "replace") for word in self.words]
            except AttributeError:
                wrong = [word for word in self.words if not isinstance(word, str)][0]
                raise ParameterError(f"a word is {type(wrong).__name__}, {repr(wrong)[:50]}: words are str") from None
            self.blob = np.frombuffer(b"".join(encoded), np.uint8)
            self.offsets = np.zeros(len(encoded) + 1, np.int64)
            np.cumsum([len(word) for word in encoded], out=self.offsets[1:])
        size = len(self.offsets) - 1
        self.counts = np.zeros(size, np.int64) if counts is None else np.ascontiguousarray(counts, np.int64)
        if self.counts.shape != (size,):
            raise ParameterError(f"{size} words need {size} counts, not an array of shape {self.counts.shape}")

    def __getstate__(self):
        """For copies and other processes: without the WordMap, which is made again when it is needed."""
        return {name: value for name, value in vars(self).items() if name != "map"}

    @cached_property
    def words(self):
        """The words as a list of str, by id."""
        return _decode(self.blob.tobytes(), self.offsets.tolist())

    @cached_property
    def index(self):
        """dict from word to id; of equal words the first."""
        index = dict(zip(self.words, range(len(self)), strict=True))
        if len(index) < len(self):
            index = {word: number for number, word in reversed(list(enumerate(self.words)))}
        return index

    @cached_property
    def map(self):
        """The words as a WordMap, whose ids are theirs: a word that comes twice would change them."""
        words = WordMap(0)
        words.extend(self.blob, self.offsets, self.counts)
        return words

    def number(self, texts, threads=None):
        """The words of many str, divided at white space: ids (N,) int32, -1 for unknown ones, and where each text
        begins in them: offsets (S + 1,) int64. The vocabulary must have no word twice.
        """
        texts = Texts(texts)
        ends, bounds = texts.ends, texts.bounds(_BLOCK)
        lengths, chunks = np.diff(ends), len(bounds) - 1
        threads = min(parallel.check_threads(threads), chunks)
        scratch = np.empty((threads, int(lengths.max(initial=0)) + PAD), np.uint8)
        ids, counts = np.empty(int(ends[-1]) // 2 + len(ends), np.int32), np.zeros(len(lengths), np.int64)

        def work(job, worker):
            texts.number(job, worker, self.map, bounds, scratch, ids, counts)

        parallel.share(work, chunks, threads)
        offsets = np.concatenate([[0], np.cumsum(counts)])
        found = np.empty(int(offsets[-1]), np.int32)
        compact(ids, ends, bounds, offsets, found)
        return found, offsets

    def unwritable(self):
        """The row of the first word that no file can hold, empty or with half a surrogate pair, or None."""
        empty = np.flatnonzero(self.offsets[1:] == self.offsets[:-1])
        if len(empty):
            return int(empty[0])
        words = vars(self).get("words", ())  # what is decoded has no halves
        if is_unicode("".join(words)):
            return None
        return next(row for row, word in enumerate(words) if not is_unicode(word))

    @property
    def total(self):
        """Sum of all counts."""
        return int(self.counts.sum())

    def __len__(self):
        return len(self.offsets) - 1

    def __contains__(self, word):
        return word in self.index

    def __iter__(self):
        return iter(self.words)

    def __repr__(self):
        return f"Vocab({len(self)} words, {self.total} tokens)"

    def __getitem__(self, word):
        """The id of a word; WordNotFoundError, with similar words, if there is none."""
        try:
            return self.index[word]
        except (KeyError, TypeError):
            raise WordNotFoundError(self._not_found(word)) from None

    def _not_found(self, word):
        if not isinstance(word, str):
            return f"words are str, not {type(word).__name__}: {word!r}"
        variants = [v for v in dict.fromkeys((word.lower(), word.title(), word.upper())) if v in self.index]
        near = [w for w in self.words[:_SUGGEST_AMONG] if w[:1] == word[:1] and abs(len(w) - len(word)) < 3]
        near = dict.fromkeys(variants + difflib.get_close_matches(word, near[:3000], 3, 0.75))
        hint = f"; similar: {', '.join(list(near)[:3])}" if near else ""
        return f"{word!r} is not among the {len(self)} words of the vocabulary{hint}"

    def pruned(self, min_count=1, max_vocab=None):
        """The words with at least ``min_count`` occurrences, at most the ``max_vocab`` most frequent of them.

        The result is a prefix of this vocabulary: ids stay what they are.
        """
        if min_count < 0 or (max_vocab is not None and max_vocab < 1):
            raise ParameterError(f"min_count={min_count}, max_vocab={max_vocab}: give min_count >= 0, max_vocab >= 1")
        if np.any(self.counts[1:] > self.counts[:-1]):
            raise ParameterError("only a vocabulary that is sorted by count can be pruned")
        size = int(np.searchsorted(-self.counts, -int(min_count), side="right"))
        size = size if max_vocab is None else min(size, int(max_vocab))
        return Vocab((self.blob[: self.offsets[size]], self.offsets[: size + 1]), self.counts[:size])

    def keep_thresholds(self, sample):
        """Subsampling: uint32 (V,); an occurrence is kept if a uniform 32-bit number is below its word's threshold, and
        always if that is 2^32 - 1.

        With t = sample * total / count a word is kept with probability min(1, sqrt(t) + t), as in word2vec.c (which
        is not quite the formula of Mikolov et al. 2013, "Distributed Representations of Words and Phrases").
        ``sample=0`` keeps every word.
        """
        if not 0 <= sample < np.inf:
            raise ParameterError(f"sample={sample!r}: give 0 (no subsampling) or a positive number such as 1e-3")
        if sample == 0:
            return np.full(len(self), 0xFFFFFFFF, np.uint32)
        ratio = min(sample, 1.0) * self.total / np.maximum(self.counts, 1)  # 1 keeps every word too
        keep = np.minimum(np.sqrt(ratio) + ratio, 1.0)
        return np.minimum(keep * 2.0**32, 2.0**32 - 1).astype(np.uint32)

    def alias_table(self, exponent=0.75):
        """The noise distribution count**exponent as Walker's alias table: threshold (V,) uint32, alias (V,) int32.

        Draw a slot i uniformly and a uniform 32-bit number u: the word is i if u < threshold[i], else alias[i].
        Built by the method of Vose 1991, "A Linear Algorithm for Generating Random Numbers with a Given Distribution".
        """
        if not np.isfinite(exponent):
            raise ParameterError(f"exponent={exponent!r}: give a finite number")
        if not len(self) or self.counts.min() < 1:
            raise ParameterError("a noise distribution needs a vocabulary with counts of at least 1")
        logs = exponent * np.log(self.counts)
        return tables.alias_table(np.exp(logs - logs.max()))

    def huffman(self):
        """The Huffman tree of the counts: offsets (V+1,) int64, nodes (L,) int32, codes (L,) uint8.

        The path of word w from the root is nodes[offsets[w]:offsets[w + 1]], inner nodes numbered 0..V-2 (V-2 is the
        root), with codes 0 or 1 for the branch taken at each. A single word has an empty path.
        Huffman 1952, "A Method for the Construction of Minimum-Redundancy Codes".
        """
        if np.any(self.counts[1:] > self.counts[:-1]):
            raise ParameterError("the Huffman tree needs a vocabulary that is sorted by count")
        return tables.huffman(self.counts)

    def save(self, path):
        """Write the text lines ``word count``, in the order of the ids."""
        text = self.text(path)
        with _atomic_write(path) as file:
            file.write(text)

    def text(self, path):
        """The bytes that ``save`` writes to this path; FormatError for words that no line can hold."""
        bad, lines = self.unwritable(), []
        if bad is not None:
            raise FormatError(path, f"the word {self.words[bad]!r} (row {bad}) is empty or no Unicode")
        for word, count in zip(self.words, self.counts.tolist(), strict=True):
            if "\n" in word or "\r" in word:
                raise FormatError(path, f"the word {word!r} holds a line break, which a line of text cannot")
            lines.append(f"{word} {count}\n")
        return "".join(lines).encode()

    @classmethod
    def load(cls, path):
        """Read what ``save`` writes; FormatError, with the line, or MissingFileError for anything else."""
        words, counts = [], []
        with _open_file(path) as file:
            for number, line in enumerate(file, 1):
                word, _, count = line.rstrip(b"\r\n").rpartition(b" ")
                if not word or not count.isdigit() or len(count) > 18:
                    raise FormatError(path, "not a word, a space and a count", line=number)
                try:
                    words.append(word.decode())
                except UnicodeDecodeError as error:
                    raise FormatError(path, f"not UTF-8: {error.reason}", line=number) from None
                counts.append(int(count))
        return cls(words, counts)


def is_unicode(text):
    """Whether a str can be written as UTF-8: half a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _as_blob(blob, offsets):
    """Checked arrays: blob uint8 (bytes,), offsets int64 (V+1,)."""
    blob = blob if isinstance(blob, np.ndarray) and blob.dtype == np.uint8 else np.frombuffer(blob, np.uint8)
    offsets = np.ascontiguousarray(offsets, np.int64)
    if offsets.ndim != 1 or not len(offsets) or offsets[0] != 0 or offsets[-1] != len(blob):
        raise ParameterError("offsets must run from 0 to the length of the blob")
    if np.any(offsets[1:] < offsets[:-1]):
        raise ParameterError("offsets must not fall")
    return blob, offsets


def _decode(data, offsets):
    """List of str from UTF-8 bytes and offsets."""
    pairs = zip(offsets[:-1], offsets[1:], strict=True)
    if data.isascii():  # then bytes and characters are at the same places
        text = data.decode()
        return [text[first:last] for first, last in pairs]
    return [data[first:last].decode("utf-8", "replace") for first, last in pairs]
