"""The encoder of BERT: states of sentences at MiniLM's sizes, and a training step of a small BERT."""

from .. import data
from ..peers import installed
from ..peers.bert import BATCH, DROPOUT, SHAPES, TOKENS
from ..results import OURS, Column, Table
from ..runner import BenchError, Contestant, call, take_turns

SUMMARY = "a transformer encoder of MiniLM's size, GFLOP/s by tokens x sentences; a training step of a small BERT"
PARTS = ("inference", "bfloat16", "training")
RATES = [Column(f"{tokens}x{batch}", f"{tokens} x {batch}", "number", "more") for tokens, batch in SHAPES]
COLUMNS = {
    "inference": [*RATES, Column("fma", "a core's peak", "number")],
    "bfloat16": RATES,
    "training": [
        Column("seconds", f"step, dropout {DROPOUT}", "seconds", "less"),
        Column("plain", "without dropout", "seconds", "less"),
        Column("gflops", "GFLOP/s", "number", "more"),
        Column("peak", "peak", "megabytes", "less"),
    ],
}
NOTES = {
    "inference": ["GFLOP/s of the sentences' own tokens; others pad sentences of 16 to 128 tokens to the longest"],
    "bfloat16": ["as inference; bfloat16 is fast where fastembed doctor names the kernels amx, or avx512bf16 on AMD"],
    "training": [
        f"4 layers, 256 wide, {BATCH} sentences of {TOKENS} tokens, a vocabulary of 8,000, masked tokens, Adam"
    ],
}


def run(context, part):
    """One table a number of threads."""
    return [_table(context, part, threads) for threads in context.threads]


def _table(context, part, threads):
    job, ending = {"threads": threads, "precision": "float32"}, "_training" if part == "training" else "s"
    rounded = job | {"precision": "bfloat16"}
    contestants = [Contestant(OURS, lambda: call(f"peers.bert:our{ending}", rounded if part == "bfloat16" else job))]
    if part == "bfloat16":
        contestants.append(Contestant("in float32", lambda: call("peers.bert:ours", job)))
    if installed("torch") and installed("transformers"):
        name = f"peers.bert:their{ending}"
        contestants.append(Contestant("transformers", lambda: call(name, job, threads)))
        if part == "bfloat16":
            contestants.append(Contestant("transformers, bfloat16", lambda: call(name, rounded, threads)))
        if part == "inference" and installed("onnxruntime") and (path := _exported(context)):
            contestants.append(
                Contestant("ONNX Runtime", lambda: call("peers.bert:onnx", job | {"path": path}, threads))
            )
    contestants = take_turns(context.chosen(contestants), context.repeats, context.tell)
    return Table(f"bert:{part}:{threads}", f"{part}, {threads} thread(s)", COLUMNS[part], contestants, NOTES[part])


def _exported(context):
    """The path of the network as ONNX, or None if it cannot be had."""
    path = data.cache_folder() / "minilm-size.onnx"
    if not path.is_file():
        try:
            call("peers.bert:export", {"path": str(path)})
        except BenchError as error:
            context.tell(f"ONNX Runtime left out: {error}")
            return None
    return str(path)
