"""perplexity(): how well language models predict a text, alone or mixed."""

from dataclasses import dataclass

import numpy as np

from ..errors import ParameterError
from ..models.language import EOS, UNK

_ROUNDS, _ENOUGH = 200, 1e-9  # of the search for weights: at most, and the gain in log-likelihood that ends it


@dataclass(frozen=True)
class Perplexity:
    """How well a text was predicted.

    perplexity : exp of the mean of -logprob over all words and the </s> of every sentence; unknown words as <unk>.
    without_unknown : the same without the predictions of unknown words.
    logprob : the sum of the natural logarithms.
    tokens, sentences, unknown : words without </s>; sentences; words that were unknown.
    """

    perplexity: float
    without_unknown: float
    logprob: float
    tokens: int
    sentences: int
    unknown: int


def perplexity(models, corpus, weights=None):
    """The Perplexity of a text under a language model, or under several that are mixed.

    Parameters
    ----------
    models : a language model, or a list of them with the same vocabulary (in the same order).
    corpus : Corpus, or anything that Corpus takes, whose words are then made as those of the (first) model.
    weights : of the models, positive with sum 1; None weighs them alike. ``mixture_weights`` finds good ones.

    Raises ParameterError for models that cannot be mixed.

    >>> import fastembed as fe
    >>> model = fe.NGramLM(order=2, smoothing="laplace").fit(["a b", "a b"], verbose=0)
    >>> round(perplexity(model, ["a b", "b a"]).perplexity, 4)
    3.4641
    """
    logs, words = _logprobs(models, corpus)
    given = weights
    try:
        weights = np.full(len(logs), 1 / len(logs)) if given is None else np.asarray(given, np.float64)
    except (TypeError, ValueError):
        weights = np.empty(0)
    if weights.shape != (len(logs),) or not (weights >= 0).all() or abs(weights.sum() - 1) > 1e-6:
        raise ParameterError(f"weights={given!r}: give {len(logs)} numbers from 0 to 1 whose sum is 1")
    with np.errstate(divide="ignore"):
        mixed = np.logaddexp.reduce(logs + np.log(weights)[:, None], axis=0) if len(logs) > 1 else logs[0]
    known, ends = words != UNK, int((words == EOS).sum())
    total, known_total = float(mixed.sum()), float(mixed[known].sum())
    return Perplexity(
        _power(total, len(words)), _power(known_total, int(known.sum())), total,
        len(words) - ends, ends, int((~known).sum()),
    )  # fmt: skip


def mixture_weights(models, corpus):
    """The weights (M,) that mix language models best on a text, found by expectation maximisation.

    models, corpus : as for ``perplexity``; take a text that is neither trained nor tested on.
    """
    logs, _ = _logprobs(models, corpus)
    top = logs.max(axis=0)
    if not np.isfinite(top).all():
        raise ParameterError("a word of the corpus is impossible in every one of the models: no weights can mend that")
    shares, before = np.exp(logs - top), -np.inf
    weights = np.full(len(logs), 1 / len(logs))
    for _ in range(_ROUNDS):
        mixed = weights @ shares
        likelihood = float(np.log(mixed).mean())
        weights = weights * (shares / mixed).mean(axis=1)
        weights /= weights.sum()
        if likelihood - before < _ENOUGH:
            break
        before = likelihood
    return weights


def _logprobs(models, corpus):
    """The logarithms (M, N + S) of a text under each model, and its words' ids (N + S,)."""
    models = list(models) if isinstance(models, (list, tuple)) else [models]
    if not models:
        raise ParameterError("give at least one language model")
    wrong = next((model for model in models if not hasattr(model, "logprobs")), None)
    if wrong is not None or None in models:
        raise ParameterError(f"{type(wrong).__name__} is no language model that gives each next word a probability")
    text, logs = models[0].corpus(corpus), []
    for model in models:
        own, words = model.logprobs(text)
        if model.vocab.words != models[0].vocab.words:
            raise ParameterError(
                f"{type(model).__name__} of {len(model.vocab)} words and {type(models[0]).__name__} of "
                f"{len(models[0].vocab)} cannot be mixed: their vocabularies differ"
            )
        logs.append(own)
    return np.stack(logs), words


def _power(total, count):
    """exp(-total / count), which may be infinite."""
    with np.errstate(over="ignore"):
        return float(np.exp(np.float64(-total / count))) if count else float("nan")
