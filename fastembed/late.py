"""late(): functions that a lower layer offers but a higher one implements, imported on first call.

Imports in fastembed flow one way (CONTRIBUTING.md). ``KeyedVectors.save`` is where users look for it, yet it needs
fastembed.io, which stands above vectors. Every such door upward goes through here and nowhere else.
"""

from importlib import import_module


def late(module, name):
    """A function that forwards to ``module.name``, importing the module when first called."""

    def forward(*args, **kwargs):
        return getattr(import_module(module), name)(*args, **kwargs)

    forward.__name__ = name
    return forward
