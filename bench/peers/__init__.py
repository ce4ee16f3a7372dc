"""The contestants: one file for each library that can be measured, and one for any binary with word2vec.c's options."""

import importlib.metadata
import importlib.util

LIBRARIES = {  # import name -> how to get it
    "gensim": "pip install gensim",
    "sklearn": "pip install scikit-learn",
    "kenlm": "pip install kenlm (needs a C++ compiler)",
    "torch": "pip install torch",
    "transformers": "pip install transformers",
    "onnxruntime": "pip install onnxruntime onnx",
    "fasttext": "pip install fasttext (needs a C++ compiler)",
}


def installed(name):
    """True if the library ``name`` can be imported here; looks, but does not import."""
    return importlib.util.find_spec(name) is not None


def versions():
    """Version by name of the libraries that are installed."""
    found = importlib.metadata.packages_distributions()
    names = [name for name in ("numpy", "scipy", *LIBRARIES) if installed(name)]
    return {name: importlib.metadata.version(found.get(name, [name])[0]) for name in names}


def missing():
    """Lines that say which peers are not installed and how to get them."""
    return [f"{name} is not installed: {how}" for name, how in LIBRARIES.items() if not installed(name)]
