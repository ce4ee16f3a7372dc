"""n-grams: counted right, smoothed right, the same in every way of counting; like lmplz and KenLM where present."""

import logging
import math
import os
import shutil
import subprocess
from collections import Counter

import numpy as np
import pytest

import fastembed as fe
from fastembed._core import lm
from fastembed.errors import CorpusError, FormatError, NotFittedError, ParameterError
from fastembed.io import native
from fastembed.models.language import EOS

SMOOTHINGS = ("mle", "laplace", "lidstone", "witten_bell", "kneser_ney")


def random_text(sentences, words, longest, seed=0):
    """Lists of words, frequent ones first."""
    random = np.random.default_rng(seed)
    share = 1 / np.arange(1, words + 1)
    return [
        [f"w{k}" for k in random.choice(words, random.integers(1, longest + 1), p=share / share.sum())]
        for _ in range(sentences)
    ]


TEXT = random_text(400, 30, 9)


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.ERROR, "fastembed")  # small texts have no discounts


def fitted(**parameters):
    return fe.NGramLM(**{"threads": 1} | parameters).fit(TEXT, verbose=0)


def counts_of(text, order):
    """Counters of the n-grams of each order from 1, with <s> and </s>."""
    found = [Counter() for _ in range(order + 1)]
    for sentence in text:
        words = ("<s>", *sentence, "</s>")
        for k in range(1, order + 1):
            found[k].update(words[i : i + k] for i in range(len(words) - k + 1))
    return found


def reference(text, order, smoothing, alpha=0.1):
    """p(word, context) by the books, from dictionaries."""
    counts = counts_of(text, order)
    words = {gram[0] for gram in counts[1]} - {"<s>"} | {"<unk>"}
    adjusted = [Counter(), *(Counter() for _ in range(order))]
    for k in range(1, order + 1):
        for gram in counts[k]:
            if smoothing != "kneser_ney" or k == order or gram[0] == "<s>":
                adjusted[k][gram] = counts[k][gram]
            if smoothing == "kneser_ney" and k > 1:
                adjusted[k - 1][gram[1:]] += 1
    del adjusted[1]["<s>",]
    discounts = [None, *(_discounts(own) for own in adjusted[1:])]

    def p(word, context):
        context = context[max(0, len(context) - order + 1) :]
        own = adjusted[len(context) + 1]
        behind = {w: own[*context, w] for w in words if own[*context, w]}
        total, size = sum(behind.values()), len(words)
        if smoothing in ("laplace", "lidstone"):
            add = 1 if smoothing == "laplace" else alpha
            return (behind.get(word, 0) + add) / (total + add * size)
        shorter = (lambda: p(word, context[1:])) if context else (lambda: 1 / size)
        if not behind:
            return shorter()
        if smoothing == "mle":
            return behind.get(word, 0) / total
        if smoothing == "witten_bell":
            return (behind.get(word, 0) + len(behind) * shorter()) / (total + len(behind))
        lose = discounts[len(context) + 1]
        left = sum(lose[min(3, n)] for n in behind.values())
        share = behind[word] - lose[min(3, behind[word])] if word in behind else 0
        return (share + left * shorter()) / total

    return p


def _discounts(counts):
    n = Counter(counts.values())
    if n[1] and n[2] and n[3]:
        y = n[1] / (n[1] + 2 * n[2])
        found = [0, *(k - (k + 1) * y * n[k + 1] / n[k] for k in (1, 2, 3))]
        if all(0 <= found[k] <= k for k in (1, 2, 3)):
            return found
    return [0, 0.5, 1, 1.5]


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_probabilities_are_those_of_the_books(smoothing, order):
    model, p = fitted(order=order, smoothing=smoothing), reference(TEXT, order, smoothing)
    contexts = [
        (),
        ("<s>",),
        ("w0",),
        ("w1", "w0"),
        ("<s>", "w2", "w0"),
        ("w29", "w28", "w3"),
        ("w0", "w0", "w0", "w1"),
    ]
    for context in contexts:
        whole = np.exp(model._next(model._ids(context)[None])[0])
        assert abs(whole.sum() - 1) < 1e-5
        for word in ("w0", "w7", "w29", "</s>", "<unk>"):
            wanted, given = p(word, context), math.exp(model.logprob(word, list(context)))
            assert given == pytest.approx(wanted, rel=2e-6), (context, word)
            assert whole[model._ids([word])[0]] == pytest.approx(given, rel=2e-6)


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_a_text_is_scored_word_by_word(smoothing):
    model, p = fitted(order=3, smoothing=smoothing), reference(TEXT, 3, smoothing)
    sentences = [["w0", "w1", "w2"], ["zebra", "w0"], [], ["w3"] * 40, *TEXT[:50]]
    wanted = []
    for sentence in sentences:
        words = ["<s>", *(w if w in model.vocab else "<unk>" for w in sentence), "</s>"]
        probs = [p(words[i], tuple(words[max(0, i - 2) : i])) for i in range(1, len(words))]
        wanted.append(sum(math.log(x) if x else -math.inf for x in probs))
    assert model.scores(sentences) == pytest.approx(wanted, rel=1e-5)
    assert [model.score(sentence) for sentence in sentences] == pytest.approx(wanted, rel=1e-5)
    logs, words = model.logprobs(sentences)
    assert len(logs) == len(words) == sum(map(len, sentences)) + len(sentences)
    assert (words == EOS).sum() >= len(sentences)


ODD = [
    "w0 w1 w2", "", " ", "\n", "w0\tw1\n\x0b w2 \x0cw3\r\n", "  w0  ", "zebra w0 zebra", "<s> w0 </s> w1 <unk>",
    "w0\u3000w1 w2\u00a0w3", "\x1cw0 w1\x85", "ẅ0 w1 中国", "w0 \ud800 w1\udfff", "w0\0w1 \0", "W0 W1", "ΑΣ Σ w0ΣΑ ΑΣ",
    "x" * 20, "w1 " * 3000, "w" * 5000, " ".join(f"w{k % 31}" for k in range(129)), "é" * 16 + " w3",
]  # fmt: skip


@pytest.mark.parametrize("lowercase", [False, True])
@pytest.mark.parametrize("threads", [1, 3])
def test_text_is_scored_as_its_words_are(lowercase, threads):
    text = [" ".join(sentence) for sentence in TEXT] + ["ας σ ΑΣ w0σα ẅ0 中国 " + "é" * 16, "X" * 20]
    model = fe.NGramLM(order=3, threads=threads).fit(fe.Corpus(text, lowercase=lowercase), verbose=0)
    lists = [model._words(sentence) for sentence in ODD]
    wanted = [model.score(words) for words in lists]
    assert [model.score(sentence) for sentence in ODD] == pytest.approx(wanted, rel=1e-12)
    assert model.scores(ODD) == pytest.approx(wanted, rel=1e-12)
    assert model.scores(ODD * 300) == pytest.approx(wanted * 300, rel=1e-12)  # as many chunks as threads want
    ids, offsets = model._numbered(ODD)
    assert ids.tolist() == [k for words in lists for k in model._text_ids(words)] and ids.dtype == np.int32
    assert np.diff(offsets).tolist() == [len(words) for words in lists]


def test_characters_are_scored_as_lists_are():
    model = fe.NGramLM(order=3).fit(fe.Corpus(["中国 人", "ab c"], tokenizer="characters"), verbose=0)
    sentences = ["中国", " 中\u3000国 ", "", "ab\ud800", "<s>"]
    wanted = [model.score(list(sentence.replace(" ", "").replace("\u3000", ""))) for sentence in sentences]
    assert [model.score(sentence) for sentence in sentences] == pytest.approx(wanted, rel=1e-12)
    assert model.scores(sentences) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("order", [1, 2, 5])
def test_where_sentences_lie_in_a_block_changes_nothing(order, smoothing):
    """Words are looked up 128 at a time: sentences begin and end anywhere in it, and some are longer."""
    model = fitted(order=order, smoothing=smoothing)
    sentences = TEXT + [sum(TEXT[:k], []) for k in (11, 12, 13, 26, 27, 60)]
    alone = np.concatenate([model.logprobs([sentence])[0] for sentence in sentences])
    assert model.logprobs(sentences)[0].tolist() == alone.tolist()
    logs, words = model.logprobs(sentences[-1:])
    for i in (0, 1, 62, 63, 64, 65, 127, 128, 129, len(words) - 1):
        context = ["<s>", *sentences[-1][:i]]
        assert logs[i] == model.logprob(model.vocab.words[words[i]], context)


def test_full_buckets_are_passed():
    """A table as full as it can be finds what one with room finds, and misses what that misses."""
    model = fitted(order=3)
    small, wanted = model._model, model.scores(TEXT + [["w29", "w28", "w27"]] * 3)
    tight = [None, None, *(np.full((-(-(count + 1) // 4) * 4, 4), 0xFFFFFFFF, np.uint32) for count in small.counts[1:])]
    core, places = lm.Model(small.nodes, tight), None
    for order, count in enumerate(small.counts[1:], 2):
        before, places = places, np.empty(count, np.uint32)
        core.index(order, before, places)
        assert (tight[order][places, 0] == small.nodes[order][:count, 0]).all()
    small.slots, small.core = tight, core
    assert (model.scores(TEXT + [["w29", "w28", "w27"]] * 3) == wanted).all()


def tensors(model):
    return {name: array for name, array in model.to_native()[0].items() if not name.startswith("vocab")}


def same(one, two):
    return one.keys() == two.keys() and all(np.array_equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("smoothing", ["kneser_ney", "witten_bell"])
def test_threads_and_memory_change_nothing(smoothing):
    settings = {"order": 4, "smoothing": smoothing, "prune": (0, 0, 1)}
    alone = tensors(fitted(**settings))
    assert same(alone, tensors(fitted(**settings, threads=3)))
    assert same(alone, tensors(fitted(**settings, memory=60_000)))
    assert same(alone, tensors(fitted(**settings, memory=60_000, threads=2)))


def test_too_little_memory_is_said():
    with pytest.raises(ParameterError, match=r"memory of 2000 bytes: .* need \d+"):
        fitted(memory=2000)


def test_temporary_files_vanish(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    fitted(order=4, memory=60_000)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("order", [3, 5, 16])
@pytest.mark.parametrize("words", [3, 40, 3000])
def test_counts_of_all_sizes_of_records(order, words):
    """One to four numbers a record; long runs of equal ones, and digits that are all the same."""
    text = random_text(150, words, 25, seed=words)
    model = fe.NGramLM(order=order, smoothing="mle", threads=2).fit(text, verbose=0)
    found = counts_of(text, order)
    assert model.counts == [len(found[1]) + 1, *(len(own) for own in found[2:])]
    for k in (2, order):
        ids = np.vstack([block for block, _ in model._model.blocks(k)])
        assert {tuple(model.vocab.words[w] for w in row) for row in ids.tolist()} == set(found[k])


def test_order_beyond_what_fits_into_a_record():
    text = [[f"w{k}" for k in range(70_000)]]
    with pytest.raises(ParameterError, match="order=16: with 70003 words an n-gram can have 15 words"):
        fe.NGramLM(order=16).fit(text, verbose=0)


def test_pruning_keeps_a_distribution():
    whole, pruned = fitted(order=4), fitted(order=4, prune=(0, 0, 1, 2))
    assert pruned.counts[:2] == whole.counts[:2] and pruned.counts[2] < whole.counts[2]
    found = counts_of(TEXT, 4)
    assert pruned.counts[2:] == [sum(n > 1 for n in found[3].values()), sum(n > 2 for n in found[4].values())]
    for context in (["w0"], ["w1", "w0"], ["w0", "w1", "w0"], ["<s>", "w0", "w0"]):
        assert abs(np.exp(pruned._next(pruned._ids(context)[None])).sum() - 1) < 1e-5


def test_lecture_example():
    corpus = fe.Corpus(["中国"] * 8 + ["中华人民共和国"] * 2, tokenizer="characters")
    model = fe.NGramLM(order=2, smoothing="mle").fit(corpus, verbose=0)
    assert math.exp(model.logprob("国", "中")) == pytest.approx(0.8)
    assert math.exp(model.logprob("华", "中")) == pytest.approx(0.2)
    assert model.logprob("人", "中") == -math.inf
    assert model.generate(seed=1) in ("中国", "中华人民共和国")


def test_limited_vocabulary():
    model = fitted(order=2, max_vocab=5)
    assert len(model.vocab) == 8 and model.vocab.words[:3] == ["<unk>", "<s>", "</s>"]
    types = Counter(word for sentence in TEXT for word in sentence)
    assert model.vocab.counts[0] == sum(n for word, n in types.items() if word not in model.vocab)
    assert model.score(["w29"]) == model.score(["unseen"])


def test_unknown_words_in_contexts():
    model = fitted(order=3)
    assert model.logprob("w0", ["never", "seen"]) == pytest.approx(model.logprob("w0", []), abs=1e-6)
    assert model.next_words(["never"], 3)[0][1] > 0


BAD = [
    ({"order": 0}, ParameterError, "order=0"),
    ({"order": 17}, ParameterError, "order=17"),
    ({"order": 12}, CorpusError, "order=12: the longest sentence has 9 words"),
    ({"smoothing": "good_turing"}, ParameterError, "smoothing="),
    ({"prune": (1,)}, ParameterError, "prune="),
    ({"prune": (0, 2, 1)}, ParameterError, "prune="),
    ({"prune": [0, 1]}, ParameterError, "prune="),
    ({"prune": (0, 1), "smoothing": "mle"}, ParameterError, "prune="),
    ({"prune": (0, 0, 1, 1), "order": 2}, ParameterError, r"prune=\(0, 0, 1, 1\): .* order=2"),
    ({"memory": "x"}, ParameterError, "memory="),
    ({"alpha": 0}, ParameterError, "alpha="),
]


@pytest.mark.parametrize(("parameters", "error", "message"), BAD)
def test_impossible_parameters(parameters, error, message):
    with pytest.raises(error, match=message):
        fitted(**parameters)


@pytest.mark.parametrize("text", [[], ["", " "], [[]]])
def test_empty_corpus(text):
    with pytest.raises(CorpusError, match="an empty corpus"):
        fe.NGramLM().fit(text, verbose=0)


def test_sentence_marks_in_the_text():
    with pytest.raises(CorpusError, match="'<s>'"):
        fe.NGramLM(order=2).fit(["a <s> b"], verbose=0)
    model = fe.NGramLM(order=2).fit(["a <unk> b"] * 3, verbose=0)
    assert model.vocab.words == ["<unk>", "<s>", "</s>", "a", "b"] and model.vocab.counts[0] == 3
    assert model.score("a </s>") == model.score("a zebra")


def test_a_failed_fit_leaves_the_model():
    model = fitted(order=2)
    before = model.score("w0 w1")
    with pytest.raises(CorpusError):
        model.set_params(order=12).fit(TEXT, verbose=0)
    assert model.score("w0 w1") == before and model.vocab is not None


def test_missing_discounts_are_said(caplog):
    caplog.set_level(logging.WARNING, "fastembed")
    fe.NGramLM(order=2).fit(["a b"], verbose=0)
    assert "too few or too regular" in caplog.text and "order 2" in caplog.text


@pytest.mark.parametrize("ask", ["score", "scores", "perplexity", "next_words", "generate", "logprobs"])
def test_not_fitted(ask):
    with pytest.raises(NotFittedError, match="fit"):
        getattr(fe.NGramLM(), ask)(*([] if ask in ("next_words", "generate") else [["a"]]))


def test_memory_mapped_after_loading(tmp_path):
    model = fitted(order=3)
    model.save(tmp_path / "m.fe")
    again = fe.load(tmp_path / "m.fe")
    assert not again._model.nodes[2].flags.writeable and not again._model.slots[2].flags.owndata
    assert (again.scores(TEXT) == model.scores(TEXT)).all() and again.order == 3


def test_damage_inside_the_arrays_reads_nothing_outside(tmp_path):
    """Wrong numbers may come out of wrong numbers, or a FormatError with the file's name; it must not crash."""
    arrays, meta = fitted(order=3).to_native()
    random, answered, written = np.random.default_rng(0), 0, 0
    for few in [True, False] * 60:
        hurt = {name: array.copy() for name, array in arrays.items()}
        for name in ("ngrams.1", "ngrams.2", "ngrams.3", "slots.2", "slots.3"):
            number = int(random.integers(2)) if few else 20
            rows, columns = random.integers([[len(hurt[name]) - 1], [hurt[name].shape[1]]], size=(2, number))
            hurt[name][rows, columns] = random.integers(1 << 32, size=number)
        native.write(tmp_path / "m.fe", hurt, meta)
        try:
            model = fe.load(tmp_path / "m.fe")
            assert len(model.scores(TEXT)) == len(TEXT)
            for context in (["w0", "w1"], ["w1"], ["w2", "w0"]):
                model.next_words(context)
                model.generate(context, seed=1)
            answered += 1
            model.save(tmp_path / "m.arpa")
            written += 1
        except FormatError as error:
            assert "m.fe" in str(error)
    assert 10 < written < answered < 110  # else nothing damaged was ever read


@pytest.mark.parametrize(
    ("order", "row", "column", "value", "said"),
    [
        (2, 5, 0, 0xFFFFFFFF, "holds a word 4294967295 of"),
        (1, 9, 3, 1 << 31, "an n-gram of order 1 leads to those from"),
        (2, 0, 3, 1 << 31, "n-grams of order 2 do not lead to those of order 3"),
        (1, 4, 1, 0x7FC00000, "probabilities that are no numbers"),
    ],
)
def test_damaged_nodes_are_said_when_they_are_used(order, row, column, value, said, tmp_path):
    arrays, meta = fitted(order=3).to_native()
    arrays[f"ngrams.{order}"] = arrays[f"ngrams.{order}"].copy()
    arrays[f"ngrams.{order}"][row, column] = value
    native.write(tmp_path / "m.fe", arrays, meta)
    model = fe.load(tmp_path / "m.fe")
    with pytest.raises(FormatError, match=rf"m\.fe: is damaged: .*{said}"):
        for word in model.vocab.words:
            model.next_words([word])
        model.save(tmp_path / "m.arpa")
    assert not (tmp_path / "m.arpa").exists()


@pytest.mark.parametrize("change", ["ngrams.2", "slots.2", "ngrams.1", "slots.3"])
def test_arrays_that_do_not_fit(change, tmp_path):
    arrays, meta = fitted(order=3).to_native()
    for wrong in (arrays[change][:-1][:5], arrays[change].astype(np.int64), arrays[change].ravel()):
        native.write(tmp_path / "m.fe", arrays | {change: wrong}, meta)
        with pytest.raises(FormatError, match=r"m\.fe"):
            fe.load(tmp_path / "m.fe")


# -- the official programs


def lmplz():
    """KenLM's program, if $FASTEMBED_LMPLZ or the path has it."""
    program = os.environ.get("FASTEMBED_LMPLZ") or shutil.which("lmplz")
    if not program:
        pytest.skip("lmplz is not installed (set FASTEMBED_LMPLZ)")
    return program


@pytest.mark.parametrize(("order", "prune"), [(2, ()), (3, ()), (4, (0, 0, 1)), (5, ())])
def test_equals_lmplz(order, prune, tmp_path):
    (tmp_path / "text").write_text("".join(" ".join(sentence) + "\n" for sentence in TEXT))
    options = ["--prune", *map(str, prune)] if prune else []
    command = [lmplz(), "-o", str(order), "-S", "100M", "--discount_fallback", *options]
    subprocess.run(
        [*command, "--text", tmp_path / "text", "--arpa", tmp_path / "m.arpa"], check=True, capture_output=True
    )
    theirs, ours = fe.load(tmp_path / "m.arpa"), fitted(order=order, prune=prune)
    assert theirs.counts == ours.counts
    assert theirs.perplexity(TEXT) == pytest.approx(ours.perplexity(TEXT), rel=1e-5)
    for k in range(1, order + 1):
        one, two = (
            {
                tuple(model.vocab.words[w] for w in row): numbers
                for ids, logs in model._model.blocks(k)
                for row, numbers in zip(ids, logs, strict=True)
            }
            for model in (theirs, ours)
        )
        assert one.keys() == two.keys()
        assert max(np.abs(one[gram] - two[gram]).max() for gram in one) < 1e-5


@pytest.mark.parametrize("smoothing", ["kneser_ney", "witten_bell"])
def test_kenlm_gives_the_same_scores(smoothing, tmp_path):
    kenlm = pytest.importorskip("kenlm", reason="kenlm is not installed")
    model = fitted(order=3, smoothing=smoothing)
    model.save(tmp_path / "m.arpa")
    theirs = kenlm.Model(str(tmp_path / "m.arpa"))
    for sentence in [*TEXT[:50], ["never", "w0", "seen", "w1"], []]:
        assert model.score(sentence) / math.log(10) == pytest.approx(theirs.score(" ".join(sentence)), abs=1e-4)
    assert model.score("") == model.score(" \n") == model.logprob("</s>", ["<s>"])
    assert model.score("") / math.log(10) == pytest.approx(theirs.score(""), abs=1e-5)


def test_empty_lines_are_no_sentences():
    """lmplz would count them."""
    assert same(tensors(fe.NGramLM(order=2).fit(["a b", "", " ", "b"])), tensors(fe.NGramLM(order=2).fit(["a b", "b"])))
