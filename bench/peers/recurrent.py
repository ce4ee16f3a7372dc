"""Recurrent layers inside a measured process: ours, PyTorch's, and a loop over its operations where it has no layer."""

import statistics
from time import perf_counter

from .arithmetic import sgemm

PROJECTION, CLIP = 512, 3.0  # of the part "projected"
GATES = {"rnn": 1, "lstm": 4, "gru": 3}


def kind_of(job):
    """("rnn" | "lstm" | "gru", whether in both directions, whether projected)"""
    part = job["part"]
    kind = "lstm" if part == "projected" else part.removeprefix("bi")
    return kind, part.startswith("bi"), part == "projected"


def flops(job):
    """Of the matrix products forward, and twice as many back."""
    kind, both, projected = kind_of(job)
    steps, batch, inputs, units = job["shape"]
    outputs = PROJECTION if projected else units
    weights = GATES[kind] * units * (inputs + outputs) + (units * outputs if projected else 0)
    return 6.0 * steps * batch * weights * (2 if both else 1)


def data(job):
    """x (T, B, I) and gradients dy (T, B, D P)"""
    import numpy as np

    _, both, projected = kind_of(job)
    steps, batch, inputs, units = job["shape"]
    random = np.random.default_rng(1)
    width = (PROJECTION if projected else units) * (2 if both else 1)
    return [random.standard_normal((steps, batch, n), dtype=np.float32) for n in (inputs, width)]


def timed(job, forward, backward):
    """Median seconds of both, of the calls after the first."""
    rounds, begin = [], perf_counter()
    while len(rounds) < 4 or perf_counter() - begin < 1:
        start = perf_counter()
        result = forward()
        middle = perf_counter()
        backward(result)
        rounds.append((perf_counter() - start, middle - start))
    seconds, ahead = (statistics.median(column) for column in zip(*rounds[1:], strict=True))
    return {"seconds": seconds, "forward": ahead, "gflops": flops(job) / seconds / 1e9}


def ours(job):
    """A trainer's use: the gradients of a step are written over those of the step before."""
    import fastembed as fe

    kind, both, projected = kind_of(job)
    _, _, inputs, units = job["shape"]
    options = {"threads": job["threads"]}
    if projected:
        options |= {"projection": PROJECTION, "cell_clip": CLIP, "projection_clip": CLIP}
    if kind == "gru":
        options["reset_after"] = True
    layer = {"rnn": fe.nn.RNN, "lstm": fe.nn.LSTM, "gru": fe.nn.GRU}[kind](inputs, units, **options)
    layer = fe.nn.Bidirectional(layer) if both else layer
    (x, dy), grads = data(job), layer.params.like()
    figures = timed(job, lambda: layer.forward(x)[1], lambda tape: layer.backward(tape, dy, grads=grads))
    figures["sgemm"] = sgemm()
    figures["share"] = figures["gflops"] / figures["sgemm"] / job["threads"]
    return figures


def theirs(job, run=lambda layer, x: layer(x)[0]):
    """torch.nn.RNN, LSTM or GRU."""
    import torch

    kind, both, projected = kind_of(job)
    torch.set_num_threads(job["threads"])
    x, dy = map(torch.from_numpy, data(job))
    x.requires_grad_(True)
    options = {"proj_size": PROJECTION} if projected else {}
    make = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[kind]
    layer = make(x.shape[2], job["shape"][3], bidirectional=both, **options)

    def forward():
        layer.zero_grad()
        x.grad = None
        return run(layer, x)

    return timed(job, forward, lambda y: y.backward(dy))


def loop(job):
    """The projected LSTM with its clips, step by step."""
    import torch

    def run(layer, x):
        w, recurrent, bias, other, projection = layer.parameters()
        steps, batch, _ = x.shape
        gates = (x.reshape(steps * batch, -1) @ w.T + (bias + other)).reshape(steps, batch, -1)
        h, c, outputs = torch.zeros(batch, PROJECTION), torch.zeros(batch, layer.hidden_size), []
        for step in gates:
            i, f, u, o = (step + h @ recurrent.T).chunk(4, 1)
            c = (torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(u)).clamp(-CLIP, CLIP)
            h = ((torch.sigmoid(o) * torch.tanh(c)) @ projection.T).clamp(-CLIP, CLIP)
            outputs.append(h)
        return torch.stack(outputs)

    return theirs(job, run)
