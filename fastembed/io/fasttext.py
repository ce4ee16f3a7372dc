"""fastText's files: the .bin model with its n-grams, or of a classifier, and .vec, which is word2vec's text.

A .bin is magic, version, 12 int32 and a double of parameters; the dictionary: sizes, then entries (word, NUL, count,
type); a flag for quantised, the input matrix (words, then n-gram rows), a flag, the output matrix. A matrix is its two
int64 sizes and its float32 rows. All is little-endian.
"""

import struct
from dataclasses import dataclass

import numpy as np

from .._core import dictionary
from ..errors import FormatError, ParameterError
from ..late import late
from ..subwords import NGrams, Subwords
from ..vocab import Vocab
from . import word2vec
from .atomic import atomic_write
from .rows import check_finite, check_words, invalid_utf8, repeats, replaced

MAGIC = struct.pack("<i", 793712314)
VERSION = 12  # 11 differs in supervised models only
ARGS = (
    "dim", "window", "epochs", "min_count", "negative", "word_ngrams", "loss", "model",
    "bucket", "minn", "maxn", "rate",
)  # fmt: skip
HS, NS = 1, 2
LOSSES = {"hs": HS, "softmax": 3, "ova": 4}  # of a classifier
CBOW, SKIPGRAM, SUPERVISED = 1, 2, 3
_HEAD = struct.Struct("<ii12id")
_SIZES = struct.Struct("<3iqq")
_MATRIX = struct.Struct("<?qq")
_BLOCK = 65536


@dataclass
class Contents:
    """What a .bin holds.

    args : dict of ARGS and "sample".
    vocab : Vocab of V words.
    words : (V, dim) float32, the words' own rows; parts : Subwords.
    context : (V, dim) float32, the output rows; None writes zeros. Of a classifier (L, dim).
    labels : Vocab of the L labels of a classifier, with their prefix; else None.
    inputs : (V + bucket, dim), words and parts as they were read, one after another.
    """

    args: dict
    vocab: Vocab
    words: np.ndarray
    parts: Subwords
    context: np.ndarray | None
    labels: Vocab | None = None
    inputs: np.ndarray | None = None


def read(source, options):
    """A FastText model over the memory-mapped matrices of a .bin; of a supervised one a FastTextClassifier.

    Every size is checked against the file's before anything is made. Raises FormatError, with the byte, for a damaged
    or quantised file and for one of a later version.
    """
    args = _args(source)
    vocab, labels, at = _vocab(source, args, options)
    inputs, at = _matrix(source, at, "input", len(vocab) + args["bucket"], args["dim"])
    context, at = _matrix(source, at, "output", len(vocab if labels is None else labels), args["dim"])
    if at != source.size:
        raise FormatError(source.path, f"{source.size - at} bytes follow the output matrix", offset=at)
    words, buckets = inputs[: len(vocab)], inputs[len(vocab) :]
    try:
        ngrams = NGrams(args["minn"], args["maxn"], args["bucket"])
    except ParameterError as error:
        raise FormatError(source.path, f"parameters that cannot be: {error}", offset=8) from None
    contents = Contents(args, vocab, words, Subwords(ngrams, buckets), context, labels, inputs)
    return late("fastembed.models", "from_fasttext")(source.path, contents)


def _args(source):
    """The parameters as a dict, each checked as far as reading needs it."""
    if source.size < _HEAD.size:
        raise FormatError(source.path, "the file ends within its parameters", offset=source.size)
    _, version, *numbers, sample = _HEAD.unpack_from(source.map)
    if version > VERSION:
        raise FormatError(source.path, f"a fastText model of the later version {version}; {VERSION} is known", offset=4)
    if version < 11:
        raise FormatError(source.path, f"a fastText model of version {version}, which is too old", offset=4)
    args = dict(zip(ARGS, numbers, strict=True), sample=sample)
    if args["model"] == SUPERVISED and version == 11:
        args["maxn"] = 0
    for name, low in {"dim": 1, "bucket": 0, "minn": 0, "maxn": 0}.items():
        if args[name] < low:
            raise FormatError(source.path, f"the parameter {name} is {args[name]}", offset=8 + 4 * ARGS.index(name))
    if args["model"] not in (CBOW, SKIPGRAM, SUPERVISED) or args["loss"] not in (1, 2, 3, 4):
        raise FormatError(source.path, "a kind of model or of loss that does not exist", offset=8 + 4 * 6)
    return args


def _vocab(source, args, options):
    """The words, the labels (None where there are none) and where the matrices begin."""
    begin = _HEAD.size
    if source.size < begin + _SIZES.size:
        raise FormatError(source.path, "the file ends before its dictionary", offset=source.size)
    size, words, labels, tokens, pruned = _SIZES.unpack_from(source.map, begin)
    at = begin + _SIZES.size
    if min(words, labels) < 0 or size != words + labels or words < 1 or tokens < 0 or pruned < -1:
        raise FormatError(source.path, f"{words} words and {labels} labels of {size}", offset=begin)
    if size * 11 > source.size - at:
        raise FormatError(source.path, f"{size} words cannot be in a file of {source.size} bytes", offset=begin)
    if (labels > 0) != (args["model"] == SUPERVISED):
        raise FormatError(source.path, f"{labels} labels in a model of kind {args['model']}", offset=begin + 8)
    spans, counts, kinds = np.zeros((size, 2), np.int64), np.zeros(size, np.int64), np.zeros(size, np.int8)
    found, at = dictionary.parse(source.array, at, spans, counts, kinds)
    counts = counts.view("<i8").astype(np.int64)
    if found < size:
        raise FormatError(source.path, f"entry {found} of {size} of the dictionary is damaged", offset=at)
    wrong = (counts < 0) | (kinds != (np.arange(size) >= words))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise FormatError(
            source.path, f"entry {row} has count {counts[row]} and type {kinds[row]}", offset=int(spans[row, 1])
        )
    if pruned >= 0:
        raise FormatError(source.path, "a quantised model, whose vectors cannot be read", offset=begin + 20)
    vocab = _checked_words(source, spans[:words], counts[:words], options)
    return vocab, _checked_words(source, spans[words:], counts[words:], options) if labels else None, at


def _checked_words(source, spans, counts, options):
    """Vocab of the words at spans (V, 2) of the file; FormatError for one that is not UTF-8 or comes twice."""
    offsets = np.zeros(len(spans) + 1, np.int64)
    np.cumsum(spans[:, 1] - spans[:, 0], out=offsets[1:])
    parts = [source.map[begin:end] for begin, end in spans.tolist()]
    blob = np.frombuffer(b"".join(parts), np.uint8)
    repeated = repeats(blob, offsets)
    if repeated is not None:
        row = int(np.argmax(repeated))
        raise FormatError(source.path, f"the word {parts[row]!r} comes a second time", offset=int(spans[row, 0]))
    bad = invalid_utf8(blob, offsets)
    if bad is not None:
        if options.errors == "strict":
            message = "the word is not UTF-8 (errors='replace' reads it all the same)"
            raise FormatError(source.path, message, offset=int(spans[bad, 0]))
        blob, offsets = replaced(blob, offsets)
    return Vocab((blob, offsets), counts)


def _matrix(source, at, name, rows, dim):
    """The matrix (rows, dim), memory-mapped, whose flag is at byte ``at``, and the byte behind it."""
    if source.size - at < _MATRIX.size:
        raise FormatError(source.path, f"the file ends before its {name} matrix", offset=source.size)
    if source.array[at]:
        raise FormatError(source.path, "a quantised model, whose vectors cannot be read", offset=at)
    _, m, n = _MATRIX.unpack_from(source.map, at)
    if (m, n) != (rows, dim):
        raise FormatError(source.path, f"an {name} matrix of {m} x {n}, which should be {rows} x {dim}", offset=at + 1)
    begin, end = at + _MATRIX.size, at + _MATRIX.size + 4 * m * n
    if end > source.size:
        raise FormatError(source.path, f"the file ends within its {name} matrix of {m} x {n}", offset=source.size)
    matrix = np.frombuffer(source.map, "<f4", m * n, begin).reshape(m, n)
    return matrix.view(np.float32) if matrix.dtype.isnative else matrix.astype(np.float32), end


def write(obj, path):
    """Write a FastText or FastTextClassifier, or KeyedVectors with or without n-grams, as a .bin.

    KeyedVectors have no output side: fastText could not train the file further. Raises ParameterError for words that
    the format cannot hold.
    """
    contents = obj.to_fasttext() if hasattr(obj, "to_fasttext") else _of_vectors(obj)
    vocab, args, dim = contents.vocab, contents.args, contents.words.shape[1]
    labels = Vocab([]) if contents.labels is None else contents.labels
    check_words(vocab, "fasttext", b"\0")
    rows, buckets = len(labels) or len(vocab), contents.parts.ngrams.bucket
    with atomic_write(path) as file:
        file.write(_HEAD.pack(793712314, VERSION, *(int(args[name]) for name in ARGS), float(args["sample"])))
        sizes = len(vocab) + len(labels), len(vocab), len(labels), vocab.total + labels.total
        file.write(_SIZES.pack(*sizes, -1))
        file.write(_entries(vocab, 0))
        file.write(_entries(labels, 1))
        file.write(_MATRIX.pack(False, len(vocab) + buckets, dim))
        _write_rows(file, len(vocab), lambda a, b: contents.words[a:b])
        _write_rows(file, buckets, contents.parts.in_order)
        file.write(_MATRIX.pack(False, rows, dim))
        have = 0 if contents.context is None else len(contents.context)  # hierarchical softmax leaves one row unused
        _write_rows(file, have, lambda a, b: contents.context[a:b])
        file.write(bytes(4 * dim * (rows - have)))


def _entries(vocab, kind):
    """The dictionary's bytes for words (kind 0) or labels (kind 1)."""
    blob, offsets = np.append(vocab.blob, np.uint8(0)), np.ascontiguousarray(vocab.offsets, np.int64)
    entries = np.zeros(len(vocab.blob) + 10 * len(vocab), np.uint8)
    dictionary.write(blob, offsets, vocab.counts.astype("<i8").view(np.int64), entries)
    entries[offsets[1:] + 10 * np.arange(1, len(vocab) + 1) - 1] = kind
    return entries


def _write_rows(file, count, rows):
    """Write rows 0 .. count - 1, which rows(a, b) gives in parts."""
    for first in range(0, count, _BLOCK):
        file.write(np.ascontiguousarray(rows(first, min(first + _BLOCK, count)), "<f4").view(np.uint8))


def _of_vectors(kv):
    """Contents of KeyedVectors: a word's own row is what its n-grams leave of n times its vector."""
    check_finite(kv)
    if kv.subwords is not None and kv.subwords.ngrams.hash_count:
        raise ParameterError("a fastText .bin cannot hold n-grams with hash_count: write .floret or .safetensors")
    dim, parts = kv.vector_size, kv.subwords or Subwords(NGrams(0, 0, 0), np.zeros((0, kv.vector_size), np.float32))
    args = dict.fromkeys(ARGS, 1) | {"dim": dim, "window": 5, "negative": 5, "loss": NS, "model": SKIPGRAM, "rate": 100}
    args |= {name: value for name, value in parts.ngrams.meta().items() if name in ARGS} | {"sample": 1e-4}
    words = kv.vectors if kv.subwords is None else parts.ngrams.decompose(kv.vocab, kv.vectors, parts)
    return Contents(args, kv.vocab, words, parts, None)


def write_vec(kv, path):
    """Write the .vec text; ParameterError for words with blanks, before the file is touched."""
    word2vec.write(kv, path, "vec")
