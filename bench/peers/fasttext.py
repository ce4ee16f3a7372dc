"""fastText's Python package, with and without (minn = maxn = 0) subwords, inside a measured process.

fastText 0.9.3 leaves most of its input matrix uninitialised with fewer than 10 threads, so it always gets 10 and is
confined to as many CPUs as the case allows. It reports no times, so training is the difference of two runs.
"""

import os
from time import perf_counter, process_time

THREADS = 10


def train(job):
    """From text to a model on disk in one opaque call, and to vectors in word2vec's format outside the time."""
    import fasttext

    confine(job["threads"])
    start, cpu = perf_counter(), process_time()
    model = fasttext.train_unsupervised(
        job["text"],
        model="skipgram" if job["sg"] else "cbow",
        dim=job["dim"],
        ws=job["window"],
        neg=job["negative"],
        loss="hs" if job["hs"] else "ns",
        t=job["sample"],
        minCount=job["min_count"],
        epoch=job["epochs"],
        lr=job["lr"],
        thread=THREADS,
        minn=job.get("minn", 0),
        maxn=job.get("maxn", 0),
        bucket=job.get("bucket", 2_000_000),
        verbose=0,
    )
    model.save_model(os.path.join(job["folder"], "model"))
    whole, cpu = perf_counter() - start, process_time() - cpu
    if job.get("whole_model"):
        model.save_model(job["output"])
    else:
        write(job["output"], model.words, model.get_input_matrix())
    return {"whole": whole, "cpu": cpu}


def confine(threads):
    """Run on so many CPUs only, where the system can do that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def classify(job):
    """From labelled lines to a model in memory, and its accuracy on other lines."""
    import fasttext

    confine(job["threads"])
    start, cpu = perf_counter(), process_time()
    model = fasttext.train_supervised(
        job["train"],
        dim=job["dim"],
        epoch=job["epochs"],
        lr=job["lr"],
        wordNgrams=job["word_ngrams"],
        minn=job["minn"],
        maxn=job["maxn"],
        loss=job["loss"],
        bucket=job["bucket"],
        seed=job["seed"],
        thread=THREADS,
        verbose=0,
    )
    figures = {"seconds": perf_counter() - start, "cpu": process_time() - cpu}
    return figures | {"accuracy": model.test(job["test"])[1]}


def open_bin(job):
    """Open a FastText model and ask for vectors of words known and unknown."""
    import fasttext

    from .ours import ask

    return ask(lambda: fasttext.load_model(job["input"]), lambda model: model.words)


def write(path, words, matrix):
    """word2vec's binary format of ``matrix`` (at least V, D), one row a word."""
    with open(path, "wb") as file:
        file.write(f"{len(words)} {matrix.shape[1]}\n".encode())
        for word, row in zip(words, matrix, strict=False):
            file.write(word.encode() + b" " + row.astype("<f4").tobytes() + b"\n")
