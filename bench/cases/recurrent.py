"""Recurrent layers, forward and back: seconds and GFLOP/s against PyTorch's, and the share of the core's peak."""

from ..peers import installed
from ..results import OURS, Column, Table
from ..runner import Contestant, call, take_turns

SUMMARY = "forward and back through RNN, LSTM and GRU layers of five sizes: seconds and GFLOP/s"
PARTS = ("lstm", "bilstm", "projected", "gru", "rnn")
SHAPES = [(20, 128, 512, 512), (50, 32, 256, 256), (20, 32, 128, 128), (100, 16, 300, 300)]  # T, B, I, H
PROJECTED = [(20, 128, 512, 4096)]  # onto 512, cells and outputs clipped to 3: a layer of ELMo
COLUMNS = [
    Column("seconds", "forward and back", "seconds", "less"),
    Column("forward", "forward", "seconds", "less"),
    Column("gflops", "GFLOP/s", "number", "more"),
    Column("sgemm", "a core's sgemm", "number"),
    Column("share", "GFLOP/s / sgemm / threads", "score"),
    Column("peak", "peak", "megabytes", "less"),
]
NOTES = [
    "flops are those of the matrix products; each process takes the median of at least 3 calls and 1 second",
    "the GRU has its reset after the product, which is what PyTorch offers",
]
UNCLIPPED = "PyTorch's proj_size does not clip; its loop over steps does"


def run(context, part):
    """One table a number of threads and a size."""
    shapes = PROJECTED if part == "projected" else SHAPES
    return [_table(context, part, shape, threads) for threads in context.threads for shape in shapes]


def _table(context, part, shape, threads):
    job = {"part": part, "shape": shape, "threads": threads}
    contestants = [Contestant(OURS, lambda: call("peers.recurrent:ours", job))]
    if installed("torch"):
        contestants.append(Contestant("PyTorch", lambda: call("peers.recurrent:theirs", job, threads)))
        if part == "projected":
            contestants.append(Contestant("PyTorch, loop", lambda: call("peers.recurrent:loop", job, threads)))
    contestants = take_turns(context.chosen(contestants), context.repeats, context.tell)
    sizes = " ".join(f"{letter}={size}" for letter, size in zip("TBIH", shape, strict=True))
    notes = [*NOTES, UNCLIPPED] if part == "projected" else NOTES
    return Table(
        f"recurrent:{part}:{sizes}:{threads}", f"{part} {sizes}, {threads} thread(s)", COLUMNS, contestants, notes
    )
