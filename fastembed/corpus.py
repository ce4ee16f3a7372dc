"""Corpus: text from anywhere as flat ids, tokenised once."""

import copy
import logging
import os
import time
from dataclasses import dataclass

import numpy as np

from . import cache, ingest, parallel, sources, tokenize
from .errors import CorpusError, ParameterError
from .items import Reader
from .vocab import Vocab

LONGEST, WHOLE = 1000, 1 << 20  # bytes of a word; where it will be cut into pieces
SHARE = 1 << 16  # bytes of files for which another thread is worth its start

_ENCODING = (
    "; for text in another encoding give Corpus the file object open(path, encoding=...), or the command line "
    "what iconv -t UTF-8 -f ENCODING makes of it"
)

logger = logging.getLogger("fastembed")


@dataclass(frozen=True, eq=False)
class Encoded:
    """A corpus as numbers.

    Attributes
    ----------
    vocab : Vocab of all words, most frequent first, words of equal count in the order of their UTF-8 bytes.
    ids : (N,) int32, read-only, perhaps memory-mapped: every token as its id in ``vocab``. A model with a pruned
        vocabulary of size V skips ids >= V.
    offsets : (S+1,) int64, read-only: sentence s is ids[offsets[s]:offsets[s + 1]]; no sentence is empty.
    replaced : how many invalid UTF-8 sequences (and NULs) became U+FFFD.
    dropped : how many words were over the limit and left out.
    """

    vocab: Vocab
    ids: np.ndarray
    offsets: np.ndarray
    replaced: int = 0
    dropped: int = 0

    def lines(self):
        """Each sentence in turn, as a str of its words with a space between two."""
        words, start = self.vocab.words, 0
        for end in self.offsets[1:].tolist():
            yield " ".join([words[number] for number in self.ids[start:end].tolist()])
            start = end


class Corpus:
    """Text to train on: tokenised once, then numbers.

    Parameters
    ----------
    source : a path or a list of paths (patterns with * are expanded, "-" is the standard input; gzip, bzip2, xz and
        zstd are recognised by content, whatever the name), an open file, or an iterable of sentences: str, or lists
        of str that are tokens already, or rows of a Hugging Face dataset. Generators are read once, at the first use.
        The text is UTF-8 with a sentence on each line; sentences may have any length.
    tokenizer : None or "whitespace" (ASCII white space; in C, with threads), "words", "characters", "chinese", any
        function from str to a list of str, or a Hugging Face tokenizer. It gets lines, very long ones in pieces.
    lowercase : lower every token, as str.lower does.
    cache_dir : folder to keep the ids in, to be found again by a later run on the same unchanged files with the same
        settings. A damaged one is built again: checksums tell, but beyond 64 million tokens only ids out of range do.
        Without it a large corpus (over 32 million tokens) uses a nameless temporary file.
    errors : "replace" what is not UTF-8, and NUL after the first 64 KB (earlier it marks a binary file, which is
        refused), by U+FFFD and report how often, or "strict": CorpusError with the offset.
    max_word_bytes : longer words are left out and counted. None is 1000, but 2^20 for models that cut words into pieces
        or need every sentence.
    threads : None for every CPU.
    column : of a dataset with several columns.

    Raises CorpusError (missing, binary, damaged, empty or changing files) and ParameterError.

    >>> encoded = Corpus(["the cat sat", "the dog"]).encode()
    >>> encoded.vocab.words, encoded.ids.tolist(), encoded.offsets.tolist()
    (['the', 'cat', 'dog', 'sat'], [0, 1, 3, 0, 2], [0, 3, 5])
    """

    def __init__(
        self,
        source,
        *,
        tokenizer=None,
        lowercase=False,
        cache_dir=None,
        errors="replace",
        max_word_bytes=None,
        threads=None,
        column=None,
    ):
        self._may_be_whole, self._whole = max_word_bytes is None, None
        max_word_bytes = LONGEST if max_word_bytes is None else max_word_bytes
        if errors not in ("replace", "strict"):
            raise ParameterError(f"errors={errors!r}: use 'replace' or 'strict'")
        if isinstance(max_word_bytes, bool) or not isinstance(max_word_bytes, int) or not 0 < max_word_bytes < 1 << 30:
            raise ParameterError(f"max_word_bytes={max_word_bytes!r}: give a whole number from 1 to {(1 << 30) - 1}")
        self.tokenize, self._tokenizer_name = tokenize.resolve(tokenizer)
        self.lowercase, self.errors, self.max_word_bytes = bool(lowercase), errors, max_word_bytes
        self.cache_dir = None if cache_dir is None else os.fspath(cache_dir)
        self.threads = parallel.check_threads(threads)
        self.source = sources.resolve(source, column)
        self._encoded = None

    @classmethod
    def of(cls, encoded, name):
        """A corpus that is numbers already.

        >>> Corpus.of(Encoded(Vocab(["a"], [2]), np.int32([0, 0]), np.int64([0, 2])), "numbers")
        Corpus(numbers)
        """
        corpus = cls([], max_word_bytes=WHOLE)
        corpus.source.name, corpus._encoded = name, encoded
        return corpus

    def whole(self):
        """The same text with words of up to 2^20 bytes; itself, if it has a limit of its own or no longer word, or if
        it has been read and cannot be read again."""
        if not self._may_be_whole or (self._encoded is not None and not (self._encoded.dropped and self._rereadable())):
            return self
        if self._whole is None:
            self._whole = copy.copy(self)
            self._whole.max_word_bytes, self._whole._may_be_whole, self._whole._encoded = WHOLE, False, None
        return self._whole

    def _rereadable(self):
        if isinstance(self.source, sources.Items):
            return not self.source.one_shot
        return all(file.regular for file in self.source)

    @property
    def tokenizer(self):
        """The name of the tokenizer, as the parameter takes it; None if it has none."""
        name = (self._tokenizer_name or "").partition(",")[0]  # behind the comma stands a version
        return name if name in tokenize.NAMES else None

    @property
    def name(self):
        """What the corpus is called in messages."""
        if isinstance(self.source, sources.Items):
            return self.source.name
        more = f" and {len(self.source) - 1} more" if len(self.source) > 1 else ""
        return f"{self.source[0].name}{more}"

    def __repr__(self):
        return f"Corpus({self.name})"

    def encode(self, progress=None):
        """The Encoded corpus: read now, or as it was read before.

        Parameters
        ----------
        progress : function(bytes done, bytes in all or None), called now and then in this thread.

        Raises CorpusError if a file changed since it was read.
        """
        if self._encoded is not None:
            for source in self._files():
                source.check("after it was read")
            return self._encoded
        place = self._cache_place()
        kept = place.load() if place else None
        if kept is not None:
            self._encoded = Encoded(*kept)
            logger.info("%s: %d tokens, from the cache %s", self.name, len(self._encoded.ids), place.folder)
        else:
            self._encoded = self._read(place, progress)
        return self._encoded

    def _files(self):
        return () if isinstance(self.source, sources.Items) else self.source

    def _cache_place(self):
        """Where a cache of this corpus lies, or None if it cannot be cached."""
        if self.cache_dir is None:
            return None
        cache.make_folder(self.cache_dir)
        files = self._files()
        if not files or not all(source.regular for source in files) or self._tokenizer_name is None:
            return None
        settings = {
            "tokenizer": self._tokenizer_name,
            "lowercase": self.lowercase,
            "errors": self.errors,
            "max_word_bytes": self.max_word_bytes,
        }
        return cache.Place(self.cache_dir, files, settings)

    def _blocks(self, reader):
        """(Blocks, whether threads may read them)."""
        if isinstance(self.source, sources.Items):
            return ingest.Blocks([reader.items(self.source)], reader.lists), False
        if self.tokenize is not None:
            return ingest.Blocks([reader.files(self.source)], True), False
        return ingest.Blocks(self.source, False), all(source.regular for source in self.source)

    def _read(self, place, progress):
        strict, start = self.errors == "strict", time.perf_counter()
        sizes = [source.size for source in self._files()]
        total = sum(sizes) if sizes and None not in sizes else None
        reader = Reader(self.tokenize, strict)
        blocks, threaded = self._blocks(reader)
        with cache.storage(self.cache_dir, place) as store:
            threads = min(self.threads, total // SHARE + 1) if threaded else 0
            run = ingest.Run(blocks, store, threads=threads, limit=self.max_word_bytes, strict=strict)
            run.encode(progress and (lambda done: progress(done, total)))
            if not store.tokens:
                long = f" (but {run.dropped} longer than max_word_bytes={self.max_word_bytes})" if run.dropped else ""
                raise CorpusError(f"{self.name} holds no words{long}: an empty corpus")
            vocab, ids, offsets, replaced = run.finish(self.lowercase)
            encoded = Encoded(vocab, ids, offsets, replaced + reader.replaced, run.dropped)
            if place:
                place.keep(encoded)
        self._report(encoded, time.perf_counter() - start)
        return encoded

    def _report(self, encoded, seconds):
        count, size = len(encoded.ids), len(encoded.vocab)
        logger.info("%s: %d tokens, %d distinct, read in %.2f s", self.name, count, size, seconds)
        if encoded.replaced:
            hint = "" if encoded.replaced < count / 10 else _ENCODING
            logger.warning(
                "%s: %d invalid UTF-8 sequences were replaced by U+FFFD%s", self.name, encoded.replaced, hint
            )
        if encoded.dropped:
            limit = f"max_word_bytes={self.max_word_bytes}"
            spaced = self.tokenizer in ("whitespace", "words")
            hint = '; if it has no spaces, the tokenizer "chinese" or "characters" parts it' if spaced else ""
            logger.warning("%s: %d words longer than %s were left out%s", self.name, encoded.dropped, limit, hint)
