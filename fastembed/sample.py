"""The sample text that ships with fastembed: public-domain novels, English and Chinese.

>>> import fastembed as fe
>>> corpus = fe.sample.english()
>>> fe.sample.path("chinese").name
'chinese.txt.xz'

What the texts are and where they come from: fastembed/data/README.md.
"""

from pathlib import Path

from .corpus import Corpus
from .errors import ParameterError
from .tokenize import words

_FILES = {"english": "english.txt.xz", "chinese": "chinese.txt.xz"}


def path(language):
    """Path of the xz file with the ``"english"`` or ``"chinese"`` text, one paragraph a line."""
    if language not in _FILES:
        raise ParameterError(f"language={language!r}: use one of {', '.join(_FILES)}")
    return Path(__file__).parent / "data" / _FILES[language]


def english(**options):
    """Corpus of Pride and Prejudice, Moby-Dick and War and Peace: about 0.9 million words, in lower case.

    ``options`` go to Corpus; by default ``tokenizer=fe.tokenize.words, lowercase=True``.
    """
    return Corpus(path("english"), **({"tokenizer": words, "lowercase": True} | options))


def chinese(**options):
    """Corpus of 红楼梦 and 三国演义: about 0.8 million words, already segmented by spaces.

    ``options`` go to Corpus. The default tokenizer keeps the words and drops the punctuation.
    """
    return Corpus(path("chinese"), **({"tokenizer": words} | options))
