"""gensim inside a measured process."""

import os
from time import perf_counter, process_time


def ingest(job):
    """The vocabulary scan of corpus_file: count and prune (gensim encodes nothing)."""
    from gensim.models import Word2Vec

    model = Word2Vec(vector_size=1, min_count=job["min_count"], sample=job["sample"], workers=job["threads"])
    start, cpu = perf_counter(), process_time()
    words, _ = model.scan_vocab(corpus_file=job["lines"])
    model.prepare_vocab(min_count=job["min_count"], update=False)
    seconds, cpu = perf_counter() - start, process_time() - cpu
    return {"seconds": seconds, "cpu": cpu, "words": words, "types": len(model.wv)}


def train(job):
    """From text to vectors on disk: vocabulary, training, saving, each timed."""
    from gensim.models import FastText, Word2Vec
    from gensim.models.fasttext import save_facebook_model
    from gensim.models.word2vec import LineSentence

    subwords = {"min_n": job["minn"], "max_n": job["maxn"], "bucket": job["bucket"]} if "minn" in job else {}
    start = perf_counter()
    source = {"corpus_iterable": LineSentence(job["lines"])} if job["iterable"] else {"corpus_file": job["lines"]}
    model = (FastText if subwords else Word2Vec)(
        **subwords,
        vector_size=job["dim"],
        window=job["window"],
        negative=0 if job["hs"] else job["negative"],
        hs=int(job["hs"]),
        sg=int(job["sg"]),
        sample=job["sample"],
        min_count=job["min_count"],
        epochs=job["epochs"],
        alpha=job["lr"],
        min_alpha=job["lr"] * 1e-4,
        workers=job["threads"],
        seed=job["seed"],
    )
    model.build_vocab(**source)
    ingested, cpu = perf_counter(), process_time()
    model.train(**source, total_examples=model.corpus_count, total_words=model.corpus_total_words, epochs=job["epochs"])
    trained, cpu = perf_counter(), process_time() - cpu
    if job.get("whole_model"):
        save_facebook_model(model, job["output"])
    else:
        model.wv.save_word2vec_format(job["output"], binary=True)
    saved = perf_counter()
    return {"ingest": ingested - start, "train": trained - ingested, "cpu": cpu, "whole": saved - start}


def open_bin(job):
    """Open a FastText model and ask for vectors of words known and unknown."""
    from gensim.models.fasttext import load_facebook_vectors

    from .ours import ask

    return ask(lambda: load_facebook_vectors(job["input"]), lambda kv: kv.index_to_key)


def vectors(job):
    """Read and write a text file of random vectors, then ask for neighbours one by one (there is no batch call)."""
    from gensim.models import KeyedVectors

    start = perf_counter()
    kv = KeyedVectors.load_word2vec_format(job["input"])
    loaded = perf_counter()
    kv.save_word2vec_format(os.path.join(job["folder"], "copy.txt"))
    saved = perf_counter()
    words = kv.index_to_key[: job["queries"]]
    kv.most_similar(words[0])
    ready = perf_counter()
    for word in words:
        kv.most_similar(word)
    single = perf_counter() - ready
    assert len(kv) == job["rows"]
    return {"load": loaded - start, "save": saved - loaded, "query": single, "batch": single}


def evaluate(job):
    """Score the vectors of ``input`` on every evaluation set."""
    from gensim.models import KeyedVectors

    from .ours import scores

    return scores(KeyedVectors.load_word2vec_format(job["input"], binary=True), job)
