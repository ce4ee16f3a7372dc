"""Word pairs and analogies against a plain reference, and against gensim where it is installed."""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from tiny_vectors import random_vectors

from fastembed.errors import FormatError, ParameterError
from fastembed.evaluate import analogies, word_analogies, word_pairs
from fastembed.subwords import NGrams, Subwords
from fastembed.vectors import KeyedVectors
from fastembed.vocab import Vocab

SHARED = Path(os.environ.get("FASTEMBED_SHARED", Path(__file__).parents[2] / "shared")) / "data" / "eval"


def mixed_case(words=400, dim=12):
    """Words in several spellings; Analog1 and analog1 have different vectors."""
    plain = random_vectors(words, dim)
    names = [("Word%d", "word%d", "WORD%d")[v % 3] % (v // 3 * 3 + v % 2) for v in range(words)]
    return KeyedVectors(Vocab(names), plain.vectors)


def pairs_file(tmp_path, kv):
    rng = np.random.default_rng(5)
    lines = ["# a comment", "only two\tcolumns", "", "Word3\tword3\tnot a number"]
    for a, b in rng.integers(0, len(kv), (60, 2)):
        lines.append(f"{kv.index_to_key[a]}\t{kv.index_to_key[b].upper()}\t{rng.integers(0, 40) / 4}")
    lines += ["nowhere\tWord3\t3.5", "Word3\tnowhere\t1e0"]
    path = tmp_path / "pairs.tsv"
    path.write_text("\n".join(lines) + "\n")
    return path


def analogies_file(tmp_path, kv):
    rng = np.random.default_rng(6)
    words = kv.index_to_key
    lines = []
    for section in ("capitals", "family", "gram1-plural", "gram2-empty"):
        lines.append(f": {section}")
        for rows in rng.integers(0, len(kv), (0 if "empty" in section else 60, 4)):
            answer = kv.most_similar([words[rows[1]], words[rows[2]]], [words[rows[0]]], topn=1)[0][0]
            last = answer if rng.random() < 0.5 else words[rows[3]]
            lines.append(" ".join([*(words[row] for row in rows[:3]), last]))
        lines += ["Word3 word6 nowhere Word9", "three words only", "", "Word3 Word3 Word6 Word6"]
    path = tmp_path / "analogies.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def slow_analogies(kv, path, restrict, fold):
    """Right and asked, one question after the other, in double."""
    words = [fold(word) for word in kv.index_to_key[:restrict]]
    units = kv.vectors[:restrict].astype(np.float64)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    right = asked = 0
    for line in path.read_text().splitlines():
        question = fold(line).split()
        if line.startswith(":") or len(question) != 4 or not all(word in words for word in question):
            continue
        a, b, c = (words.index(word) for word in question[:3])
        order = [row for row in np.argsort(-(units @ (units[b] + units[c] - units[a]))) if row not in (a, b, c)][:5]
        answers = [words[row] for row in order if words[row] not in question[:3]] or [words[order[-1]]]
        right += answers[0] == question[3]
        asked += 1
    return right, asked


@pytest.mark.parametrize("restrict", [300000, 150])
@pytest.mark.parametrize("folded", [True, False])
def test_analogies_are_those_of_the_definition(restrict, folded, tmp_path):
    kv = mixed_case()
    path = analogies_file(tmp_path, kv)
    score, sections = word_analogies(kv, path, restrict_vocab=restrict, case_insensitive=folded)
    right, asked = slow_analogies(kv, path, restrict, str.upper if folded else str)
    assert asked > 3 and len(sections[-1]["correct"]) == right
    assert len(sections[-1]["correct"]) + len(sections[-1]["incorrect"]) == asked and score == right / asked


def test_semantic_and_syntactic_sections(tmp_path):
    kv = mixed_case()
    path = analogies_file(tmp_path, kv)
    result = analogies(kv, path)
    shares = [len(s["correct"]) / (len(s["correct"]) + len(s["incorrect"])) for s in result.sections]
    assert [s["section"] for s in result.sections][-1] == "Total accuracy" and result.score == shares[-1]
    both = [len(s["correct"]) for s in result.sections], [len(s["incorrect"]) for s in result.sections]
    assert result.semantic == sum(both[0][:2]) / (sum(both[0][:2]) + sum(both[1][:2]))
    assert result.syntactic == sum(both[0][2:4]) / (sum(both[0][2:4]) + sum(both[1][2:4]))
    assert 0 < result.oov < 10
    path.write_text(": family\nWord3 word4 Word6 word7\n")
    assert analogies(kv, path).syntactic is None


def test_files_without_questions_are_refused(tmp_path):
    kv = mixed_case()
    path = tmp_path / "file"
    for text, message in (("Word3 word4 Word6 word7\n", "line 1.*section"), (": a\n\n", "no analogies")):
        path.write_text(text)
        with pytest.raises(FormatError, match=message):
            word_analogies(kv, path)
    for text in ("a\tb\t1\n", "Word3\tword4\t1\nWord3\tword5\tnan\n"):  # less than two pairs
        path.write_text(text)
        with pytest.raises(FormatError, match="it takes two"):
            word_pairs(kv, path)
    path.write_bytes(b": a\n\xff\n")
    with pytest.raises(FormatError, match="line 2.*utf"):
        word_analogies(kv, path)
    with pytest.raises(ParameterError, match="cosmul"):
        word_analogies(kv, path, similarity_function="most_similar_cosmul")
    with pytest.raises(OSError):
        word_pairs(kv, tmp_path / "missing")


def test_pairs_are_correlated_with_the_cosines(tmp_path):
    kv = mixed_case()
    path = pairs_file(tmp_path, kv)
    pearson, spearman, oov = word_pairs(kv, path)
    first = {}
    for word in kv.index_to_key:
        first.setdefault(word.upper(), word)
    gold, cosines = [], []
    for line in path.read_text().splitlines()[4:-2]:
        a, b, score = line.split("\t")
        gold.append(float(score))
        cosines.append(float(kv.similarity(first[a.upper()], first[b.upper()])))
    assert pearson[0] == pytest.approx(stats.pearsonr(gold, cosines)[0], abs=1e-6)
    assert spearman[0] == pytest.approx(stats.spearmanr(gold, cosines)[0], abs=1e-6)
    assert oov == pytest.approx(100 * 2 / 62)
    assert word_pairs(kv, path, dummy4unknown=True)[2] == pytest.approx(100 * 2 / 62)


def test_equal_pairs_have_equal_ranks_in_gensim_too(tmp_path):
    rng = np.random.default_rng(8)
    kv = KeyedVectors(Vocab([f"w{v}" for v in range(40)]), rng.integers(-2, 3, (40, 4)).astype(np.float32))
    other = gensims(kv)
    pairs = [(v % 40, v * v % 40) for v in range(300)]  # many pairs of the same cosine
    (tmp_path / "pairs").write_text("".join(f"w{a}\tw{b}\t{rng.random()}\n" for a, b in pairs))
    ours, theirs = (which.evaluate_word_pairs(str(tmp_path / "pairs")) for which in (kv, other))
    assert ours[1][0] == pytest.approx(theirs[1][0], abs=1e-6)


@pytest.mark.parametrize("own", [0, 20], ids=["no words", "some words"])
def test_unknown_words_can_be_made_of_their_ngrams(own, tmp_path):
    rng = np.random.default_rng(3)
    rows = Subwords(NGrams(3, 4, 200), rng.normal(size=(200, 6)).astype(np.float32))
    kv = KeyedVectors(Vocab([f"Word{v}" for v in range(own)]), rng.normal(size=(own, 6)).astype(np.float32), rows)
    words = [f"Word{v}" for v in range(own)] + [f"other{v}" for v in range(20)]
    pairs = [(words[a], words[b], k) for k, (a, b) in enumerate(rng.integers(0, len(words), (50, 2)))]
    path = tmp_path / "pairs"
    path.write_text("".join(f"{a.replace('Word', 'word')}\t{b}\t{score}\n" for a, b, score in pairs) + "\tx\t1\n")
    _, spearman, oov = kv.evaluate_word_pairs(path, subwords=True)
    cosines = [float(kv.similarity(a, b)) for a, b, _ in pairs]
    assert spearman[0] == pytest.approx(stats.spearmanr(range(50), cosines)[0], abs=1e-6)
    assert oov == pytest.approx(100 / 51)  # an empty word has no n-grams
    if own:
        assert kv.evaluate_word_pairs(path, dummy4unknown=True)[2] > 50


def gensims(kv):
    gensim = pytest.importorskip("gensim.models", reason="compares with gensim, which is not installed")
    other = gensim.KeyedVectors(kv.vector_size)
    other.add_vectors(kv.index_to_key, kv.vectors)
    return other


OPTIONS = [{}, {"restrict_vocab": 150}, {"case_insensitive": False}, {"dummy4unknown": True}]


@pytest.mark.parametrize("options", OPTIONS)
def test_gensim_agrees(options, tmp_path):
    kv = mixed_case()
    other = gensims(kv)
    path = str(analogies_file(tmp_path, kv))
    score, sections = kv.evaluate_word_analogies(path, **options)
    assert (score, sections) == other.evaluate_word_analogies(path, **options) and 0.1 < score < 0.9
    path = str(pairs_file(tmp_path, kv))
    ours, theirs = kv.evaluate_word_pairs(path, **options), other.evaluate_word_pairs(path, **options)
    for k in range(3):
        assert np.allclose(ours[k], theirs[k], atol=1e-6, rtol=0)


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared evaluation sets (FASTEMBED_SHARED)")
def test_gensim_agrees_on_the_known_sets():
    files = sorted((SHARED / "similarity").glob("*.tsv"))
    questions = SHARED / "analogy" / "questions-words.txt"
    words = {word for path in files for line in path.read_text().splitlines() for word in line.split("\t")[:2]}
    asked = [line.split() for line in questions.read_text().splitlines() if not line.startswith(":")]
    words = sorted(words | {word.lower() for row in asked[::25] for word in row})
    vectors = np.random.default_rng(7).normal(size=(len(words), 20)).astype(np.float32)
    kv = KeyedVectors(Vocab(words), vectors)
    other = gensims(kv)
    for path in files:
        ours, theirs = kv.evaluate_word_pairs(str(path)), other.evaluate_word_pairs(str(path))
        assert all(np.allclose(ours[k], theirs[k], atol=1e-6, rtol=0) for k in range(3)), path.name
    ours, theirs = kv.evaluate_word_analogies(str(questions)), other.evaluate_word_analogies(str(questions))
    assert ours == theirs
