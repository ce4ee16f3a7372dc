"""Pieces: words in parts of a small vocabulary, BERT's WordPiece, by the package tokenizers.

Text is cleaned of control characters, Chinese characters become words of their own, upper case and accents go (if the
vocabulary is in lower case), words are split at white space and punctuation, and each is cut into the longest pieces
that the vocabulary has, from left to right; pieces that go on a word begin with "##" (Wu et al. 2016; Devlin et al.
2019). Special tokens in the text, such as [MASK], stand for themselves.
"""

import json
from collections import Counter
from functools import cache

import numpy as np

from .corpus import Corpus
from .errors import CorpusError, ParameterError

SPECIAL = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
COVERED = 0.9995  # share of a corpus's characters that have a piece
PREFIX = "##"


@cache
def _package():
    try:
        import tokenizers
    except ImportError:
        raise ParameterError(
            'word pieces need the package tokenizers: pip install "fastembed-trainer[tokenizers]" '
            "(or pip install tokenizers)"
        ) from None
    return tokenizers


class Pieces:
    """A vocabulary of pieces and the rules of cutting.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer; its truncation and padding are switched off.
    special : dict from "pad", "unk", "cls", "sep", "mask" to their tokens, where they are not BERT's.

    Raises ValueError if one of the five is not in the vocabulary (of which only the mask may be missing) or numbers of
    the vocabulary are left out.

    >>> pieces = Pieces.of_vocab(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "whale", "##s"])
    >>> ids, offsets = pieces.encode(["The whales", "whale"])
    >>> ids.tolist(), offsets.tolist(), [pieces.tokens[k] for k in ids]
    ([5, 6, 7, 6], [0, 3, 4], ['the', 'whale', '##s', 'whale'])
    """

    def __init__(self, tokenizer, special=None):
        if not hasattr(tokenizer, "no_truncation"):
            raise ParameterError(f"tokenizer={repr(tokenizer)[:50]}: give a Tokenizer of the package tokenizers")
        tokenizer.no_truncation()
        tokenizer.no_padding()
        numbers = tokenizer.get_vocab(with_added_tokens=True)
        if sorted(numbers.values()) != list(range(len(numbers))):
            raise ValueError("numbers of the vocabulary are left out or given twice")
        self.tokenizer, self.special = tokenizer, SPECIAL | (special or {})
        self.tokens = sorted(numbers, key=numbers.get)
        self.ids = {name: numbers.get(token) for name, token in self.special.items()}
        missing = [self.special[name] for name, number in self.ids.items() if number is None and name != "mask"]
        if missing:
            raise ValueError(f"the vocabulary lacks {', '.join(missing)}")

    def __len__(self):
        return len(self.tokens)

    def __repr__(self):
        return f"Pieces({len(self):,})"

    # -- making one

    @classmethod
    def train(cls, corpus, size, *, lowercase=True, min_count=2):
        """Learn a vocabulary: from single characters on, the most frequent pair of pieces becomes a piece.

        Parameters
        ----------
        corpus : Corpus, or anything that Corpus takes; its words are what may be cut.
        size : pieces, special ones among them; fewer if the corpus has no more pairs, more if it has more characters.
        lowercase : fold case and drop accents.
        min_count : pairs that occur less often are left.

        Characters that are not among the most frequent that make up 99.95 % of the text have no piece: their words are
        [UNK]. The same corpus gives the same vocabulary. Raises CorpusError if nothing is left of the words.
        """
        if isinstance(size, bool) or not hasattr(size, "__index__") or size <= len(SPECIAL):
            raise ParameterError(f"size={size!r}: give a whole number of at least {len(SPECIAL) + 1}")
        corpus = (corpus if isinstance(corpus, Corpus) else Corpus(corpus)).whole()
        tokenizers, encoded = _package(), corpus.encode()
        blank = cls.of_vocab(SPECIAL.values(), lowercase=lowercase).tokenizer
        alphabet, inner = _characters(blank, encoded.vocab, size)
        if not alphabet:
            raise CorpusError(f"{corpus.name} holds nothing but control characters: there are no pieces to learn")
        # The trainer numbers what it meets in an order that differs from run to run, and equal counts are settled by
        # number: with all characters given in advance, the first pieces of words and the others, nothing is left to it.
        given = [*SPECIAL.values(), *(PREFIX + character for character in inner)]
        trainer = tokenizers.trainers.WordPieceTrainer(
            vocab_size=size, min_frequency=min_count, special_tokens=given, initial_alphabet=alphabet,
            limit_alphabet=len(alphabet), continuing_subword_prefix=PREFIX, show_progress=False,
        )  # fmt: skip
        blank.train_from_iterator(encoded.lines(), trainer)
        numbers = blank.get_vocab(with_added_tokens=False)
        return cls.of_vocab(sorted(numbers, key=numbers.get), lowercase=lowercase)

    @classmethod
    def of_vocab(cls, tokens, *, lowercase=True, strip_accents=None, chinese=True, special=None):
        """BERT's tokenizer over the lines of a vocab.txt.

        Parameters
        ----------
        strip_accents : None as ``lowercase``. chinese : put blanks around Chinese characters.

        Raises ValueError as the class does, and for a token that comes twice.
        """
        tokenizers, tokens = _package(), list(tokens)
        numbers, special = {token: number for number, token in enumerate(tokens)}, SPECIAL | (special or {})
        if len(numbers) < len(tokens):
            raise ValueError(f"the token {Counter(tokens).most_common(1)[0][0]!r} comes twice")
        tokenizer = tokenizers.Tokenizer(
            tokenizers.models.WordPiece(numbers, unk_token=special["unk"], continuing_subword_prefix=PREFIX)
        )
        tokenizer.add_special_tokens([token for token in special.values() if token in numbers])
        tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(
            lowercase=lowercase, strip_accents=strip_accents, handle_chinese_chars=chinese
        )
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = tokenizers.decoders.WordPiece(prefix=PREFIX)
        if special["cls"] in numbers and special["sep"] in numbers:
            ends = [(special[name], numbers[special[name]]) for name in ("sep", "cls")]
            tokenizer.post_processor = tokenizers.processors.BertProcessing(*ends)
        return cls(tokenizer, special)

    @classmethod
    def of_json(cls, text, special=None):
        """That of a tokenizer.json; ValueError if it is none."""
        tokenizers = _package()
        try:
            tokenizer = tokenizers.Tokenizer.from_str(text)
        except Exception as error:  # the package raises nothing narrower
            raise ValueError(f"no tokenizer.json: {error}"[:200]) from error
        return cls(tokenizer, special)

    def to_json(self):
        """The text of a tokenizer.json."""
        return self.tokenizer.to_str()

    def rules(self):
        """The rules of cutting under the names of a tokenizer_config.json, as far as they are BERT's."""
        normalizer = parsed(self.to_json()).get("normalizer")
        if not isinstance(normalizer, dict) or normalizer.get("type") != "BertNormalizer":
            return {}
        names = {"do_lower_case": "lowercase", "strip_accents": "strip_accents"}
        names["tokenize_chinese_chars"] = "handle_chinese_chars"
        return {name: normalizer[own] for name, own in names.items()}

    # -- using it

    def encode(self, texts):
        """The pieces of texts, without special tokens around them: ids (N,) int32 and offsets (S + 1,) int64.

        Text s is ids[offsets[s]:offsets[s + 1]].
        """
        found = self.tokenizer.encode_batch(_clean(texts), add_special_tokens=False)
        return _packed([encoding.ids for encoding in found])

    def encode_words(self, words):
        """The pieces of words, each cut by itself, as ``encode`` of texts; one of which nothing is left is [UNK]."""
        found = self.tokenizer.encode_batch(_clean(words), add_special_tokens=False)
        return _packed([encoding.ids or [self.ids["unk"]] for encoding in found])

    def inside(self):
        """Which pieces go on a word: bool (V,)."""
        return np.array([token.startswith(PREFIX) and len(token) > len(PREFIX) for token in self.tokens])


def _clean(texts):
    """A list of texts without halves of surrogate pairs, which are no UTF-8; ParameterError for what is none."""
    if isinstance(texts, str) or not hasattr(texts, "__iter__"):
        raise ParameterError(f"give a list of texts, not {repr(texts)[:50]}")
    texts = list(texts)
    for text in texts:
        if not isinstance(text, str):
            raise ParameterError(f"a text is a str, and {repr(text)[:50]} is of type {type(text).__name__}")
    return [text if text.isascii() else text.encode("utf-8", "replace").decode() for text in texts]


def _packed(rows):
    ids = np.fromiter((number for row in rows for number in row), np.int32)
    return ids, np.cumsum([0, *map(len, rows)], dtype=np.int64)


def _characters(tokenizer, vocab, size):
    """The most frequent characters of words after cleaning, sorted: all, and those that occur inside words."""
    counts, inner = Counter(), set()
    for word, count in zip(_clean(vocab.words), vocab.counts.tolist(), strict=True):
        text = tokenizer.normalizer.normalize_str(word)
        for part, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text):
            inner.update(part[1:])
            for character in part:
                counts[character] += count
    ranked = sorted(counts, key=lambda character: (-counts[character], character))[: max(1, size // 2)]
    before = np.cumsum([0, *(counts[character] for character in ranked)])[:-1]
    kept = sorted(ranked[: int((before < COVERED * counts.total()).sum())])
    return kept, [character for character in kept if character in inner]


def special_of(config):
    """The names of special tokens in a tokenizer_config.json's dict, as Pieces takes them."""
    found = {}
    for name in SPECIAL:
        token = config.get(f"{name}_token")
        token = token.get("content") if isinstance(token, dict) else token
        if isinstance(token, str):
            found[name] = token
    return found


def vocab_lines(text):
    """The tokens of a vocab.txt."""
    return text.removesuffix("\n").split("\n")


def parsed(text):
    """A JSON object of a file; ValueError if it is none."""
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise ValueError("JSON that is nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return found
