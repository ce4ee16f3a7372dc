"""FastTextClassifier: documents as the mean of their words' vectors, and a linear classifier trained with them.

Joulin, Grave, Bojanowski and Mikolov 2017, "Bag of Tricks for Efficient Text Classification".
"""

import json

import numpy as np

from .. import _version, memory
from .._core import classify, simd, subwords
from ..blas import one_thread
from ..corpus import Corpus
from ..errors import CorpusError, FormatError, ParameterError
from ..io import fasttext, native
from ..parallel import check_threads
from ..subwords import WHOLE, NGrams, Subwords, means
from ..vectors import KeyedVectors
from ..vocab import Vocab
from .callbacks import Callbacks
from .labelled import named, of_lines, of_texts, targets_of
from .parameters import Choice, Real, Text, Whole
from .static import Trained
from .training import Checkpoint, Loop, Position, Schedule, fingerprint_of, place_of, position_of
from .word2vec import _padded

BLOCK = 1 << 22  # probabilities that are computed at a time


class FastTextClassifier(Trained):
    """Text classification as fastText does it (Joulin et al. 2017): fast, and good where words tell the class.

    A document is the mean of the vectors of its words, of their character n-grams (``minn``, ``maxn``) and of n-grams
    of words (``word_ngrams``), which share ``bucket`` rows by their hash; only rows that documents use are kept. The
    losses: "softmax" over the labels; "hs", a tree of the labels, for many of them; "ova", one decision a label, for
    documents with any number of labels. Documents are trained in an order drawn anew for each epoch.

    >>> import fastembed as fe
    >>> texts, labels = ["a fine film", "a dull film", "so fine", "so dull"] * 20, ["+", "-", "+", "-"] * 20
    >>> model = fe.FastTextClassifier(dim=10, epochs=20, lr=0.5, word_ngrams=2).fit(texts, labels, verbose=0)
    >>> model.predict(["fine", "a dull thing"]).tolist(), model.score(texts, labels)
    (['+', '-'], 1.0)

    Without labels, texts are lines in fastText's format, or a file of them; a line may have several labels:

    >>> model = model.fit(["__label__yes fine", "__label__no dull"] * 20, verbose=0)
    >>> [label for label, probability in model.predict_top(["fine"], k=2)[0]]
    ['yes', 'no']
    """

    dim = Whole(100, "length of a vector", low=1, high=1 << 20)
    lr = Real(0.1, "learning rate at the start; it falls to 0", low=1e-12)
    epochs = Whole(5, "passes over the documents", low=1)
    word_ngrams = Whole(1, "words of the longest n-grams of words; 1 makes none", low=1, high=1000)
    minn = Whole(0, "characters of the shortest n-grams", low=0, high=1 << 20)
    maxn = Whole(0, "characters of the longest n-grams; 0 makes none", low=0, high=1 << 20)
    loss = Choice(
        "softmax",
        "over all labels, by a tree of labels (hs), or each by itself (ova)",
        choices=("softmax", "hs", "ova"),
    )
    bucket = Whole(2_000_000, "rows that n-grams share by their hash", low=1, high=(1 << 31) - 1)
    min_count = Whole(1, "drop words that occur less often", low=1)
    label_prefix = Text("__label__", "what labels begin with in a text")
    threads = Whole(None, "worker threads; None means one for each CPU", low=1, high=4096, optional=True)
    seed = Whole(1, "of all that is random", low=0, high=(1 << 63) - 1)

    fixed = ("dim", "loss", "word_ngrams", "minn", "maxn", "bucket")

    def __init__(self, **parameters):
        super().__init__(**parameters)
        self._set_state(self._no_state())

    def check_params(self):
        super().check_params()
        NGrams(self.minn, self.maxn, self.bucket)

    def fit(self, X, y=None, *, callbacks=(), verbose=1, resume=False, checkpoint=None, every=1):
        """Train on texts and their labels; returns self.

        Parameters
        ----------
        X : list of str (or of lists of str: words), or without y a Corpus of labelled lines, or what Corpus takes: the
            path of a file in fastText's format, for instance. Lines without a label teach nothing.
        y : a label for each text (str, int or bool), or a list of labels for each.
        callbacks, verbose, checkpoint, every : as for SkipGram.fit; the "words" of on_progress are documents.
        resume : go on instead of starting anew. Words that are new stay unknown; their n-grams learn.

        Raises CorpusError if there is nothing to learn from, ParameterError for impossible parameters, labels that do
        not fit the texts and, with resume, labels never seen, TrainingError if numbers overflow.
        """
        self.check_params()
        callbacks, checkpoint = Callbacks(callbacks), Checkpoint(checkpoint, every)
        documents, targets = self._labelled(X, y)
        if len(targets.names) < 2:
            only = f"{targets.names[0]!r} is the only label" if targets.names else "no text has a label"
            raise CorpusError(f"nothing to learn: {only}, and at least two are needed")
        mark = f"{documents.mark}-{fingerprint_of(targets.ids)}"
        return self._train(
            lambda: self._begin(documents, targets, mark, resume),
            lambda: self._loop(documents, targets, callbacks, verbose, checkpoint),
            mark,
            resume,
            checkpoint,
        )

    # -- results

    @property
    def classes_(self):
        """The labels in order (L,), as scikit-learn has them: the columns of predict_proba."""
        return self._classes()[self._order]

    @property
    def wv(self):
        """The vectors of words as KeyedVectors."""
        rows = self._fitted(self._inputs)[:, : self._shape[0]]
        if not self.maxn:
            return KeyedVectors(self.vocab, rows[: len(self.vocab)])
        ngrams = self._ngrams()
        vectors = means(rows, *ngrams.table(self.vocab, self._places))
        return KeyedVectors(self.vocab, vectors, Subwords(ngrams, rows[len(self.vocab) :], self._places))

    def predict(self, X):
        """The most probable label of each text, (n,)."""
        found = [probabilities.argmax(1) for _, probabilities in self._probabilities(X)]
        return self._classes()[np.concatenate([np.zeros(0, np.int64), *found])]

    def predict_proba(self, X):
        """Probabilities (n, L) of the labels ``classes_``. With "ova" each is by itself; else a row's sum is 1."""
        found = [probabilities for _, probabilities in self._probabilities(X)]
        return np.concatenate([np.zeros((0, len(self._names))), *found])[:, self._order]

    def predict_top(self, X, k=1, threshold=0.0):
        """For each text its k most probable labels (-1: all), best first, as a list of (label, probability).

        Labels of a probability below threshold are left out, as by fastText's predict(k, threshold).
        """
        classes, result = self._classes(), []
        for _, probabilities in self._probabilities(X):
            best = self._best(probabilities, k)
            for row, columns in zip(probabilities, best, strict=True):
                pairs = zip(classes[columns].tolist(), row[columns].tolist(), strict=True)
                result.append([pair for pair in pairs if pair[1] >= threshold])
        return result

    def test(self, X, y=None, k=1, threshold=0.0):
        """How good the k most probable labels are: dict of documents (with a label), precision and recall.

        X, y : as for fit. Labels that the model does not know are never found.
        """
        self._fitted(self.vocab)
        documents, targets = self._labelled(X, y)
        known = {str(name): number for number, name in enumerate(self._names)}
        table = np.array([known.get(str(name), len(known)) for name in targets.names], np.int64)
        owners = np.repeat(np.arange(len(documents.spans)), np.diff(targets.offsets))
        truth = owners * (len(known) + 1) + table[targets.ids]
        labelled, made, right = np.diff(targets.offsets) > 0, 0, 0
        for first, probabilities in self._probabilities(documents):
            best = self._best(probabilities, k)
            given = np.take_along_axis(probabilities, best, 1) >= threshold
            given &= labelled[first : first + len(best), np.newaxis]
            made += int(given.sum())
            keys = (first + np.arange(len(best)))[:, np.newaxis] * (len(known) + 1) + best
            right += int(np.isin(keys[given], truth).sum())
        count = int(labelled.sum())
        return {
            "documents": count,
            "precision": right / made if made else 0.0,
            "recall": right / len(truth) if len(truth) else 0.0,
        }

    def score(self, X, y=None):
        """Share of texts whose most probable label is (one of) theirs."""
        return self.test(X, y)["precision"]

    def _labelled(self, X, y):
        """(Documents, Targets) of what fit takes."""
        if y is None:
            return of_lines(X if isinstance(X, Corpus) else Corpus(X, threads=self.threads), self.label_prefix)
        documents = of_texts(X, self.label_prefix)
        return documents, targets_of(y, len(documents.spans))

    def _best(self, probabilities, k):
        """The columns (n, k) of the largest probabilities, best first."""
        if not hasattr(k, "__index__") or isinstance(k, bool) or not (k == -1 or k >= 1):
            raise ParameterError(f"k={k!r}: give a whole number of at least 1, or -1 for all labels")
        return np.argsort(-probabilities, 1, "stable")[:, : None if k == -1 else k]

    def _probabilities(self, X):
        """Parts (first document, probabilities (n, L) float64), labels in the order of training."""
        outputs = self._fitted(self._outputs)[:, : self._shape[0]]
        documents = X if hasattr(X, "spans") else of_texts(X, self.label_prefix)
        lines = self._lines(documents)
        paths = self._labels().huffman() if self.loss == "hs" else None
        widest = len(outputs) if paths is None else len(paths[1])
        step = max(1, min(8192, BLOCK // widest))
        for first in range(0, len(lines), step):
            bags = lines.bags(first, min(first + step, len(lines)))
            with one_thread(), np.errstate(over="ignore", invalid="ignore"):
                scores = (means(self._inputs[:, : self._shape[0]], *bags) @ outputs.T).astype(np.float64)
            yield first, _probabilities(scores, self.loss, paths)

    # -- documents as rows

    def _ngrams(self):
        """The NGrams of the parameters, without rows if there are no n-grams of any kind."""
        used = self.maxn or self.word_ngrams > 1
        return NGrams(int(self.minn), int(self.maxn), int(self.bucket) if used else 0)

    def _lines(self, documents):
        """The documents as the compiled code wants them."""
        types, size, index = documents.types, len(self.vocab), self.vocab.index
        own = np.full(len(types) + 1, index.get(WHOLE, -1), np.int32)
        own[:-1] = [index.get(word, -1) for word in types.words]
        own[:-1][documents.silent] = -2
        blob = np.concatenate([types.blob, np.frombuffer(WHOLE.encode(), np.uint8)])
        offsets = np.append(np.asarray(types.offsets, np.int64), len(blob))
        bucket = max(1, self._ngrams().bucket)
        starts, rows = subwords.rows_of(blob, offsets[:-1], (self.minn, self.maxn, bucket, size, 0), None)
        if self._places is not None:
            rows = size + self._places[rows - size]
        table = own, np.append(starts, starts[-1]), rows, classify.hash_words(blob, offsets)
        return classify.Lines(documents.ids, documents.spans, table, (size, bucket, self.word_ngrams, self._places))

    def _used(self, documents):
        """Mask (bucket,) of the rows that the documents' n-grams have."""
        places, self._places = self._places, None
        try:
            lines = self._lines(documents)
        finally:
            self._places = places
        used = np.zeros(self._ngrams().bucket, np.uint8)
        lines.used(used)
        return used.view(bool)

    # -- state: (vocab, names, label counts, kind, inputs, outputs, places, position, history, values of `fixed`)
    #
    # inputs (R, D') has the words' rows, one of zeros for n-grams never seen, and those of the others; the row of
    # bucket b is V + places[b]. Without places, as in a fastText file, it is V + b. outputs is (L, D'), or of a tree
    # (L - 1, D').

    def _state(self):
        labels = self._names, self._counts, self._kind
        matrices = self._inputs, self._outputs, self._places
        return self.vocab, labels, matrices, self.position, list(self.history), self._shape

    def _set_state(self, state):
        self.vocab, labels, matrices, self.position, self.history, self._shape = state
        self._names, self._counts, self._kind = labels
        self._inputs, self._outputs, self._places = matrices
        self._order = None if self._names is None else np.argsort(self._classes(), kind="stable")

    def _no_state(self):
        return None, (None,) * 3, (None,) * 3, Position(), [], self._made_with()

    def _matrices(self):
        return self._inputs, self._outputs

    def _classes(self):
        """The labels in the order of training."""
        return np.array(self._fitted(self._names), {"str": None, "int": np.int64, "bool": bool}[self._kind])

    def _labels(self):
        return Vocab([str(name) for name in self._names], self._counts)

    # -- the beginning of a run

    def _begin(self, documents, targets, mark, resume):
        """New matrices, or old ones with rows for the n-grams that are new."""
        if resume and self.vocab is not None:
            vocab, labels, (inputs, outputs, places), _, history, _ = self._state()
            targets.among(self._names)
            inputs, outputs = _padded(inputs[:, : self._shape[0]]), _padded(outputs[:, : self._shape[0]])
        else:
            vocab, history = documents.words().pruned(self.min_count), []
            if not len(vocab):
                raise CorpusError(f"min_count={self.min_count} leaves no word of the texts")
            labels, places = (targets.names, targets.counts, targets.kind), None
            inputs = self._new_rows(len(vocab), 0)
            outputs = memory.zeros((len(targets.names) - (self.loss == "hs"), simd.padded(self.dim)))
        self._set_state(
            (vocab, labels, (inputs, outputs, places), Position(corpus=mark), history, self._no_state()[-1])
        )
        if self._ngrams().bucket and (places is not None or not history):
            self._add_buckets(self._used(documents))

    def _add_buckets(self, used):
        """Rows for the n-grams that have none so far."""
        if self._places is None:
            self._places = np.zeros(len(used), np.int32)
            self._inputs = np.concatenate([self._inputs, np.zeros_like(self._inputs[:1])])
        new, behind = np.flatnonzero(used & (self._places == 0)), len(self._inputs) - len(self.vocab)
        self._places = self._places.copy()
        self._places[new] = np.arange(behind, behind + len(new))
        rows = memory.zeros((len(self._inputs) + len(new), self._inputs.shape[1]))
        rows[: len(self._inputs)], rows[len(self._inputs) :] = self._inputs, self._new_rows(len(new), behind)
        self._inputs = rows

    def _new_rows(self, count, stream):
        """Rows (count, D'), uniform in +-1/dim, the padding zero."""
        rows = memory.zeros((count, simd.padded(self.dim)))
        random = np.random.default_rng((self.seed, stream))
        for start in range(0, count, 4096):
            block = rows[start : start + 4096, : self.dim]
            block[:] = (2 * random.random(block.shape, dtype=np.float32) - 1) / self.dim
        return rows

    def _loop(self, documents, targets, callbacks, verbose, checkpoint):
        """Everything that a run needs, put together."""
        count = len(documents.spans)
        schedule = Schedule(float(self.lr), 0.0, int(self.epochs), count, len(documents.ids), "documents")
        if self.position.chunk == 0:
            self.position.chunk_tokens = max(1, min(256, count // 256))
        if not self._inputs.flags.writeable or self._inputs.shape[1] % 16:
            self._inputs, self._outputs = _padded(self._inputs), _padded(self._outputs)
        targets = targets.among(self._names)
        trainer = classify.Trainer(
            self._lines(documents),
            (targets.ids, targets.offsets),
            self._inputs,
            self._outputs,
            self._labels().huffman() if self.loss == "hs" else None,
            {"dim": self.dim, "loss": self.loss, "seed": self.seed, "chunk": self.position.chunk_tokens},
        )
        check_threads(self.threads)
        return Loop(self, trainer, schedule, callbacks, checkpoint, verbose)

    # -- files

    def to_native(self):
        """The whole state as (tensors, texts)."""
        inputs, outputs = (rows[:, : self._shape[0]] for rows in (self._fitted(self._inputs), self._outputs))
        tensors = {"inputs": inputs, "outputs": outputs}
        tensors |= native.pack_vocab(self.vocab) | native.pack_vocab(self._labels(), "labels.")
        if self._places is not None:
            tensors["places"] = self._places
        tensors |= {"loss": self.position.loss, "predictions": self.position.predictions}
        meta = {"fastembed": "1", "version": _version.__version__, "kind": self._kind}
        return tensors, meta | self._meta() | {"position": json.dumps(place_of(self.position))}

    @classmethod
    def from_native(cls, path, tensors, meta):
        """The model of a native file's arrays and texts; FormatError if they do not fit together."""
        model = cls()
        try:
            model._restore_meta(meta)
            model.check_params()
            position = position_of(json.loads(meta["position"]), tensors["loss"], tensors["predictions"])
            vocab, labels = native.unpack_vocab(path, tensors), native.unpack_vocab(path, tensors, "labels.")
            names = [named(text, meta["kind"]) for text in labels.words]
            inputs, outputs, places = tensors["inputs"], tensors["outputs"], tensors.get("places")
        except FormatError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            raise FormatError(path, f"is no complete {cls.__name__}: {error}") from error
        matrices = _checked(path, model, (len(vocab), labels), (inputs, outputs, places))
        labels = names, labels.counts, meta["kind"]
        model._set_state((vocab, labels, matrices, position, model.history, model._no_state()[-1]))
        return model

    def to_fasttext(self):
        """The contents of a fastText .bin (fastembed.io.fasttext), where labels have their prefix."""
        rows, size = self._fitted(self._inputs)[:, : self._shape[0]], len(self.vocab)
        ngrams = self._ngrams()
        parts = Subwords(ngrams, rows[size:] if ngrams.bucket else rows[:0], self._places)
        args = {name: getattr(self, name) for name in ("dim", "epochs", "min_count", "word_ngrams")} | ngrams.meta()
        args |= {"window": 5, "negative": 5, "rate": 100, "sample": 1e-4, "model": fasttext.SUPERVISED}
        args["loss"] = fasttext.LOSSES[self.loss]
        labels = Vocab([self.label_prefix + str(name) for name in self._names], self._counts)
        return fasttext.Contents(args, self.vocab, rows[:size], parts, self._outputs[:, : self._shape[0]], labels)

    @classmethod
    def from_fasttext(cls, path, contents):
        """The model of a supervised .bin, its matrices mapped until it is trained; FormatError for what cannot be.

        One that was trained with negative sampling predicts as one with "ova" does, and is taken for one.
        """
        args, losses = contents.args, {number: name for name, number in fasttext.LOSSES.items()}
        given = {name: args[name] for name in ("dim", "epochs", "min_count", "word_ngrams", "minn", "maxn")}
        given["bucket"] = args["bucket"] or cls.parameters["bucket"].default
        try:
            model = cls(loss=losses.get(args["loss"], "ova"), **given)
            model.check_params()
        except ParameterError as error:
            raise FormatError(path, f"parameters that cannot be: {error}", offset=8) from None
        names, counts, prefix = contents.labels.words, contents.labels.counts, model.label_prefix
        if model.loss == "hs" and (np.any(counts[1:] > counts[:-1]) or len(names) < 2):
            raise FormatError(path, "labels that make no tree: fewer than two, or not by their counts", offset=8)
        if all(name.startswith(prefix) and name != prefix for name in names):
            names = [name.removeprefix(prefix) for name in names]
        if model._ngrams().bucket and not args["bucket"]:
            raise FormatError(path, "n-grams and no rows for them", offset=8)
        outputs = contents.context[: len(names) - (model.loss == "hs")]
        matrices = contents.inputs, outputs, None
        model._set_state((contents.vocab, (names, counts, "str"), matrices, Position(), [], model._no_state()[-1]))
        return model

    def __sklearn_tags__(self):
        from sklearn.utils import ClassifierTags

        tags = super().__sklearn_tags__()
        tags.estimator_type, tags.classifier_tags, tags.target_tags.required = "classifier", ClassifierTags(), True
        return tags


def _checked(path, model, sizes, matrices):
    """(inputs, outputs, places) if they fit the model, V words and the labels; FormatError else."""
    (size, labels), (inputs, outputs, places), bucket = sizes, matrices, model._ngrams().bucket
    rows = len(labels) - (model.loss == "hs")
    if {inputs.dtype, outputs.dtype} != {np.dtype(np.float32)} or {inputs.ndim, outputs.ndim} != {2}:
        raise FormatError(path, "holds arrays of another type than training needs")
    if inputs.shape[1] != model.dim or outputs.shape != (rows, model.dim) or len(labels) < 2:
        raise FormatError(path, f"{len(labels)} labels of dimension {model.dim} do not fit {outputs.shape}")
    if np.any(labels.counts[1:] > labels.counts[:-1]):
        raise FormatError(path, "its labels are not sorted by count")
    behind = len(inputs) - size
    if places is None:
        good = behind >= bucket
    else:
        good = places.dtype == np.int32 and places.shape == (bucket,) and bucket > 0
        good = good and 0 <= places.min() <= places.max() < behind
    if behind < 0 or not good:
        raise FormatError(path, f"{len(inputs)} rows do not fit {size} words and {bucket} buckets")
    return inputs, outputs, places


def _probabilities(scores, loss, paths):
    """Probabilities (n, L) from scores of labels (n, L) or of the tree's nodes (n, L - 1)."""
    with np.errstate(over="ignore", invalid="ignore"):  # a file may hold any numbers
        if loss == "softmax":
            scores = np.exp(scores - scores.max(1, keepdims=True))
            return scores / scores.sum(1, keepdims=True)
        if loss == "ova":
            return 1 / (1 + np.exp(-scores))
        offsets, nodes, codes = paths
        branches = 1 / (1 + np.exp(scores[:, nodes] * np.where(codes, -1.0, 1.0)))  # code 1 is the branch of sigmoid(s)
    return np.multiply.reduceat(branches, offsets[:-1], axis=1)
