"""ELMo's files as bilm-tf wrote them: options.json, weights.hdf5 and, for words and a softmax, a vocabulary.

Three things differ from the models here and are converted. The columns of an LSTM's weights are the gates i, j, f, o;
here i, f, j, o. The forget gate's bias lacks 1, which is added at run time. Rows of words are in the order <S>, </S>,
<UNK>, words; here <unk>, <s>, </s>, words. A matrix named carry is the gate that lets the transformed input through.
"""

import json
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import FormatError, ParameterError
from .atomic import atomic_write
from .source import open_file

CHARACTERS = 261  # 256 bytes, <S>, </S>, beginning and end of a word, padding
SPECIAL = ("<S>", "</S>", "<UNK>")
_MOST = 1 << 24  # of any number in the options
_BLANKS = " \t\r"  # around words; wider ones may be words
_RATIO = 1000  # bytes that a byte of a compressed file may stand for


@dataclass(frozen=True)
class Contents:
    """A model of bilm-tf's.

    settings : dict of ELMo's parameters.
    arrays : dict of float32 arrays by the names of the models here.
    words : list of str behind <unk>, <s>, </s>, or None.
    """

    settings: dict
    arrays: dict
    words: Any


# ---- options ----


def _number(path, options, name, kind=int, low=1, default=None):
    """The number behind a name such as "lstm.dim"; FormatError if it is missing or makes no sense."""
    value = options
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if value is None and default is not None:
        return None if default == "none" else default
    fits = isinstance(value, (int, float) if kind is float else int) and not isinstance(value, bool)
    if not fits or not low <= value <= _MOST:
        raise FormatError(path, f"{name} is {_shown(value)} and should be a number from {low} to {_MOST}")
    return kind(value)


def _shown(value):
    text = "missing" if value is None else repr(value)
    return text if len(text) < 80 else text[:77] + "..."


def read_options(path):
    """ELMo's parameters from options.json; FormatError if they are damaged or contradict each other."""
    try:
        with open_file(path) as file:
            options = json.loads(file.read(1 << 20))
    except (ValueError, RecursionError) as error:
        raise FormatError(path, f"is no JSON ({error})"[:200]) from None
    if not isinstance(options, dict):
        raise FormatError(path, "is no JSON object")
    settings = {
        "dim": _number(path, options, "lstm.projection_dim"),
        "hidden": _number(path, options, "lstm.dim"),
        "layers": _number(path, options, "lstm.n_layers"),
        "cell_clip": _number(path, options, "lstm.cell_clip", float, 0, "none") or None,
        "projection_clip": _number(path, options, "lstm.proj_clip", float, 0, "none") or None,
        "residual": bool(options["lstm"].get("use_skip_connections", False)),
        "chars": None,
    }
    if settings["hidden"] < settings["dim"]:
        raise FormatError(path, f"projection_dim is {settings['dim']} and above dim, {settings['hidden']}")
    return settings | (_char_options(path, options) if options.get("char_cnn") else {})


def _char_options(path, options):
    """The parameters of the encoder of characters."""
    filters = options["char_cnn"].get("filters") if isinstance(options["char_cnn"], dict) else None
    pairs = isinstance(filters, list) and bool(filters) and all(isinstance(p, list) and len(p) == 2 for p in filters)
    if not pairs or not all(type(number) is int and 1 <= number <= _MOST for pair in filters for number in pair):
        raise FormatError(path, f"char_cnn.filters is {_shown(filters)} and should be pairs [width, number]")
    found = {
        "chars": "bytes",
        "char_dim": _number(path, options, "char_cnn.embedding.dim"),
        "filters": tuple(map(tuple, filters)),
        "highway": _number(path, options, "char_cnn.n_highway", low=0, default=0),
        "activation": options["char_cnn"].get("activation"),
        "max_chars": _number(path, options, "char_cnn.max_characters_per_token", low=3),
    }
    number = _number(path, options, "char_cnn.n_characters")
    if number not in (CHARACTERS, CHARACTERS + 1):
        raise FormatError(path, f"char_cnn.n_characters is {number} and should be 261 or, after training, 262")
    if found["activation"] not in ("relu", "tanh"):
        raise FormatError(path, f"char_cnn.activation is {_shown(found['activation'])} and should be relu or tanh")
    if max(width for width, _ in found["filters"]) > found["max_chars"]:
        raise FormatError(path, "char_cnn.filters has one that is wider than max_characters_per_token")
    return found


def _options_of(settings, words):
    """What options.json holds."""
    names = {"cell_clip": "cell_clip", "proj_clip": "projection_clip", "dim": "hidden", "projection_dim": "dim"}
    lstm = {name: settings[own] for name, own in names.items()}
    lstm |= {"n_layers": settings["layers"], "use_skip_connections": bool(settings["residual"])}
    options = {"bidirectional": True, "lstm": lstm}
    if settings["chars"]:
        options["char_cnn"] = {
            "activation": settings["activation"],
            "embedding": {"dim": settings["char_dim"]},
            "filters": [list(pair) for pair in settings["filters"]],
            "max_characters_per_token": settings["max_chars"],
            "n_characters": CHARACTERS + 1,
            "n_highway": settings["highway"],
        }
    return options | ({"n_tokens_vocab": words} if words else {})


# ---- names and shapes ----


def _encoder(settings):
    """(name here, name there, shape there) of the arrays in front of the LSTMs."""
    size, dim = settings["char_dim"], settings["dim"]
    features = sum(number for _, number in settings["filters"])
    yield "characters", "char_embed", (CHARACTERS, size)
    for k, (width, number) in enumerate(settings["filters"]):
        yield f"filter.{k}", f"CNN/W_cnn_{k}", (1, width, size, number)
        yield f"filter.{k}.bias", f"CNN/b_cnn_{k}", (number,)
    for k in range(settings["highway"]):
        for name in ("carry", "transform"):
            yield f"highway.{k}.{name}", f"CNN_high_{k}/W_{name}", (features, features)
            yield f"highway.{k}.{name}.bias", f"CNN_high_{k}/b_{name}", (features,)
    if features != dim:
        yield "projection", "CNN_proj/W_proj", (features, dim)
        yield "projection.bias", "CNN_proj/b_proj", (dim,)


def _layers(settings):
    """(name here without its last part, name there likewise) of each LSTM."""
    for number, side in enumerate(("forward", "backward")):
        for layer in range(settings["layers"]):
            yield f"{side}.{layer}.0", f"RNN_{number}/RNN/MultiRNNCell/Cell{layer}/LSTMCell"


def _there(settings, words):
    """Name there -> shape, of all arrays; words : of the vocabulary, or None where none is known."""
    dim, hidden = settings["dim"], settings["hidden"]
    shapes = (
        {name: shape for _, name, shape in _encoder(settings)} if settings["chars"] else {"embedding": (words, dim)}
    )
    for _, name in _layers(settings):
        shapes |= {f"{name}/W_0": (2 * dim, 4 * hidden), f"{name}/B": (4 * hidden,)}
        if hidden != dim:
            shapes[f"{name}/W_P_0"] = (hidden, dim)
    return shapes


def _gates(array):
    """Columns (..., 4 D) with the second gate and the third exchanged, which is its own inverse."""
    parts = array.reshape(*array.shape[:-1], 4, -1)
    return np.ascontiguousarray(parts[..., [0, 2, 1, 3], :]).reshape(array.shape)


def _forget(array, change):
    """A bias (4 D,) with the gates i, f, j, o and ``change`` added to the second."""
    array = array.copy()
    array[len(array) // 4 : len(array) // 2] += np.float32(change)
    return array


def _here(settings, found):
    """Arrays by the names here, from those there."""
    arrays = {own: found[name].reshape(-1, shape[-1]) if len(shape) == 4 else found[name]
              for own, name, shape in (_encoder(settings) if settings["chars"] else ())}  # fmt: skip
    for own, name in _layers(settings):
        weights = _gates(found[f"{name}/W_0"])
        arrays |= {f"{own}.input": weights[: settings["dim"]], f"{own}.recurrent": weights[settings["dim"] :]}
        arrays[f"{own}.bias"] = _forget(_gates(found[f"{name}/B"]), 1)
        if settings["hidden"] != settings["dim"]:
            arrays[f"{own}.projection"] = found[f"{name}/W_P_0"]
    for own, name in (("embedding", "embedding"), ("output", "softmax/W"), ("output.bias", "softmax/b")):
        if name in found:
            arrays[own] = np.concatenate([found[name][[2, 0, 1]], found[name][3:]])
    return arrays


# ---- reading ----


def read(options_path, weights_path, vocabulary=None):
    """The Contents of files; FormatError for those that are damaged, lack an array or contradict each other.

    vocabulary : file with a word on each line, <S>, </S>, <UNK> first; needed for words without characters, and for the
        softmax, if there is one.
    """
    settings = read_options(options_path)
    words = None if vocabulary is None else read_vocabulary(vocabulary)
    if words is None and settings["chars"] is None:
        raise ParameterError(f"{options_path}: this model reads words, not characters: give its vocabulary too")
    number = None if words is None else len(words) + len(SPECIAL)
    wanted, softmax = _there(settings, number), {"softmax/W": (number, settings["dim"]), "softmax/b": (number,)}
    with _opened(weights_path) as file:
        datasets = _datasets(file)
        complete = words is not None and softmax.keys() <= datasets.keys()
        if complete:
            wanted |= softmax
        elif words is not None and settings["chars"]:
            raise FormatError(weights_path, "holds no softmax, which the vocabulary would be for")
        _check_names(weights_path, datasets, wanted)
        found = {name: _array(weights_path, datasets[name], name, shape) for name, shape in wanted.items()}
    return Contents(settings, _here(settings, found), words)


def _h5py():
    try:
        import h5py
    except ImportError:
        raise ParameterError(
            'ELMo\'s weights are HDF5, which needs h5py: pip install "fastembed-trainer[hdf5]"'
        ) from None
    return h5py


def _opened(path):
    h5py = _h5py()
    if os.path.isdir(path):
        raise FormatError(path, "this is a folder, not a file")
    with open_file(path):
        pass  # OSError if it cannot be
    try:
        return h5py.File(path, "r")
    except (OSError, RuntimeError, ValueError) as error:
        raise FormatError(path, f"is no whole HDF5 file ({' '.join(str(error).split())})"[:300]) from None


def _datasets(file):
    """Name -> dataset, of all that lie in the file itself."""
    h5py, found = _h5py(), {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            found[name] = item

    try:
        file.visititems(visit)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise FormatError(file.filename, f"its groups cannot be read ({error})"[:300]) from None
    return found


def _check_names(path, datasets, wanted):
    """FormatError if an array is missing, or there is one of a layer or filter that the options do not have."""
    missing = [name for name in wanted if name not in datasets]
    if missing:
        raise FormatError(path, f"lacks {missing[0]}{f' and {len(missing) - 1} more' if missing[1:] else ''}")
    known = ("CNN", "RNN_", "char_embed")
    extra = [name for name in datasets if name.startswith(known) and name not in wanted]
    if extra:
        raise FormatError(path, f"holds {extra[0][:100]}, which the options do not have")


def _array(path, dataset, name, shape):
    """float32 (shape); FormatError unless it is that, whole, and finite."""
    try:  # a damaged dataset may fail at whatever it is asked
        _check_dataset(path, dataset, name, shape)
        array = np.ascontiguousarray(dataset[()], np.float32)
    except FormatError:
        raise
    except (OSError, RuntimeError, ValueError, TypeError, KeyError, OverflowError) as error:
        raise FormatError(path, f"{name} cannot be read ({' '.join(str(error).split())})"[:300]) from None
    bad = np.flatnonzero(~np.isfinite(array))
    if len(bad):
        place = ", ".join(map(str, np.unravel_index(bad[0], array.shape)))
        raise FormatError(path, f"{name} holds {array.flat[bad[0]]} at [{place}]")
    return array


def _check_dataset(path, dataset, name, shape):
    """FormatError unless it holds floats of this shape, all of them in the file itself."""
    if (
        dataset.shape is None
        or len(dataset.shape) != len(shape)
        or any(want not in (None, have) for want, have in zip(shape, dataset.shape, strict=True))
    ):
        raise FormatError(path, f"{name} has shape {dataset.shape} and should have {shape}")
    if dataset.dtype.kind != "f" or dataset.is_virtual or dataset.external:
        raise FormatError(path, f"{name} should hold floats, in this file, and is {dataset.dtype}")
    stored = dataset.id.get_storage_size()
    if stored * (1 if dataset.chunks is None else _RATIO) < dataset.nbytes:
        raise FormatError(path, f"{name} should have {dataset.nbytes} bytes and has {stored}: the file is truncated")


def read_vocabulary(path):
    """The words behind <S>, </S>, <UNK>; FormatError, with the line, for another beginning or a word that returns."""
    try:
        with open_file(path) as file:
            words = file.read().decode().split("\n")
    except UnicodeDecodeError as error:
        raise FormatError(path, "is not UTF-8", offset=error.start) from None
    words = [word.strip(_BLANKS) for word in (words[:-1] if words and not words[-1] else words)]
    if tuple(words[: len(SPECIAL)]) != SPECIAL:
        raise FormatError(path, f"should begin with the words {' '.join(SPECIAL)}", line=1)
    seen = {}
    for number, word in enumerate(words, 1):
        if not word or seen.setdefault(word, number) != number:
            raise FormatError(path, f"the word {word[:80]!r} is empty or has come before", line=number)
    return words[len(SPECIAL) :]


# ---- writing ----


def write(contents, options_path, weights_path, vocabulary=None):
    """Write Contents; the vocabulary, if it is asked for, a word on each line."""
    settings, arrays = contents.settings, contents.arrays
    if settings["chars"] == "unicode":
        raise ParameterError("bilm-tf's files hold words by their bytes: a model with chars='unicode' is saved as .fe")
    if vocabulary is not None:
        _check_words(contents.words)
    found = {}
    for own, name, shape in _encoder(settings) if settings["chars"] else ():
        found[name] = arrays[own].reshape(shape)
    for own, name in _layers(settings):
        found[f"{name}/W_0"] = _gates(np.concatenate([arrays[f"{own}.input"], arrays[f"{own}.recurrent"]]))
        found[f"{name}/B"] = _gates(_forget(arrays[f"{own}.bias"], -1))
        if settings["hidden"] != settings["dim"]:
            found[f"{name}/W_P_0"] = arrays[f"{own}.projection"]
    for own, name in (("embedding", "embedding"), ("output", "softmax/W"), ("output.bias", "softmax/b")):
        if own in arrays:
            found[name] = np.concatenate([arrays[own][[1, 2, 0]], arrays[own][3:]])
    h5py = _h5py()
    with atomic_write(weights_path, "w+b") as file, h5py.File(file, "w") as datasets:
        for name, array in found.items():
            datasets.create_dataset(name, data=np.asarray(array, np.float32))
    with atomic_write(options_path) as file:
        file.write(json.dumps(_options_of(settings, len(contents.words or ()) + len(SPECIAL)), indent=1).encode())
    if vocabulary is not None:
        with atomic_write(vocabulary) as file:
            file.write("".join(f"{word}\n" for word in (*SPECIAL, *contents.words)).encode())


def _check_words(words):
    """ParameterError for a vocabulary that a file of lines cannot hold."""
    if words is None:
        raise ParameterError("this model has no vocabulary to write")
    for word in words:
        if "\n" in word or word != word.strip(_BLANKS):
            raise ParameterError(f"the word {word[:80]!r} has a line break or a blank at an end: no line can hold it")
