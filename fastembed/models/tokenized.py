"""Tokenized: what models share that remember how the words of their corpus were made."""

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

    def _read(self, corpus):
        """What ``fit`` was given: (Encoded, {"tokenizer": ..., "lowercase": ...}); the latter is set with ``vocab``."""
        corpus = corpus if isinstance(corpus, Corpus) else Corpus(corpus, threads=getattr(self, "threads", None))
        return corpus.encode(), {"tokenizer": corpus.tokenizer, "lowercase": corpus.lowercase}

    def corpus(self, source):
        """A Corpus of text whose words are made as those of this model were; ``source`` as Corpus takes it.

        A Corpus is given back as it is. Raises ParameterError where the tokenizer has no name.
        """
        if isinstance(source, Corpus):
            return source
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
        """A sentence as a list of words."""
        if not isinstance(text, str):
            words = list(text)
            if not all(isinstance(word, str) for word in words):
                raise ParameterError("a sentence is a str or a list of str")
            return words
        self._check_tokenizer()
        words = NAMES[self.tokenizer](text)
        return [word.lower() for word in words] if self.lowercase else words
