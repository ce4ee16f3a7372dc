"""The native format: a safetensors file (github.com/huggingface/safetensors) with our metadata.

The layout is eight bytes of header length, a JSON header, and the tensors back to back. We write and read it
ourselves: so matrices with padded rows stream out without a copy, floats and matrices begin at multiples of 64 bytes,
and everything is memory-mapped on load.
"""

import json
import math
import mmap
import os

import numpy as np

from .. import _version
from ..errors import FormatError, ParameterError
from ..subwords import NGrams, Subwords
from ..vectors import KeyedVectors
from ..vocab import Vocab
from .atomic import atomic_write
from .rows import check_finite, check_words, invalid_utf8, repeats
from .source import open_file

ALIGN = 64
_PAD = "_pad."  # tensors of zeros that only move the next one to a multiple of ALIGN
_MAX_HEADER = 100_000_000  # the format's own limit
_MAX_DIMS = 8
_BLOCK_BYTES = 1 << 22
_NAMES = {  # the format's name -> numpy's, little-endian
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "F16": "<f2", "U32": "<u4", "I32": "<i4",
    "F32": "<f4", "U64": "<u8", "I64": "<i8", "F64": "<f8",
}  # fmt: skip
_CODES = {np.dtype(name): code for code, name in _NAMES.items()}
_BFLOAT = "BF16"  # the upper half of an F32, which numpy does not know; it is read as float32


def write(path, tensors, meta, align=ALIGN):
    """Write arrays and text metadata to one file, replacing it as a whole.

    Parameters
    ----------
    path : the file.
    tensors : dict of str to array of numbers; rows may be strided (a view of a padded matrix): nothing is copied whole.
    meta : dict of str to str.
    align : floats and matrices begin at multiples of so many bytes; other programs take the zeros between for tensors.

    Raises ParameterError for what the format cannot hold, OSError (the old file is intact) if writing fails.
    """
    if not all(isinstance(text, str) for pair in meta.items() for text in pair):
        raise ParameterError("the metadata of a native file must be text for text")
    plan, header = _plan({name: np.asarray(array) for name, array in tensors.items()}, meta, align)
    with atomic_write(path) as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for array in plan:
            _stream(file, array)


def _plan(tensors, meta, align):
    """The arrays in file order, padding among them, and the header; floats first, so that little padding is needed."""
    header, plan, at = {"__metadata__": meta}, [], 0
    for name, array in sorted(tensors.items(), key=lambda item: (item[1].dtype.kind != "f", -item[1].dtype.itemsize)):
        code = _CODES.get(array.dtype.newbyteorder("<"))
        if code is None or name.startswith(_PAD) or name == "__metadata__" or array.ndim > _MAX_DIMS:
            raise ParameterError(f"tensor {name!r} of type {array.dtype}: the native format cannot hold it")
        size = array.dtype.itemsize
        gap = -at % (max(align, size) if array.dtype.kind == "f" or array.ndim > 1 else size)
        if gap:
            plan.append(np.zeros(gap, np.uint8))
            header[f"{_PAD}{at}"] = {"dtype": "U8", "shape": [gap], "data_offsets": [at, at + gap]}
            at += gap
        plan.append(array)
        header[name] = {"dtype": code, "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    return plan, text + b" " * (-(len(text) + 8) % ALIGN)


def _stream(file, array):
    """Write an array in little-endian row-major order, a few megabytes at a time."""
    if not array.size:
        return
    if array.ndim == 0:
        array = array.reshape(1)
    step = max(1, _BLOCK_BYTES * len(array) // array.nbytes)
    for first in range(0, len(array), step):
        block = np.ascontiguousarray(array[first : first + step], array.dtype.newbyteorder("<"))
        file.write(memoryview(block).cast("B"))


def read(path):
    """Read any safetensors file: (dict of read-only arrays, memory-mapped but for bfloat16's, dict of metadata).

    Every size is checked against the file's before an array is made. Raises FormatError for a damaged or truncated
    file.
    """
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size < 10:
            raise FormatError(path, "the file is too short to be safetensors", offset=size)
        length = int.from_bytes(file.read(8), "little")
        if length > min(size - 8, _MAX_HEADER):
            raise FormatError(path, f"a header of {length} bytes in a file of {size}", offset=0)
        header = _parsed(path, file.read(length))
        data = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
    meta = header.pop("__metadata__", {})
    if not isinstance(meta, dict) or not all(isinstance(value, str) for value in meta.values()):
        raise FormatError(path, "metadata that is not text for text", offset=8)
    places = {name: _place(path, name, entry) for name, entry in header.items()}
    _check_contiguous(path, places, size - 8 - length)
    tensors = {}
    for name, (dtype, shape, begin, _) in places.items():
        if not name.startswith(_PAD):
            count, bfloat = math.prod(shape), header[name]["dtype"] == _BFLOAT
            flat = np.frombuffer(data, dtype, count, 8 + length + begin) if count else np.empty(0, dtype)
            if bfloat or not flat.flags.aligned:  # a foreign file may put numbers anywhere; loops in C need them so
                flat = (flat.astype(np.uint32) << 16).view(np.float32) if bfloat else flat.copy()
                flat.setflags(write=False)
            tensors[name] = flat.reshape(shape)
    return tensors, meta


def check_version(path, meta):
    """FormatError if the file is of a format that only a later fastembed knows."""
    if meta.get("fastembed") != "1":
        raise FormatError(path, f"written by a later fastembed (format {meta.get('fastembed', '')[:20]!r})", offset=8)


def _parsed(path, text):
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(path, f"the header is not JSON ({error})"[:200], offset=8) from None
    if not isinstance(header, dict):
        raise FormatError(path, "the header is not a JSON object", offset=8)
    return header


def _place(path, name, entry):
    """(dtype, shape, begin, end) of one header entry."""
    try:
        code, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        whole = all(type(n) is int and n >= 0 for n in [*shape, begin, end])
    except (TypeError, KeyError, ValueError):
        raise FormatError(path, f"tensor {name[:100]!r} has an entry that makes no sense", offset=8) from None
    if not isinstance(code, str) or code not in (*_NAMES, _BFLOAT):
        raise FormatError(path, f"tensor {name[:100]!r} is of type {code!r}"[:200] + ", not known here", offset=8)
    dtype = np.dtype(_NAMES["U16" if code == _BFLOAT else code])
    if not whole or len(shape) > _MAX_DIMS or end - begin != dtype.itemsize * math.prod(shape):
        raise FormatError(path, f"tensor {name[:100]!r} has a shape that does not fit its bytes", offset=8)
    return dtype, shape, begin, end


def _check_contiguous(path, places, size):
    """The tensors must fill the data exactly: no gap, no overlap, nothing after, nothing missing."""
    at = 0
    for begin, end in sorted((begin, end) for _, _, begin, end in places.values()):
        if begin != at:
            raise FormatError(path, f"a gap or an overlap at byte {at} of the tensor data", offset=8)
        at = end
    if at != size:
        raise FormatError(path, f"the tensors need {at} bytes and the file has {size} of them", offset=8)


# ---- KeyedVectors ----


def write_vectors(kv, path):
    """Write KeyedVectors; ParameterError if a number is NaN or infinite, or for words that the format cannot hold."""
    check_finite(kv)
    tensors, meta = pack_vectors(kv)
    write(path, tensors, meta)


def pack_vectors(kv):
    """The tensors and the metadata that hold KeyedVectors."""
    tensors = {"vectors": kv.vectors} | pack_vocab(kv.vocab)
    if not kv.vocab.counts.any():
        del tensors["vocab.counts"]
    meta = {"fastembed": "1", "version": _version.__version__, "class": "KeyedVectors", "meta": json.dumps(kv.meta)}
    if kv.subwords is not None:
        tensors["subwords"] = kv.subwords.rows
        if kv.subwords.places is not None:
            tensors["subwords.places"] = kv.subwords.places
        meta["ngrams"] = json.dumps(kv.subwords.ngrams.meta())
    return tensors, meta


def pack_vocab(vocab, prefix="vocab."):
    """The tensors that hold a vocabulary; ParameterError for one that ``unpack_vocab`` would refuse."""
    check_words(vocab, "safetensors")
    twice = repeats(vocab.blob, vocab.offsets)
    if twice is not None:
        row = int(np.argmax(twice))
        raise ParameterError(f"the word {vocab.words[row]!r} (row {row}) has come before: a native file holds it once")
    return {prefix + name: getattr(vocab, name) for name in ("blob", "offsets", "counts")}


def unpack_subwords(path, tensors, meta):
    """The Subwords of a file, over memory-mapped rows, or None; FormatError if they are damaged."""
    if "ngrams" not in meta:
        return None
    rows, places = tensors.get("subwords"), tensors.get("subwords.places")
    try:
        ngrams = json.loads(meta["ngrams"])
        if any(type(value) is not int for value in ngrams.values()):
            raise ValueError("n-grams that are not described by whole numbers")
        subwords = Subwords(NGrams(**ngrams), rows, places)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise FormatError(path, f"its n-grams make no sense ({error})"[:300], offset=8) from None
    if places is not None and (places.min(initial=0) < 0 or places.max(initial=-1) >= len(rows)):
        raise FormatError(path, "places of n-gram rows that do not exist", offset=8)
    return subwords


def unpack_vectors(path, tensors, meta):
    """KeyedVectors over memory-mapped tensors; FormatError if words and vectors do not fit together."""
    vectors = tensors.get("vectors")
    vocab = unpack_vocab(path, tensors)
    shape = None if vectors is None else vectors.shape
    if shape is None or len(shape) != 2 or shape[0] != len(vocab) or not shape[1] or vectors.dtype != np.float32:
        raise FormatError(path, f"vectors of shape {shape} for {len(vocab)} words", offset=8)
    try:
        extra = json.loads(meta.get("meta", "{}"))
    except (ValueError, RecursionError):
        extra = None
    if not isinstance(extra, dict):
        raise FormatError(path, "metadata that is not a JSON object", offset=8)
    subwords = unpack_subwords(path, tensors, meta)
    if subwords is not None and subwords.rows.shape[1] != vectors.shape[1]:
        raise FormatError(path, "n-grams and words have vectors of different length", offset=8)
    return KeyedVectors(vocab, vectors, subwords, extra)


def unpack_vocab(path, tensors, prefix="vocab."):
    """Vocab from the tensors ``blob``, ``offsets`` and, if there, ``counts``; FormatError if they are damaged."""
    blob, offsets = tensors.get(prefix + "blob"), tensors.get(prefix + "offsets")
    counts = tensors.get(prefix + "counts")
    kinds = [(blob, np.uint8), (offsets, np.int64), (counts, np.int64)]
    if blob is None or offsets is None or any(a is not None and (a.ndim, a.dtype) != (1, kind) for a, kind in kinds):
        raise FormatError(path, "the words are missing or of a wrong type", offset=8)
    steps = np.diff(offsets)
    if len(offsets) < 2 or offsets[0] != 0 or offsets[-1] != len(blob) or steps.min() < 1:
        raise FormatError(path, "the words' offsets do not fit their bytes", offset=8)
    if counts is not None and (len(counts) != len(steps) or counts.min() < 0):
        raise FormatError(path, "the words' counts do not fit the words", offset=8)
    bad = invalid_utf8(blob, offsets)
    if bad is not None:
        raise FormatError(path, f"word {bad} is not UTF-8", offset=8)
    if repeats(blob, offsets) is not None:
        raise FormatError(path, "a word comes a second time", offset=8)
    return Vocab((blob, offsets), counts)
