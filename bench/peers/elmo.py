"""The same pre-training of ELMo, here and in PyTorch, inside a measured process: same start, batches, drawn words."""

from time import perf_counter, process_time

import numpy as np

RATE, CLIP, SEED = 0.002, 10.0, 1


def ours(job):
    """Steps of fastembed's network."""
    from fastembed import blas
    from fastembed.nn.optim import Adam, Guard

    model, batches = _start(job)
    optimizer, guard = Adam(model.params, job["threads"]), Guard(CLIP)

    def step(unrolls, states, key):
        losses, states = model.network.step(optimizer, unrolls, states, RATE, guard, key)
        return losses.mean(), states

    with blas.one_thread():
        return _figures(job, batches, step)


def theirs(job):
    """The same with torch.nn: convolutions over all characters, LSTMs with projections, Adam fused."""
    import torch

    torch.set_num_threads(job["threads"])
    model, batches = _start(job)
    network = _network(torch, model)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)
    draw = model.network.output

    def step(unrolls, states, key):
        draw.seed(*key, 1)
        words = np.stack([unroll.words for unroll in unrolls])
        targets = np.concatenate([unroll.targets.reshape(-1) for unroll in unrolls])
        candidates, never = draw.draw(targets)
        optimizer.zero_grad()
        found = network(_spelled(model, batches, words), states, candidates, never, targets)
        (found[0] * len(words[0])).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        optimizer.step()
        after = [[tuple(part.detach() for part in layer) for layer in side] for side in found[1]]
        return float(found[0].detach()), after

    return _figures(job, batches, step)


def _start(job):
    """The model with new parameters, and the batches of its text."""
    import fastembed as fe
    from fastembed.models.bothways import Batches

    model = fe.ELMo.small(threads=job["threads"], seed=SEED)
    encoded, how = model._read(fe.Corpus(job["text"], threads=job["threads"]))
    model._begin(encoded, how, "", False)
    return model, Batches(model, encoded, model.batch, model.steps, True)


def _spelled(model, batches, words):
    """Characters (U, 50) of the distinct words, and where each word is among them."""
    unique, places = np.unique(words, return_inverse=True)
    longest = model.max_chars
    ids, firsts, lengths = model.alphabet.lay_out(batches.spellings, unique, longest, longest)
    rows = np.full((len(unique), longest), model.alphabet.padding, np.int64)
    for row, first, length in zip(rows, firsts, lengths, strict=False):
        row[:length] = ids[first : first + length]
    return rows, places.reshape(words.shape)


def _network(torch, model):
    """torch's Module with the same numbers."""
    nn, params, tensor = torch.nn, model.params, torch.from_numpy
    shape = model._network_shape().encoder

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.characters = nn.Embedding(*params["characters"].shape)
            self.filters = nn.ModuleList(nn.Conv1d(shape.char_dim, n, width) for width, n in shape.filters)
            self.highway = nn.ModuleList(nn.Linear(shape.features, 2 * shape.features) for _ in range(shape.highway))
            self.projection = nn.Linear(shape.features, model.dim)
            lstm = lambda: nn.LSTM(model.dim, model.hidden, proj_size=model.dim)  # noqa: E731
            self.sides = nn.ModuleList(nn.ModuleList(lstm() for _ in range(model.layers)) for _ in range(2))
            self.output = nn.Linear(model.dim, len(params["output"]))

        def encode(self, rows):
            x = self.characters(tensor(rows)).transpose(1, 2)
            x = torch.relu(torch.cat([conv(x).amax(2) for conv in self.filters], 1))
            for layer in self.highway:
                g, t = layer(x).chunk(2, 1)
                g = torch.sigmoid(g)
                x = g * torch.relu(t) + (1 - g) * x
            return self.projection(x)

        def forward(self, spelled, states, candidates, never, targets):
            rows, places = spelled
            vectors, tops, after = self.encode(rows), [], []
            for side, layers in enumerate(self.sides):
                x, after_side = vectors[tensor(places[side])], []
                for number, layer in enumerate(layers):
                    y, state = layer(x, None if states is None else states[side][number])
                    x = y + x if number else y
                    after_side.append(state)
                tops.append(x.reshape(-1, x.shape[2]))
                after.append(after_side)
            chosen = tensor(candidates.astype(np.int64))
            bias = self.output.bias[chosen] - tensor(never)
            scores = nn.functional.linear(torch.cat(tops), self.output.weight[chosen], bias)
            return nn.functional.cross_entropy(scores, tensor(np.searchsorted(candidates, targets))), after

    network = Network()
    with torch.no_grad():
        network.characters.weight.copy_(tensor(params["characters"]))
        for k, (width, _) in enumerate(shape.filters):
            weights = params[f"filter.{k}"].reshape(width, shape.char_dim, -1).transpose(2, 1, 0)
            network.filters[k].weight.copy_(tensor(np.ascontiguousarray(weights)))
            network.filters[k].bias.copy_(tensor(params[f"filter.{k}.bias"]))
        for k, layer in enumerate(network.highway):
            names = [f"highway.{k}.{name}" for name in ("carry", "transform")]
            layer.weight.copy_(tensor(np.concatenate([params[name].T for name in names])))
            layer.bias.copy_(tensor(np.concatenate([params[f"{name}.bias"] for name in names])))
        network.projection.weight.copy_(tensor(params["projection"].T.copy()))
        network.projection.bias.copy_(tensor(params["projection.bias"]))
        for side, ours in zip(network.sides, model.network.sides, strict=True):
            for layer, own in zip(side, ours.layers, strict=True):
                layer.load_state_dict({name: tensor(array) for name, array in own.to_torch().items()})
        network.output.weight.copy_(tensor(params["output"]))
        network.output.bias.copy_(tensor(params["output.bias"]))
    return network


def _figures(job, batches, step):
    """Words a second without the first two steps, and the last loss."""
    states, words, times, loss = None, 0, None, None
    for number in range(job["steps"]):
        if number == 2:
            times, words = (perf_counter(), process_time()), 0
        unrolls = batches.at(number, (SEED, 0))
        loss, states = step(unrolls, states, (SEED, 0, number))
        words += unrolls[0].words.size
    seconds, cpu = perf_counter() - times[0], process_time() - times[1]
    return {"rate": words / seconds, "cpu_rate": words / cpu, "loss": float(loss), "words": words}
