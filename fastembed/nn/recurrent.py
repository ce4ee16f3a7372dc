"""RNN, LSTM and GRU layers over padded batches of sequences, and Bidirectional.

Time comes first: inputs are (T, B, I) for T steps of B sequences with I numbers each, outputs (T, B, P). Vectors are
rows, so that a layer computes x W + h W' + b with W (I, G H) and W' (P, G H) for G gates of H units.
"""

from functools import partial
from math import prod

import numpy as np

from .. import blas, memory, parallel
from .._core import recurrent
from ..errors import ParameterError
from . import torch_names
from .params import Params
from .sequences import check_lengths, shares

PARAMETERS = ("input", "recurrent", "bias", "reset_bias", "projection")


class Tape:
    """What ``forward`` keeps for one ``backward``.

    state : the states after the last step of each sequence: (layers * directions, B, P), for an LSTM a pair with the
        cells (layers * directions, B, H).
    initial_gradient : after ``backward``, the gradient of the initial states if there were any, of the same form.
    """

    def __init__(self, x, lengths, free):
        self.shape, self.lengths, self.dtype = x.shape, lengths, x.dtype
        self.free, self.taken = free, {}  # memory of the tapes before, and what of it this one has
        self.runs, self.masks = [], []  # a list for each layer: (direction, share, Run); what dropout kept
        self.state = self.initial_gradient = None
        self.used = False

    def room(self, *key):
        """A function from shape to an array with any content, for use under this key; from memory that a tape before
        had, if it is large enough, as new memory costs more than a pass over old."""

        def take(*shape):
            size = prod(shape)
            flat = self.free.pop(key, None)
            if flat is None or len(flat) < size:
                flat = memory.zeros((size,), self.dtype)
            self.taken[key] = flat
            return flat[:size].reshape(shape)

        return take

    def give_back(self):
        """The tape is used up: the next one may have its memory."""
        self.free.update(self.taken)
        self.runs, self.taken, self.used = [], {}, True


class Recurrent:
    """What RNN, LSTM and GRU share; use one of them."""

    cell, gates, directions = None, 1, 1
    projection = cell_clip = projection_clip = None

    def __init__(
        self, input_size, hidden_size, *, layers=1, dropout=0.0, dtype=np.float32, threads=None, seed=1, params=None
    ):
        self.input_size = _positive("input_size", input_size)
        self.hidden_size = _positive("hidden_size", hidden_size)
        self.layers = _positive("layers", layers)
        if not _is_number(dropout) or not 0 <= dropout < 1:
            raise ParameterError(f"dropout={dropout!r}: it must be at least 0 and below 1")
        if dtype not in ("float32", "float64", np.float32, np.float64):
            raise ParameterError(f"dtype={dtype!r}: it must be float32 or float64")
        self.dropout, self.dtype, self.seed = float(dropout), np.dtype(dtype), seed
        self.threads = parallel.check_threads(threads)
        self.params, self._free = params, {}
        if params is None:
            self._prepare()
        elif params.shapes != self._shapes() or params.flat.dtype != self.dtype:
            raise ParameterError(
                f"params={params!r}: a layer of these sizes has others, {self._shapes()}, of {self.dtype}"
            )

    def _prepare(self):
        """Create the parameters: uniform between -1/sqrt(H) and 1/sqrt(H)."""
        self.params = Params(self._shapes(), self.dtype)
        random, bound = np.random.default_rng(self.seed), self.hidden_size**-0.5
        for array in self.params.values():
            array[:] = random.uniform(-bound, bound, array.shape)

    def __getstate__(self):
        """For copies and other processes: without memory to use again."""
        return vars(self) | {"_free": {}}

    @property
    def output_size(self):
        """P: numbers of an output in one direction."""
        return self.projection or self.hidden_size

    def _names(self, layer, direction):
        return f"{layer}.reverse." if direction else f"{layer}."

    def _shapes(self):
        shapes, width, outputs = {}, self.gates * self.hidden_size, self.output_size
        for layer in range(self.layers):
            inputs = self.directions * outputs if layer else self.input_size
            for direction in range(self.directions):
                prefix = self._names(layer, direction)
                shapes |= {prefix + "input": (inputs, width), prefix + "recurrent": (outputs, width)}
                shapes[prefix + "bias"] = (width,)
                if self.cell == "gru_after":
                    shapes[prefix + "reset_bias"] = (self.hidden_size,)
                if self.projection:
                    shapes[prefix + "projection"] = (self.hidden_size, outputs)
        return shapes

    # ---- forward ----

    def forward(self, x, h0=None, *, lengths=None, random=None):
        """Outputs of all steps.

        Parameters
        ----------
        x : (T, B, I) inputs, which have to stay as they are until ``backward``; what lies behind the end of a sequence
            is not looked at.
        h0 : initial states, (layers * directions, B, P), for an LSTM a pair with the cells (layers * directions, B, H);
            None means zeros. ``tape.state`` of the batch before carries on a text.
        lengths : (B,) steps of each sequence, from 0 to T; None means T for all.
        random : numpy Generator that draws the dropout between layers; None means no dropout.

        Returns
        -------
        y : (T, B, directions * P), zero behind the end of a sequence
        tape : Tape, for ``backward``

        Raises ParameterError for shapes that do not fit and for inputs that are NaN or infinite.
        """
        x = _array("x", x, self.dtype, (None, None, self.input_size))
        steps, batch = x.shape[:2]
        if not steps or not batch:
            raise ParameterError(f"x has shape {x.shape}: there must be at least one step and one sequence")
        lengths = check_lengths(lengths, steps, batch)
        initial = self._states("h0", h0, batch)
        tape = Tape(x, lengths, self._free)
        alive = slice(None) if lengths is None else _alive(steps, lengths)
        if not np.isfinite(x[alive]).all():
            raise ParameterError("x holds NaN or infinity")
        rows = x.reshape(steps * batch, self.input_size)
        with blas.one_thread():
            for layer in range(self.layers):
                if layer and self.dropout and random is not None:
                    kept = (random.random(rows.shape, np.float32) >= self.dropout) / self.dtype.type(1 - self.dropout)
                    rows *= kept
                    tape.masks.append(kept)
                rows = self._forward_layer(layer, rows, initial, tape)
        tape.state = self._final(tape, self._zero_states(batch) if initial is None else initial)
        return rows.reshape(steps, batch, -1), tape

    def _forward_layer(self, layer, rows, initial, tape):
        """rows (T B, I) -> (T B, D P)"""
        steps, batch, _ = tape.shape
        outputs = self.output_size
        y = (np.empty if tape.lengths is None else np.zeros)((len(rows), self.directions * outputs), self.dtype)
        count = min(batch, -(-self.threads // self.directions))
        tape.runs.append([])
        for direction in range(self.directions):
            panels = self._panels(layer, direction, tape, turn=False)
            state = None if initial is None else [part[layer * self.directions + direction] for part in initial]
            for number, share in enumerate(shares(steps, batch, tape.lengths, count, bool(direction))):
                room = partial(tape.room, layer, direction, number)
                run = self._run(self._names(layer, direction), share, rows, state, room)
                run.hold(y=y[:, direction * outputs :], **panels)
                tape.runs[-1].append((direction, share, run))
        self._work(recurrent.forward, tape.runs[-1])
        return y

    def _run(self, prefix, share, rows, state, room):
        """The Run of a share, with its arrays for the way forward; rows (T B, I), state [(B, P), (B, H)] or None"""
        tokens, lanes, inputs = len(share.places), len(share.lanes), rows.shape[1]
        units, outputs = self.hidden_size, self.output_size
        clips = (self.cell_clip or np.inf, self.projection_clip or np.inf)
        sizes = (tokens, lanes, inputs, units, outputs)
        run = recurrent.Run(self.cell, sizes, self.directions * outputs, share.first, clips, state is None)
        arrays = {name: self.params.get(prefix + name) for name in ("input", "bias", "reset_bias")}
        arrays["source"], arrays["x"] = (None, rows) if share.whole else (rows, room("x")(tokens, inputs))
        arrays["gates"] = room("gates")(tokens, self.gates * units)
        for k, (name, width) in enumerate(self._state_widths()):
            arrays[name] = room(name)(tokens + lanes, width)
            arrays[name][share.initial : share.initial + lanes] = 0 if state is None else state[k][share.lanes]
        if self.projection:
            arrays["raw"] = room("raw")(tokens, units)
        if self.gates == 3:
            arrays["reset"] = room("reset")(tokens, units)
        run.hold(pieces=share.pieces, places=share.places, **arrays)
        return run

    def _panels(self, layer, direction, tape, turn):
        """The packed weights of one direction of a layer."""
        prefix, width = self._names(layer, direction), self.gates * self.hidden_size
        room = partial(tape.room, layer, direction, turn)
        first = 2 * self.hidden_size if self.gates == 3 else width
        weights = self.params[prefix + "recurrent"]
        packed = {"recurrent": recurrent.panels(weights, 0, first, turn, room("recurrent"))}
        if first < width:
            packed["candidate"] = recurrent.panels(weights, first, width - first, turn, room("candidate"))
        if self.projection:
            projection = self.params[prefix + "projection"]
            packed["projection"] = recurrent.panels(projection, 0, self.projection, turn, room("projection"))
        return packed

    def _final(self, tape, found):
        """The states after the last steps; found are the initial ones, which sequences without steps keep."""
        for layer, runs in enumerate(tape.runs):
            for direction, share, run in runs:
                for part, (name, _) in zip(found, self._state_widths(), strict=True):
                    part[layer * self.directions + direction, share.lanes] = run.held[name][share.final]
        return found[0] if len(found) == 1 else tuple(found)

    # ---- back ----

    def backward(self, tape, dy, dstate=None, grads=None):
        """Gradients, given those of the outputs.

        Parameters
        ----------
        tape : of the ``forward`` that gave y; it is used up.
        dy : (T, B, directions * P)
        dstate : gradient of ``tape.state``, of its form; None means zeros.
        grads : Params to write the gradients to, for instance those of the step before; None means new ones.

        Returns
        -------
        dx : (T, B, I)
        grads : Params of the same names as ``params``

        Raises ParameterError for shapes that do not fit, and for a tape that has been used or is another layer's.
        """
        if not isinstance(tape, Tape) or tape.free is not self._free:
            raise ParameterError("the tape is not of a forward of this layer")
        steps, batch, _ = tape.shape
        if tape.used:
            raise ParameterError("this tape has been used by a backward before: call forward again")
        dy = _array("dy", dy, self.dtype, (steps, batch, self.directions * self.output_size))
        flows = self._states("dstate", dstate, batch) or self._zero_states(batch)
        grads = self.params.like() if grads is None else grads
        if grads.shapes != self.params.shapes or grads.flat.dtype != self.dtype:
            raise ParameterError(f"grads={grads!r}: they should be like the layer's params, {self.params!r}")
        rows = dy.reshape(steps * batch, -1)
        with blas.one_thread():
            for layer in reversed(range(self.layers)):
                rows = self._backward_layer(layer, rows, flows, tape, grads)
                if layer and tape.masks:
                    rows *= tape.masks[layer - 1]
        tape.initial_gradient = flows[0] if len(flows) == 1 else tuple(flows)
        tape.give_back()
        return rows.reshape(steps, batch, self.input_size), grads

    def _backward_layer(self, layer, rows, flows, tape, grads):
        """Gradients of the outputs (T B, D P) -> of the inputs (T B, I); adds to grads, replaces the layer's flows."""
        outputs, dx, added = self.output_size, [], []
        for direction in range(self.directions):
            panels, prefix = self._panels(layer, direction, tape, turn=True), self._names(layer, direction)
            own = [(share, run) for found, share, run in tape.runs[layer] if found == direction]
            inputs = self.params[prefix + "input"].shape[0]
            dx.append((np.empty if tape.lengths is None else np.zeros)((len(rows), inputs), self.dtype))
            total = {name: grads[prefix + name] for name in PARAMETERS if prefix + name in grads}
            for number, (share, run) in enumerate(own):
                room, part = partial(tape.room, layer, direction, number), total
                if number:
                    part = {name: room(f"d_{name}")(*array.shape) for name, array in total.items()}
                    added.append((total, part))
                self._hold_back(run, share, rows[:, direction * outputs :], dx[-1], room)
                at = (layer * self.directions + direction, share.lanes)
                run.hold(**{name: flow[at] for name, flow in zip(("flow", "cell_flow"), flows, strict=False)})
                run.hold(**panels, **{f"d_{name}": array for name, array in part.items()})
            for array in () if own else total.values():
                array[:] = 0
        self._work(recurrent.backward, tape.runs[layer])
        for total, part in added:
            for name, array in total.items():
                array += part[name]
        for direction, share, run in tape.runs[layer]:
            for part, name in zip(flows, ("flow", "cell_flow"), strict=False):
                part[layer * self.directions + direction, share.lanes] = run.held[name]
        return dx[0] if len(dx) == 1 else np.add(*dx, out=dx[0])

    def _hold_back(self, run, share, dy, dx, room):
        """The other arrays of the way back; dy (T B, D P) from this direction's columns on, dx (T B, I)"""
        tokens, outputs = len(share.places), self.output_size
        run.hold(
            dy=dy,
            dx=None if share.whole else dx,
            below=dx if share.whole else room("below")(tokens, dx.shape[1]),
            above=room("above")(tokens, outputs),
            room=room("room")(len(share.lanes), self.hidden_size),
            previous=None if share.chained else room("previous")(tokens, outputs),
        )

    def _work(self, work, runs):
        runs = [run for _, _, run in runs]
        parallel.share(lambda job, _: work(job, runs), len(runs), self.threads)

    def _state_widths(self):
        """What a state is made of, by the names of a Run, and the numbers of each."""
        widths = [("states", self.output_size), ("cells", self.hidden_size)]
        return widths if self.cell == "lstm" else widths[:1]

    def _zero_states(self, batch):
        heads = self.layers * self.directions
        return [np.zeros((heads, batch, width), self.dtype) for _, width in self._state_widths()]

    def _states(self, name, states, batch):
        """Copies of initial states or of gradients of final ones: [(L D, B, P)], for an LSTM also cells; or None."""
        if states is None:
            return None
        zeros = self._zero_states(batch)
        given = tuple(states) if len(zeros) > 1 and hasattr(states, "__iter__") else (states,)
        if len(given) != len(zeros):
            raise ParameterError(f"{name} of an LSTM is a pair, the states and the cells, and has {len(given)} parts")
        parts = [_array(name, part, self.dtype, zero.shape).copy() for part, zero in zip(given, zeros, strict=True)]
        if not all(np.isfinite(part).all() for part in parts):
            raise ParameterError(f"{name} holds NaN or infinity")
        return parts

    def load_torch(self, state):
        """Take the parameters of torch.nn.RNN, LSTM or GRU of the same sizes; returns the layer.

        ``state`` : its ``state_dict()``, or arrays under the same names.
        """
        torch_names.load(self, state)
        return self

    def to_torch(self):
        """dict of arrays that ``load_state_dict`` of the same layer of PyTorch takes, once they are tensors."""
        return torch_names.dump(self)


class RNN(Recurrent):
    """Elman's recurrent network: h = tanh(x W + h W' + b) (Elman 1990).

    Parameters
    ----------
    input_size, hidden_size : I and H
    layers : how many, each on the outputs of the one before.
    dropout : share of the numbers between layers that are dropped in training.
    dtype : float32 or float64
    threads : None means every CPU this process may use.
    seed : of the initial parameters, ``params``.
    params : Params to work on as they are, for instance a part of a network's; None makes new ones.

    >>> import numpy as np
    >>> layer = RNN(3, 4)
    >>> y, tape = layer.forward(np.ones((5, 2, 3)), lengths=[5, 2])
    >>> dx, grads = layer.backward(tape, np.ones_like(y))
    >>> y.shape, dx.shape, sorted(grads)
    ((5, 2, 4), (5, 2, 3), ['0.bias', '0.input', '0.recurrent'])
    """

    cell = "rnn"


class GRU(Recurrent):
    """Gated recurrent units (Cho et al. 2014), in columns of the weights r, z, n.

    r, z = sigmoid(x W + h W' + b), n = tanh(x W_n + (r * h) W'_n + b_n), h' = z * h + (1 - z) * n.

    Parameters
    ----------
    reset_after : with True the reset gate meets the product, n = tanh(x W_n + b_n + r * (h W'_n + b')), as in PyTorch.

    The others are RNN's.

    >>> import numpy as np
    >>> y, tape = GRU(3, 4, layers=2).forward(np.ones((5, 2, 3)))
    >>> y.shape, tape.state.shape
    ((5, 2, 4), (2, 2, 4))
    """

    cell, gates = "gru", 3

    def __init__(self, input_size, hidden_size, *, reset_after=False, **others):
        self.reset_after = bool(reset_after)
        if reset_after:
            self.cell = "gru_after"
        super().__init__(input_size, hidden_size, **others)


class LSTM(Recurrent):
    """Long short-term memory (Hochreiter and Schmidhuber 1997) with forget gates (Gers et al. 2000).

    i, f, o = sigmoid(x W + h W' + b), u = tanh(...), c' = f * c + i * u, h' = o * tanh(c'), in columns i, f, u, o.

    Parameters
    ----------
    projection : P: outputs are h' W_p with W_p (H, P) (Sak et al. 2014); None: h' itself.
    cell_clip, projection_clip : c' and the projected outputs are kept within [-clip, clip]; None: they are not.

    The others are RNN's.

    >>> import numpy as np
    >>> layer = LSTM(3, 8, projection=4, cell_clip=3, projection_clip=3)
    >>> y, tape = layer.forward(np.ones((5, 2, 3)))
    >>> y.shape, [part.shape for part in tape.state]
    ((5, 2, 4), [(1, 2, 4), (1, 2, 8)])
    """

    cell, gates = "lstm", 4

    def __init__(self, input_size, hidden_size, *, projection=None, cell_clip=None, projection_clip=None, **others):
        self.projection = None if projection is None else _positive("projection", projection)
        for name, clip in (("cell_clip", cell_clip), ("projection_clip", projection_clip)):
            if clip is not None and not (_is_number(clip) and clip > 0):
                raise ParameterError(f"{name}={clip!r}: it must be above 0, or None")
        if projection_clip is not None and projection is None:
            raise ParameterError(f"projection_clip={projection_clip!r}: there is no projection to clip")
        self.cell_clip, self.projection_clip = cell_clip, projection_clip
        super().__init__(input_size, hidden_size, **others)


class Bidirectional(Recurrent):
    """A layer in both directions (Schuster and Paliwal 1997), whose outputs stand side by side: (T, B, 2 P).

    Parameters
    ----------
    layer : RNN, LSTM or GRU whose settings both directions have; each gets parameters of its own. With several layers
        each reads both directions of the one before.

    >>> import numpy as np
    >>> layer = Bidirectional(LSTM(3, 4, layers=2))
    >>> y, tape = layer.forward(np.ones((5, 2, 3)), lengths=[5, 0])
    >>> y.shape, bool(y[:, 1].any())
    ((5, 2, 8), False)
    """

    directions = 2

    def __init__(self, layer):
        if not isinstance(layer, Recurrent) or isinstance(layer, Bidirectional):
            raise ParameterError(f"Bidirectional takes an RNN, LSTM or GRU, not {type(layer).__name__}")
        self.__dict__ |= layer.__dict__ | {"cell": layer.cell, "gates": layer.gates, "_free": {}}
        self._prepare()


def _positive(name, value):
    if isinstance(value, bool) or not hasattr(value, "__index__") or not 1 <= int(value) < 1 << 24:
        raise ParameterError(f"{name}={value!r}: it must be a whole number of at least 1")
    return int(value)


def _is_number(value):
    return np.ndim(value) == 0 and hasattr(value, "__float__") and not isinstance(value, (bool, str))


def _alive(steps, lengths):
    """(T, B): whether a step is one of its sequence."""
    return np.arange(steps)[:, None] < np.frombuffer(lengths, np.int64)


def _array(name, value, dtype, shape):
    """``value`` as a C-contiguous array of this type and shape, whose None is any length; or ParameterError."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise ParameterError(f"{name} should hold numbers and has type {array.dtype}")
    if array.ndim != len(shape) or any(want not in (None, have) for want, have in zip(shape, array.shape, strict=True)):
        wanted = ", ".join("any" if length is None else str(length) for length in shape)
        raise ParameterError(f"{name} has shape {array.shape} and should have ({wanted})")
    return np.ascontiguousarray(array, dtype)
