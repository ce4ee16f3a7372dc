"""A transformer encoder of MiniLM's size, and a training step of a small BERT: ours and those of others."""

import statistics
from time import perf_counter

MINILM = {"vocab": 30522, "positions": 512, "segments": 2, "width": 384, "layers": 6, "heads": 12, "inner": 1536}
SMALL = {"vocab": 8000, "positions": 128, "segments": 2, "width": 256, "layers": 4, "heads": 4, "inner": 1024}
SHAPES = [(16, 1), (16, 8), (16, 32), (64, 1), (64, 8), (64, 32), (128, 1), (128, 8), (128, 32), ("mixed", 32)]
TOKENS, BATCH, MASKED, DROPOUT = 128, 32, 20, 0.1  # of the training step, masked tokens of a sentence


def lengths(shape):
    """Tokens of each sentence; mixed are 16 to 128."""
    import numpy as np

    tokens, batch = shape
    return np.random.default_rng(1).integers(16, 129, batch) if tokens == "mixed" else np.full(batch, tokens)


def flops(sizes, tokens):
    """Of the matrix products of sentences with so many tokens, forward."""
    width, inner = sizes["width"], sizes["inner"]
    each = 2 * (4 * width * width + 2 * width * inner)
    return float(sizes["layers"] * sum(n * (each + 4 * n * width) for n in map(int, tokens)))


def seconds(work):
    """Median of the calls after the first: at least 3, and 0.3 seconds of them."""
    work()
    rounds, begin = [], perf_counter()
    while len(rounds) < 3 or perf_counter() - begin < 0.3:
        start = perf_counter()
        work()
        rounds.append(perf_counter() - start)
    return statistics.median(rounds)


def rates(prepare):
    """GFLOP/s for each shape; prepare(lengths) returns what to call. What is done for padding does not count."""
    found = {}
    for tokens, batch in SHAPES:
        given = lengths((tokens, batch))
        found[f"{tokens}x{batch}"] = flops(MINILM, given) / seconds(prepare(given)) / 1e9
    return found


def padded(given):
    """ids and mask (B, longest) int64"""
    import numpy as np

    mask = (np.arange(given.max()) < given[:, None]).astype(np.int64)
    return np.random.default_rng(2).integers(1000, 30000, mask.shape) * mask, mask


def ours(job):
    """fastembed's encoder on packed sentences; the last layer's states, as with the others."""
    import numpy as np

    from fastembed.nn.attention import Encoder, EncoderSizes

    from .arithmetic import register_loop

    encoder = Encoder(EncoderSizes(**MINILM), threads=job["threads"], precision=job["precision"])
    encoder.params.flat[:] = np.random.default_rng(1).normal(0, 0.02, encoder.params.flat.shape)

    def prepare(given):
        ids, mask = padded(given)
        packed, offsets = ids[mask == 1].astype(np.int32), np.cumsum([0, *given])
        return lambda: encoder.forward(packed, offsets, layers=[MINILM["layers"]])

    return rates(prepare) | {"fma": register_loop()}


def model(transformers, sizes, kind, dropout=0.0):
    """A transformers model of these sizes with random parameters."""
    names = {"vocab": "vocab_size", "positions": "max_position_embeddings", "width": "hidden_size"}
    names |= {"layers": "num_hidden_layers", "heads": "num_attention_heads", "inner": "intermediate_size"}
    config = {theirs: sizes[name] for name, theirs in names.items()}
    config |= {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    return getattr(transformers, kind)(transformers.BertConfig(**config))


def theirs(job):
    """transformers' BertModel; padded where lengths differ, without a mask where not."""
    import torch
    import transformers

    torch.set_num_threads(job["threads"])
    bert = model(transformers, MINILM, "BertModel").eval().to(getattr(torch, job["precision"]))

    def prepare(given):
        ids, mask = map(torch.from_numpy, padded(given))
        return lambda: bert(input_ids=ids, attention_mask=None if mask.all() else mask)

    with torch.inference_mode():
        return rates(prepare)


def export(job):
    """Write the same network as ONNX to job["path"], for ``onnx``."""
    import torch
    import transformers

    class Last(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.bert = model(transformers, MINILM, "BertModel")

        def forward(self, ids, mask):
            return self.bert(input_ids=ids, attention_mask=mask).last_hidden_state

    inputs = (torch.ones(2, 16, dtype=torch.int64), torch.ones(2, 16, dtype=torch.int64))
    free = {0: "batch", 1: "tokens"}
    names = {"input_names": ["ids", "mask"], "output_names": ["states"]}
    axes = dict.fromkeys(("ids", "mask", "states"), free)
    torch.onnx.export(Last().eval(), inputs, job["path"], **names, dynamic_axes=axes, opset_version=17, dynamo=False)
    return {}


def onnx(job):
    """ONNX Runtime with its own optimisations of the graph."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = job["threads"], 1
    session = onnxruntime.InferenceSession(job["path"], options, providers=["CPUExecutionProvider"])

    def prepare(given):
        ids, mask = padded(given)
        return lambda: session.run(None, {"ids": ids, "mask": mask})

    return rates(prepare)


def masked_batch():
    """ids (B, T) int64, places (M,) of masked tokens among all of them, and their words (M,)"""
    import numpy as np

    random = np.random.default_rng(1)
    ids = random.integers(5, SMALL["vocab"], (BATCH, TOKENS))
    places = [row * TOKENS + np.sort(random.permutation(TOKENS)[:MASKED]) for row in range(BATCH)]
    places = np.concatenate(places)
    return ids, places, ids.ravel()[places]


def training(job, prepare):
    """Seconds of a step with and without dropout; prepare(dropout) returns what to call."""
    figures = {"seconds": seconds(prepare(DROPOUT)), "plain": seconds(prepare(0.0))}
    figures["gflops"] = 3 * flops(SMALL, [TOKENS] * BATCH) / figures["plain"] / 1e9
    return figures


def our_training(job):
    """Encoder, head and tied output, forward and back, and a step of Adam."""
    import numpy as np

    from fastembed.nn import Adam, Params
    from fastembed.nn.attention import Encoder, EncoderSizes, Transform
    from fastembed.nn.softmax import Softmax, apply

    ids, places, words = masked_batch()
    packed, offsets, words = ids.ravel().astype(np.int32), np.arange(BATCH + 1) * TOKENS, words.astype(np.int32)

    def prepare(dropout):
        sizes, width = EncoderSizes(**SMALL, dropout=dropout, attention_dropout=dropout), SMALL["width"]
        head = {"head": (width, width), "head.bias": (width,), "head.norm": (width,), "head.norm.bias": (width,)}
        params = Params(Encoder.shapes(sizes) | head | {"output.bias": (sizes.vocab,)})
        params.flat[:] = np.random.default_rng(1).normal(0, 0.02, params.flat.shape)
        encoder, transform = Encoder(sizes, params, job["threads"]), Transform(params)
        softmax = Softmax(params, ("embeddings.words", "output.bias"), job["threads"])
        optimizer, grads, random = Adam(params, job["threads"]), params.like(), np.random.default_rng(2)

        def step():
            states, tape = encoder.forward(packed, offsets, keep=True, random=random if dropout else None)
            softmax.forward(transform.forward(states[-1][places]), words)
            flow = np.zeros_like(states[-1])
            flow[places] = transform.backward(softmax.backward(1 / len(words)), grads)
            grads["embeddings.positions"][:] = grads["embeddings.segments"][:] = 0
            for name, _, array in softmax.gradients():
                grads[name][:] = array
            encoder.backward(tape, flow, grads)
            optimizer.begin(1e-4)
            apply(optimizer, [(name, None, array) for name, array in grads.items()])

        return step

    return training(job, prepare)


def their_training(job):
    """The same with transformers' modules: the head sees the masked tokens only."""
    import torch
    import transformers

    torch.set_num_threads(job["threads"])
    ids, places, words = map(torch.from_numpy, masked_batch())

    def prepare(dropout):
        bert = model(transformers, SMALL, "BertForMaskedLM", dropout).train()
        optimizer = torch.optim.Adam(bert.parameters(), lr=1e-4, fused=True)

        def step():
            optimizer.zero_grad()
            states = bert.bert(input_ids=ids).last_hidden_state
            scores = bert.cls(states.flatten(0, 1)[places])
            torch.nn.functional.cross_entropy(scores, words).backward()
            optimizer.step()

        return step

    return training(job, prepare)
