"""The contestants: one file for each library that can be measured, and one for any binary with word2vec.c's options."""

import importlib.metadata
import importlib.util

LIBRARIES = {  # import name -> how to get it
    "gensim": "pip install gensim",
    "sklearn": "pip install scikit-learn",
    "fasttext": "pip install fasttext (needs a C++ compiler)",
}


def installed(name):
    """True if the library ``name`` can be imported here; looks, but does not import."""
    return importlib.util.find_spec(name) is not None


def versions():
    """Version by name of the libraries that are installed."""
    names = {name: "scikit-learn" if name == "sklearn" else name for name in ("numpy", "scipy", *LIBRARIES)}
    return {name: importlib.metadata.version(names[name]) for name in names if installed(name)}


def missing():
    """Lines that say which peers are not installed and how to get them."""
    return [f"{name} is not installed: {how}" for name, how in LIBRARIES.items() if not installed(name)]
