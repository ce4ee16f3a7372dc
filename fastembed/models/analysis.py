"""Analysis: what happens to a document before its terms are counted, in C where that is exact, in Python elsewhere."""

import re
import sys
import unicodedata
from functools import cache
from itertools import chain

import numpy as np

from .._core import documents as core
from .._core.encode import WordMap
from ..errors import CorpusError, ParameterError

_IN_C = {  # token pattern -> (words are what white space separates, shortest)
    r"(?u)\b\w\w+\b": (0, 2),
    r"\b\w\w+\b": (0, 2),
    r"\w\w+": (0, 2),
    r"(?u)\b\w+\b": (0, 1),
    r"\b\w+\b": (0, 1),
    r"(?u)\w+": (0, 1),
    r"\w+": (0, 1),
    r"\S+": (1, 1),
    r"[^\s]+": (1, 1),
}


class Tokens:
    """Documents that Python has cut into tokens, as fastembed._core.documents.Counter.count_tokens takes them."""

    def __init__(self, lists):
        tokens = list(chain.from_iterable(lists))
        joined = " ".join(tokens)
        if joined.isascii():
            text, lengths = joined.encode(), map(len, tokens)
        else:
            encoded = [token.encode("utf-8", "surrogatepass") for token in tokens]
            text, lengths = b" ".join(encoded), map(len, encoded)
        if len(text) >= core.LONGEST:
            raise CorpusError(f"{len(lists)} documents in a row hold {len(text)} bytes of tokens, which is too much")
        self.text = np.frombuffer(b" " + text + b" " * (1 + core.PAD), np.uint8)
        self.bytes = np.fromiter(lengths, np.int64, len(tokens))
        self.rows = np.fromiter(map(len, lists), np.int64, len(lists))


class Analysis:
    """The steps that the parameters of a vectorizer ask for.

    Parameters
    ----------
    asked : the vectorizer.
    """

    def __init__(self, asked):
        self.asked = asked
        self.unit = "word" if callable(asked.analyzer) else asked.analyzer
        self.ngrams = (1, 1) if callable(asked.analyzer) else asked.ngram_range
        self.change, lowercase = self._preprocessing()
        self.tokenize = self._tokenizing()
        if self.tokenize and lowercase:
            self.change, lowercase = str.lower, 0
        cut = (1, 1) if self.unit == "char_wb" else _IN_C.get(asked.token_pattern, (0, 1))
        self.cut = (*cut, lowercase)
        words = stop_words(asked.stop_words) if asked.analyzer == "word" else frozenset()
        self.stopped = words if self.tokenize else frozenset()  # what Python has to leave out
        self.stop = _map_of(words) if words and not self.tokenize else None

    def counter(self, words, learn):
        """A Counter for one thread."""
        return core.Counter(words, learn, self.stop, self.unit, self.ngrams, self.cut)

    def prepare(self, documents):
        """(list of str or Tokens for a Counter, whether it needs the tables of characters)."""
        if callable(self.asked.analyzer):
            return Tokens([self._checked(self.asked.analyzer(document), "analyzer") for document in documents]), False
        if self.change:
            documents = [self._text(self.change(document)) for document in documents]
        if self.tokenize:
            return Tokens([self._kept(self.tokenize(document)) for document in documents]), False
        wide = [k for k, document in enumerate(documents) if not document.isascii()]
        if wide and self.cut[2]:
            irregular = tables()[2]
            for k in wide:
                if any(character in documents[k] for character in irregular):
                    documents[k] = documents[k].lower()
        return documents, bool(wide)

    def _preprocessing(self):
        """(function from str to str or None, whether C folds to lower case)."""
        asked, strip = self.asked, self.asked.strip_accents
        if asked.preprocessor is not None:
            return asked.preprocessor, 0
        if strip is None:
            return None, int(bool(asked.lowercase))
        remove = strip if callable(strip) else _STRIP[strip]
        return (lambda text: remove(text.lower())) if asked.lowercase else remove, 0

    def _tokenizing(self):
        """Function from str to a list of tokens, or None if C does it."""
        asked = self.asked
        if asked.analyzer != "word":
            return None
        if asked.tokenizer is not None:
            return lambda text: self._checked(asked.tokenizer(text), "tokenizer")
        if asked.token_pattern is None:
            raise ParameterError("token_pattern=None: give a regular expression, or a tokenizer")
        if asked.token_pattern in _IN_C:
            return None
        pattern = re.compile(asked.token_pattern)
        if pattern.groups > 1:
            raise ParameterError(f"token_pattern={asked.token_pattern!r}: use at most 1 capturing group")
        return pattern.findall

    def _kept(self, tokens):
        return [token for token in tokens if token not in self.stopped] if self.stopped else tokens

    @staticmethod
    def _checked(tokens, name):
        """The tokens as a list; CorpusError if they are none."""
        if isinstance(tokens, (str, bytes)) or not hasattr(tokens, "__iter__"):
            kind, shown = type(tokens).__name__, repr(tokens)[:50]
            raise CorpusError(f"the {name} returned one {kind}, {shown}, where a list of str is needed")
        tokens = list(tokens)
        for token in tokens:
            if not isinstance(token, str):
                raise CorpusError(f"the {name} returned {token!r} among its tokens, which must be str")
        return tokens

    @staticmethod
    def _text(text):
        if not isinstance(text, str):
            raise CorpusError(f"the preprocessor returned {type(text).__name__}, which must be str")
        return text


def stop_words(asked):
    """The words to leave out, a frozenset; "english" is scikit-learn's list, which has to be installed for it."""
    if asked is None:
        return frozenset()
    if isinstance(asked, str):
        try:
            from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
        except ImportError:
            raise ParameterError(
                f"stop_words={asked!r} is scikit-learn's list, which is not installed: install it or give a list"
            ) from None
        return frozenset(ENGLISH_STOP_WORDS)
    return frozenset(map(str, asked))


def _map_of(words):
    numbered = WordMap(0)
    for word in words:
        if word:
            numbered.add(word.encode("utf-8", "surrogatepass"), 1)
    return numbered


@cache
def tables():
    """Of every character its class, (CODES,) uint8, and its lower case, (CODES,) uint32; and those that have none here.

    Python is asked, so that \\w, \\s and str.lower mean what they mean there. The lower case of the characters in the
    third answer, a str, is more than one character or depends on its neighbours.
    """
    codes = np.arange(core.CODES, dtype=np.uint32)
    text = codes.tobytes().decode(f"utf-32-{sys.byteorder[0]}e", "surrogatepass")
    classes = np.zeros(core.CODES, np.uint8)
    for found in re.finditer(r"(\w+)|\s+", text):
        classes[found.start() : found.end()] = core.WORD if found[1] else core.SPACE
    lower, irregular = codes.copy(), "\u03a3"  # the capital sigma: its form at the end of a word is another
    for first in range(0, core.CODES, 1024):
        block = text[first : first + 1024]
        if len(block.lower()) != len(block):
            irregular += "".join(character for character in block if len(character.lower()) != 1)
        if any(character in block for character in irregular):
            block = "".join(character if character in irregular else character.lower() for character in block)
        else:
            block = block.lower()
        lower[first : first + 1024] = np.frombuffer(block.encode("utf-32-le", "surrogatepass"), "<u4")
    return classes, lower, irregular


def _strip_unicode(text):
    """The text without accents: decomposed (NFKD), combining characters left out."""
    if text.isascii():
        return text
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def _strip_ascii(text):
    """What of the decomposed text (NFKD) is ASCII."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")


_STRIP = {"unicode": _strip_unicode, "ascii": _strip_ascii}
