"""The transformer encoder against one in numpy, its gradients against differences, and both against transformers."""

import numpy as np
import pytest
import reference
import transformer
from scipy.special import erf
from transformer import SIZES, expected, make

from fastembed._core import attention, simd
from fastembed.errors import ParameterError
from fastembed.nn import Params
from fastembed.nn.attention import Encoder, EncoderSizes, Transform, blocks_for, cut_blocks, whole_blocks


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ["gelu", "gelu_new"])
@pytest.mark.parametrize("name", SIZES)
def test_forward_equals_numpy(isa, name, activation, dtype):
    encoder, batch = make(name, dtype, activation=activation)
    wanted, _ = expected(encoder, batch)
    for threads in (1, 2, 5):
        encoder.threads = threads
        states, tape = encoder.forward(*batch)
        assert tape is None and states.dtype == dtype
        np.testing.assert_allclose(states, wanted, rtol=0, atol=1e-5 if dtype is np.float32 else 1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", SIZES)
def test_gradients_equal_numpy(isa, name, dtype):
    encoder, batch = make(name, dtype)
    gradient = np.random.default_rng(2).standard_normal((len(batch[0]), encoder.sizes.width)).astype(dtype)
    wanted_states, wanted = expected(encoder, batch, gradient)
    for threads in (1, 3):
        encoder.threads = threads
        states, tape = encoder.forward(*batch, keep=True)
        grads = encoder.params.like()
        encoder.backward(tape, gradient, grads)
        np.testing.assert_allclose(states, wanted_states, rtol=0, atol=1e-5 if dtype is np.float32 else 1e-12)
        for key, array in grads.items():
            limit = np.abs(wanted[key]).max() + 1e-3 * np.abs(gradient).max()
            tolerance = (2e-5 if dtype is np.float32 else 1e-11) * limit
            np.testing.assert_allclose(array, wanted[key], rtol=0, atol=tolerance, err_msg=key)


def masks_of(encoder, seed):
    """What drops out of a sentence, from the streams of its rows: see csrc/encoder.h."""
    sizes = encoder.sizes

    def mask(rate, site, row, n):
        stream, below = reference.Stream(seed, site, int(row)), round(rate * 65536)
        drawn = [stream.at(k // 4) >> 16 * (k % 4) & 0xFFFF for k in range(n)]
        return (np.array(drawn) >= below) / (1 - rate)

    def masks(first, last):
        rows, wide, places = range(first, last), sizes.width, sizes.heads + 2
        made = {"embeddings": [mask(sizes.dropout, sizes.layers * places + sizes.heads, row, wide) for row in rows]}
        for layer in range(sizes.layers):
            heads = [[mask(sizes.attention_dropout, layer * places + h, row, last - first) for row in rows]
                     for h in range(sizes.heads)]  # fmt: skip
            made[f"{layer}.attention"] = heads
            for k, name in enumerate(("attention.output", "outer")):
                site = layer * places + sizes.heads + k
                made[f"{layer}.{name}"] = [mask(sizes.dropout, site, row, wide) for row in rows]
        return {name: np.array(arrays) for name, arrays in made.items()}

    return masks


@pytest.mark.parametrize("name", SIZES)
def test_dropout_equals_numpy(isa, name):
    encoder, batch = make(name, np.float64, threads=2, dropout=0.25, attention_dropout=0.5)
    seed = int(np.random.default_rng(4).integers(1 << 63))
    gradient = np.random.default_rng(2).standard_normal((len(batch[0]), encoder.sizes.width))
    wanted_states, wanted = expected(encoder, batch, gradient, masks_of(encoder, seed))
    states, tape = encoder.forward(*batch, keep=True, random=np.random.default_rng(4))
    np.testing.assert_allclose(states, wanted_states, rtol=0, atol=1e-11)
    grads = encoder.params.like()
    encoder.backward(tape, gradient, grads)
    for key, array in grads.items():
        limit = 1e-10 * (np.abs(wanted[key]).max() + 1e-3)
        np.testing.assert_allclose(array, wanted[key], rtol=0, atol=limit, err_msg=key)
    plain, _ = encoder.forward(*batch)
    np.testing.assert_allclose(plain, expected(encoder, batch)[0], rtol=0, atol=1e-11)


@pytest.mark.parametrize("how", [{}, {"activation": "gelu_new", "dropout": 0.3, "attention_dropout": 0.2}])
def test_gradients_of_every_parameter(how):
    """Against central differences."""
    encoder, batch = make("tiny", np.float64, **how)
    gradient, e = np.random.default_rng(2).standard_normal((len(batch[0]), 4)), 1e-5

    def run(keep=False):
        encoder.repack()
        states, tape = encoder.forward(*batch, keep=keep, random=np.random.default_rng(9))
        return (states[-1] * gradient).sum(), tape

    grads = encoder.params.like()
    encoder.backward(run(keep=True)[1], gradient, grads)
    for name, array in encoder.params.items():
        measured = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            before, there = array[index], []
            for moved in (before + e, before - e):
                array[index] = moved
                there.append(run()[0])
            array[index] = before
            measured[index] = (there[0] - there[1]) / (2 * e)
        np.testing.assert_allclose(grads[name], measured, rtol=1e-6, atol=1e-6, err_msg=name)


def bert(transformers, torch, **how):
    """A BertModel with random parameters, also biases."""
    torch.manual_seed(3)
    sizes = {"vocab_size": 60, "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4}
    config = transformers.BertConfig(**sizes, intermediate_size=100, max_position_embeddings=512, **how)
    model = transformers.BertModel(config).eval()
    for name, array in model.named_parameters():
        if name.endswith("bias"):
            array.data.normal_(0, 0.1)
    return model


def converted(state, sizes):
    """Params of the encoder from arrays under the names of a BertModel."""
    params, ends = Params(Encoder.shapes(sizes)), ((".weight", ""), (".bias", ".bias"))
    tables = {"words": "word", "positions": "position", "segments": "token_type"}
    for ours, theirs in tables.items():
        params[f"embeddings.{ours}"][:] = state[f"embeddings.{theirs}_embeddings.weight"]
    pairs = [("embeddings.norm", "embeddings.LayerNorm")]
    for k in range(sizes.layers):
        names = {"attention.output": "attention.output.dense", "attention.norm": "attention.output.LayerNorm"}
        names |= {"inner": "intermediate.dense", "outer": "output.dense", "norm": "output.LayerNorm"}
        pairs += [(f"{k}.{ours}", f"encoder.layer.{k}.{theirs}") for ours, theirs in names.items()]
        for there, here in ends:
            parts = [state[f"encoder.layer.{k}.attention.self.{name}{there}"] for name in ("query", "key", "value")]
            params[f"{k}.attention.qkv{here}"][:] = np.concatenate(parts).T
    for ours, theirs in pairs:
        for there, here in ends:
            params[ours + here][:] = state[theirs + there].T
    return params


@pytest.mark.parametrize("activation", ["gelu", "gelu_new"])
def test_equals_transformers(activation):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    torch.set_num_threads(1)
    model = bert(transformers, torch, hidden_act=activation)
    sizes = EncoderSizes(60, 512, 2, 48, 3, 4, 100, activation=activation)
    params = converted({name: array.numpy() for name, array in model.state_dict().items()}, sizes)
    encoder, random = Encoder(sizes, params, threads=2), np.random.default_rng(0)
    offsets = np.cumsum([0, 5, 1, 512, 33, 0, 17])
    ids, segments = random.integers(1, 60, offsets[-1]), random.integers(0, 2, offsets[-1])  # 0 has no gradient there
    gradient = random.standard_normal((len(ids), 48)).astype(np.float32)
    states, tape = encoder.forward(ids, offsets, segments, keep=True)
    for first, last in zip(offsets[:-1], offsets[1:], strict=True):
        if first < last:
            given = [torch.tensor(part[None, first:last]) for part in (ids, segments)]
            found = model(input_ids=given[0], token_type_ids=given[1], output_hidden_states=True).hidden_states
            theirs = torch.cat(found).detach().numpy()
            assert np.abs(states[:, first:last] - theirs).max() <= 1e-5
            (found[-1][0] * torch.tensor(gradient[first:last])).sum().backward()
    grads = params.like()
    encoder.backward(tape, gradient, grads)
    theirs = {name: array.grad.numpy() for name, array in model.named_parameters() if array.grad is not None}
    for name, wanted in converted(theirs, sizes).items():
        assert np.abs(grads[name] - wanted).max() <= 1e-5 * np.abs(wanted).max() + 1e-5, name


def test_the_result_does_not_depend_on_threads_and_company(isa):
    encoder, batch = make("odd")
    ids, offsets, segments = batch
    gradient = np.random.default_rng(2).standard_normal((len(ids), encoder.sizes.width)).astype(np.float32)
    found = []
    for threads in (1, 2, 4, 16):
        encoder.threads = threads
        states, tape = encoder.forward(*batch, keep=True)
        grads = encoder.params.like()
        encoder.backward(tape, gradient, grads)
        found.append((states, grads.flat))
    for states, flat in found[1:]:
        np.testing.assert_array_equal(states, found[0][0])
        np.testing.assert_array_equal(flat, found[0][1])
    for first, last in zip(offsets[:-1], offsets[1:], strict=True):
        alone, _ = encoder.forward(ids[first:last], [0, last - first], segments[first:last])
        np.testing.assert_array_equal(alone, found[0][0][:, first:last])


@pytest.mark.parametrize("threads", [1, 2])
def test_memory_is_used_again(threads):
    """Layer after layer and call after call."""
    encoder, (ids, offsets, segments) = make("odd", threads=threads)
    encoder.forward(ids, offsets, segments)
    first = dict(encoder._store)
    assert sum(name.endswith("heads") for name in first) == (2 if threads > 1 else 1)
    encoder.forward(ids, offsets, segments)
    assert encoder._store.keys() == first.keys() and all(encoder._store[name] is first[name] for name in first)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("layers", [[0], [1], [2], [3], [0, 3], [1, 2], [0, 1, 2, 3]])
def test_states_of_some_layers(layers, threads):
    encoder, batch = make("odd", threads=threads)
    states, tape = encoder.forward(*batch, layers=layers)
    assert tape is None
    np.testing.assert_array_equal(states, encoder.forward(*batch)[0][layers])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("part", ["queries", "keys"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", ["odd", "wide"])
def test_scores_that_are_no_numbers_reach_the_states(isa, name, precision, part, bad):
    plain, batch = make(name)
    place = {"queries": 0, "keys": plain.sizes.width}[part]
    plain.params[f"{plain.sizes.layers - 1}.attention.qkv.bias"][place] = bad
    states, _ = Encoder(plain.sizes, plain.params, 1, precision).forward(*batch)
    assert np.isfinite(states[:-1]).all() and np.isnan(states[-1]).all()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("size", [1e9, 1e11, 1e15])
def test_large_scores(isa, precision, size):
    """The softmax is then 1 of the largest, and rows stay finite."""
    plain, batch = make("wide")
    plain.params["0.attention.qkv"][:, : 2 * plain.sizes.width] *= size**0.5
    states, _ = Encoder(plain.sizes, plain.params, 1, precision).forward(*batch)
    assert np.isfinite(states).all()


@pytest.mark.parametrize("layers", [[], [4], [-1], [1, 0], [1, 1], [1.0], 3, "1"])
def test_impossible_layers(layers):
    encoder, batch = make("odd")
    with pytest.raises(ParameterError, match=r"layers=.*from 0 to 3"):
        encoder.forward(*batch, layers=layers)
    with pytest.raises(ParameterError, match="which a backward needs"):
        encoder.forward(*batch, layers=[3], keep=True)


def test_blocks():
    offsets = np.array([0, 3, 10, 12, 13])
    assert whole_blocks(offsets, 10)[:, :4].tolist() == [[0, 10, 0, 2], [10, 13, 2, 4]]
    assert whole_blocks(offsets, 2)[:, :2].tolist() == [[0, 3], [3, 10], [10, 12], [12, 13]]
    assert cut_blocks(offsets, 3).tolist() == [[0, 4, 0, 2, 0, 3], [4, 8, 1, 2, 0, 3], [8, 13, 1, 4, 0, 3]]
    assert cut_blocks(np.array([0, 4, 8]), 2).tolist() == [[0, 4, 0, 1, 0, 1], [4, 8, 1, 2, 1, 2]]
    blocks, cut = blocks_for(np.array([0, 128]), 2)
    assert cut and blocks[:, :2].tolist() == [[0, 64], [64, 128]]
    assert not blocks_for(np.array([0, 128]), 1)[1] and not blocks_for(np.array([0, 10]), 4)[1]
    assert not blocks_for(np.arange(0, 9000, 90), 2)[1]


def test_a_change_of_parameters_is_seen():
    encoder, batch = make("tiny")
    first, _ = encoder.forward(*batch)
    encoder.params["1.outer"][:] *= 2
    encoder.repack()
    second, _ = encoder.forward(*batch)
    assert (first[-1] != second[-1]).any()
    states, tape = encoder.forward(*batch, keep=True)
    encoder.backward(tape, np.ones_like(states[-1]), encoder.params.like())
    encoder.params["0.inner"][:] *= 2
    np.testing.assert_allclose(encoder.forward(*batch)[0], expected(encoder, batch)[0], rtol=0, atol=1e-5)


def test_tapes_do_not_share_memory():
    encoder, batch = make("odd", threads=2)
    other = (batch[0][::-1].copy(), *batch[1:])
    gradient = np.random.default_rng(2).standard_normal((len(batch[0]), encoder.sizes.width)).astype(np.float32)
    grads = [encoder.params.like() for _ in range(4)]
    tapes = [encoder.forward(*given, keep=True) for given in (batch, other)]
    for (_, tape), own in zip(tapes, grads[:2], strict=True):
        encoder.backward(tape, gradient, own)
    for given, own in zip((batch, other), grads[2:], strict=True):
        encoder.backward(encoder.forward(*given, keep=True)[1], gradient, own)
    np.testing.assert_array_equal(grads[0].flat, grads[2].flat)
    np.testing.assert_array_equal(grads[1].flat, grads[3].flat)
    with pytest.raises(ParameterError, match="used by a backward before"):
        encoder.backward(tapes[0][1], gradient, grads[0])
    with pytest.raises(ParameterError, match=r"gradient has shape \(3, 3\)"):
        encoder.backward(encoder.forward(*batch, keep=True)[1], np.ones((3, 3)), grads[0])
    for tape in (make("odd", threads=2)[0].forward(*batch, keep=True)[1], None):
        with pytest.raises(ParameterError, match="not of a forward, with keep, of this encoder"):
            encoder.backward(tape, gradient, grads[0])


def test_an_empty_batch():
    encoder, _ = make("tiny")
    states, tape = encoder.forward([], [0, 0], keep=True)
    assert states.shape == (3, 0, 4)
    grads = encoder.params.like()
    grads.flat[:] = 1
    encoder.backward(tape, np.ones((0, 4), np.float32), grads)
    assert not grads["0.inner"].any() and grads["embeddings.words"].all()


@pytest.mark.parametrize(
    ("ids", "offsets", "segments", "message"),
    [
        ([1, 2], [0, 1], None, "offsets have to rise from 0 to the 2 tokens"),
        ([1, 2], [1, 2], None, "offsets have to rise"),
        ([1, 2], [0, 2, 1, 2], None, "offsets have to rise"),
        ([1, 2], [], None, "offsets have to rise"),
        ([1, 5], [0, 2], None, "ids have to be from 0 to 4, and are 1 to 5"),
        ([-1, 2], [0, 2], None, "ids have to be from 0 to 4, and are -1 to 2"),
        ([1, 2], [0, 2], [0, 2], "segments have to be from 0 to 1"),
        ([1, 2], [0, 2], [0], "there are 2 tokens and 1 segments"),
        ([1] * 7, [0, 7], None, "a sentence has 7 tokens; there are 6 positions"),
    ],
)
def test_bad_input(ids, offsets, segments, message):
    with pytest.raises(ParameterError, match=message):
        make("tiny")[0].forward(ids, offsets, segments)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": 0}, "layers=0"),
        ({"heads": 3}, "width=4 is no multiple of heads=3"),
        ({"activation": "relu"}, "activation='relu'"),
        ({"dropout": 1.0}, "dropout=1.0"),
    ],
)
def test_bad_sizes(change, message):
    with pytest.raises(ParameterError, match=message):
        EncoderSizes(**SIZES["tiny"] | change)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ["gelu", "gelu_new"])
def test_gelu(isa, activation, dtype):
    x = np.concatenate([np.linspace(-12, 12, 4001), [0, -0.0, 1e-30, -1e-30, 50, -50]]).astype(dtype)
    values, slopes = x.copy(), np.ones_like(x)
    attention.activate(activation, values, slopes)
    wanted, derivative = transformer.gelu(x.astype(np.float64), activation)
    if activation == "gelu":
        np.testing.assert_allclose(wanted, x * (1 + erf(x.astype(np.float64) / 2**0.5)) / 2)
    tolerance = 1e-6 if dtype is np.float32 else 1e-14
    np.testing.assert_allclose(values, wanted, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(slopes, derivative, rtol=tolerance, atol=3 * tolerance)
    values[:] = np.nan
    attention.activate(activation, values, slopes)
    assert np.isnan(values).all()


def test_the_transform_of_a_head():
    names, random = {"head": (3, 3), "head.bias": (3,), "head.norm": (3,), "head.norm.bias": (3,)}, 7
    params, random = Params(names, np.float64), np.random.default_rng(random)
    params.flat[:] = random.standard_normal(params.flat.shape)
    inputs, gradient, e = *random.standard_normal((2, 5, 3)), 1e-5
    head, grads = Transform(params), params.like()
    y = head.forward(inputs)
    hidden, _ = transformer.gelu(transformer.dense(inputs, params, "head"))
    np.testing.assert_allclose(y, transformer.norm(hidden, params, "head.norm", 1e-12)[0], rtol=0, atol=1e-12)
    flow = head.backward(gradient, grads)
    for array, found in [(inputs, flow), *((params[name], grads[name]) for name in params)]:
        for index in np.ndindex(array.shape):
            before = array[index]
            array[index] = before + e
            above = (head.forward(inputs) * gradient).sum()
            array[index] = before - e
            below = (head.forward(inputs) * gradient).sum()
            array[index] = before
            np.testing.assert_allclose(found[index], (above - below) / (2 * e), rtol=1e-6, atol=1e-6)


def test_the_kernels_in_use_pack_anew(isa):
    encoder, batch = make("wide")
    before = simd.active()
    first, _ = encoder.forward(*batch)
    for name in simd.available():
        simd.use(name)
        np.testing.assert_allclose(encoder.forward(*batch)[0], first, rtol=0, atol=1e-5)
    simd.use(before)
