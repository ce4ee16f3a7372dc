"""fastembed itself, inside a measured process."""

import os
from time import perf_counter, process_time


def ingest(job):
    """Count, prune and encode the text; the cache file, if there is one, is written inside the time."""
    from fastembed import Corpus

    start, cpu = perf_counter(), process_time()
    encoded = Corpus(job["text"], threads=job["threads"]).encode()
    types = len(encoded.vocab.pruned(job["min_count"]))
    seconds, cpu = perf_counter() - start, process_time() - cpu
    return {"seconds": seconds, "cpu": cpu, "words": len(encoded.ids), "types": types}


def train(job):
    """From text to vectors on disk: ingest, fit, save, each timed."""
    from fastembed import CBOW, Corpus, FastText, SkipGram, io

    start = perf_counter()
    corpus = Corpus(job["text"], threads=job["threads"])
    corpus.encode()
    ingested, cpu = perf_counter(), process_time()
    names = ("dim", "window", "negative", "hs", "sample", "min_count", "epochs", "lr", "threads", "seed")
    if "minn" in job:
        kind, names = FastText, (*names, "sg", "minn", "maxn", "bucket")
    else:
        kind = SkipGram if job["sg"] else CBOW
    model = kind(**{name: job[name] for name in names}).fit(corpus, verbose=0)
    fitted, cpu = perf_counter(), process_time() - cpu
    io.save(model, job["output"], format="fasttext" if "minn" in job else "word2vec-bin")
    saved = perf_counter()
    return {
        "ingest": ingested - start,
        "train": sum(epoch["seconds"] for epoch in model.history),
        "fit": fitted - ingested,
        "cpu": cpu,
        "whole": saved - start,
    }


def classify(job):
    """From labelled lines to a model in memory, and its accuracy on other lines."""
    from fastembed import FastTextClassifier, io  # noqa: F401 (so that its import is not timed)

    names = ("dim", "epochs", "lr", "word_ngrams", "minn", "maxn", "loss", "bucket", "threads", "seed")
    start, cpu = perf_counter(), process_time()
    model = FastTextClassifier(**{name: job[name] for name in names}).fit(job["train"], verbose=0)
    figures = {"seconds": perf_counter() - start, "cpu": process_time() - cpu}
    return figures | {"accuracy": model.score(job["test"])}


def open_bin(job):
    """Open a FastText model and ask for vectors of words known and unknown."""
    from fastembed import KeyedVectors, io  # noqa: F401 (so that its import is not timed)

    return ask(lambda: KeyedVectors.load(job["input"]), lambda kv: kv.index_to_key)


def ask(load, words):
    """Seconds from opening to the vectors of 500 known words and 500 made of two."""
    start = perf_counter()
    vectors = load()
    known = words(vectors)[:500]
    for word in known + [a + b for a, b in zip(known, reversed(known), strict=True)]:
        vectors[word]
    return {"open": perf_counter() - start}


def documents(job):
    """fit_transform and transform of the lines of a text."""
    import fastembed

    return matrices(getattr(fastembed, job["class"])(ngram_range=(1, job["ngrams"]), threads=job["threads"]), job)


def matrices(vectorizer, job):
    """Seconds and the size of the result of a vectorizer, ours or scikit-learn's (the method names are the same)."""
    import scipy.sparse  # noqa: F401 (so that its import is not timed)

    with open(job["lines"]) as file:
        lines = file.read().splitlines()
    start = perf_counter()
    matrix = vectorizer.fit_transform(lines)
    fitted = perf_counter()
    again = vectorizer.transform(lines)
    done = perf_counter()
    assert matrix.nnz == again.nnz and abs(matrix.sum() / again.sum() - 1) < 1e-9
    return {"seconds": fitted - start, "transform": done - fitted, "entries": matrix.nnz, "terms": matrix.shape[1]}


def vocabulary(job):
    """Write the pruned vocabulary of the text to ``vocab``, a word and its count a line."""
    from fastembed import Corpus

    Corpus(job["text"]).encode().vocab.pruned(job["min_count"]).save(job["vocab"])
    return {}


def cooccur(job):
    """From the text to the matrix of co-occurrences."""
    import scipy.sparse  # noqa: F401 (so that its import is not timed)

    from fastembed import Cooccurrence, Corpus

    start, cpu = perf_counter(), process_time()
    corpus = Corpus(job["text"], threads=job["threads"])
    corpus.encode()
    numbered = perf_counter()
    counts = Cooccurrence(**{name: job[name] for name in ("window", "min_count", "threads")}).fit(corpus, verbose=0)
    seconds, cpu = perf_counter() - start, process_time() - cpu
    counting = seconds - (numbered - start)
    return {"seconds": seconds, "cpu": cpu, "counting": counting, "entries": counts.matrix.nnz / 1e6}


def ngram(job):
    """From the text to a language model with its hash tables."""
    from fastembed import Corpus, NGramLM

    start, cpu = perf_counter(), process_time()
    corpus = Corpus(job["text"], threads=job["threads"])
    corpus.encode()
    numbered = perf_counter()
    model = NGramLM(order=job["order"], threads=job["threads"]).fit(corpus, verbose=0)
    model.to_native()
    seconds, cpu = perf_counter() - start, process_time() - cpu
    if job.get("save"):
        model.save(job["arpa"])
    counting = seconds - (numbered - start)
    return {"seconds": seconds, "cpu": cpu, "counting": counting, "ngrams": sum(model.counts) / 1e6}


def ngram_scores(job):
    """Score the lines of the text: all at once, one by one, and as a file."""
    import math

    from fastembed import load

    model = load(job["arpa"]).set_params(threads=job["threads"])
    with open(job["text"], encoding="utf-8") as lines:
        sentences = lines.read().splitlines()
    model.score("")  # makes the hash tables
    start = perf_counter()
    found = model.scores(sentences)
    scored = perf_counter()
    for sentence in sentences:
        model.score(sentence)
    asked = perf_counter()
    perplexity = model.perplexity(job["text"])
    figures = {"file": perf_counter() - asked, "rate": scored - start, "single": asked - scored}
    figures = {name: job["words"] / seconds for name, seconds in figures.items()}
    return figures | {"mean": float(found.mean()) / math.log(10), "perplexity": perplexity}


def vectors(job):
    """Write and read a text file of random vectors, then ask for neighbours one by one and all at once."""
    import numpy as np

    from fastembed import KeyedVectors, io  # noqa: F401 (so that its import is not timed)

    start = perf_counter()
    kv = KeyedVectors.load(job["input"])
    loaded = perf_counter()
    kv.save(os.path.join(job["folder"], "copy.txt"))
    saved = perf_counter()
    words = kv.index_to_key[: job["queries"]]
    kv.most_similar(words[0])
    ready = perf_counter()
    for word in words:
        kv.most_similar(word)
    single = perf_counter()
    found = kv.most_similar_batch(words)
    batch = perf_counter()
    assert len(kv) == job["rows"] and len(found) and np.isfinite(kv.vectors).all()
    return {"load": loaded - start, "save": saved - loaded, "query": single - ready, "batch": batch - single}


def evaluate(job):
    """Score the vectors of ``input`` on every evaluation set."""
    import scipy.stats  # noqa: F401 (so that its import is not timed)

    from fastembed import KeyedVectors, evaluate, io  # noqa: F401 (nor theirs)

    kv = KeyedVectors.load(job["input"])
    return scores(kv, job)


def scores(kv, job):
    """Results and seconds of ``kv``, ours or gensim's (the method names are the same), on the sets named in ``job``."""
    figures = {}
    if "analogies" in job["sets"]:
        kv.most_similar(kv.index_to_key[0])
        start = perf_counter()
        accuracy, sections = kv.evaluate_word_analogies(job["sets"]["analogies"], restrict_vocab=job["restrict"])
        figures |= {"analogy_seconds": perf_counter() - start, "analogies": accuracy} | by_kind(sections)
    start = perf_counter()
    for name in ("ws353", "simlex", "men"):
        if name in job["sets"]:
            figures[name] = float(kv.evaluate_word_pairs(job["sets"][name])[1][0])
    if job.get("subwords"):
        figures |= rare_words(kv, job["sets"]["rare"])
    figures["pair_seconds"] = perf_counter() - start
    return figures


def rare_words(kv, path):
    """Similarity of rare words, without and with those that are not in the vocabulary, and their share of the pairs."""
    from fastembed import evaluate

    known, whole = evaluate.word_pairs(kv, path), evaluate.word_pairs(kv, path, subwords=True)
    return {"rare": float(known[1][0]), "rare_all": float(whole[1][0]), "unknown": float(known[2]) / 100}


def by_kind(sections):
    """Accuracy of the semantic and of the syntactic sections (in questions-words these are called gram...)."""
    counts = {"semantic": [0, 0], "syntactic": [0, 0]}
    for section in sections:
        if section["section"] == "Total accuracy":
            continue
        kind = counts["syntactic" if section["section"].startswith("gram") else "semantic"]
        kind[0] += len(section["correct"])
        kind[1] += len(section["correct"]) + len(section["incorrect"])
    return {name: right / asked if asked else None for name, (right, asked) in counts.items()}


def matrix(job):
    """Write the matrix to decompose, and what its singular values are by ARPACK in double precision, to ``output``."""
    from scipy import sparse
    from scipy.sparse.linalg import svds

    made = _tfidf(job) if job["window"] is None else _ppmi(job)
    sparse.save_npz(job["output"] + ".npz", made, compressed=False)
    exact = svds(made.astype(float), job["dim"], return_singular_vectors=False, random_state=0)
    return {"rows": made.shape[0], "columns": made.shape[1], "numbers": made.nnz, "exact": sorted(exact, reverse=True)}


def _ppmi(job):
    from scipy import sparse

    from fastembed import Cooccurrence, Corpus
    from fastembed.models.matrix import Matrix
    from fastembed.models.pmi import association

    counts = Cooccurrence(window=job["window"], min_count=5).fit(Corpus(job["text"]))
    found = association(Matrix.of(counts.matrix))
    return sparse.csr_matrix((found.values, found.columns, found.offsets), found.shape)


def _tfidf(job):
    import numpy as np

    from fastembed import TfidfVectorizer

    with open(job["lines"], encoding="utf-8") as file:
        return TfidfVectorizer(min_df=2, dtype=np.float32).fit_transform(file)


def svd(job):
    """The truncated SVD of a matrix: seconds, and how far its values are from the exact ones."""
    from scipy import sparse

    from fastembed import TruncatedSVD

    made = sparse.load_npz(job["matrix"])
    return decomposed(TruncatedSVD(n_components=job["dim"], threads=job["threads"]), made, job["exact"])


def decomposed(model, made, exact):
    """Time ``model.fit`` (ours or scikit-learn's) and compare its singular values with the exact ones."""
    import numpy as np

    start, cpu = perf_counter(), process_time()
    model.fit(made)
    seconds, cpu = perf_counter() - start, process_time() - cpu
    errors = np.abs(model.singular_values_ / exact - 1)
    return {"seconds": seconds, "cpu": cpu, "half": errors[: len(errors) // 2].max(), "all": errors.max()}


def counts(job):
    """Write the co-occurrence counts of the text for us (.fe) and, in random order, for Stanford's program (.bin)."""
    import numpy as np

    from fastembed import Cooccurrence, Corpus

    found = Cooccurrence(window=job["window"], min_count=5).fit(Corpus(job["text"]), verbose=0)
    found.save(job["counts"] + ".fe")
    matrix = found.matrix.tocoo()
    records = np.empty(matrix.nnz, [("row", "<i4"), ("column", "<i4"), ("value", "<f8")])
    records["row"], records["column"], records["value"] = matrix.row + 1, matrix.col + 1, matrix.data
    np.random.default_rng(1).shuffle(records)
    records.tofile(job["counts"] + ".bin")
    with open(job["counts"] + ".txt", "w", encoding="utf-8") as file:
        for word, number in zip(found.vocab.words, found.vocab.counts, strict=True):
            file.write(f"{word} {number}\n")
    return {"numbers": int(matrix.nnz)}


def glove(job):
    """GloVe on the counts of ``job``: speed of the epochs, loss, scores."""
    from fastembed import GloVe, load

    names = ("dim", "epochs", "threads", "seed")
    model, found = GloVe(lr=0.05, **{name: job[name] for name in names}), load(job["counts"] + ".fe")
    cpu = process_time()
    model.fit(found, verbose=0)
    cpu, work = process_time() - cpu, job["numbers"] * job["epochs"]
    seconds = sum(epoch["seconds"] for epoch in model.history)
    figures = scores(model.wv, job) if job["sets"] else {}
    return figures | {"rate": work / seconds, "cpu_rate": work / cpu, "loss": model.history[-1]["loss"]}


def glove_pipeline(job):
    """From the text to GloVe's vectors in a text file."""
    from fastembed import Corpus, GloVe

    start, cpu = perf_counter(), process_time()
    names = ("dim", "epochs", "threads", "seed", "window", "min_count")
    model = GloVe(lr=0.05, **{name: job[name] for name in names})
    model.fit(Corpus(job["text"], threads=job["threads"]), verbose=0)
    model.wv.save(job["output"])
    return {"seconds": perf_counter() - start, "cpu": process_time() - cpu}


def nnlm_batches(job):
    """The vocabulary and the first batches (contexts, words) of a language model."""
    from fastembed import Corpus
    from fastembed.models.language import BOS, EOS, language_vocab, numbers_of
    from fastembed.nn.batches import Windows

    encoded = Corpus(job["text"], threads=job["threads"]).encode()
    vocab = language_vocab(encoded.vocab, len(encoded.offsets) - 1, max_vocab=job["max_vocab"])
    ids = numbers_of(vocab, encoded.vocab)[encoded.ids]
    windows = Windows(ids, encoded.offsets, job["context"], begin=BOS, end=EOS, batch=job["batch"])
    return vocab, [windows.batch_at(number, (job["seed"], 0)) for number in range(job["batches"])]


def nnlm(job):
    """Train on the first batches, of which all but two are timed."""
    from fastembed import NNLM, blas
    from fastembed.models.neural import target_counts
    from fastembed.nn.feedforward import Network, Shape
    from fastembed.nn.optim import OPTIMIZERS

    vocab, batches = nnlm_batches(job)
    names = ("context", "dim", "hidden", "direct", "output", "samples", "optimizer", "lr")
    shape, counts = Shape.of(NNLM(**{name: job[name] for name in names})), target_counts(vocab)
    params = shape.begin(counts, (job["seed"],))
    network, optimizing = Network(params, shape, counts, job["threads"]), OPTIMIZERS[job["optimizer"]](params)
    optimizing.threads = job["threads"]

    def step(batch, number):
        return network.step(optimizing, batch, job["lr"], (job["seed"], number)).mean()

    with blas.one_thread():
        return timed_steps(step, batches)


def timed_steps(step, batches):
    """Speed of step(batch, number), the mean loss of a batch, after two that are not timed; the last ten losses."""
    for number, batch in enumerate(batches[:2]):
        step(batch, number)
    start, cpu = perf_counter(), process_time()
    losses = [float(step(batch, number)) for number, batch in enumerate(batches[2:])]
    seconds, cpu = perf_counter() - start, process_time() - cpu
    words = sum(len(words) for _, words in batches[2:])
    return {"rate": words / seconds, "cpu_rate": words / cpu, "loss": sum(losses[-10:]) / len(losses[-10:])}
