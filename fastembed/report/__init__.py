"""Results to look at: ``map`` and ``training_curve`` as SVG (our own) or PNG (matplotlib), ``explorer`` as a page."""

from .curve import training_curve
from .explorer import explorer
from .wordmap import map

__all__ = ["explorer", "map", "training_curve"]
