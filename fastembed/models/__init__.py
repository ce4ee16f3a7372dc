"""The registry of models: the name on the command line -> the class."""

import os
from importlib import import_module

from ..errors import FormatError

MODELS = {  # name -> (family, module, class)
    "skipgram": ("vectors", "word2vec", "SkipGram"),
    "cbow": ("vectors", "word2vec", "CBOW"),
    "glove": ("vectors", "glove", "GloVe"),
    "fasttext": ("vectors", "fasttext", "FastText"),
    "svd": ("vectors", "svd", "SVDEmbedding"),
    "truncated-svd": ("matrix", "truncated", "TruncatedSVD"),
    "classifier": ("labels", "classifier", "FastTextClassifier"),
    "onehot": ("counts", "onehot", "OneHotEncoder"),
    "counts": ("counts", "counts", "CountVectorizer"),
    "tfidf": ("counts", "tfidf", "TfidfVectorizer"),
    "ngram": ("language", "ngram", "NGramLM"),
    "nnlm": ("language", "nnlm", "NNLM"),
    "rnnlm": ("language", "rnnlm", "RNNLM"),
    "elmo": ("contextual", "elmo", "ELMo"),
    "bert": ("contextual", "bert", "BERT"),
    "elmo-tagger": ("heads", "heads", "ELMoTagger"),
    "elmo-classifier": ("heads", "heads", "ELMoClassifier"),
    "cooccur": ("pairs", "cooccurrence", "Cooccurrence"),
}
# A family shares what can be done with its models: "vectors" have ``wv`` and are trained by ``fastembed train``,
# "labels" learn labels of documents, "counts" turn documents into sparse matrices, "pairs" count words beside words,
# "matrix" are fitted to a matrix of numbers, "language" give the probability of the next word (language.py) and are
# trained by ``fastembed train`` too, as are "contextual", which give vectors of words in their sentence, "heads" learn
# what to do with those vectors.


def names(family=None):
    """Names of all models, or of those of a family."""
    return [name for name, (own, _, _) in MODELS.items() if family in (None, own)]


def get(name):
    """The class of a model by its registered name (KeyError if there is none)."""
    _, module, class_name = MODELS[name]
    return getattr(import_module(f"{__name__}.{module}"), class_name)


def to_native(model):
    """A model's whole state as (tensors, texts) for fastembed.io.native; NotFittedError before fit."""
    return model.to_native()


def from_fasttext(path, contents):
    """The FastText or FastTextClassifier of a fastText .bin (fastembed.io.fasttext.Contents)."""
    return get("fasttext" if contents.labels is None else "classifier").from_fasttext(path, contents)


def from_arpa(path, contents):
    """The NGramLM of an ARPA file (fastembed.io.arpa.Contents)."""
    return get("ngram").from_arpa(path, contents)


def from_folder(path):
    """The BERT in a folder with config.json (fastembed.io.hf), or the ELMo in one with options.json."""
    if not os.path.exists(os.path.join(path, "config.json")):
        return get("elmo").load(os.path.join(path, "options.json"), os.path.join(path, "weights.hdf5"))
    return get("bert").load(path)


def from_native(path, tensors, meta):
    """The model of a native file (fastembed.io.native), ready to use or to train further.

    Raises FormatError if the file's class is unknown or its arrays do not fit together.
    """
    for name, (_, _, class_name) in MODELS.items():
        if class_name == meta.get("class"):
            return get(name).from_native(path, tensors, meta)
    raise FormatError(path, f"holds a {meta.get('class')!r}, which this version of fastembed does not know")
