"""The network of ELMo: spelling, the encoder of characters, both directions; gradients against differences."""

import numpy as np
import pytest

from fastembed.nn import bilm, characters
from fastembed.nn.params import Params
from fastembed.nn.streams import Streams
from fastembed.vocab import Vocab

RANDOM = np.random.default_rng(0)
WORDS = ["a", "bank", "Straße", "x" * 40, "river", "是", "w"]
ENCODER = characters.Shape(
    dim=6, char_dim=3, filters=((1, 4), (2, 3), (4, 5)), highway=2, activation="relu", max_chars=12
)


def reference(params, shape, rows):
    """Vectors (U, P) of rows (U, C) of characters, window by window."""
    x = params["characters"][rows]
    found = []
    for k, (width, _) in enumerate(shape.filters):
        windows = [x[:, t : t + width].reshape(len(x), -1) for t in range(shape.max_chars - width + 1)]
        products = np.stack(windows, 1) @ params[f"filter.{k}"] + params[f"filter.{k}.bias"]
        found.append(products.max(1))
    x = np.concatenate(found, 1)
    x = np.maximum(x, 0) if shape.activation == "relu" else np.tanh(x)
    for k in range(shape.highway):
        name = f"highway.{k}."
        g = 1 / (1 + np.exp(-(x @ params[name + "carry"] + params[name + "carry.bias"])))
        t = np.maximum(x @ params[name + "transform"] + params[name + "transform.bias"], 0)
        x = g * t + (1 - g) * x
    return x @ params["projection"] + params["projection.bias"] if "projection" in params else x


def bytes_of(word, longest):
    """(C,) of the original's spelling."""
    row = np.full(longest, 260)
    inner = list(word.encode()[: longest - 2])
    row[: len(inner) + 2] = [258, *inner, 259]
    return row


def drawn(shapes, dtype=np.float64, scale=0.5):
    params = Params(shapes, dtype)
    params.flat[:] = RANDOM.standard_normal(params.flat.shape) * scale
    return params


def encoder(shape=ENCODER, dtype=np.float64, threads=1):
    alphabet, vocab = characters.Alphabet(), Vocab(WORDS)
    params = drawn(shape.arrays(alphabet.size), dtype)
    return characters.CharacterEncoder(params, shape, alphabet, alphabet.spell(vocab.blob, vocab.offsets), threads)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("dim", [6, 12])
def test_encoder_as_window_by_window(isa, dtype, activation, dim):
    shape = characters.Shape(dim, 3, ENCODER.filters, 2, activation, 12)
    one = encoder(shape, dtype, threads=2)
    rows = np.stack([bytes_of(word, 12) for word in WORDS])
    wanted = reference(one.params, shape, rows)
    found = one.forward(np.arange(2, 2 + len(WORDS)))
    np.testing.assert_allclose(found, wanted, atol=1e-5 if dtype is np.float32 else 1e-12)


SOME = 4  # numbers of each array whose gradients are checked


def differences(params, loss, gradients):
    """Compare gradients (name, rows, array) with central differences of loss()."""
    for name, rows, gradient in gradients:
        for place in RANDOM.permutation(list(np.ndindex(gradient.shape)))[:SOME].tolist():
            place = tuple(place)
            where = place if rows is None else (rows[place[0]], *place[1:])
            before, sums = params[name][where], []
            for change in (1e-5, -1e-5):
                params[name][where] = before + change
                sums.append(loss())
            params[name][where] = before
            assert (sums[0] - sums[1]) / 2e-5 == pytest.approx(gradient[place], abs=1e-6), (name, place)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_gradients_of_the_encoder(activation):
    one = encoder(characters.Shape(6, 3, ENCODER.filters, 2, activation, 12), threads=2)
    words, weights = np.array([0, 2, 3, 5, 4]), RANDOM.standard_normal((5, 6))
    one.forward(words)
    gradients = one.backward(weights)
    assert {name for name, _, _ in gradients} == set(one.params)
    differences(one.params, lambda: float((one.forward(words) * weights).sum()), gradients)


def network(hidden=5, layers=2, residual=True, words=9, samples=None, dropout=0.0, threads=1, chars=True):
    alphabet = characters.Alphabet.of(WORDS)
    encoder_shape = characters.Shape(4, 3, ((1, 3), (2, 3)), 1, "relu", 8) if chars else None
    shape = bilm.Shape(4, hidden, layers, residual, (0.6, 0.5), encoder_shape)
    params = drawn(shape.arrays(words, alphabet.size))
    vocab = Vocab(WORDS)
    if chars:
        spelled = alphabet.spell(vocab.blob, vocab.offsets)
        one = characters.CharacterEncoder(params, encoder_shape, alphabet, spelled, threads)
    else:
        one = bilm.WordEncoder(params)
    counts = np.arange(words, 0, -1)
    return bilm.BiLM(params, shape, one, counts=counts, samples=samples, dropout=dropout, threads=threads)


def unrolls():
    ids, offsets = np.array([2, 3, 4, 5, 6, 7, 8, 2, 4, 4], np.int32), np.array([0, 3, 5, 10])
    text = {"begin": 0, "end": 1, "rows": 2, "steps": 4}
    return [Streams(ids, offsets, backward=side, **text) for side in (False, True)]


@pytest.mark.parametrize(
    "how", [{}, {"residual": False, "hidden": 4}, {"samples": 5, "dropout": 0.3}, {"chars": False, "layers": 3}]
)
def test_gradients_of_both_directions(how):
    one, streams = network(**how), unrolls()
    _, states = one.forward([stream.batch_at(0) for stream in streams], None)
    batch = [stream.batch_at(1) for stream in streams]  # whose rows end at different steps

    def loss():
        if one.output is not one.exact:
            one.output.seed(1)
        random = [np.random.default_rng(k) for k in (3, 4)] if one.dropout else None
        return one.forward(batch, states, random)[0].sum()

    loss()
    gradients = one.backward(1.0) + one.output.gradients()
    assert {name for name, _, _ in gradients} == set(one.params)
    differences(one.params, loss, gradients)


@pytest.mark.parametrize("how", [{}, {"samples": 5, "dropout": 0.3}])
def test_threads_change_no_gradient(how):
    found = []
    for threads in (1, 2):
        one = network(threads=threads, **how)
        one.params.flat[:] = np.random.default_rng(1).standard_normal(one.params.flat.shape) / 2
        if one.output is not one.exact:
            one.output.seed(1)
        random = [np.random.default_rng(k) for k in (3, 4)] if one.dropout else None
        losses, _ = one.forward([stream.batch_at(0) for stream in unrolls()], None, random)
        found.append([losses, *(array for _, _, array in one.backward(1.0) + one.output.gradients())])
    assert all((a == b).all() for a, b in zip(*found, strict=True))


def test_bytes_of_a_character_may_be_cut():
    alphabet, vocab = characters.Alphabet(), Vocab(["abé", "是是"])
    spelled = alphabet.spell(vocab.blob, vocab.offsets)
    ids, firsts, lengths = alphabet.lay_out(spelled, np.array([2, 0, 3]), 5, 2)
    wanted = [258, 97, 98, 0xC3, 259, 260, 260, 258, 256, 259, 260, 260, 258, 0xE6, 0x98, 0xAF, 259, 260, 260]
    assert ids.tolist() == wanted and firsts.tolist() == [0, 7, 12, 19] and lengths.tolist() == [5, 3, 5]


def test_unicode_alphabets_keep_what_is_frequent():
    alphabet = characters.Alphabet.of(["是b", "éb", "c"], np.array([3, 1, 2]), min_count=2)
    assert "".join(map(chr, alphabet.points)) == "bc是" and alphabet.size == 9
    vocab = Vocab(["é是😀", "c"])
    assert alphabet.spell(vocab.blob, vocab.offsets).ids.tolist() == [4, 5, 3, 2, 3, 1]
