"""The same recurrent language model, here and in PyTorch, inside a measured process: same start, same batches."""

from itertools import islice
from time import perf_counter, process_time

HELD = 50  # every so many sentences one is held out
ROWS, STEPS = 32, 64  # of a batch when the perplexity is taken


def ours(job):
    """Training of fastembed's network, and the perplexity of the sentences held out."""
    from fastembed import blas
    from fastembed.nn.optim import OPTIMIZERS, Guard
    from fastembed.nn.unrolled import Network

    streams, held, shape, counts, params = _start(job)
    network, optimizing = Network(params, shape, counts, job["threads"]), OPTIMIZERS[job["optimizer"]](params)
    optimizing.threads, guard = job["threads"], Guard(job["clip"])

    def step(unroll, state, rate, key):
        losses, state = network.step(optimizing, unroll, state, rate, guard, key)
        return losses.mean(), state

    with blas.one_thread():
        return _figures(job, streams, held, step, network.losses)


def theirs(job):
    """The same with torch.nn; every gradient is dense, the optimisers are fused or torch's fastest."""
    import numpy as np
    import torch

    torch.set_num_threads(job["threads"])
    streams, held, shape, _, params = _start(job)
    embedding, layers, output, everything = _network(torch, shape, params)
    if job["optimizer"] == "sgd":
        optimizer = torch.optim.SGD(everything, lr=1.0, fused=True)
    else:
        optimizer = torch.optim.Adam(everything, lr=1.0, fused=True)

    def losses(unroll, state, reduction="none"):
        y, after = layers(embedding(torch.from_numpy(unroll.words.astype(np.int64))), state)
        alive = torch.ones(unroll.words.shape, dtype=bool) if unroll.alive is None else torch.from_numpy(unroll.alive)
        targets = torch.from_numpy(unroll.flat(unroll.targets).astype(np.int64))
        found = torch.nn.functional.cross_entropy(output(y[alive]), targets, reduction=reduction)
        return found, (after if isinstance(after, torch.Tensor) else tuple(part for part in after))

    def step(unroll, state, rate, _):
        if state is not None:
            state = state.detach() if isinstance(state, torch.Tensor) else tuple(part.detach() for part in state)
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        loss, after = losses(unroll, state, "sum")
        (loss / unroll.words.shape[1]).backward()
        torch.nn.utils.clip_grad_norm_(everything, job["clip"])
        optimizer.step()
        return float(loss) / len(unroll.flat(unroll.words)), after

    def exact(unroll, state):
        with torch.no_grad():
            found, after = losses(unroll, state)
        return found.numpy().astype(np.float64), after

    return _figures(job, streams, held, step, exact)


def _start(job):
    """Streams of the text, streams of what is held out, the Shape, the counts and the Params to start from."""
    import numpy as np

    from fastembed import RNNLM, Corpus
    from fastembed.models.language import BOS, EOS, language_vocab, numbers_of
    from fastembed.models.neural import target_counts
    from fastembed.nn.streams import Streams
    from fastembed.nn.unrolled import Shape

    encoded = Corpus(job["text"], threads=job["threads"]).encode()
    vocab = language_vocab(encoded.vocab, len(encoded.offsets) - 1, max_vocab=job["max_vocab"])
    ids, lengths = numbers_of(vocab, encoded.vocab)[encoded.ids], np.diff(encoded.offsets)
    held = np.arange(len(lengths)) % HELD == HELD - 1
    parts = []
    for chosen, rows, steps in ((~held, job["batch"], job["unroll"]), (held, ROWS, STEPS)):
        offsets = np.concatenate([[0], np.cumsum(lengths[chosen])])
        words = ids[np.repeat(chosen, lengths)]
        parts.append(Streams(words, offsets, begin=BOS, end=EOS, rows=rows, steps=steps))
    shape = Shape.of(RNNLM(**{name: job[name] for name in ("cell", "dim", "hidden", "layers")}))
    counts = target_counts(vocab)
    return *parts, shape, counts, shape.begin(counts, (job["seed"],))


def _network(torch, shape, params):
    """Embedding, layers and output with the same numbers, and all their parameters."""
    from fastembed.nn.unrolled import CELLS

    kinds = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
    layer = CELLS[shape.cell](shape.dim, shape.hidden, layers=shape.layers, params=params.part("layers."))
    embedding = torch.nn.Embedding(len(params["embedding"]), shape.dim)
    layers = kinds[shape.cell](shape.dim, shape.hidden, shape.layers)
    output = torch.nn.Linear(shape.hidden, len(params["output"]))
    layers.load_state_dict({name: torch.from_numpy(array) for name, array in layer.to_torch().items()})
    with torch.no_grad():
        embedding.weight.copy_(torch.from_numpy(params["embedding"]))
        output.weight.copy_(torch.from_numpy(params["output"]))
        output.bias.copy_(torch.from_numpy(params["output.bias"]))
    return embedding, layers, output, [p for part in (embedding, layers, output) for p in part.parameters()]


def _figures(job, streams, held, step, exact):
    """Words a second without the first two steps, the perplexity before, and that after the last step."""
    total = (job["steps"] or streams.batches) * job["epochs"]
    losses, words, state, times = [], 0, None, None
    for number, (epoch, batch) in enumerate(_order(job, streams)):
        if number == 2:
            times, words = (perf_counter(), process_time()), 0
        unroll = streams.batch_at(batch)
        rate = job["lr"] * (1 - 0.99 * number / total)
        loss, state = step(unroll, state if batch else None, rate, (job["seed"], epoch, batch))
        losses.append(float(loss))
        words += len(unroll.flat(unroll.words))
    seconds, cpu = perf_counter() - times[0], process_time() - times[1]
    figures = {"rate": words / seconds, "cpu_rate": words / cpu, "loss": sum(losses[-10:]) / len(losses[-10:])}
    return figures | {"perplexity": _perplexity(held, exact, job["held_batches"]), "words": words}


def _order(job, streams):
    return ((epoch, batch) for epoch in range(job["epochs"]) for batch in range(job["steps"] or streams.batches))


def _perplexity(held, exact, batches):
    import numpy as np

    total, count, state = 0.0, 0, None
    for number in islice(range(held.batches), batches):
        losses, state = exact(held.batch_at(number), state)
        total, count = total + losses.sum(), count + len(losses)
    return float(np.exp(total / count))
