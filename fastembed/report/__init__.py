"""Pictures of results: ``map`` of words and the ``training_curve`` of a model, as SVG (our own) or PNG (matplotlib)."""

from .curve import training_curve
from .wordmap import map

__all__ = ["map", "training_curve"]
