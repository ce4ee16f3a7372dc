"""Two banks: the nearest neighbours of a word in its sentence, by ELMo and by a vector that has no sentence.

    python examples/elmo_bank.py TEXT [--model FILE.fe] [--word bank] [--sentences "one bank" "another"] [--epochs 1]

TEXT has a tokenised sentence on each line. The model is trained on it, unless it is given.
"""

import argparse

import numpy as np

import fastembed as fe

SENTENCES = [
    "he sat on the bank of the river and watched the boats",
    "the bank lent the company money at high interest",
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text")
    parser.add_argument("--model")
    parser.add_argument("--word", default="bank")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--sentences", nargs="+", default=SENTENCES)
    given = parser.parse_args()
    for sentence in given.sentences:
        if given.word not in sentence.split():
            parser.error(f"--sentences: {sentence!r} has no word {given.word!r}")
    corpus = fe.Corpus(given.text)
    found = [line for line in corpus.encode().lines() if given.word in line.split()][:2000]
    if not found:
        raise SystemExit(f"{given.text} has no sentence with the word {given.word!r}")
    model = fe.load(given.model) if given.model else fe.ELMo.small(epochs=given.epochs).fit(corpus)
    others, queries = (vectors(model, sentences, given.word) for sentences in (found, given.sentences))
    center = others.mean(0)  # what the word's vectors have in common
    others, queries = unit(others - center), unit(queries - center)
    print(f"cosine of the two {given.word}s: {float(queries[0] @ queries[-1]):.2f}")
    for sentence, query in zip(given.sentences, queries, strict=True):
        print(f"\n{sentence}")
        for number in np.argsort(-(others @ query))[:5]:
            print(f"  {others[number] @ query:.2f}  {around(found[number].split(), given.word)}")


def vectors(model, sentences, word):
    """The average of the LSTM layers at the first place of the word in each sentence: (n, D)."""
    states = zip(model.embed(sentences), sentences, strict=True)
    return np.array([layers[1:, sentence.split().index(word)].mean(0) for layers, sentence in states])


def unit(rows):
    """Rows of length 1."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def around(words, word, size=7):
    """The word with its neighbours."""
    at = words.index(word)
    return " ".join(words[max(0, at - size) : at + size + 1])


if __name__ == "__main__":
    main()
