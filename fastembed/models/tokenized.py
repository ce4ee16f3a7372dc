"""Tokenized: what models share that remember how the words of their corpus were made."""

from itertools import chain

from ..corpus import Corpus
from ..errors import ParameterError
from ..tokenize import NAMES
from .base import Estimator


class Tokenized(Estimator):
    """Base of models that split every str given to them as the text was that they were trained on.

    Attributes
    ----------
    tokenizer : name of the tokenizer that made the words; None where the corpus had one without a name.
    lowercase : whether words were folded to lower case.
    """

    def __init__(self, **parameters):
        super().__init__(**parameters)
        self.tokenizer, self.lowercase = "whitespace", False

    def _read(self, corpus, resume=False):
        """What ``fit`` was given: (Encoded, {"tokenizer": ..., "lowercase": ...}); the latter is set with ``vocab``. A
        model that goes on makes words as before."""
        corpus = self.corpus(corpus) if resume and self.vocab is not None else corpus
        corpus = corpus if isinstance(corpus, Corpus) else Corpus(corpus, threads=getattr(self, "threads", None))
        return corpus.encode(), {"tokenizer": corpus.tokenizer, "lowercase": corpus.lowercase}

    def corpus(self, source):
        """A Corpus of text whose words are made as those of this model were; ``source`` as Corpus takes it.

        A Corpus is given back as it is; lists of words stay words. Raises ParameterError where the tokenizer has no
        name and the words are still to be made.
        """
        if isinstance(source, Corpus):
            return source
        source, first = _peeked(source)
        if isinstance(first, (list, tuple)):
            return Corpus(source, lowercase=self.lowercase)
        self._check_tokenizer()
        return Corpus(source, tokenizer=self.tokenizer, lowercase=self.lowercase)

    def _check_tokenizer(self):
        if self.tokenizer is None:
            raise ParameterError(
                "the words of this model came from a tokenizer without a name: give lists of words, or a Corpus"
            )

    def _meta(self):
        return super()._meta() | {"tokenizer": self.tokenizer or "", "lowercase": str(int(self.lowercase))}

    def _restore_meta(self, meta):
        super()._restore_meta(meta)
        if meta["tokenizer"] not in ("", *NAMES) or meta["lowercase"] not in ("0", "1"):
            raise ValueError("a tokenizer that does not exist")
        self.tokenizer, self.lowercase = meta["tokenizer"] or None, meta["lowercase"] == "1"

    def _words(self, text):
        """A sentence, a str or a list of words, as a list of words."""
        if isinstance(text, str):
            self._check_tokenizer()
            words = NAMES[self.tokenizer](text)
        else:
            words = words_of(text)
        return [word.lower() for word in words] if self.lowercase else words


def _peeked(source):
    """What a Corpus may be made of, and the first item of a list, a tuple or an iterator; None for anything else."""
    if isinstance(source, (list, tuple)):
        return source, source[0] if source else None
    if not hasattr(source, "__next__") or hasattr(source, "read"):
        return source, None
    first = next(source, None)
    return (source if first is None else chain([first], source)), first


def words_of(sentence):
    """The words of a sentence that is no str; ParameterError unless it is an iterable of str."""
    wrong, words = sentence, []
    if hasattr(sentence, "__iter__") and not isinstance(sentence, (bytes, bytearray)):
        words = list(sentence)
        wrong = next((word for word in words if not isinstance(word, str)), words)
    if wrong is not words:
        raise ParameterError(
            f"a sentence is a str or a list of str, and {repr(wrong)[:50]} is of type {type(wrong).__name__}"
        )
    return words


def listed(sentences):
    """The list of what an iterable of sentences gives; ParameterError for one str alone and what is no iterable."""
    if isinstance(sentences, (str, bytes)) or not hasattr(sentences, "__iter__"):
        said = "one str" if isinstance(sentences, str) else repr(sentences)[:50]
        raise ParameterError(f"give a list of sentences or a Corpus, not {said}")
    return list(sentences)
