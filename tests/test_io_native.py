"""The native format: our safetensors files against the safetensors library, and against damage."""

import json

import numpy as np
import pytest
from tiny_vectors import golden, random_vectors, same

from fastembed import io
from fastembed.errors import FormatError, ParameterError
from fastembed.io import native
from fastembed.vectors import KeyedVectors
from fastembed.vocab import Vocab


def header_of(path):
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), 8 + length


def rewrite(path, change, data=None):
    """Change the header of a file in place."""
    header, begin = header_of(path)
    tail = path.read_bytes()[begin:] if data is None else data
    header = change(header) or header
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + tail)


@pytest.fixture
def path(tmp_path):
    io.save(random_vectors(50, 5), tmp_path / "a.fe")
    return tmp_path / "a.fe"


def test_every_type_and_shape_comes_back(tmp_path):
    rng = np.random.default_rng(0)
    tensors = {
        name: rng.integers(0, 2, shape).astype(name)
        for name in ["bool", "u1", "i1", "u2", "i2", "f2", "u4", "i4", "f4", "u8", "i8", "f8"]
        for shape in [rng.integers(0, 6, rng.integers(0, 4)).tolist()]
    }
    tensors["strided"] = rng.normal(size=(1000, 112)).astype(np.float32)[:, :100]
    tensors["reversed"] = np.arange(100000)[::-1]
    tensors["big-endian"] = np.arange(5, dtype=">i4")
    tensors["nothing"] = np.zeros((0, 3), np.float32)
    native.write(tmp_path / "a", tensors, {"key": "wert \u00fc"})
    loaded, meta = native.read(tmp_path / "a")
    assert meta == {"key": "wert \u00fc"} and loaded.keys() == tensors.keys()
    for name, array in tensors.items():
        assert loaded[name].shape == array.shape and loaded[name].dtype == array.dtype.newbyteorder("="), name
        assert np.array_equal(loaded[name], array), name


def test_matrices_are_mapped_aligned_and_read_only(tmp_path):
    tensors = {"odd": np.zeros((7, 3), np.float32), "other": np.ones((3, 5), np.float32), "b": np.ones(3, np.uint8)}
    native.write(tmp_path / "a", tensors, {})
    header, begin = header_of(tmp_path / "a")
    for name in ("odd", "other"):
        assert (begin + header[name]["data_offsets"][0]) % native.ALIGN == 0
    loaded, _ = native.read(tmp_path / "a")
    assert loaded["other"].ctypes.data % native.ALIGN == 0 and not loaded["other"].flags.writeable
    assert not loaded["other"].flags.owndata and "_pad" not in "".join(loaded)


def test_the_library_reads_ours(tmp_path, path):
    safetensors = pytest.importorskip("safetensors", reason="compares with safetensors, which is not installed")
    from safetensors.numpy import load_file

    tensors = load_file(path)
    kv = random_vectors(50, 5)
    assert np.array_equal(tensors["vectors"], kv.vectors)
    assert tensors["vocab.blob"].tobytes().decode() == "".join(kv.index_to_key)
    assert np.array_equal(tensors["vocab.counts"], kv.vocab.counts)
    with safetensors.safe_open(path, "np") as file:
        assert file.metadata()["class"] == "KeyedVectors"
    native.write(tmp_path / "b", {"x": np.ones((3, 3), np.float32), "y": np.ones(2, np.float64)}, {})
    assert {"x", "y"} <= load_file(tmp_path / "b").keys()


def test_we_read_the_librarys(tmp_path, path):
    pytest.importorskip("safetensors", reason="compares with safetensors, which is not installed")
    from safetensors.numpy import load_file, save_file

    tensors = {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "n": np.arange(3), "h": np.ones(5, np.float16)}
    save_file(tensors, tmp_path / "foreign", {"who": "they"})
    loaded, meta = native.read(tmp_path / "foreign")
    assert meta == {"who": "they"} and all(np.array_equal(loaded[name], tensors[name]) for name in tensors)
    with pytest.raises(FormatError, match="not written by fastembed.*h, n, w"):
        io.load(tmp_path / "foreign")
    save_file(load_file(path), tmp_path / "again", header_of(path)[0]["__metadata__"])
    assert same(io.load(tmp_path / "again"), random_vectors(50, 5))


def test_counts_and_metadata_are_kept(tmp_path):
    plain = random_vectors(50, 5)
    kv = KeyedVectors(plain.vocab, plain.vectors, meta={"trained": "on \u00e4 text"})
    kv.save(tmp_path / "a.safetensors")
    loaded = KeyedVectors.load(tmp_path / "a.safetensors")
    assert loaded.meta == kv.meta and loaded.get_vecattr("w3", "count") == 47
    golden().save(tmp_path / "b.safetensors")
    assert "vocab.counts" not in native.read(tmp_path / "b.safetensors")[0]


def test_numbers_out_of_place_are_moved(path):
    rewrite(path, lambda header: json.dumps(header).encode() + b" " * (1 - len(json.dumps(header)) % 2))
    data = path.read_bytes()
    assert int.from_bytes(data[:8], "little") % 2 == 1
    kv = io.load(path)
    assert kv.vectors.flags.aligned and kv.vocab.offsets.flags.aligned and not kv.vectors.flags.writeable
    assert same(kv, random_vectors(50, 5))


def test_what_cannot_be_written_is_refused(tmp_path):
    for tensors in ({"x": np.zeros(3, complex)}, {"x": np.array(["text"])}, {"__metadata__": np.zeros(1)}):
        with pytest.raises(ParameterError, match="native format"):
            native.write(tmp_path / "a", tensors, {})
    with pytest.raises(ParameterError, match="metadata"):
        native.write(tmp_path / "a", {}, {"number": 3})
    assert not (tmp_path / "a").exists()


def entry(**changes):
    return lambda header: header["vectors"].update(changes)


@pytest.mark.parametrize(
    "change, message",
    [
        (entry(shape=[50, 6]), "does not fit its bytes"),
        (entry(shape=[-50, -5]), "does not fit"),
        (entry(shape=[2**62, 2**62, 2**62]), "does not fit"),
        (entry(shape=[1] * 40 + [50, 5]), "does not fit"),
        (entry(shape=[50.0, 5]), "does not fit"),
        (entry(shape=None), "makes no sense"),
        (entry(shape=[True, 250]), "does not fit"),
        (entry(dtype="F8_E4M3"), "is of type .F8_E4M3., not known here"),
        (entry(dtype=["F32"]), "not known here"),
        (entry(dtype="I32"), "shape"),
        (entry(shape=[10, 25]), "vectors of shape"),
        (entry(shape=[250]), "vectors of shape"),
        (entry(data_offsets=[0, 10**30]), "does not fit"),
        (entry(data_offsets=[-4, 996]), "does not fit"),
        (entry(data_offsets=[4, 1004]), "gap or an overlap"),
        (entry(data_offsets=[0]), "makes no sense"),
        (lambda header: header.update(vectors=3), "makes no sense"),
        (lambda header: header.pop("vocab.counts") and None, "gap|bytes"),
        (lambda header: header.update(__metadata__=[]), "text for text"),
        (lambda header: header["__metadata__"].update(meta=1), "text for text"),
        (lambda header: header["__metadata__"].update(meta="[" * 100000), "JSON object"),
        (lambda header: header["__metadata__"].update(fastembed="2"), "later fastembed"),
        (lambda header: header["__metadata__"].clear(), "not written by fastembed"),
        (lambda header: b"{" * 100000, "not JSON"),
        (lambda header: b"{\xff}", "not JSON"),
        (lambda header: b'{"a": 1' + b"0" * 10000 + b"}", "JSON|sense"),
        (lambda header: b"{}", "bytes"),
    ],
)
def test_headers_that_lie(change, message, path):
    rewrite(path, change)
    with pytest.raises(FormatError, match=message) as caught:
        io.load(path)
    assert str(path) in str(caught.value)


def test_headers_of_impossible_length(path):
    data = path.read_bytes()
    for length in (len(data) - 7, 2**31, 2**63, 2**64 - 1):
        path.write_bytes(length.to_bytes(8, "little") + data[8:])
        with pytest.raises(FormatError, match="a header of"):
            io.load(path)


@pytest.mark.parametrize(
    "name, place, value, message",
    [
        ("vocab.offsets", 3, 10**12, "offsets"),
        ("vocab.offsets", 0, 1, "offsets"),
        ("vocab.offsets", 50, 139, "offsets"),
        ("vocab.offsets", 4, 6, "offsets"),
        ("vocab.counts", 3, -1, "counts"),
        ("vocab.blob", 1, 0xFF, "word 0 is not UTF-8"),
        ("vocab.blob", 3, ord("0"), "second time"),
    ],
)
def test_vocabularies_that_lie(name, place, value, message, path):
    tensors, meta = native.read(path)
    tensors = {key: array.copy() for key, array in tensors.items()}
    tensors[name][place] = value
    native.write(path, tensors, meta)
    with pytest.raises(FormatError, match=message):
        io.load(path)


def test_missing_parts_are_named(path):
    tensors, meta = native.read(path)
    for name, message in (("vectors", "vectors of shape None"), ("vocab.blob", "words are missing")):
        native.write(path, {key: array for key, array in tensors.items() if key != name}, meta)
        with pytest.raises(FormatError, match=message):
            io.load(path)


def test_the_later_part_of_a_character_does_not_hide_behind_the_word_before(tmp_path):
    blob, offsets = np.frombuffer("a\u00e9b".encode(), np.uint8), np.array([0, 2, 4])
    tensors = {"vectors": np.ones((2, 2), np.float32), "vocab.blob": blob, "vocab.offsets": offsets}
    native.write(tmp_path / "a", tensors, native.pack_vectors(golden())[1])
    with pytest.raises(FormatError, match="word 0 is not UTF-8|word 1 is not UTF-8"):
        io.load(tmp_path / "a")


@pytest.mark.parametrize(
    "vocab, message",
    [
        (Vocab(["a", "b", "b"]), "the word 'b' .row 2. has come before"),
        (Vocab((b"a\xffb", [0, 1, 2, 3])), "row 1. cannot be held by the format 'safetensors'"),
        (Vocab(["a", "\ud800", "\ud801"]), "row 1. cannot be held by the format 'safetensors'"),
    ],
)
def test_words_that_could_not_be_read_back_are_not_written(vocab, message, tmp_path, path):
    old = path.read_bytes()
    with pytest.raises(ParameterError, match=message):
        io.save(KeyedVectors(vocab, np.ones((3, 2), np.float32)), path)
    assert path.read_bytes() == old
    with pytest.raises(ParameterError, match=message):
        native.pack_vocab(vocab, "labels.")
