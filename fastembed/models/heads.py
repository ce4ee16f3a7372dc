"""ELMoTagger and ELMoClassifier: what a frozen language model knows, put to use by a small head (Peters et al. 2018).

They take every contextual model (ELMo, BERT), and static vectors as WordWindows.
"""

import json

import numpy as np

from .. import _version
from ..blas import one_thread
from ..errors import CorpusError, FormatError, ParameterError, TrainingError
from ..nn.head import Head
from ..nn.mix import ScalarMix
from ..nn.optim import Adam
from ..nn.softmax import NEVER
from ..parallel import check_threads
from ..tokenize import whitespace
from .base import Estimator
from .callbacks import Callback, Callbacks
from .contextual import WordWindows, batches_of, each_sentence
from .features import Features
from .labelled import label_lists, named, targets_of
from .parameters import Choice, Frozen, Layers, Real, Size, Whole
from .tokenized import words_of
from .training import Checkpoint, Loop, Position, Schedule

LM = "lm."  # before the names of the language model's arrays in a file


class Trainer:
    """What Loop wants: batches of sentences as chunks."""

    threads = 1

    def __init__(self, model, features, targets):
        self.model, self.features, self.targets = model, features, targets  # targets: (n,) int32 of each sentence
        self.tokens, self.batch = len(targets), model.batch
        self.chunks = -(-self.tokens // self.batch)
        self.optimizers = {prefix: Adam(params) for prefix, params in model.parts().items()}

    def train(self, job, epoch, schedule, loss, predictions):
        """Batches until none is left; loss (chunks,) float64, predictions (chunks,) int64  # out"""
        lr, min_lr, before, total = schedule
        order = np.random.default_rng((self.model.seed, epoch)).permutation(self.tokens)
        with one_thread():
            while (number := job.take()) >= 0:
                done = number * self.batch
                numbers = order[done : done + self.batch].tolist()
                random = np.random.default_rng((self.model.seed, epoch, number))
                losses = self._step(numbers, random, lr + (min_lr - lr) * (before + done) / total)
                loss[number], predictions[number] = losses.sum(), len(losses)
                job.add(len(numbers))

    def _step(self, numbers, random, lr):
        """Losses of a batch, after the optimisers' step."""
        targets = np.concatenate([self.targets[k] for k in numbers])
        if not len(targets):
            return np.zeros(0)
        losses, found = self.model.gradients(*self.features.batch(numbers), targets, random)
        for prefix, gradients in found.items():
            self.optimizers[prefix].begin(lr)
            for name, array in gradients.items():
                self.optimizers[prefix].dense(name, array)
        return losses


class _Weights(Callback):
    """Writes the learnt weights of the layers into each epoch's record."""

    def on_epoch_end(self, model, record):
        record["weights"], record["gamma"] = model.mix.weights.tolist(), model.mix.gamma


class FrozenHead(Estimator):
    """What ELMoTagger and ELMoClassifier share; use one of them."""

    language_model = Frozen(None, "the model whose vectors are used; it is not changed", optional=True)
    layers = Layers("mix", "a learnt mix of all layers, their average, or one of them", choices=("mix", "average"))
    head = Choice("linear", "a linear layer, or one on a bidirectional LSTM", choices=("linear", "lstm"))
    hidden = Whole(100, "units of the LSTM in each direction, with head=lstm", low=1, high=1 << 16)
    dropout = Real(0.0, "share of the vectors' numbers that a step leaves out", low=0, high=0.95)
    lr = Real(0.003, "learning rate of Adam at the start; it falls to 0", low=1e-12, high=1e6)
    batch = Whole(32, "sentences of a step", low=1, high=1 << 20)
    epochs = Whole(10, "passes over the sentences", low=1)
    memory = Size("4G", "if the language model's states take more, each epoch computes them again")
    threads = Whole(None, "worker threads; None means one for each CPU", low=1, high=4096, optional=True)
    seed = Whole(1, "of all that is random", low=0, high=(1 << 63) - 1)

    pooled = False

    def __init__(self, **parameters):
        super().__init__(**parameters)
        self._set_state((None, None, None, []))

    def __sklearn_clone__(self):
        """scikit-learn's clone: not fitted, on the same language model, which would lose its training otherwise."""
        return type(self)(**self.get_params())

    def fit(self, X, y, *, callbacks=(), verbose=1):
        """Train a new head and, with layers="mix", s_0..s_L and gamma; returns self. The language model stays as it is.

        Parameters
        ----------
        X : sentences, each a list of words, or a str that white space divides.
        y : what `predict` is to give: for a tagger a tag for each word, in a list for each sentence; for a classifier a
            label for each sentence. Tags and labels are str, int or bool.
        callbacks : see fastembed.callbacks; verbose : 0 for silence.

        ``mix.weights`` and ``mix.gamma`` then hold what was learnt, ``history`` their values after each epoch. Raises
        ParameterError if y does not fit X, CorpusError if there is nothing to learn, TrainingError if numbers overflow.
        """
        self.check_params()
        callbacks, sentences = Callbacks([_Weights(), *Callbacks(callbacks).callbacks]), _sentences(X)
        found = targets_of(y, len(sentences))
        found = found.among(sorted(found.names))
        targets = np.split(found.ids, found.offsets[1:-1])
        self._check_targets(sentences, targets)
        if len(found.names) < 2:
            raise CorpusError(f"nothing to learn: {found.names[0]!r} is all that y holds, and at least two are needed")
        return self._train(sentences, targets, (found.names, found.kind), callbacks, verbose)

    @property
    def classes_(self):
        """The tags or labels in order (C,), as scikit-learn has them: the columns of predict_proba."""
        names, kind = self._fitted(self._classes)
        return np.array(names, {"str": None, "int": np.int64, "bool": bool}[kind])

    # -- training

    def _train(self, sentences, targets, classes, callbacks, verbose):
        """Train a new head; targets: (n,) int32 of each sentence."""
        if self.language_model is None:
            raise ParameterError("language_model=None: give a contextual model, or WordWindows of static vectors")
        before = self._state()
        try:
            features = Features(self.language_model, sentences, self.parameters["memory"].bytes_of(self.memory))
            self._set_state((classes, *self._begin(len(classes[0])), []))
            self.position = Position()
            words = sum(map(len, sentences))
            schedule = Schedule(float(self.lr), 0.0, int(self.epochs), len(sentences), words, "sentences")
            trainer = Trainer(self, features, targets)
            Loop(self, trainer, schedule, callbacks, Checkpoint(None), verbose).run()
        except Exception:
            self._set_state(before)
            raise
        return self

    def _begin(self, classes):
        """(mix, head), untrained, for so many classes"""
        model, depth = self.language_model, self.language_model.depth
        if not isinstance(self.layers, str) and not -depth <= self.layers < depth:
            raise ParameterError(f"layers={self.layers!r}: the language model has layers 0 to {depth - 1}")
        head = Head(
            model.width, classes, hidden=self.hidden if self.head == "lstm" else None, pooled=self.pooled,
            dropout=self.dropout, threads=check_threads(self.threads), seed=self.seed,
        )  # fmt: skip
        mix = ScalarMix(depth)
        if not isinstance(self.layers, str):
            mix.params["scores"][:] = NEVER
            mix.params["scores"][self.layers] = 0
        return mix, head

    def gradients(self, states, lengths, targets, random):
        """Losses (R,) of states (L + 1, N, D), and {prefix: {name: gradient}} of their mean."""
        mixed, tape = self._mixed(states)
        losses = self._head.forward(mixed, lengths, targets, random)
        gradient, found = self._head.backward(1 / len(targets))
        if self.layers == "mix":
            found["mix."] = self.mix.backward(tape, gradient)[1]
        return losses, found

    def _mixed(self, states):
        """(N, D) and the tape of the mix"""
        if isinstance(self.layers, str):
            return self.mix.forward(states)
        return np.ascontiguousarray(states[self.layers]), None

    def parts(self):
        """All parameters that are learnt: {prefix: Params}."""
        return self._head.groups() | {"mix.": self.mix.params}

    def check_finite(self):
        """Raise TrainingError if a parameter holds NaN or infinity."""
        if not all(np.isfinite(params.flat).all() for params in self.parts().values()):
            raise TrainingError(f"the head holds NaN or infinity: use a smaller lr ({self.lr:g})")

    def _probabilities(self, X):
        """A list of (R, C) float64, one for each sentence: R is 1 if it is pooled, else its words."""
        self._fitted(self._classes)
        sentences = _sentences(X)
        found = [None] * len(sentences)
        with one_thread():
            for numbers in batches_of([len(words) for words in sentences]):
                features = Features(self.language_model, [sentences[k] for k in numbers], 0)
                states, lengths = features.batch(range(len(numbers)))
                rows = np.exp(self._head.logprobs(self._mixed(states)[0], lengths).astype(np.float64))
                bounds = np.arange(1, len(lengths)) if self.pooled else np.cumsum(lengths)[:-1]
                for number, part in zip(numbers, np.split(rows, bounds), strict=True):
                    found[number] = part
        return found

    # -- state: ((names, kind) of the classes, mix, head, history), and files

    def _state(self):
        return self._classes, self.mix, self._head, self.history

    def _set_state(self, state):
        self._classes, self.mix, self._head, self.history = state

    def to_native(self):
        """The whole state as (tensors, texts), the language model's too."""
        names, kind = self._fitted(self._classes)
        if not hasattr(self.language_model, "to_native"):
            raise ParameterError(f"a head on {type(self.language_model).__name__} cannot be saved")
        tensors, meta = self.language_model.to_native()
        tensors = {LM + name: array for name, array in tensors.items()}
        for prefix, params in self.parts().items():
            tensors |= params.tensors(prefix)
        own = {"fastembed": "1", "version": _version.__version__, "kind": kind, "language_model": json.dumps(meta)}
        return tensors, own | self._meta() | {"classes": json.dumps([str(name) for name in names])}

    @classmethod
    def from_native(cls, path, tensors, meta):
        """The model of a native file's arrays and texts; FormatError if they do not fit together."""
        from . import from_native

        model = cls()
        try:
            model._restore_meta(meta)
            own = json.loads(meta["language_model"])
            inner = {name.removeprefix(LM): array for name, array in tensors.items() if name.startswith(LM)}
            static = own.get("class") == "WordWindows"
            model.language_model = (WordWindows.from_native if static else from_native)(path, inner, own)
            names = [named(text, meta["kind"]) for text in json.loads(meta["classes"])]
            mix, head = model._begin(len(names))
            for prefix, params in (head.groups() | {"mix.": mix.params}).items():
                params.copy(tensors, prefix)
        except FormatError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            raise FormatError(path, f"is no complete {cls.__name__}: {error}") from error
        model._set_state(((names, meta["kind"]), mix, head, model.history))
        return model

    def __sklearn_tags__(self):
        from sklearn.utils import ClassifierTags

        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        if self.pooled:  # a tagger's y, a list of lists, is none that scikit-learn could divide by classes
            tags.estimator_type, tags.classifier_tags = "classifier", ClassifierTags()
        return tags


class ELMoTagger(FrozenHead):
    """Tags of words from a frozen language model's vectors: parts of speech, names (Peters et al. 2018).

    Its layers are mixed with learnt weights s_0..s_L and gamma; a linear layer, or a bidirectional LSTM and one, makes
    the tags. The language model is not changed; its states are computed once and kept if there is ``memory`` for them.

    >>> import fastembed as fe
    >>> wv = fe.KeyedVectors(["the", "dog", "barks"], np.eye(3, dtype=np.float32))
    >>> tagger = fe.ELMoTagger(language_model=fe.WordWindows(wv), lr=0.1)
    >>> tagger = tagger.fit([["the", "dog", "barks"]] * 9, [["DET", "NOUN", "VERB"]] * 9, verbose=0)
    >>> tagger.predict(["the dog"]), tagger.mix.weights.tolist()
    ([['DET', 'NOUN']], [1.0])
    """

    def predict(self, X):
        """The most probable tags: a list of them for each sentence."""
        classes = self.classes_.tolist() if self._classes else None
        return [[classes[k] for k in rows.argmax(1).tolist()] for rows in self._probabilities(X)]

    def predict_proba(self, X):
        """Probabilities: an array (T, C) for each sentence, columns as ``classes_``."""
        return self._probabilities(X)

    def score(self, X, y):
        """The share of words whose tag is right; ParameterError if y does not fit X."""
        sentences, tags = _sentences(X), label_lists(y)
        self._check_targets(sentences, tags)
        pairs = [found == tag for row, own in zip(self.predict(sentences), tags, strict=True)
                 for found, tag in zip(row, own, strict=True)]  # fmt: skip
        if not pairs:
            raise ParameterError("there are no words to score")
        return sum(pairs) / len(pairs)

    def _check_targets(self, sentences, targets):
        if len(sentences) != len(targets):
            raise ParameterError(f"there are {len(sentences)} sentences and {len(targets)} lists of tags")
        for number, (words, tags) in enumerate(zip(sentences, targets, strict=True)):
            if len(words) != len(tags):
                raise ParameterError(f"sentence {number} (from 0) has {len(words)} words and {len(tags)} tags")


class ELMoClassifier(FrozenHead):
    """Labels of sentences from a frozen language model's vectors: as ELMoTagger, on the mean of a sentence.

    >>> import fastembed as fe
    >>> wv = fe.KeyedVectors(["good", "bad", "film"], np.eye(3, dtype=np.float32))
    >>> model = fe.ELMoClassifier(language_model=fe.WordWindows(wv), lr=0.1)
    >>> texts, labels = ["a good film", "a bad film"] * 9, [1, 0] * 9
    >>> model.fit(texts, labels, verbose=0).predict(["good"]).tolist(), model.score(texts, labels)
    ([1], 1.0)
    """

    pooled = True

    def predict(self, X):
        """The most probable label of each sentence, (n,)."""
        return self.classes_[self.predict_proba(X).argmax(1)]

    def predict_proba(self, X):
        """Probabilities (n, C), columns as ``classes_``."""
        return np.concatenate([np.zeros((0, len(self.classes_))), *self._probabilities(X)])

    def score(self, X, y):
        """The share of sentences whose label is right; ParameterError if y does not fit X."""
        sentences, labels = _sentences(X), label_lists(y)
        if len(labels) != len(sentences) or not labels:
            raise ParameterError(f"there are {len(sentences)} sentences and {len(labels)} labels")
        self._check_targets(sentences, labels)
        found = zip(self.predict(sentences).tolist(), labels, strict=True)
        return sum(label == own for label, [own] in found) / len(labels)

    def _check_targets(self, sentences, targets):
        number = next((number for number, labels in enumerate(targets) if len(labels) != 1), None)
        if number is not None:
            raise ParameterError(f"sentence {number} (from 0) has {len(targets[number])} labels: give one")


def _sentences(X):
    """Lists of words of sentences that may be str; ParameterError for anything else."""
    found = []
    for number, sentence in enumerate(each_sentence(X)):
        try:
            found.append(whitespace(sentence) if isinstance(sentence, str) else words_of(sentence))
        except ParameterError as error:
            raise ParameterError(f"sentence {number} (from 0): {error}") from None
    return found
