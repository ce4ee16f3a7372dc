"""PyTorch's networks, inside a measured process."""


def nnlm(job):
    """Train the same network as our NNLM on the same batches; speed of the steps alone."""
    import numpy as np
    import torch

    from . import ours

    torch.set_num_threads(job["threads"])
    torch.manual_seed(job["seed"])
    vocab, batches = ours.nnlm_batches(job)
    given = [tuple(torch.from_numpy(array.astype(np.int64)) for array in batch) for batch in batches]
    noise = torch.from_numpy(np.maximum(vocab.counts, 1) / vocab.counts.sum())
    network = _network(torch, len(vocab), job)
    step = _step(torch, network, noise, job)
    return ours.timed_steps(lambda batch, _: step(*batch), given)


def _network(torch, words, job):
    """Embedding, hidden layer and output; the embedding's gradients (and sampled outputs') are of rows, not dense."""
    inputs = job["context"] * job["dim"]
    features = job["hidden"] + inputs * job["direct"]
    sampled = job["output"] == "sampled"
    made = {
        "embedding": torch.nn.Embedding(words, job["dim"], sparse=True),
        "hidden": torch.nn.Linear(inputs, job["hidden"]),
        "output": torch.nn.Embedding(words, features, sparse=True) if sampled else torch.nn.Linear(features, words),
        "bias": torch.nn.Embedding(words, 1, sparse=True),
    }
    torch.nn.init.uniform_(made["embedding"].weight, -0.05, 0.05)
    torch.nn.init.uniform_(made["output"].weight, -0.05, 0.05)
    torch.nn.init.zeros_(made["bias"].weight)
    return made


def _step(torch, network, noise, job):
    """A function (contexts, words) that takes one step and returns its mean loss."""
    sampled = job["output"] == "sampled"
    sparse = [network[name] for name in (("embedding", "output", "bias") if sampled else ("embedding",))]
    dense = [network[name] for name in (("hidden",) if sampled else ("hidden", "output"))]
    kinds = {"adagrad": (torch.optim.Adagrad, torch.optim.Adagrad), "adam": (torch.optim.Adam, torch.optim.SparseAdam)}
    make, make_sparse = kinds[job["optimizer"]]
    optimizers = [
        make([p for layer in dense for p in layer.parameters()], lr=job["lr"], fused=True),
        make_sparse([p for layer in sparse for p in layer.parameters()], lr=job["lr"]),
    ]
    expected = torch.log(-torch.expm1(job["samples"] * torch.log1p(-noise)))

    def scores(features, words):
        if not sampled:
            return network["output"](features), words
        drawn = torch.multinomial(noise, job["samples"], replacement=True)
        candidates, places = torch.unique(torch.cat([drawn, words]), return_inverse=True)
        bias = network["bias"](candidates).squeeze(1) - expected[candidates]
        return torch.addmm(bias.float(), features, network["output"](candidates).T), places[len(drawn) :]

    def step(contexts, words):
        for optimizer in optimizers:
            optimizer.zero_grad()
        vectors = network["embedding"](contexts).flatten(1)
        hidden = torch.tanh(network["hidden"](vectors))
        features = torch.cat([hidden, vectors], 1) if job["direct"] else hidden
        loss = torch.nn.functional.cross_entropy(*scores(features, words))
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        return loss.detach()

    return step
