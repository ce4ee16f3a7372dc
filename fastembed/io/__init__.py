"""Files of vectors and models: load() recognises a file by its contents, save() writes it as a whole or not at all."""

import os

from ..errors import FormatError, ParameterError
from ..late import late
from ..vectors import KeyedVectors
from . import arpa, fasttext, floret, glove, native, projector, word2vec
from .atomic import PACKERS, atomic_write
from .conllu import read_conllu
from .rows import Options
from .source import Source

__all__ = ["EXTENSIONS", "FORMATS", "atomic_write", "format_of", "load", "read_conllu", "save", "sniff"]

FORMATS = {  # name -> (read(source, options) or None, write(kv, path) or None)
    "safetensors": (None, native.write_vectors),
    "word2vec": (word2vec.read, word2vec.write),
    "word2vec-bin": (word2vec.read_binary, word2vec.write_binary),
    "glove": (glove.read, glove.write),
    "floret": (floret.read, floret.write),
    "fasttext": (fasttext.read, fasttext.write),
    "vec": (word2vec.read, fasttext.write_vec),
    "projector": (None, projector.write),
    "arpa": (None, None),  # no vectors: read and written in a model
}
EXTENSIONS = {
    ".safetensors": "safetensors",
    ".fe": "safetensors",
    ".txt": "word2vec",
    ".bin": "word2vec-bin",
    ".vec": "vec",
    ".floret": "floret",
    ".tsv": "projector",
    ".arpa": "arpa",
}
_TEXTS = (".txt", ".vec", ".floret", ".arpa")  # may be packed
_WHOLE = {"safetensors": "to_native", "fasttext": "to_fasttext", "arpa": "to_arpa"}  # hold models that have the method
_FOREIGN = {  # first bytes -> what to say
    b"PK\x03\x04": "a zip archive: unpack it first",
    b"\x28\xb5\x2f\xfd": "a zstd archive: unpack it first",
    b"\x80\x02": "a Python pickle, which is never read here; save in word2vec's format instead",
    b"\x80\x03": "a Python pickle, which is never read here; save in word2vec's format instead",
    b"\x80\x04": "a Python pickle, which is never read here; save in word2vec's format instead",
    b"\x80\x05": "a Python pickle, which is never read here; save in word2vec's format instead",
}


def load(path, format=None, *, errors="strict", duplicates="error", threads=None):
    """Read vectors or a model; the format is recognised by the contents, not by the name.

    Parameters
    ----------
    path : a native file (memory-mapped), or text or binary vectors, also packed with gzip, bz2 or xz; or the folder of
        a BERT as transformers writes it, or of an ELMo with options.json and weights.hdf5.
    format : a name of FORMATS, to read a file as that and nothing else.
    errors : "strict", or "replace" to put U+FFFD for bytes that are not UTF-8 in words of foreign files.
    duplicates : "error", or "first" to keep the first vector of a word that comes twice in a foreign file.
    threads : for text; None means one for each CPU.

    Returns KeyedVectors, or the model that was saved. Raises FormatError, with the line or the byte, for a file that
    is damaged, truncated or of no known format; MissingFileError if there is none, another OSError if it cannot be
    opened.

    >>> with open("two.txt", "w") as file:
    ...     _ = file.write("2 2\\nking 1 0.5\\nqueen 0 1\\n")
    >>> load("two.txt")["king"]
    array([1. , 0.5], dtype=float32)
    """
    options = Options(errors, duplicates, threads)
    if format is not None and (format not in FORMATS or format == "projector"):
        raise ParameterError(f"format={format!r} cannot be read; choose from {_names(0)}")
    if any(os.path.exists(os.path.join(path, name)) for name in ("config.json", "options.json")):
        return late("fastembed.models", "from_folder")(path)
    if os.path.isdir(path):
        raise FormatError(path, "this is a folder, not a file")
    source = Source(path)
    format = format or sniff(source)
    if format == "safetensors":
        return _load_native(path)
    if format == "arpa":
        return late("fastembed.models", "from_arpa")(path, arpa.read(source, options))
    return FORMATS[format][0](source, options)


def sniff(source):
    """The name of a Source's format; FormatError if it is none that we read."""
    head = source.head
    for magic, message in _FOREIGN.items():
        if head.startswith(magic):
            raise FormatError(source.path, message, offset=0)
    if head.startswith(fasttext.MAGIC):
        return "fasttext"
    if arpa.looks_like(head):
        return "arpa"
    if head[8:9] == b"{":
        return "safetensors"
    if word2vec.header(source) is not None:
        return "word2vec-bin" if word2vec.looks_binary(source) else "word2vec"
    if floret.looks_like(head):
        return "floret"
    if projector.looks_like(head):
        message = "numbers without words, as for the TensorFlow projector, which is written here and not read"
        raise FormatError(source.path, message, offset=0)
    if glove.columns(source):
        return "glove"
    raise FormatError(source.path, "no format of word vectors that is known here", offset=0)


def _load_native(path):
    tensors, meta = native.read(path)
    name = meta.get("class")
    if "fastembed" not in meta or name is None:
        names = ", ".join(sorted(tensors)[:5])[:200]
        raise FormatError(path, f"safetensors, but not written by fastembed (tensors: {names})", offset=8)
    native.check_version(path, meta)
    if name == "KeyedVectors":
        return native.unpack_vectors(path, tensors, meta)
    return late("fastembed.models", "from_native")(path, tensors, meta)


def save(obj, path, format=None):
    """Write KeyedVectors or a model.

    Parameters
    ----------
    obj : KeyedVectors, or a model: the native format holds all of it, the others its vectors.
    path : the file; it is replaced as a whole, and stays as it was if anything fails. Text is packed if the name ends
        with .gz, .bz2 or .xz.
    format : a name of FORMATS; None takes it from the extension (EXTENSIONS; .bin with n-grams is fastText's).

    Raises ParameterError for an unknown format, no vectors or words that it cannot hold, OSError if writing fails.
    """
    format = format or format_of(obj, path)
    if format is not None and format not in FORMATS:
        raise ParameterError(f"format={format!r}: give one of {_names(1)}")
    if format is None:
        known = " ".join(EXTENSIONS)
        raise ParameterError(f"cannot tell the format of {os.fspath(path)!r}: use {known} or format= ({_names(1)})")
    if not isinstance(obj, KeyedVectors):
        if format == "safetensors":
            tensors, meta = late("fastembed.models", "to_native")(obj)
            native.write(path, tensors, meta)
            return
        if holds(format, obj):
            arpa.write(obj.to_arpa(), path) if format == "arpa" else fasttext.write(obj, path)
            return
        if not hasattr(type(obj), "wv"):
            raise ParameterError(f"{type(obj).__name__} has no word vectors: save it with the ending .fe")
        obj = obj.wv
    if format == "arpa":
        raise ParameterError(f"an ARPA file holds n-grams and no vectors: {os.fspath(path)!r} needs another ending")
    if not len(obj) and format != "floret":  # which holds n-grams and no words
        raise ParameterError(f"there are no vectors to save to {os.fspath(path)!r}")
    FORMATS[format][1](obj, path)


def format_of(obj, path):
    """The name of the format in which ``save`` writes to a file of this name; None if its ending says none."""
    stem, extension = os.path.splitext(os.fspath(path).lower())
    if extension in PACKERS and stem.endswith(_TEXTS):
        extension = os.path.splitext(stem)[1]
    subwords = hasattr(obj, "to_fasttext") or getattr(obj, "subwords", None) is not None
    return "fasttext" if subwords and extension == ".bin" else EXTENSIONS.get(extension)


def holds(format, model):
    """Whether files of a format hold a model, and not only its vectors."""
    return hasattr(model, _WHOLE.get(format, "no such method"))


def save_whole(model, path):
    """Write a model as the ending says, if such a file holds all of it; the native format if it says nothing.

    Raises ParameterError for the endings of other formats.
    """
    format = format_of(model, path) or "safetensors"
    if holds(format, model):
        save(model, path, format)
        return
    kind, name = type(model).__name__, os.fspath(path)
    endings = " or ".join(e for e in (".fe", ".bin", ".arpa") if holds(format_of(model, f"m{e}"), model))
    hint = f"; model.wv.save({name!r}) writes its vectors" if FORMATS[format][1] and hasattr(type(model), "wv") else ""
    raise ParameterError(f"{name}: {kind}.save writes the whole model, so the name must end in {endings}{hint}")


def _names(column):
    return ", ".join(name for name, pair in FORMATS.items() if pair[column] or name == "safetensors")
