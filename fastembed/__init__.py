"""fastembed trains word and contextual embeddings on CPUs.

>>> import fastembed as fe
>>> corpus = fe.Corpus(["the cat sat on the mat", "the dog sat on the log"] * 50)
>>> model = fe.SkipGram(dim=16, min_count=1, epochs=2).fit(corpus, verbose=0)
>>> model.wv["cat"].shape
(16,)

Public names are imported on first use (PEP 562), so ``import fastembed`` is quick.
"""

import os
import warnings
from importlib import import_module

from ._version import __version__

_NAMES = {  # public name -> module that has it
    "Corpus": ".corpus",
    "Vocab": ".vocab",
    "KeyedVectors": ".vectors",
    "SkipGram": ".models.word2vec",
    "CBOW": ".models.word2vec",
    "FastText": ".models.fasttext",
    "FastTextClassifier": ".models.classifier",
    "Cooccurrence": ".models.cooccurrence",
    "GloVe": ".models.glove",
    "SVDEmbedding": ".models.svd",
    "TruncatedSVD": ".models.truncated",
    "NGramLM": ".models.ngram",
    "NNLM": ".models.nnlm",
    "RNNLM": ".models.rnnlm",
    "ELMo": ".models.elmo",
    "ELMoTagger": ".models.heads",
    "ELMoClassifier": ".models.heads",
    "WordWindows": ".models.contextual",
    "BERT": ".models.bert",
    "Pieces": ".pieces",
    "OneHotEncoder": ".models.onehot",
    "CountVectorizer": ".models.counts",
    "TfidfVectorizer": ".models.tfidf",
    "load": ".io",
}
_MODULES = {  # public submodule -> where it lives
    "simd": "._core.simd",
    "tokenize": ".tokenize",
    "errors": ".errors",
    "io": ".io",
    "evaluate": ".evaluate",
    "report": ".report",
    "models": ".models",
    "callbacks": ".callbacks",
    "nn": ".nn",
    "sample": ".sample",
}
__all__ = ["__version__", *_NAMES, *_MODULES]


def __getattr__(name):
    if name in _NAMES:
        value = getattr(import_module(_NAMES[name], __name__), name)
    elif name in _MODULES:
        value = import_module(_MODULES[name], __name__)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__():
    return sorted(__all__)


# PyPI's distribution "fastembed" (Qdrant's inference library) owns the same import name.
if os.path.exists(os.path.join(os.path.dirname(__file__), "text", "text_embedding.py")):
    warnings.warn(
        "the distributions fastembed-trainer (this one) and fastembed (Qdrant) are installed into the same folder "
        "and overwrite each other; use a separate virtual environment for each",
        RuntimeWarning,
        stacklevel=2,
    )
