"""word_analogies(): Athens is to Greece as Baghdad is to what?"""

import logging
from dataclasses import dataclass

import numpy as np

from .._core.job import Job
from .._core.nearest import select_sums
from ..blas import one_thread
from ..errors import FormatError, ParameterError
from ..io.source import read_lines
from ..parallel import default_threads, run
from .similarity import folded_index

logger = logging.getLogger("fastembed")
_COLUMNS = 256  # of the cosines to a thousand words: what the second-level cache holds
_CANDIDATES = 8  # the best five and, at most, the three words of the question


@dataclass(frozen=True)
class AnalogyResult:
    """Analogies, solved or not.

    score : share of right answers.
    semantic, syntactic : the same over the sections of either kind (syntactic ones are named gram...); None if empty.
    oov : percentage of questions with an unknown word.
    sections : gensim's list of dicts, ``section``, ``correct``, ``incorrect``; the last is "Total accuracy".
    """

    score: float
    semantic: float | None
    syntactic: float | None
    oov: float
    sections: list


def word_analogies(
    kv,
    analogies,
    restrict_vocab=300000,
    case_insensitive=True,
    dummy4unknown=False,
    similarity_function="most_similar",
):
    """Solve analogies by 3CosAdd (Mikolov et al. 2013); returns (score, sections) as gensim does.

    The parameters are those of ``analogies``; ``similarity_function`` must be "most_similar".
    """
    if similarity_function != "most_similar":
        raise ParameterError(f"similarity_function={similarity_function!r}: only 'most_similar' is known")
    result = _analogies(kv, analogies, restrict_vocab, case_insensitive, dummy4unknown)
    return result.score, result.sections


def analogies(kv, path, restrict_vocab=300000, case_insensitive=True, dummy4unknown=False):
    """Solve a file of analogies.

    Parameters
    ----------
    path : lines ``a b c expected`` in sections that begin with ``: name``; other lines are skipped.
    restrict_vocab : questions and answers are of the first so many words.
    case_insensitive : compare words in upper case; of several spellings the most frequent one's vector is taken.
    dummy4unknown : count a question with an unknown word as wrong instead of leaving it out.

    Returns AnalogyResult. Raises FormatError if the file has no questions or one stands before the first section.
    """
    questions, names = _read(path, case_insensitive)
    lookup = folded_index(kv, restrict_vocab, case_insensitive)
    rows = np.array([[lookup.get(word, -1) for word in words] for _, words in questions], np.int64)
    known = (rows >= 0).all(axis=1)
    answers = iter(_solve(kv, rows[known], restrict_vocab, case_insensitive))
    sections = [{"section": name, "correct": [], "incorrect": []} for name in names]
    for (section, words), usable in zip(questions, known.tolist(), strict=True):
        if usable:
            kind = "correct" if next(answers) == words[3] else "incorrect"
            sections[section][kind].append(words)
        elif dummy4unknown:
            sections[section]["incorrect"].append(words)
    oov = float(100 * (1 - known.mean()))
    return _summary(path, sections, oov)


_analogies = analogies  # word_analogies has a parameter of that name, as gensim's has


def _summary(path, sections, oov):
    syntactic = [section for section in sections if section["section"].startswith("gram")]
    semantic = [section for section in sections if not section["section"].startswith("gram")]
    total = {"section": "Total accuracy"}
    for kind in ("correct", "incorrect"):
        total[kind] = [words for section in sections for words in section[kind]]
    result = AnalogyResult(_share([total]) or 0.0, _share(semantic), _share(syntactic), oov, [*sections, total])
    logger.info("%s: %.1f%% of analogies solved, %.1f%% unknown", path, 100 * result.score, oov)
    return result


def _share(sections):
    """Share of right answers, or None without any."""
    right = sum(len(section["correct"]) for section in sections)
    asked = right + sum(len(section["incorrect"]) for section in sections)
    return right / asked if asked else None


def _read(path, case_insensitive):
    """[(section number, (a, b, c, expected))] and the section names."""
    questions, names = [], []
    for number, line in enumerate(read_lines(path), 1):
        if line.startswith(": "):
            names.append(line.lstrip(": ").strip())
            continue
        words = tuple((line.upper() if case_insensitive else line).split())
        if len(words) != 4:
            continue
        if not names:
            raise FormatError(path, "an analogy before the first section ': name'", line=number)
        questions.append((len(names) - 1, words))
    if not questions:
        raise FormatError(path, "no analogies 'a b c expected' in the file")
    return questions, names


def _solve(kv, rows, restrict_vocab, case_insensitive):
    """The answer to each of rows (Q, 4), a word in upper case if asked, or None.

    As gensim does: of the best words that are not rows of the question, five at most, the first that is not spelled
    like a word of the question.
    """
    found = _nearest_sums(kv, rows[:, :3], kv.vectors[:restrict_vocab])
    names = kv.index_to_key[:restrict_vocab]
    if case_insensitive:
        names = {row: names[row].upper() for row in set(found.ravel().tolist()) | set(rows.ravel().tolist())}
    for candidates, asked in zip(found.tolist(), rows[:, :3].tolist(), strict=True):
        ignore = {names[row] for row in asked}
        answer = None
        for row in [row for row in candidates if row not in asked][:5]:
            answer = names[row]
            if answer not in ignore:
                break
        yield answer


def _nearest_sums(kv, triples, searched):
    """The rows (Q, k) of ``searched`` with the largest cos(b) + cos(c) - cos(a), best first; triples (Q, 3) are rows.

    That sum is the cosine to b + c - a but for a factor that a question has in common. A few hundred words make up
    thousands of questions, so the cosines to these words, a block of columns at a time, replace one product each.
    """
    count, k = len(triples), min(_CANDIDATES, len(searched))
    best, found = np.full((count, k), -np.inf, np.float32), np.full((count, k), -1, np.int64)
    crew = max(1, min(default_threads(), count // 256))
    borders = np.linspace(0, count, crew + 1).astype(int)

    def work(job, number):
        part = slice(borders[number], borders[number + 1])
        words, places = np.unique(triples[part], return_inverse=True)
        places = places.reshape(-1, 3)
        units = kv.vectors[words] / kv.norms[words, np.newaxis]
        for base in range(0, len(searched), _COLUMNS):
            if job.stopped:
                return
            cosines = units @ searched[base : base + _COLUMNS].T
            cosines /= kv.norms[base : base + _COLUMNS][: cosines.shape[1]]
            select_sums(cosines, places, base, best[part], found[part])

    kv.fill_norms()
    with one_thread():
        run(work, Job(0), crew)
    return found
