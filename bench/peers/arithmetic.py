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
    peak = max(figures["sgemm"], figures["fma"] or 0)
    figures["share"] = gflops / peak
    figures["step_share"] = figures["step"] / peak if figures["step"] else None
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


def register_loop():
    """GFLOP/s of fused multiply-adds on registers, or None if this build cannot tell."""
    from fastembed._core import simd

    return simd.fma_gflops() if hasattr(simd, "fma_gflops") else None


def step(dim):
    """GFLOP/s of the training step alone on rows that stay in the cache, or None if this build cannot tell."""
    from fastembed._core import sgns

    return sgns.step_gflops(dim) if hasattr(sgns, "step_gflops") else None
