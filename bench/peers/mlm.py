"""The masked language model inside a measured process: ours, and transformers' with the same start and batches."""

import os
from time import perf_counter, process_time

DECAY, CLIP = 0.01, 1.0


def prepared(job):
    """A BERT that has not been trained yet and its batches."""
    import numpy as np

    import fastembed as fe
    from fastembed.models.pretraining import MaskedTrainer, WarmUp, piece_ids

    corpus = fe.Corpus(job["text"], threads=job["threads"])
    model = fe.BERT.tiny(threads=job["threads"], dropout=0.0, batch=32, seed=job["seed"])
    model._begin(corpus, None, "", False)
    trainer = MaskedTrainer(model, *piece_ids(model.pieces, corpus.encode()))
    order = np.random.default_rng(job["seed"]).permutation(trainer.numbers)
    size = min(job["steps"], len(order) // trainer.batch)
    batches = [trainer._batch(order, number, np.random.default_rng(number)) for number in range(size)]
    return model, batches, WarmUp(job["lr"], 0.0, 1, size)


def figures(step, batches):
    """Speed and losses of step(batch, number), which gives the mean loss before it."""
    losses = [step(batch, number) for number, batch in enumerate(batches[:2])]
    start, cpu = perf_counter(), process_time()
    losses += [step(batch, number) for number, batch in enumerate(batches[2:], 2)]
    seconds, cpu = perf_counter() - start, process_time() - cpu
    tokens = sum(len(batch.ids) for batch in batches[2:])
    late = losses[-max(1, len(losses) // 10) :]
    early = losses[: len(losses) // 2]
    means = {"early": sum(early) / len(early), "loss": sum(late) / len(late)}
    return {"rate": tokens / seconds, "cpu_rate": tokens / cpu} | means


def ours(job):
    from fastembed import blas

    model, batches, schedule = prepared(job)

    def step(batch, number):
        losses, _ = model.network.step(model.optimizing, batch, schedule.at(number + 0.5), (1,), CLIP)
        return float(losses.mean())

    with blas.one_thread():
        return figures(step, batches)


def theirs(job):
    import torch
    import transformers

    torch.set_num_threads(job["threads"])
    model, batches, schedule = prepared(job)
    folder = os.path.join(job["folder"], "bert")
    model.save(folder)
    network = transformers.BertForMaskedLM.from_pretrained(folder).train()
    shrinking = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim < 2]
    groups = [{"params": shrinking, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1.0, eps=1e-6, fused=True)
    given = [padded(torch, batch) for batch in batches]

    def step(batch, number):
        tensors, rows, places, targets = given[number]
        for group in optimizer.param_groups:
            group["lr"] = schedule.at(number + 0.5)
        last = network.bert(**tensors)[0][rows, places]  # only the hidden tokens go through the head
        loss = torch.nn.functional.cross_entropy(network.cls(last), targets)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        optimizer.step()
        return float(loss.detach())

    return figures(step, batches)


def padded(torch, batch):
    """A Batch as transformers takes it: tensors (S, T), and where the hidden tokens are."""
    import numpy as np

    sizes = np.diff(batch.offsets)
    rows = np.repeat(np.arange(len(sizes)), sizes)
    columns = np.arange(len(batch.ids)) - np.repeat(batch.offsets[:-1], sizes)
    ids, mask = np.zeros((2, len(sizes), sizes.max()), np.int64)
    ids[rows, columns], mask[rows, columns] = batch.ids, 1
    tensors = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
    where = [torch.from_numpy(array[batch.places]) for array in (rows, columns)]
    return tensors, *where, torch.from_numpy(batch.targets.astype(np.int64))
