"""The contract of contextual models: embed, layers, batches; WordWindows."""

import numpy as np
import pytest

import fastembed as fe
from fastembed.errors import ParameterError
from fastembed.models.contextual import ContextualModel, WordWindows, batches_of

DEPTH, WIDTH = 3, 4


class Counting(ContextualModel):
    """Layer l, number d of a token: its length + 10 l + 100 d + 1000 times its place."""

    depth, width = DEPTH, WIDTH

    def __init__(self):
        super().__init__()
        self.batches = []

    def _tokens(self, sentence):
        return sentence.split() if isinstance(sentence, str) else list(sentence)

    def _states(self, batch):
        self.batches.append([len(tokens) for tokens in batch])
        return [expected(tokens) for tokens in batch]


def expected(tokens):
    layer, place, number = np.ogrid[:DEPTH, : len(tokens), :WIDTH]
    lengths = np.array([len(token) for token in tokens], int)[None, :, None]
    return (lengths + 10 * layer + 1000 * place + 100 * number).astype(np.float32)


SENTENCES = ["a bb", "", "ccc a bb dddd", ["a", "e f"], "x"]


def test_embed_gives_every_sentence_in_its_order():
    model = Counting()
    for sentence, states in zip(SENTENCES, model.embed(SENTENCES), strict=True):
        assert states.dtype == np.float32 and np.array_equal(states, expected(model._tokens(sentence)))


@pytest.mark.parametrize("layer", [0, 1, 2, -1, -3])
def test_embed_of_one_layer(layer):
    for states, whole in zip(Counting().embed(SENTENCES, layers=layer), Counting().embed(SENTENCES), strict=True):
        assert np.array_equal(states, whole[layer]) and states.flags.c_contiguous


def test_embed_mixes():
    mix = fe.nn.ScalarMix(DEPTH)
    mix.params["scores"][:], mix.params["gamma"][:] = [0, 1, 3], 2
    for average, mixed, whole in zip(
        Counting().embed(SENTENCES, layers="mix"), Counting().embed(SENTENCES, mix), Counting().embed(SENTENCES),
        strict=True,
    ):  # fmt: skip
        np.testing.assert_allclose(average, whole.mean(0), rtol=1e-6)
        weights = np.exp([0, 1, 3]) / np.exp([0, 1, 3]).sum()
        np.testing.assert_allclose(mixed, 2 * np.tensordot(weights, whole, 1), rtol=1e-6)


def test_embed_takes_a_corpus():
    corpus = fe.Corpus(["a bb", "c" * 3000])
    assert [states.tolist() for states in Counting().embed(corpus)] == [
        expected(["a", "bb"]).tolist(),
        expected(["c" * 3000]).tolist(),
    ]


@pytest.mark.parametrize("layers", ["first", 3, -4, 1.5, True, None, fe.nn.ScalarMix(2)])
def test_layers_that_there_are_not(layers):
    with pytest.raises(ParameterError, match="mix"):
        Counting().embed(SENTENCES, layers=layers)


@pytest.mark.parametrize("dy", [np.ones((4, 3)), np.ones((5, 2)), np.ones(5)])
def test_gradients_of_a_mix_fit_its_states(dy):
    mix = fe.nn.ScalarMix(2)
    _, tape = mix.forward(np.ones((2, 5, 3)))
    with pytest.raises(ParameterError, match="dy has shape"):
        mix.backward(tape, dy)
    with pytest.raises(ParameterError, match="dy has shape"):
        fe.nn.ScalarMix(3).backward(tape, np.ones((5, 3)))


@pytest.mark.parametrize(("what", "said"), [("a bb", "one str"), (b"a", "b'a'"), (None, "None"), (5, "5")])
def test_what_is_no_list_of_sentences(what, said):
    with pytest.raises(ParameterError, match=f"a list of sentences or a Corpus, not {said}"):
        Counting().embed(what)


def test_batches_hold_sentences_of_about_one_length():
    random = np.random.default_rng(0)
    lengths = random.integers(0, 50, 500).tolist()
    batches = batches_of(lengths, tokens=100)
    assert sorted(number for batch in batches for number in batch) == list(range(500))
    for batch in batches:
        longest = max(lengths[number] for number in batch)
        assert len(batch) == 1 or longest * len(batch) <= 100
    flat = [lengths[number] for batch in batches for number in batch]
    assert flat == sorted(flat, reverse=True)
    assert batches_of([1000, 1], tokens=100) == [[0], [1]] and batches_of([]) == []


def vectors():
    return fe.KeyedVectors(["a", "b"], np.float32([[1, 2], [3, 4]]))


def test_windows_of_static_vectors():
    model = WordWindows(vectors(), window=2)
    (states,) = model.word_states([["A", "b", "?"]])
    padded = np.float32([[0, 0], [0, 0], [1, 2], [3, 4], [0, 0], [0, 0], [0, 0]])
    assert model.width == 10 and np.array_equal(states[0], [padded[k : k + 5].ravel() for k in range(3)])
    assert not WordWindows(vectors(), lowercase=False).word_states([["A"]])[0].any()
    assert WordWindows(vectors(), window=1).word_states([[]])[0].shape == (1, 0, 6)


@pytest.mark.parametrize("window", [-1, 1.5, True])
def test_impossible_windows(window):
    with pytest.raises(ParameterError, match="window="):
        WordWindows(vectors(), window=window)
