"""How good are vectors? Word similarity and analogies, with gensim's return values."""

from .analogy import AnalogyResult, analogies, word_analogies
from .similarity import word_pairs

__all__ = ["AnalogyResult", "analogies", "word_analogies", "word_pairs"]
