"""What every language model promises: its vocabulary, and what follows from probabilities of the next word."""

import copy
import logging
import math
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import fastembed as fe
from fastembed import parallel
from fastembed.errors import CorpusError, FormatError, ParameterError
from fastembed.models.language import (
    BOS,
    EOS,
    UNK,
    LanguageModel,
    contexts_of,
    language_vocab,
    numbers_of,
)
from fastembed.vocab import Vocab

TEXT = ["a b c a a", "b b a", "c"]


class Unigrams(LanguageModel):
    """The least that makes a language model: probabilities that no context changes."""

    def fit(self, corpus):
        encoded, how = self._read(corpus)
        self.vocab = language_vocab(encoded.vocab, len(encoded.offsets) - 1)
        self.tokenizer, self.lowercase = how["tokenizer"], how["lowercase"]
        counts = self.vocab.counts + 0.5
        counts[BOS] = 0
        with np.errstate(divide="ignore"):
            self.logs = np.log(counts / counts.sum())
        return self

    def _logprobs(self, ids, offsets):
        return self.logs[contexts_of(ids, offsets, 0)[1]]

    def _next(self, contexts):
        return np.tile(self.logs, (len(contexts), 1))


@pytest.fixture
def model():
    return Unigrams().fit(TEXT)


def test_vocabulary():
    vocab = language_vocab(Vocab(["a", "<unk>", "b", "c", "d"], [9, 7, 3, 2, 1]), 4, min_count=2, max_vocab=3)
    assert vocab.words == ["<unk>", "<s>", "</s>", "a", "b"]
    assert vocab.counts.tolist() == [10, 4, 4, 9, 3]
    table = numbers_of(vocab, Vocab(["b", "</s>", "<unk>", "x", "a", "<s>"]))
    assert table.tolist() == [4, UNK, UNK, UNK, 3, UNK] and table.dtype == np.int32


@pytest.mark.parametrize("word", ["<s>", "</s>"])
def test_words_with_a_meaning_are_refused(word):
    with pytest.raises(CorpusError, match=word):
        language_vocab(Vocab(["a", word], [2, 1]), 1)


def test_no_word_left():
    with pytest.raises(CorpusError, match="min_count=5 leaves none of the 2 words"):
        language_vocab(Vocab(["a", "b"], [2, 1]), 1, min_count=5)


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_contexts(n):
    sentences = [[5, 6, 7], [], [8], [5] * 9]
    ids = np.array(sum(sentences, []), np.int32)
    offsets = np.concatenate([[0], np.cumsum([len(s) for s in sentences])])
    contexts, words = contexts_of(ids, offsets, n)
    wanted = []
    for sentence in sentences:
        padded = [BOS] * n + sentence + [EOS]
        wanted += [(padded[i - n : i], padded[i]) for i in range(n, len(padded))]
    assert contexts.shape == (len(wanted), n) and contexts.dtype == np.int32
    assert contexts.tolist() == [context for context, _ in wanted]
    assert words.tolist() == [word for _, word in wanted]


def test_scores_are_sums_of_logprobs(model):
    wanted = sum(model.logprob(word) for word in ("a", "b", "</s>"))
    assert model.score("a b") == model.score(["a", "b"]) == pytest.approx(wanted)
    sentences = ["a b", "", "zebra", "c"]
    assert model.scores(sentences) == pytest.approx([model.score(s) for s in sentences])
    assert model.scores(fe.Corpus(["a b", "c"])) == pytest.approx([model.score("a b"), model.score("c")])
    assert len(model.scores([])) == 0


def test_many_sentences_are_scored_as_few_are(model):
    sentences = ["a b", "", "  ", "zebra c", "c"] * 40
    assert model.scores(sentences) == pytest.approx([model.score(s) for s in sentences])
    lists = [sentence.split() for sentence in sentences]
    assert model.scores(lists) == pytest.approx(model.scores(sentences))
    assert model.scores(["", " "] * 50) == pytest.approx([model.score("")] * 100)
    assert model.scores(["a b", ["a", "b"], iter("ab")]) == pytest.approx([model.score("a b")] * 3)
    assert model.scores(iter(sentences)) == pytest.approx(model.scores(sentences))


def test_blocks_change_nothing(model, monkeypatch):
    sentences = ["a b", "", "zebra " * 30, "c"] * 20
    whole = model.scores(sentences), model.logprobs(sentences)
    monkeypatch.setattr("fastembed.models.language._BLOCK", 7)
    assert (model.scores(sentences) == whole[0]).all()
    assert (model.logprobs(sentences)[0] == whole[1][0]).all()


def test_perplexity(model):
    found = fe.evaluate.perplexity(model, ["a b", "zebra"])
    logs = [model.logprob(word) for word in ("a", "b", "</s>", "zebra", "</s>")]
    assert found.perplexity == model.perplexity(["a b", "zebra"]) == pytest.approx(math.exp(-sum(logs) / 5))
    assert found.without_unknown == pytest.approx(math.exp(-(sum(logs) - logs[3]) / 4))
    assert (found.tokens, found.sentences, found.unknown) == (3, 2, 1)
    assert found.logprob == pytest.approx(sum(logs))


def test_mixtures(caplog):
    caplog.set_level(logging.ERROR, "fastembed")
    one, two = Unigrams().fit(TEXT), fe.NGramLM(order=2).fit(TEXT, verbose=0)
    text = ["a b", "c a", "b a"]
    alone = [fe.evaluate.perplexity(model, text).perplexity for model in (one, two)]
    logs = [model.logprobs(text)[0] for model in (one, two)]
    wanted = np.exp(-np.log(0.3 * np.exp(logs[0]) + 0.7 * np.exp(logs[1])).mean())
    assert fe.evaluate.perplexity([one, two], text, [0.3, 0.7]).perplexity == pytest.approx(wanted)
    assert fe.evaluate.perplexity([one, two], text, [0, 1]).perplexity == pytest.approx(alone[1])
    weights = fe.evaluate.mixture_weights([one, two], text)
    assert weights.sum() == pytest.approx(1)
    best = fe.evaluate.perplexity([one, two], text, weights).perplexity
    assert best <= min(alone) + 1e-6
    for shift in (-0.05, 0.05):
        other = np.clip(weights + [shift, -shift], 0, 1)
        assert best <= fe.evaluate.perplexity([one, two], text, other / other.sum()).perplexity + 1e-6


def test_mixtures_that_cannot_be(model):
    other = Unigrams().fit(["x y", "y z"])
    with pytest.raises(ParameterError, match="vocabularies differ"):
        fe.evaluate.perplexity([model, other], TEXT)
    for weights in ([1], [0.5, 0.6], [1.5, -0.5], "ab"):
        with pytest.raises(ParameterError, match="weights="):
            fe.evaluate.perplexity([model, model], TEXT, weights)
    with pytest.raises(ParameterError, match="at least one"):
        fe.evaluate.perplexity([], TEXT)
    for wrong in (None, [model, None], fe.SkipGram(), fe.ELMo()):
        with pytest.raises(ParameterError, match="is no language model"):
            fe.evaluate.perplexity(wrong, TEXT)


def test_generation(model):
    assert model.generate(seed=3) == model.generate(seed=3)
    assert len({model.generate(seed=seed, length=20) for seed in range(20)}) > 10
    assert model.generate(temperature=0, length=3) == "a a a"
    assert model.generate(length=0) == ""
    drawn = " ".join(model.generate(seed=seed, length=30) for seed in range(300)).split()
    shares = {word: drawn.count(word) / len(drawn) for word in "abc"}
    assert set(drawn) == set("abc") and abs(shares["a"] - 4.5 / 10.5) < 0.06


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("temperature", [0, 1])
def test_no_word_is_drawn_from_numbers_that_are_none(model, value, temperature):
    model.logs[4] = value
    with pytest.raises(FormatError, match="probabilities that are no numbers"):
        model.generate(seed=1, temperature=temperature)


def test_next_words(model):
    words = model.next_words("a b", topn=100)
    assert sum(probability for _, probability in words) == pytest.approx(1)
    assert [word for word, _ in words][0] == "a" and "<s>" not in dict(words) and len(model.next_words(topn=2)) == 2


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda m: m.next_words(topn=0), "topn=0"),
        (lambda m: m.generate(length=-1), "length=-1"),
        (lambda m: m.generate(temperature=-1), "temperature=-1"),
        (lambda m: m.generate(temperature=float("nan")), "temperature=nan"),
        (lambda m: m.scores("a b"), "list of sentences"),
        (lambda m: m.generate(temperature="hot"), "temperature='hot'"),
        (lambda m: m.generate(seed="s"), "seed='s'"),
        (lambda m: m.generate(seed=-1), "seed=-1"),
        (lambda m: m.score([1, 2]), "list of str, and 1 is of type int"),
        (lambda m: m.score(["a b", "c"]), "'a b' is no word: ``score`` takes one sentence"),
        (lambda m: m.score(None), "None is of type NoneType"),
        (lambda m: m.score(b"a b"), "b'a b' is of type bytes"),
        (lambda m: m.scores([None]), "None is of type NoneType"),
        (lambda m: m.scores(None), "list of sentences or a Corpus, not None"),
        (lambda m: m.logprobs(5), "list of sentences or a Corpus, not 5"),
        (lambda m: m.logprob("a", 5), "5 is of type int"),
        (lambda m: m.logprob(5), "5 is of type int"),
        (lambda m: m.logprob(["a"]), r"\['a'\] is of type list"),
        (lambda m: m.next_words(None), "None is of type NoneType"),
        (lambda m: m.generate(None), "None is of type NoneType"),
    ],
)
def test_impossible_questions(model, ask, message):
    with pytest.raises(ParameterError, match=message):
        ask(model)


def test_words_are_made_as_in_training():
    model = Unigrams().fit(fe.Corpus(["Ab", "AB"], tokenizer="characters", lowercase=True))
    assert model.score("aB") == model.score(["a", "b"]) == model.score(["A", "B"]) == model.scores(["AB"] * 100)[50]
    assert model.logprob("A", ["B"]) == model.logprob("a", "b") > model.logprob("c")
    assert " " not in model.generate(seed=1, length=30)
    nameless = Unigrams().fit(fe.Corpus(["a-b"], tokenizer=lambda text: text.split("-")))
    with pytest.raises(ParameterError, match="tokenizer without a name"):
        nameless.score("a-b")
    assert nameless.score(["a", "b"]) < 0


def test_lists_of_words_stay_words_in_a_text_too():
    for tokenizer in ("characters", lambda text: text.split("-")):
        model = Unigrams().fit(fe.Corpus(["Ab", "AB-b"], tokenizer=tokenizer, lowercase=True))
        lists = [["A", "b"], ["AB"]]
        wanted = model.perplexity(fe.Corpus(lists, lowercase=True))
        assert model.perplexity(lists) == model.perplexity(iter(lists)) == model.perplexity(tuple(lists)) == wanted
        with pytest.raises(CorpusError, match="no items"):
            model.perplexity(iter([])) if tokenizer == "characters" else model.perplexity(fe.Corpus([]))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
@pytest.mark.parametrize(
    "kind", [fe.NGramLM(), fe.NNLM(dim=2, hidden=2, min_count=1), fe.RNNLM(dim=2, hidden=2, min_count=1)], ids=repr
)
def test_copies_of_models_in_use(kind, copied):
    model = kind.fit(TEXT * 9, verbose=0)
    scores = model.scores(["a b", "zebra"])
    assert np.array_equal(copied(model).scores(["a b", "zebra"]), scores)


NEURAL = {
    "nnlm": lambda: fe.NNLM(dim=16, hidden=16, min_count=1, threads=1),
    "tree": lambda: fe.NNLM(dim=16, hidden=16, min_count=1, threads=1, output="hierarchical"),
    "rnnlm": lambda: fe.RNNLM(dim=16, hidden=16, min_count=1, threads=1, batch=4, unroll=5, dropout=0.2),
    "elmo": lambda: fe.ELMo(dim=8, hidden=16, filters=((1, 4), (2, 4)), min_count=1, threads=1, batch=4, steps=5),
}


@pytest.mark.parametrize("kind", NEURAL)
def test_threads_of_the_users_do_not_meet(kind):
    model = NEURAL[kind]().fit(TEXT * 9, verbose=0)
    random = np.random.default_rng(0)
    texts = [[" ".join(random.choice(list("abc"), 30)) for _ in range(9)] for _ in range(40)]
    wanted = [model.perplexity(text) for text in texts]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(model.perplexity, texts)) == wanted


@pytest.mark.parametrize("kind", NEURAL)
def test_questions_in_the_middle_of_a_step_change_nothing(kind, monkeypatch):
    monkeypatch.setattr(parallel, "POLL_SECONDS", 1e-4)

    class Asking(fe.callbacks.Callback):
        def on_progress(self, model, progress):
            model.perplexity(["c b a c"])

    text = ["a b c a a", "b b a", "c"] * 60
    one, two = NEURAL[kind]().fit(text, verbose=0), NEURAL[kind]().fit(text, verbose=0, callbacks=Asking())
    assert np.array_equal(one.params.flat, two.params.flat)


def test_words_may_have_blanks_where_the_text_had_such():
    assert Unigrams().fit([["New York", "is"], ["big"]]).score(["New Jersey", "is"]) < 0


@pytest.mark.parametrize("kind", [NEURAL["nnlm"], NEURAL["elmo"]])
def test_words_are_made_as_before_when_training_goes_on(kind):
    text = ["Abc", "CBA"] * 9
    corpus = fe.Corpus(text, tokenizer="characters", lowercase=True)
    one, two = kind().fit(corpus, verbose=0), kind().fit(corpus, verbose=0)
    one.fit(text, verbose=0, resume=True)
    two.fit(corpus, verbose=0, resume=True)
    assert np.array_equal(one.params.flat, two.params.flat)


def test_scikit_learn_searches():
    search = pytest.importorskip("sklearn.model_selection", reason="scikit-learn is not installed")
    kwargs = {"scoring": lambda model, X, y=None: -model.perplexity(X), "cv": 2}
    grid = search.GridSearchCV(fe.NGramLM(smoothing="lidstone"), {"alpha": [0.1, 1e6]}, **kwargs)
    assert grid.fit(TEXT * 6).best_params_ == {"alpha": 0.1}


def test_corpus_tells_its_tokenizer():
    assert fe.Corpus(["a"]).tokenizer == "whitespace" and fe.Corpus(["a"], tokenizer="words").tokenizer == "words"
    assert fe.Corpus(["a"], tokenizer=str.split).tokenizer is None
