"""What models of single words share: vocabularies from which something can be learned."""

from ..errors import CorpusError


def check_vocab(types, vocab, min_count):
    """CorpusError if nothing can be learned from the words that pruning left of a corpus's types."""
    if len(types) == 1:
        raise CorpusError(f"nothing to learn from one word: {types.words[0]!r} is all that the corpus holds")
    if len(vocab) < 2:
        raise CorpusError(
            f"min_count={min_count} leaves {len(vocab)} of {len(types)} words and at least 2 are needed; "
            f"the most frequent, {types.words[0]!r}, occurs {types.counts[0]} times"
        )
