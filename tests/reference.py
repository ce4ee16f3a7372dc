"""Slow, obvious versions of what the compiled code does, to compare it with."""

import math
from statistics import harmonic_mean

import numpy as np

MASK = (1 << 64) - 1
STEP = 0x9E3779B97F4A7C15


def mix(x):
    """SplitMix64's hash of a 64-bit state."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


class Stream:
    """A stream of random numbers with a key of three parts."""

    def __init__(self, *key):
        self.state = 0
        for part in key:
            self.state = mix((self.state + part + STEP) & MASK)

    def next(self):
        self.state = (self.state + STEP) & MASK
        return mix(self.state)

    def at(self, n):
        return mix((self.state + (n + 1) * STEP) & MASK)

    def below(self, n):
        return ((self.next() >> 32) * n) >> 32

    def alias(self, table):
        r = self.next()
        cell = ((r >> 32) * len(table)) >> 32
        return cell if r & 0xFFFFFFFF < table[cell][0] else int(table[cell][1])


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def step(inputs, outputs, labels, lr):
    """inputs (I, D), outputs (O, D), labels (O,) -> what SGD makes of both, and the loss; float64."""
    scores = inputs @ outputs.T
    gradients = lr * (labels - 1 / (1 + np.exp(-scores)))
    loss = (softplus(scores) - labels * scores).sum()
    return inputs + gradients @ outputs, outputs + gradients.T @ inputs, loss


class Plain:
    """Context vectors that are rows of a matrix."""

    def __init__(self, inputs):
        self.inputs = inputs

    def move(self, _):
        pass

    def of(self, tokens, words):
        return self.inputs, words

    def end(self):
        pass


class Composed:
    """Context vectors that are means of rows: made when a token enters the window, given back when it leaves."""

    def __init__(self, inputs, parts, thinned, window):
        self.inputs, self.parts, self.window = inputs, parts, window
        self.words = [row for _, row, _ in thinned]
        self.new, self.old = np.zeros((2, len(thinned), inputs.shape[1]))
        self.inside = []

    def leave(self, token):
        self.inside.remove(token)
        np.add.at(self.inputs, self.parts[self.words[token]], self.new[token] - self.old[token])

    def move(self, centre):
        for token in [t for t in self.inside if t < centre - self.window]:
            self.leave(token)
        for token in range(max(0, centre - self.window), min(len(self.words), centre + self.window + 1)):
            if token not in self.inside:
                self.inside.append(token)
                self.new[token] = self.old[token] = self.inputs[self.parts[self.words[token]]].mean(0)

    def of(self, tokens, words):
        return self.new, tokens

    def end(self):
        for token in list(self.inside):
            self.leave(token)


def word2vec_epoch(sentences, keep, inputs, outputs, settings, noise=None, paths=None, parts=None):
    """Train float64 matrices in place on one epoch of row numbers (-1: no word); returns (loss, predictions).

    Sentences are cut into chunks by token position, as the compiled loop does it, and everything else is as in the
    papers. settings: window, negative, cbow, dynamic_window, mean_gradient, seed, epoch, chunk_tokens, stay, and
    lr(position).
    """
    s = settings
    tokens = [(row, number) for number, sentence in enumerate(sentences) for row in sentence]
    coins = Stream(s["seed"], s["epoch"], 0xC0)
    thinned = []  # (position, row, sentence)
    for position, (row, number) in enumerate(tokens):
        coin = coins.at(position) >> 32
        if row >= 0 and (keep[row] == 0xFFFFFFFF or coin < keep[row]):
            thinned.append((position, row, number))
    loss, predictions = 0.0, 0
    vectors = Plain(inputs) if parts is None else Composed(inputs, parts, thinned, s["window"])
    for chunk in range(-(-len(tokens) // s["chunk_tokens"])):
        begin = chunk * s["chunk_tokens"]
        stream = Stream(s["seed"], s["epoch"], 0x100 + chunk)
        centres = [k for k, (position, *_) in enumerate(thinned) if begin <= position < begin + s["chunk_tokens"]]
        drawn = negatives_ahead(centres, stream, noise, s, parts is None)
        for k, (negatives, reach) in zip(centres, drawn, strict=True):
            _, word, sentence = thinned[k]
            vectors.move(k)
            around = [j for j in range(max(0, k - reach), min(len(thinned), k + reach + 1)) if j != k]
            tokens_around = [j for j in around if thinned[j][2] == sentence]
            words_around = [thinned[j][1] for j in tokens_around]
            if not tokens_around:
                continue
            inputs, context = vectors.of(tokens_around, words_around)
            if paths is not None:
                rows, labels = paths[word]
            else:
                rows = [word] + [n for n in negatives if n != word]
                labels = np.array([1] + [0] * (len(rows) - 1))
            if s["cbow"]:
                rate = harmonic_mean([len(context), 2 * s["window"]])
                share = rate / len(context) if s["mean_gradient"] else 1
                weights = None if parts is None else [len(parts[w]) for w in words_around]
                loss += train_cbow(inputs, outputs, context, rows, labels, s["lr"](begin), share, weights)
                predictions += 1
            else:
                for start in range(0, len(context), 16):
                    part = context[start : start + 16]
                    loss += train_skipgram(inputs, outputs, part, rows, labels, s["lr"](begin), s["stay"])
                predictions += len(context)
        vectors.end()
    return loss, predictions


def negatives_ahead(centres, stream, noise, s, keep):
    """For each centre its negatives and its window; negatives are drawn `ahead` centres before the window is.

    A fifth is fresh and the others are the younger ones of an earlier centre, if ``keep``.
    """
    drawn, ahead, apart = [], 3, max(24, 2 * s["window"] + 1)
    fresh = -(-s["negative"] // 5) if keep and apart < 64 else s["negative"]

    def draw():
        if len(drawn) < len(centres):
            kept = drawn[len(drawn) - apart][fresh:] if len(drawn) >= apart else []
            drawn.append(kept + [stream.alias(noise) for _ in range(s["negative"] - len(kept))])

    for _ in range(ahead):
        draw()
    for k in range(len(centres)):
        draw()
        reach = 1 + stream.below(s["window"]) if s["dynamic_window"] else s["window"]
        yield drawn[k], reach


def train_cbow(inputs, outputs, context, rows, labels, lr, share, weights):
    """One step of CBOW: the mean meets the centre word's outputs; returns the loss."""
    mean = np.average(inputs[context], 0, weights)[np.newaxis]
    new = mean.copy()
    loss = train_skipgram(new, outputs, [0], rows, labels, lr, 1)
    np.add.at(inputs, context, share * (new - mean))
    return loss


def train_skipgram(inputs, outputs, context, rows, labels, lr, stay):
    """One step of skip-gram: all context words meet the centre word's outputs; returns the loss.

    A row that comes twice takes part as it was or as it has become: csrc/step.inc keeps the rows of the shorter side
    if they are up to `stay`, and goes through the other side's one by one.
    """
    scores = inputs[context] @ outputs[rows].T  # (I, O)
    gradients = lr * (labels - 1 / (1 + np.exp(-scores)))
    if len(context) <= min(stay, len(rows)):
        meet(inputs, context, outputs, rows, gradients)
    elif len(rows) <= stay:
        meet(outputs, rows, inputs, context, gradients.T)
    else:
        first, *others = np.array_split(np.arange(len(context)), -(-len(context) // stay))
        at = np.array(context)
        before = meet(inputs, at[first], outputs, rows, gradients[first])
        for part in others:
            x = inputs[at[part]]
            np.add.at(inputs, at[part], gradients[part] @ before)
            np.add.at(outputs, rows, gradients[part].T @ x)
    return (softplus(scores) - labels * scores).sum()


def meet(kept, at, passing, rows, gradients):
    """The rows `at` of one matrix meet the rows of another one by one; gradients (len(at), len(rows)).

    Returns the other rows as they were met.
    """
    x, met = kept[at], []
    for row, gradient in zip(rows, gradients.T, strict=True):
        met.append(passing[row].copy())
        passing[row] += gradient @ x
    np.add.at(kept, at, gradients @ np.array(met))
    return np.array(met)


def cooccurrences(sentences, words, window, harmonic=True, sides="both"):
    """Counts of neighbours (words, words or 2 words) in sentences of word numbers, as exact fractions times lcm."""
    unit = math.lcm(*range(1, window + 1)) if harmonic else 1
    counts = np.zeros((words, words * (2 if sides == "apart" else 1)), np.int64)
    for sentence in sentences:
        for here, word in enumerate(sentence):
            for there in range(max(0, here - window), min(len(sentence), here + window + 1)):
                if there == here or (sides == "left" and there > here):
                    continue
                shift = words if sides == "apart" and there > here else 0
                counts[word, sentence[there] + shift] += unit // abs(here - there) if harmonic else 1
    return counts / unit


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def recurrent_step(cell, g, h, c, p, clips):
    """One step of one sequence: g = x W + b (G H,), h (P,), c (H,) -> the new h and c; p are its parameters."""
    w, size = p["recurrent"], len(c)
    if cell == "rnn":
        return np.tanh(g + h @ w), c
    if cell == "lstm":
        i, f, u, o = np.split(g + h @ w, 4)
        c = np.clip(sigmoid(f) * c + sigmoid(i) * np.tanh(u), -clips[0], clips[0])
        h = sigmoid(o) * np.tanh(c)
        return (np.clip(h @ p["projection"], -clips[1], clips[1]) if "projection" in p else h), c
    r, z = np.split(sigmoid(g[: 2 * size] + h @ w[:, : 2 * size]), 2)
    if cell == "gru":
        n = np.tanh(g[2 * size :] + (r * h) @ w[:, 2 * size :])
    else:
        n = np.tanh(g[2 * size :] + r * (h @ w[:, 2 * size :] + p["reset_bias"]))
    return z * h + (1 - z) * n, c


def recurrent(cell, x, p, h, c, clips=(np.inf, np.inf)):
    """x (T, I), h (P,), c (H,) -> outputs (T, P) and the last h and c."""
    outputs = np.zeros((len(x), len(h)))
    for t, row in enumerate(x):
        outputs[t] = h = (step := recurrent_step(cell, row @ p["input"] + p["bias"], h, c, p, clips))[0]
        c = step[1]
    return outputs, h, c
