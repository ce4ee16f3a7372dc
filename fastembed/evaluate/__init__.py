"""How good is a model? Word similarity and analogies, with gensim's return values; perplexity."""

from .analogy import AnalogyResult, analogies, word_analogies
from .perplexity import Perplexity, mixture_weights, perplexity
from .similarity import word_pairs

__all__ = [
    "AnalogyResult",
    "Perplexity",
    "analogies",
    "mixture_weights",
    "perplexity",
    "word_analogies",
    "word_pairs",
]
