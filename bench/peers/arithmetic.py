"""Floating-point rates by CPU time, inside a measured process: of training, and of the core at its best."""

from time import process_time


def sgns(job):
    """GFLOP/s of skip-gram training on the text, and of the core in sgemm and in a register loop, if there is one."""
    import fastembed as fe

    corpus = fe.Corpus(job["text"], threads=job["threads"])
    encoded = corpus.encode()
    names = ("dim", "window", "negative", "sample", "min_count", "epochs", "lr", "threads", "seed")
    model = fe.SkipGram(**{name: job[name] for name in names})
    start = process_time()
    model.fit(corpus, verbose=0)
    seconds = process_time() - start
    vocab = encoded.vocab.pruned(job["min_count"])
    gflops = flops(vocab, job) / seconds / 1e9
    figures = {"training": gflops, "step": step(job["dim"]), "sgemm": sgemm(), "fma": register_loop()}
    peak = max(figures["sgemm"], figures["fma"])
    figures["share"] = gflops / peak
    figures["step_share"] = figures["step"] / peak
    return figures


def flops(vocab, job):
    """Expected flops of an epoch: words kept by subsampling x contexts x outputs x dim x 6.

    A word has window + 1 contexts on average when the window's half width is drawn from 1..window.
    """
    keep = vocab.keep_thresholds(job["sample"]) / 2**32
    kept = float((vocab.counts * keep).sum())
    return kept * (job["window"] + 1) * (job["negative"] + 1) * job["dim"] * 6 * job["epochs"]


def sgemm(size=1024, repeats=8):
    """GFLOP/s of the best of several products of two (size, size) matrices."""
    import numpy as np

    a = np.random.default_rng(1).standard_normal((size, size), dtype=np.float32)
    out = np.empty_like(a)
    best = float("inf")
    for _ in range(repeats):
        start = process_time()
        np.matmul(a, a, out=out)
        best = min(best, process_time() - start)
    return 2 * size**3 / best / 1e9


def register_loop(times=2_000_000):
    """GFLOP/s of fused multiply-adds on registers: the core's peak."""
    from fastembed._core import probe

    return max(rate(lambda: probe.fma_loop(times)) for _ in range(5))


def rate(work):
    """GFLOP/s of a call that returns how many operations it has done."""
    start = process_time()
    return work() / (process_time() - start) / 1e9


def step(dim, negative=5, window=5, times=20_000):
    """GFLOP/s of the training step alone, on rows that stay in the cache, over windows of every reach alike."""
    import numpy as np

    from fastembed import memory
    from fastembed._core import probe, simd

    random = np.random.default_rng(1)
    labels = (np.arange(1 + negative) == 0).astype(np.uint8)
    outputs = memory.zeros((1 + negative, simd.padded(dim)))
    work, seconds = 0.0, 0.0
    for reach in range(1, window + 1):
        inputs = memory.zeros((2 * reach, simd.padded(dim)))
        inputs[:, :dim] = random.uniform(-0.5, 0.5, (2 * reach, dim))
        one = probe.Step(inputs, outputs, labels, 1e-6, np.arange(2 * reach), np.arange(1 + negative), dim)
        flops = 6.0 * dim * 2 * reach * (1 + negative) * times
        work += flops
        seconds += min(flops / rate(lambda one=one, flops=flops: one.run(times) * 0 + flops) for _ in range(3)) / 1e9
    return work / seconds / 1e9
