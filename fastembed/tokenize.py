"""Tokenisers: functions from a str to a list of str, for ``fe.Corpus(..., tokenizer=...)``.

>>> words("The cat's 2 hats, don't!")
['The', "cat's", '2', 'hats', "don't"]
>>> characters("a b")
['a', 'b']
"""

import re
import unicodedata
from functools import cache, partial
from importlib.metadata import version

from .errors import ParameterError

_MARKED_PLANES = (0x00000, 0x10000, 0xE0000)  # of Unicode; the others have ideographs, private characters or nothing
_SPACES = re.compile(r"[ \t\n\v\f\r]+")


def whitespace(text):
    """Split at ASCII white space (space, tab, newline, vertical tab, form feed, carriage return) and nothing else.

    This is what word2vec and gensim's corpus_file do, and what Corpus does in C when no tokenizer is given. Unicode's
    other spaces, such as U+00A0 and U+3000, stay inside words; ``words`` splits there.
    """
    return [word for word in _SPACES.split(text) if word]


@cache
def _word_pattern():
    """Letters, digits and the marks that belong to them, joined by single apostrophes or hyphens.

    Python's ``\\w`` lacks combining marks, without which words of Hindi, Thai or vocalised Arabic fall apart.
    """
    marks, before = "\u200c\u200d", False
    for code in (code for plane in _MARKED_PLANES for code in range(plane, plane + 0x10000)):
        mark = unicodedata.category(chr(code)).startswith("M")
        if mark and not before:
            marks += f"{chr(code)}-"
        elif before and not mark:
            marks += chr(code - 1)
        before = mark
    run = rf"[^\W_]+(?:[{marks}]+[^\W_]*)*"
    return re.compile(rf"{run}(?:['\u2019-]{run})*")


def words(text):
    """Words of any script that puts spaces between them: runs of letters and digits; punctuation is left out.

    An apostrophe or hyphen between letters belongs to the word.
    """
    return _word_pattern().findall(text)


def characters(text):
    """Every character that is not white space, one token each."""
    return [character for character in text if not character.isspace()]


def chinese(text):
    """Chinese words, by rjieba (``pip install "fastembed-trainer[zh]"``), without white space.

    Raises ParameterError where rjieba is not installed.
    """
    cut = _rjieba()
    return [word for word in cut(text) if not word.isspace()]


@cache
def _rjieba():
    try:
        import rjieba
    except ImportError:
        raise ParameterError(
            'the Chinese tokenizer needs rjieba: pip install "fastembed-trainer[zh]" (or pip install rjieba)'
        ) from None
    return rjieba.cut


NAMES = {"whitespace": whitespace, "words": words, "characters": characters, "chinese": chinese}


def resolve(tokenizer):
    """What a Corpus needs to know of a tokenizer: (function, name).

    The function makes a list of str into their lists of tokens; it is None for white space, which is done in C. The
    name tells tokenizers apart in a cache; it is None where nothing does (a lambda, an object).
    """
    if tokenizer is None or tokenizer is whitespace or tokenizer == "whitespace":
        return None, "whitespace"
    if isinstance(tokenizer, str):
        if tokenizer not in NAMES:
            raise ParameterError(f"tokenizer={tokenizer!r}: use one of {', '.join(NAMES)}, or a callable")
        tokenizer = NAMES[tokenizer]
    if tokenizer is chinese:
        _rjieba()  # so that a missing package is noticed now
    if hasattr(tokenizer, "encode_batch") and hasattr(tokenizer, "to_str"):  # a tokenizers.Tokenizer
        return partial(_encode_batch, tokenizer), "tokenizers:" + tokenizer.to_str()
    if hasattr(tokenizer, "convert_tokens_to_ids") and hasattr(tokenizer, "tokenize"):  # one of transformers
        return partial(map, tokenizer.tokenize), None
    if not callable(tokenizer):
        raise ParameterError(f"tokenizer={tokenizer!r}: use one of {', '.join(NAMES)}, or a callable from str to list")
    names = [name for name, function in NAMES.items() if function is tokenizer]
    if tokenizer is chinese:
        names = [f"chinese, rjieba {version('rjieba')}"]
    return partial(map, tokenizer), names[0] if names else None


def _encode_batch(tokenizer, texts):
    return [encoding.tokens for encoding in tokenizer.encode_batch(texts, add_special_tokens=False)]
