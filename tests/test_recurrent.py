"""Recurrent layers against a plain loop in numpy, their gradients against differences, and both against PyTorch."""

import numpy as np
import pytest
import reference

import fastembed as fe
from fastembed.errors import ParameterError

LAYERS = {
    "rnn": fe.nn.RNN,
    "lstm": fe.nn.LSTM,
    "projected": lambda *sizes, **how: fe.nn.LSTM(
        *sizes, projection=max(1, sizes[1] // 2), cell_clip=0.3, projection_clip=0.1, **how
    ),
    "gru": fe.nn.GRU,
    "gru_after": lambda *sizes, **how: fe.nn.GRU(*sizes, reset_after=True, **how),
}
SIZES = [(4, 1, 1, 1), (3, 7, 5, 9), (5, 13, 20, 33), (2, 6, 3, 16), (2, 3, 2, 70)]  # T, B, I, H


def make(name, inputs, units, *, bidirectional=False, **how):
    layer = LAYERS[name](inputs, units, **how)
    return fe.nn.Bidirectional(layer) if bidirectional else layer


def states_of(layer, random, batch):
    """Random initial states, or gradients of final ones."""
    shape = (layer.layers * layer.directions, batch)
    h = random.uniform(-0.3, 0.3, (*shape, layer.output_size)).astype(layer.dtype)
    if layer.cell != "lstm":
        return h
    return h, random.uniform(-0.25, 0.25, (*shape, layer.hidden_size)).astype(layer.dtype)


def parts(states):
    return states if isinstance(states, tuple) else (states,)


def expected(layer, x, h0, lengths):
    """Outputs and final states of a layer, sequence by sequence, in float64."""
    clips = (layer.cell_clip or np.inf, layer.projection_clip or np.inf)
    final = [np.array(part, float) for part in parts(h0)]
    rows = x.astype(float)
    for k in range(layer.layers):
        y = np.zeros((*x.shape[:2], layer.directions * layer.output_size))
        for d in range(layer.directions):
            prefix = f"{k}.reverse." if d else f"{k}."
            p = {name.removeprefix(prefix): array.astype(float) for name, array in layer.params.items()
                 if name.startswith(prefix)}  # fmt: skip
            for b, length in enumerate(lengths):
                order = np.arange(length)[:: -1 if d else 1]
                at = (k * layer.directions + d, b)
                c = final[1][at] if len(final) > 1 else np.zeros(layer.hidden_size)
                outputs, h, c = reference.recurrent(layer.cell, rows[order, b], p, final[0][at], c, clips)
                y[order, b, d * layer.output_size : (d + 1) * layer.output_size] = outputs
                final[0][at] = h
                if len(final) > 1:
                    final[1][at] = c
        rows = y
    return rows, final


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_forward_equals_numpy(isa, name, bidirectional, dtype):
    for steps, batch, inputs, units in SIZES:
        random = np.random.default_rng(units)
        layer = make(name, inputs, units, bidirectional=bidirectional, layers=2, dtype=dtype, threads=1 + batch % 3)
        x, h0 = random.standard_normal((steps, batch, inputs)), states_of(layer, random, batch)
        for lengths in (None, random.integers(0, steps + 1, batch)):
            y, tape = layer.forward(x, h0, lengths=lengths)
            wanted, final = expected(layer, x.astype(dtype), h0, [steps] * batch if lengths is None else lengths)
            tolerance = {"rtol": 0, "atol": 2e-6 if dtype is np.float32 else 1e-13}
            np.testing.assert_allclose(y, wanted, **tolerance)
            for got, want in zip(parts(tape.state), final, strict=True):
                np.testing.assert_allclose(got, want, **tolerance)


def test_long_products(isa):
    """More units than the kernels take at once."""
    random = np.random.default_rng(5)
    layer = fe.nn.LSTM(3, 600, projection=530, threads=1, dtype=np.float64)
    x, h0 = random.standard_normal((2, 7, 3)), states_of(layer, random, 7)
    y, _ = layer.forward(x, h0)
    np.testing.assert_allclose(y, expected(layer, x, h0, [2] * 7)[0], rtol=0, atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_number_of_rows(isa, dtype):
    """The kernels take rows in tiles whose height depends on how many there are."""
    layer, random = fe.nn.RNN(3, 70, dtype=dtype, threads=1), np.random.default_rng(2)
    x, h0 = random.standard_normal((1, 40, 3)), states_of(layer, random, 40)
    weights, recurrent, bias = (layer.params["0." + name].astype(float) for name in ("input", "recurrent", "bias"))
    wanted = np.tanh(x.astype(dtype) @ weights + h0[0] @ recurrent + bias)
    for rows in range(1, 41):
        y, _ = layer.forward(x[:, :rows], h0[:, :rows])
        np.testing.assert_allclose(y, wanted[:, :rows], rtol=0, atol=2e-6 if dtype is np.float32 else 1e-13)


def loss(layer, x, h0, dy, dstate, lengths, seed=None):
    random = None if seed is None else np.random.default_rng(seed)
    y, tape = layer.forward(x, h0, lengths=lengths, random=random)
    return (y * dy).sum() + sum((a * b).sum() for a, b in zip(parts(tape.state), parts(dstate), strict=True))


def check_gradients(layer, lengths, seed=None):
    """Every parameter, every input and every initial state against central differences."""
    steps, batch, e = 4, 3, 1e-5
    random = np.random.default_rng(3)
    layer.params.flat[:] *= 2
    x, h0 = random.standard_normal((steps, batch, layer.input_size)), states_of(layer, random, batch)
    dstate = states_of(layer, random, batch)
    dy = random.standard_normal((steps, batch, layer.directions * layer.output_size))
    y, tape = layer.forward(x, h0, lengths=lengths, random=None if seed is None else np.random.default_rng(seed))
    dx, grads = layer.backward(tape, dy, dstate)
    pairs = [(x, dx), *zip(parts(h0), parts(tape.initial_gradient), strict=True)]
    for array, gradient in [*pairs, *((layer.params[name], grads[name]) for name in layer.params)]:
        measured = np.zeros_like(gradient)
        for index in np.ndindex(array.shape):
            before, there = array[index], []
            for moved in (before + e, before - e):
                array[index] = moved
                there.append(loss(layer, x, h0, dy, dstate, lengths, seed))
            array[index] = before
            measured[index] = (there[0] - there[1]) / (2 * e)
        np.testing.assert_allclose(gradient, measured, rtol=1e-6, atol=1e-6 * max(1, np.abs(measured).max()))


@pytest.mark.parametrize("lengths", [None, [2, 4, 0]])
@pytest.mark.parametrize("name", LAYERS)
def test_gradients(name, lengths):
    check_gradients(make(name, 2, 3, dtype=np.float64, threads=1), lengths)


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_gradients_of_two_layers_both_ways_with_dropout(name):
    layer = make(name, 2, 2, dtype=np.float64, threads=2, layers=2, dropout=0.4, bidirectional=True)
    check_gradients(layer, [4, 1, 3], seed=7)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_float32_gradients_are_those_of_float64(isa, name, bidirectional):
    random = np.random.default_rng(1)
    steps, batch, inputs, units = 5, 13, 20, 33
    x = random.standard_normal((steps, batch, inputs)).astype(np.float32)
    found = []
    for dtype, threads in ((np.float64, 1), (np.float32, 1), (np.float32, 3)):
        layer = make(name, inputs, units, layers=2, dtype=dtype, threads=threads, bidirectional=bidirectional)
        layer.params.flat[:] = layer.params.flat.astype(np.float32)
        y, tape = layer.forward(x, lengths=[5, 4, 5, 1, 2, 3, 5, 0, 5, 5, 5, 4, 4])
        dx, grads = layer.backward(tape, np.cos(np.arange(y.size)).reshape(y.shape).astype(np.float32))
        found.append([y, dx, *grads.values()])
    for exact, *others in zip(*found, strict=True):
        for other in others:
            np.testing.assert_allclose(other, exact, rtol=0, atol=1e-5 * np.abs(exact).max())


def torch_layer(torch, name, bidirectional):
    how = {"num_layers": 2, "bidirectional": bidirectional}
    kinds = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru_after": torch.nn.GRU}
    if name == "projected":
        return torch.nn.LSTM(11, 24, proj_size=12, **how)
    return kinds[name](11, 24, **how)


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize("lengths", [None, [6, 3, 1, 6, 2]])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("name", ["rnn", "lstm", "projected", "gru_after"])
def test_equals_pytorch(name, bidirectional, lengths):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    torch.set_num_threads(1)
    torch.manual_seed(2)
    theirs, random = torch_layer(torch, name, bidirectional), np.random.default_rng(2)
    kind = "lstm" if name == "projected" else name
    how = {"projection": 12} if name == "projected" else {}
    ours = make(kind, 11, 24, layers=2, bidirectional=bidirectional, threads=2, **how).load_torch(theirs.state_dict())
    x, h0 = random.standard_normal((6, 5, 11)).astype(np.float32), states_of(ours, random, 5)
    dy = random.standard_normal((6, 5, ours.directions * ours.output_size)).astype(np.float32)
    y, tape = ours.forward(x, h0, lengths=lengths)
    dx, grads = ours.backward(tape, dy)
    there = [torch.tensor(array, requires_grad=True) for array in (x, *parts(h0))]
    given = there[0]
    if lengths:
        given = torch.nn.utils.rnn.pack_padded_sequence(given, torch.tensor(lengths), enforce_sorted=False)
    outputs, states = theirs(given, there[1] if len(there) == 2 else tuple(there[1:]))
    if lengths:
        outputs, _ = torch.nn.utils.rnn.pad_packed_sequence(outputs, total_length=6)
    (outputs * torch.tensor(dy)).sum().backward()
    pairs = [(y, outputs.detach()), (dx, there[0].grad)]
    pairs += zip(parts(tape.state), (state.detach() for state in parts(states)), strict=True)
    pairs += zip(parts(tape.initial_gradient), (start.grad for start in there[1:]), strict=True)
    ours.params.flat[:] = grads.flat  # their gradients under PyTorch's names
    for theirs_name, gradient in ours.to_torch().items():
        if not theirs_name.startswith("bias_hh"):
            pairs.append((gradient, getattr(theirs, theirs_name).grad))
    for mine, other in pairs:
        assert np.abs(mine - other.numpy()).max() <= 1e-5 * np.abs(other.numpy()).max()


@pytest.mark.parametrize("name", ["rnn", "lstm", "projected", "gru_after"])
def test_parameters_go_to_pytorchs_names_and_back(name):
    layer = make(name, 3, 4, layers=2, bidirectional=True, seed=1)
    other = make(name, 3, 4, layers=2, bidirectional=True, seed=2).load_torch(layer.to_torch())
    np.testing.assert_array_equal(other.params.flat, layer.params.flat)
    damaged = layer.to_torch()
    damaged.pop("weight_hh_l1_reverse")
    with pytest.raises(ParameterError, match="no weight_hh_l1_reverse"):
        other.load_torch(damaged)
    without = {name: array for name, array in layer.to_torch().items() if not name.startswith("bias")}
    with pytest.raises(ParameterError, match="no biases, as that of a layer with bias=False, and this layer needs"):
        other.load_torch(without)
    with pytest.raises(ParameterError, match="weight_ih_l0 has shape"):
        other.load_torch(layer.to_torch() | {"weight_ih_l0": np.zeros((2, 2))})
    with pytest.raises(ParameterError, match="bias_ih_l0 holds NaN"):
        other.load_torch(layer.to_torch() | {"bias_ih_l0": np.full_like(layer.params["0.bias"], np.nan)})
    np.testing.assert_array_equal(other.params.flat, layer.params.flat)


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        (lambda: make("lstm", 3, 4, layers=2), "the state has bias_hh_l1"),
        (lambda: make("lstm", 3, 4, bidirectional=True), "the state has bias_hh_l0_reverse"),
        (lambda: fe.nn.LSTM(3, 4, projection=4), "the state has weight_hr_l0"),
        (lambda: None, "should be a dict"),
    ],
)
def test_parameters_of_another_layer_are_refused(theirs, said):
    other = theirs()
    with pytest.raises(ParameterError, match=said):
        make("lstm", 3, 4).load_torch(other and other.to_torch())


def test_pytorch_has_no_reset_before():
    with pytest.raises(ParameterError, match="reset_after=True"):
        fe.nn.GRU(2, 3).to_torch()


@pytest.mark.parametrize("name", LAYERS)
def test_a_text_in_two_parts(name):
    layer = make(name, 3, 5, layers=2)
    x = np.random.default_rng(0).standard_normal((6, 2, 3))
    whole, _ = layer.forward(x)
    first, tape = layer.forward(x[:2])
    second, _ = layer.forward(x[2:], tape.state)
    np.testing.assert_allclose(np.concatenate([first, second]), whole, rtol=0, atol=1e-6)


def test_sequences_without_steps_keep_their_state():
    layer = fe.nn.Bidirectional(fe.nn.LSTM(2, 3))
    h0 = states_of(layer, np.random.default_rng(0), 2)
    y, tape = layer.forward(np.ones((4, 2, 2)), h0, lengths=[0, 0])
    dx, grads = layer.backward(tape, np.ones_like(y), h0)
    assert not y.any() and not dx.any() and not grads.flat.any()
    for start, final, gradient in zip(h0, tape.state, tape.initial_gradient, strict=True):
        np.testing.assert_array_equal(final, start)
        np.testing.assert_array_equal(gradient, start)


def test_the_padding_is_not_read():
    layer = fe.nn.GRU(2, 3)
    x = np.ones((4, 2, 2))
    clean, _ = layer.forward(x, lengths=[4, 1])
    x[1:, 1] = np.nan
    y, tape = layer.forward(x, lengths=[4, 1])
    np.testing.assert_array_equal(y, clean)
    dy = np.ones_like(y)
    dy[1:, 1] = np.nan
    dx, grads = layer.backward(tape, dy)
    assert np.isfinite(grads.flat).all() and not dx[1:, 1].any()


def test_dropout_only_with_random_numbers():
    layer, x = fe.nn.RNN(3, 50, layers=2, dropout=0.5), np.ones((2, 4, 3))
    plain, tape = layer.forward(x)
    dropped, with_masks = layer.forward(x, random=np.random.default_rng(0))
    again, _ = layer.forward(x, random=np.random.default_rng(0))
    assert not tape.masks and 0.3 < (with_masks.masks[0] == 0).mean() < 0.7
    assert (plain != dropped).any() and (dropped == again).all()


def test_a_tape_serves_once():
    layer = fe.nn.RNN(2, 3)
    y, tape = layer.forward(np.ones((2, 2, 2)))
    with pytest.raises(ParameterError, match="dy has shape"):
        layer.backward(tape, y[:1])
    layer.backward(tape, y)
    with pytest.raises(ParameterError, match="used by a backward before"):
        layer.backward(tape, y)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("other", [*LAYERS, "wider", "deeper", "float64", "bidirectional", "the same", None])
def test_a_tape_is_of_its_layer_alone(name, other):
    """Memory of other sizes would be written beyond its end."""
    changes = {"deeper": {"layers": 2}, "float64": {"dtype": np.float64}, "bidirectional": {"bidirectional": True}}
    layer, tape = make(name, 5, 6), None
    if other:
        owner = make(other if other in LAYERS else name, 5, 60 if other == "wider" else 6, **changes.get(other, {}))
        tape = owner.forward(np.ones((3, 2, 5)))[1]
    with pytest.raises(ParameterError, match="not of a forward of this layer"):
        layer.backward(tape, np.ones((3, 2, layer.output_size)))


def test_gradients_go_where_there_is_room_for_them():
    layer = fe.nn.LSTM(3, 4)
    y, tape = layer.forward(np.ones((2, 2, 3)))
    for grads in (fe.nn.LSTM(3, 2).params, fe.nn.LSTM(3, 4, dtype=np.float64).params):
        with pytest.raises(ParameterError, match="grads="):
            layer.backward(tape, y, grads=grads)


def test_the_memory_of_a_tape_serves_the_next_one():
    random = np.random.default_rng(4)
    layer = fe.nn.Bidirectional(fe.nn.GRU(3, 5, layers=2, threads=4))
    grads = layer.params.like()
    batches = [(random.standard_normal((steps, 7, 3)), random.integers(0, steps + 1, 7)) for steps in (3, 6, 2)]
    tapes = [layer.forward(x, lengths=lengths) for x, lengths in batches]  # three at once, and then one by one
    together = [layer.backward(tape, y) for y, tape in tapes]
    for (x, lengths), (y, _), (dx, apart) in zip(batches, tapes, together, strict=True):
        again, tape = layer.forward(x, lengths=lengths)
        np.testing.assert_array_equal(again, y)
        dx_again, same = layer.backward(tape, y, grads=grads)
        assert same is grads
        np.testing.assert_array_equal(dx_again, dx)
        np.testing.assert_array_equal(grads.flat, apart.flat)
    _, tape = layer.forward(x, lengths=[0] * 7)
    assert not layer.backward(tape, np.ones_like(y), grads=grads)[1].flat.any()


@pytest.mark.parametrize(
    ("x", "how", "message"),
    [
        (np.ones((3, 2, 5)), {}, r"x has shape \(3, 2, 5\) and should have \(any, any, 4\)"),
        (np.ones((3, 4)), {}, "x has shape"),
        (np.ones((0, 2, 4)), {}, "at least one step"),
        (np.ones((3, 0, 4)), {}, "at least one step"),
        (np.full((3, 2, 4), np.nan), {}, "x holds NaN or infinity"),
        (np.full((3, 2, 4), np.inf), {}, "x holds NaN or infinity"),
        (np.full((3, 2, 4), "a"), {}, "x should hold numbers"),
        (np.ones((3, 2, 4)), {"lengths": [3, 4]}, r"lengths\[1\] is 4: it must be from 0 to the 3 steps"),
        (np.ones((3, 2, 4)), {"lengths": [-1, 3]}, r"lengths\[0\] is -1"),
        (np.ones((3, 2, 4)), {"lengths": [3]}, "lengths should be 2 whole numbers"),
        (np.ones((3, 2, 4)), {"lengths": [1.5, 3.0]}, "lengths should be 2 whole numbers"),
        (np.ones((3, 2, 4)), {"h0": np.ones((1, 2, 6))}, "h0 has shape"),
        (np.ones((3, 2, 4)), {"h0": np.full((1, 2, 5), np.inf)}, "h0 holds NaN or infinity"),
    ],
)
def test_bad_input(x, how, message):
    with pytest.raises(ParameterError, match=message):
        fe.nn.RNN(4, 5).forward(x, **how)


@pytest.mark.parametrize("h0", [np.ones((1, 2, 5)), 5, [np.ones((1, 2, 5))] * 3])
def test_an_lstm_has_two_states(h0):
    with pytest.raises(ParameterError, match="pair"):
        fe.nn.LSTM(4, 5).forward(np.ones((3, 2, 4)), h0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: fe.nn.RNN(0, 3),
        lambda: fe.nn.RNN(3, 2.5),
        lambda: fe.nn.RNN(3, 3, layers=0),
        lambda: fe.nn.RNN(3, 3, dropout=1),
        lambda: fe.nn.RNN(3, 3, dropout="much"),
        lambda: fe.nn.RNN(3, 3, dtype=np.float16),
        lambda: fe.nn.RNN(3, 3, dtype="number"),
        lambda: fe.nn.LSTM(3, 3, cell_clip="3"),
        lambda: fe.nn.RNN(3, 3, threads=0),
        lambda: fe.nn.LSTM(3, 3, projection=0),
        lambda: fe.nn.LSTM(3, 3, cell_clip=-1),
        lambda: fe.nn.LSTM(3, 3, projection_clip=1),
        lambda: fe.nn.Bidirectional(fe.nn.Bidirectional(fe.nn.RNN(3, 3))),
        lambda: fe.nn.Bidirectional("rnn"),
    ],
)
def test_bad_parameters(make):
    with pytest.raises(ParameterError):
        make()
