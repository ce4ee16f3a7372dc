"""Every step of the history of word vectors on the same tasks, inside a measured process.

A model is trained on the text, or opened where there is one of its name already, then asked: do its cosines order pairs
of words as people do; do its vectors tell parts of speech, senses of a word, and opinions of a sentence, to a linear
classifier?
"""

from pathlib import Path

import numpy as np

AROUND = 10  # words on each side that tell the sense of one
SENSES = 50  # sentences of a word to learn from, and to judge by


def measure(job):
    """job: name, text, threads, seed, epochs, models, sets, treebank, opinions, senses -> figures of all tasks."""
    if job["name"] in ("one-hot", "TF-IDF"):
        return _counted(job)
    model = _model(job)
    figures = (_contextual if hasattr(model, "embed") else _static)(job, model)
    return figures | {"seconds": sum(epoch.get("seconds", 0) for epoch in model.history)}


def _model(job):
    """The trained model; kept in the folder of models under its name."""
    import fastembed as fe

    path = Path(job["models"], job["name"].lower() + ".fe")
    if not path.exists():
        small = {"threads": job["threads"], "seed": job["seed"]}
        sizes = {"dim": 100, "min_count": 5} | small
        corpus = fe.Corpus(job["text"], threads=job["threads"])
        made = {
            "SVD": lambda: fe.SVDEmbedding(**sizes),
            "SkipGram": lambda: fe.SkipGram(**sizes, sample=1e-4, lr=0.05, epochs=job["epochs"]),
            "CBOW": lambda: fe.CBOW(**sizes, sample=1e-4, lr=0.05, epochs=job["epochs"]),
            "GloVe": lambda: fe.GloVe(**sizes, epochs=5 * job["epochs"]),
            "FastText": lambda: fe.FastText(**sizes, sample=1e-4, lr=0.05, epochs=job["epochs"]),
            "ELMo": lambda: fe.ELMo.small(**small),
            "BERT": lambda: fe.BERT.tiny(**small),
        }[job["name"]]()
        made.fit(corpus, verbose=0).save(path)
    return fe.load(path)


# -- one-hot and TF-IDF: words are only themselves


def _counted(job):
    """A linear classifier on one-hot words gives each word its most frequent tag."""
    import fastembed as fe

    tfidf = job["name"] == "TF-IDF"
    figures = {} if tfidf else {"pos": _most_frequent_tag(*_treebank(job))}
    kind = fe.TfidfVectorizer if tfidf else fe.CountVectorizer
    (train, labels), (test, test_labels) = _opinions(job)
    vectorizer = kind(token_pattern=r"\S+").fit(train)
    matrices = vectorizer.transform(train), vectorizer.transform(test)
    return figures | {"opinion": _logistic(matrices[0], labels, matrices[1], test_labels)}


def _most_frequent_tag(train, test):
    counts, overall = {}, {}
    for words, tags in zip(*train, strict=True):
        for word, tag in zip(words, tags, strict=True):
            counts.setdefault(word, {}).setdefault(tag, 0)
            counts[word][tag] += 1
            overall[tag] = overall.get(tag, 0) + 1
    usual = max(overall, key=overall.get)
    best = {word: max(own, key=own.get) for word, own in counts.items()}
    found = [
        [best.get(word, usual) == tag for word, tag in zip(*pair, strict=True)] for pair in zip(*test, strict=True)
    ]
    return float(np.mean(np.concatenate(found)))


# -- one vector a word


def _static(job, model):
    from fastembed.models.contextual import WordWindows

    wv, figures = model.wv, {}
    for name, path in job["sets"].items():
        figures[name] = float(wv.evaluate_word_pairs(path)[1][0])
    figures["pos"], _ = _tagged(WordWindows(wv, 1), job)
    words = WordWindows(wv)
    figures["opinion"] = _opinion(lambda texts: [_mean(states[0]) for states in words.word_states(texts)], job)
    return figures | {"sense": _senses(_neighbours(wv), job)}


def _neighbours(wv):
    """A function (sentences, places) -> the mean of the static vectors around each place."""
    from fastembed.models.contextual import WordWindows

    words = WordWindows(wv)

    def context(sentences, places):
        rows = words.word_states(sentences)
        return np.stack([_mean(_around(states[0], place)) for states, place in zip(rows, places, strict=True)])

    return context


def _unit(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30)


def _mean(rows):
    """The mean of the rows that are not zeros, at length 1: unknown words say nothing."""
    known = _unit(rows[np.abs(rows).sum(1) > 0])
    return known.mean(0) if len(known) else np.zeros(rows.shape[1], rows.dtype)


def _around(rows, place):
    return np.concatenate([rows[max(0, place - AROUND) : place], rows[place + 1 : place + 1 + AROUND]])


# -- a vector for a word in its sentence


class Kept:
    """A contextual model that sees each sentence once, however often it is asked for."""

    def __init__(self, model):
        self.model, self.depth, self.width, self.found = model, model.depth, model.width, {}

    def word_states(self, sentences):
        """As the model's."""
        rows = [tuple(words) for words in sentences]
        new = [words for words in dict.fromkeys(rows) if words not in self.found]
        self.found.update(zip(new, self.model.word_states([list(words) for words in new]), strict=True))
        return [self.found[words] for words in rows]


def _contextual(job, model):
    import fastembed as fe

    model = Kept(model)
    score, weights = _tagged(model, job)
    figures = {"pos": score, "weights": weights, "pos_average": _tagged(model, job, "average")[0]}
    for layer in range(model.depth):
        figures[f"pos_{layer}"], _ = _tagged(model, job, layer)
    model.found.clear()

    def sentence(texts):
        return [_mean(states.mean(0)) for states in model.word_states(texts)]

    figures["opinion"] = _opinion(sentence, job)

    def target(sentences, places):
        rows = model.word_states(sentences)
        return np.stack([states[-1, place] for states, place in zip(rows, places, strict=True)])

    figures["sense"] = _senses(target, job)
    static = Path(job["models"], "skipgram.fe")
    if static.exists():
        context = _neighbours(fe.load(static).wv)

        def both(sentences, places):  # the word itself at half the length of what is around it
            return np.hstack([_unit(target(sentences, places)) / 2, _unit(context(sentences, places))])

        figures["sense_both"] = _senses(both, job)
    return figures


# -- tasks


def _treebank(job):
    from fastembed import io

    return io.read_conllu(job["treebank"]["train"]), io.read_conllu(job["treebank"]["test"])


def _tagged(model, job, layers="mix"):
    """Accuracy of parts of speech by a linear layer; and the layers' weights."""
    from fastembed import ELMoTagger

    train, test = _treebank(job)
    tagger = ELMoTagger(language_model=model, layers=layers, threads=job["threads"], seed=job["seed"])
    score = tagger.fit(*train, verbose=0).score(*test)
    return score, " ".join(f"{weight:.2f}" for weight in tagger.mix.weights)


def _opinions(job):
    """((texts, labels), (texts, labels)): every fifth sentence is judged."""
    texts, labels = zip(*((text, label) for label, text in job["opinions"]), strict=True)
    judged = np.arange(len(texts)) % 5 == 0
    parts = [([texts[k] for k in np.flatnonzero(mask)], np.array(labels)[mask]) for mask in (~judged, judged)]
    return tuple(parts)


def _opinion(embed, job):
    (train, labels), (test, test_labels) = _opinions(job)
    train, test = (np.stack(embed([text.split() for text in texts])) for texts in (train, test))
    return _logistic(train, labels, test, test_labels)


def _logistic(train, labels, test, test_labels):
    """Accuracy of scikit-learn's logistic regression; None without scikit-learn."""
    try:
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler
    except ImportError:
        return None
    if isinstance(train, np.ndarray):
        scaler = StandardScaler().fit(train)
        train, test = scaler.transform(train), scaler.transform(test)
    return float(LogisticRegression(C=1.0, max_iter=500).fit(train, labels).score(test, test_labels))


def _senses(embed, job):
    """Macro accuracy over the words: nearest centroid of the senses."""
    from fastembed import evaluate

    scores = []
    for parts in job["senses"].values():
        judged = []
        for part in ("train", "test"):
            sentences, places, senses = zip(*parts[part], strict=True)
            judged += [embed([sentence.split() for sentence in sentences], places), senses]
        scores.append(evaluate.sense_centroids(*judged))
    return float(np.mean(scores)) if scores else None
