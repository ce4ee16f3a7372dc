"""How good is a model? Word similarity and analogies, with gensim's return values; perplexity; probes."""

from .analogy import AnalogyResult, analogies, word_analogies
from .perplexity import Perplexity, mixture_weights, perplexity
from .probing import Probe, linear_probe, sense_centroids
from .similarity import word_pairs

__all__ = [
    "AnalogyResult",
    "Perplexity",
    "Probe",
    "analogies",
    "linear_probe",
    "mixture_weights",
    "perplexity",
    "sense_centroids",
    "word_analogies",
    "word_pairs",
]
