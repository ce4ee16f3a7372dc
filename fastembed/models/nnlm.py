"""NNLM: the feed-forward neural language model (Bengio, Ducharme, Vincent and Jauvin 2003)."""

import json

import numpy as np

from .. import blas
from ..errors import FormatError
from ..io import native
from ..nn.batches import Windows
from ..nn.layers import Embedding, Scratch, Tanh, dropout_mask
from ..nn.optim import OPTIMIZERS, clip_scale
from ..nn.params import Params
from ..nn.softmax import HierarchicalSoftmax, SampledSoftmax, Softmax, apply
from ..parallel import check_threads
from ..vectors import KeyedVectors
from ..vocab import Vocab
from .callbacks import Callbacks
from .language import BOS, EOS, LanguageModel, language_vocab, numbers_of
from .parameters import Choice, Real, Switch, Whole
from .progress import Progress
from .static import Trained
from .training import Checkpoint, Loop, Position, Schedule, fingerprint, place_of, position_of

SCORED = 512  # predictions that are scored at once
NEVER = -1e30  # bias of <s>, which no word's place ever holds: its probability is exactly 0


class Network:
    """y = b + U tanh(d + H x) + W x over the embeddings x of the context, and the softmax of y.

    W and U lie side by side in one matrix "output" (V, K) over the features (tanh, x); without direct connections over
    tanh alone.

    Letters: B rows of a batch, n words of context, D dim, H hidden, K features, V words.
    """

    def __init__(self, params, settings, threads=1):
        self.params, self.direct, self.dropout = params, settings["direct"], settings["dropout"]
        self.embedding = Embedding(params, "embedding", threads)
        self.tanh = Tanh(params, ("hidden", "hidden.bias"), threads)
        self.output = output_of(params, settings, threads)
        self.exact = self.output if settings["output"] == "hierarchical" else Softmax(params, threads=threads)
        self.scratch = Scratch(params.flat.dtype)
        self.mask = None

    def features(self, contexts, random=None):
        """Features (B, K) of contexts (B, n) int32; ``random`` draws what drops out."""
        inputs, outputs = self.params["hidden"].shape
        rows = len(contexts)
        features = self.scratch("features", rows, outputs + inputs if self.direct else outputs)
        vectors = features[:, outputs:] if self.direct else self.scratch("vectors", rows, inputs)
        self.embedding.forward(contexts, vectors)
        self.mask = None
        if random is not None and self.dropout:
            self.mask = [dropout_mask(a.shape, self.dropout, random, a.dtype) for a in (vectors, features[:, :outputs])]
            vectors *= self.mask[0]
        self.tanh.forward(vectors, features[:, :outputs])
        if self.mask:
            features[:, :outputs] *= self.mask[1]
        return features

    def forward(self, contexts, words, random=None):
        """Losses (B,) of the words (B,) int32 after contexts."""
        return self.output.forward(self.features(contexts, random), words)

    def backward(self, scale):
        """Gradients of all but the output layer: a list of (name, rows, array)."""
        gradient = self.output.backward(scale)
        inputs, outputs = self.params["hidden"].shape
        vectors = gradient[:, outputs:] if self.direct else self.scratch("vectors.gradient", len(gradient), inputs)
        if self.mask:
            gradient[:, :outputs] *= self.mask[1]
        keep = 1 - self.dropout if self.mask else 1.0
        gradients = self.tanh.backward(gradient[:, :outputs], vectors, add=self.direct, keep=keep)
        if self.mask:
            vectors *= self.mask[0]
        return gradients + self.embedding.backward(vectors)

    def losses(self, contexts, words):
        """Exact losses (B,), without dropout."""
        return self.exact.forward(self.features(contexts), words)


def output_of(params, settings, threads):
    """The softmax that a Network is trained with."""
    if settings["output"] == "full":
        return Softmax(params, threads=threads)
    if settings["output"] == "hierarchical":
        return HierarchicalSoftmax(params, threads=threads, paths=settings["paths"])
    drawing = {name: settings[name] for name in ("samples", "frequencies", "proposal")}
    return SampledSoftmax(params, threads=threads, **drawing)


class Trainer:
    """What Loop wants: batches as chunks. Each step is shared among threads; the loop itself needs one."""

    threads = 1

    def __init__(self, model, windows, tokens):
        self.model, self.windows, self.chunks = model, windows, windows.batches
        self.tokens = tokens  # of an epoch

    def train(self, job, epoch, schedule, loss, predictions):
        """Batches until none is left; loss (chunks,) float64, predictions (chunks,) int64  # out"""
        lr, min_lr, before, total = schedule
        with blas.one_thread():
            while (number := job.take()) >= 0:
                done = self.tokens * number // self.chunks
                rate = lr + (min_lr - lr) * (before + done) / total
                losses = self.step(epoch, number, rate)
                loss[number], predictions[number] = losses.sum(), len(losses)
                job.add(self.tokens * (number + 1) // self.chunks - done)

    def step(self, epoch, number, rate):
        """Train on one batch; its losses."""
        model, network = self.model, self.model.network
        contexts, words = self.windows.batch_at(number, (model.seed, epoch))
        if model.output == "sampled":
            network.output.seed(model.seed, epoch, number, 1)
        losses = network.forward(contexts, words, np.random.default_rng((model.seed, epoch, number, 2)))
        gradients = network.backward(1 / len(words))
        if model.clip is None:
            model.optimizing.begin(rate)
            network.output.update(model.optimizing)
        else:
            gradients += network.output.gradients()
            model.optimizing.begin(rate, clip_scale([array for _, _, array in gradients], model.clip))
        apply(model.optimizing, gradients)
        return losses


class NNLM(LanguageModel, Trained):
    """The feed-forward neural language model: the next word from the vectors of the n words before it.

    y = b + U tanh(d + H x) + W x, where x holds the vectors of the n words side by side and W, the direct connections,
    may be left out; p is the softmax of y over the vocabulary (Bengio, Ducharme, Vincent and Jauvin 2003, "A Neural
    Probabilistic Language Model"). The vectors (``wv``) are a by-product. The full softmax costs 6 V (hidden + n dim)
    operations a word; the sampled one estimates it from some hundred or thousand words; the hierarchical one turns at
    each node of a Huffman tree (Morin and Bengio 2005). Results do not depend on the number of threads.

    >>> import fastembed as fe
    >>> text = ["the cat sat on the mat", "a dog lay on a rug", "the dog sat on the rug"] * 20
    >>> model = fe.NNLM(context=2, dim=8, hidden=16, epochs=20, lr=0.02).fit(text, verbose=0)
    >>> model.next_words("sat on", topn=1)[0][0], model.wv.vectors.shape
    ('the', (12, 8))
    """

    context = Whole(4, "words before the predicted one that are looked at", low=1, high=1000)
    dim = Whole(100, "length of a word's vector", low=1, high=1 << 16)
    hidden = Whole(200, "units of the tanh layer", low=1, high=1 << 16)
    direct = Switch(True, "connect the vectors to the output directly too")
    output = Choice(
        "full",
        "softmax over the whole vocabulary (full), over sampled words (sampled) or by a tree (hierarchical)",
        choices=("full", "sampled", "hierarchical"),
    )
    samples = Whole(1024, "words drawn for each batch, with output=sampled", low=1, high=1 << 24)
    proposal = Choice(
        "unigram",
        "how they are drawn: by their frequency (unigram) or by the logarithm of their rank (log_uniform)",
        choices=("unigram", "log_uniform"),
    )
    optimizer = Choice("adagrad", "how gradients change the parameters", choices=tuple(OPTIMIZERS))
    lr = Real(0.1, "learning rate at the start", low=1e-12, high=1e6)
    min_lr = Real(None, "learning rate at the end, reached linearly; None means lr / 100", low=0, optional=True)
    batch = Whole(512, "predictions of a step", low=1, high=1 << 20)
    dropout = Real(0.0, "share of the vectors' numbers and of the hidden units that each step leaves out", low=0, high=0.95)
    clip = Real(None, "limit of the norm of a step's gradients; None sets none", low=1e-12, optional=True)
    min_count = Whole(5, "words that occur less often become <unk>", low=1)
    max_vocab = Whole(None, "keep this many of the most frequent words; None keeps all", low=1, optional=True)
    epochs = Whole(5, "passes over the corpus", low=1)
    threads = Whole(None, "worker threads; None means one for each CPU", low=1, high=4096, optional=True)
    seed = Whole(1, "of all that is random", low=0, high=(1 << 63) - 1)

    fixed = ("context", "dim", "hidden", "direct", "output", "optimizer")

    def __init__(self, **parameters):
        super().__init__(**parameters)
        self._set_state(self._no_state())

    @property
    def wv(self):
        """The words' vectors as KeyedVectors (V, dim): a view, not a copy; NotFittedError before fit."""
        return KeyedVectors(self._fitted(self.vocab), self.params["embedding"])

    def fit(self, corpus, y=None, *, callbacks=(), verbose=1, resume=False, checkpoint=None, every=1):
        """Train on a corpus; returns self.

        Parameters
        ----------
        corpus : Corpus, or anything that Corpus takes.
        y : ignored; scikit-learn's pipelines pass it.
        callbacks : see fastembed.callbacks.
        verbose : 0 for silence; else a progress bar on a terminal, log lines of logger "fastembed" elsewhere.
        resume : go on instead of starting anew. A run that was stopped goes on where it was; a finished model trains
            `epochs` more on this corpus, whose new words are <unk>.
        checkpoint : folder to save the whole state to while training; with resume, a new model starts from it.
        every : how often, in epochs or as a time ("10m").

        ``history`` holds the mean loss of each epoch's predictions as they were trained: with dropout, and with
        output="sampled" of the estimate, which is no perplexity. Raises CorpusError if there is nothing to learn from,
        ParameterError for impossible parameters, TrainingError if numbers overflow. The model is then as it was before;
        if it was going on with a stopped run, it is as in the run's last checkpoint, or without one not fitted.
        """
        self.check_params()
        callbacks, checkpoint = Callbacks(callbacks), Checkpoint(checkpoint, every)
        encoded, how = self._read(corpus)
        mark = fingerprint(encoded)
        return self._train(
            lambda: self._begin(encoded, how, mark, resume),
            lambda: self._loop(encoded, callbacks, verbose, checkpoint),
            mark,
            resume,
            checkpoint,
        )

    def to_native(self):
        """The whole state as (tensors, texts): parameters, the optimiser's state, vocabulary, position, history."""
        tensors, meta = native.pack_vectors(self.wv)
        tensors |= self.params.tensors("params.") | self.optimizing.tensors()
        del tensors["params.embedding"]  # it is "vectors"
        tensors |= {"vocab.counts": self.vocab.counts, "loss": self.position.loss}
        tensors["predictions"] = self.position.predictions
        return tensors, meta | self._meta() | {"position": json.dumps(place_of(self.position))}

    @classmethod
    def from_native(cls, path, tensors, meta):
        """The model of a native file's arrays and texts; FormatError if they do not fit together."""
        model = cls()
        try:
            model._restore_meta(meta)
            position = position_of(json.loads(meta["position"]), tensors["loss"], tensors["predictions"])
            vocab = native.unpack_vocab(path, tensors)
            if len(vocab) < 4 or "vocab.counts" not in tensors:
                raise ValueError("a vocabulary without words or counts")
            tensors = tensors | {"params.embedding": tensors["vectors"]}
            params = Params.restored(model._shapes(len(vocab)), tensors, "params.")
            optimizing = OPTIMIZERS[model.optimizer](params)
            optimizing.restore(tensors)
        except FormatError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            raise FormatError(path, f"is no complete {cls.__name__}: {error}") from error
        model._set_state((vocab, params, optimizing, position, model.history, model._made_with(), model._text()))
        return model

    # -- state: (vocab, params, optimizing, position, history, values of the fixed parameters, (tokenizer, lowercase))

    def _state(self):
        return (
            self.vocab, self.params, self.optimizing, self.position, list(self.history), self._shape, self._text()
        )  # fmt: skip

    def _set_state(self, state):
        self.vocab, self.params, self.optimizing, self.position, self.history, self._shape, text = state
        self.tokenizer, self.lowercase = text
        self._network = None

    def _no_state(self):
        return None, None, None, Position(), [], self._made_with(), ("whitespace", False)

    def _text(self):
        return self.tokenizer, self.lowercase

    def _made_with(self):
        return tuple(getattr(self, name) for name in self.fixed)

    def _matrices(self):
        return (self.params.flat,)

    @property
    def network(self):
        """The Network over the parameters."""
        threads = check_threads(self.threads)
        if self._network is None or self._network.embedding.threads != threads:
            self._network = Network(self.params, self._settings(), threads)
        return self._network

    def _settings(self):
        settings = {name: getattr(self, name) for name in ("direct", "output", "dropout", "samples", "proposal")}
        if self.output == "sampled":
            settings["frequencies"] = target_frequencies(self.vocab)
        elif self.output == "hierarchical":
            settings["paths"] = tree_paths(self.vocab)
        return settings

    def _shapes(self, words):
        """Names and shapes of the parameters."""
        inputs = self.context * self.dim
        features = self.hidden + (inputs if self.direct else 0)
        rows = words - 2 if self.output == "hierarchical" else words  # of a tree over all words but <s>
        return {
            "embedding": (words, self.dim),
            "hidden": (inputs, self.hidden),
            "hidden.bias": (self.hidden,),
            "output": (rows, features),
            "output.bias": (rows,),
        }

    # -- the beginning of a run

    def _begin(self, encoded, how, mark, resume):
        """New parameters for this corpus, or copies of the old ones to go on with."""
        if resume and self.vocab is not None:
            vocab, history, text = self.vocab, list(self.history), self._text()
            params, optimizing = self._copied()
        else:
            vocab = language_vocab(encoded.vocab, len(encoded.offsets) - 1, self.min_count, self.max_vocab)
            history, text = [], (how["tokenizer"], how["lowercase"])
            params = self._new_params(vocab)
            optimizing = OPTIMIZERS[self.optimizer](params)
        self._set_state((vocab, params, optimizing, Position(corpus=mark), history, self._made_with(), text))

    def _copied(self):
        params = Params(self.params.shapes)
        params.flat[:] = self.params.flat
        optimizing = OPTIMIZERS[self.optimizer](params)
        optimizing.restore(self.optimizing.tensors())
        return params, optimizing

    def _new_params(self, vocab):
        """Vectors and output uniform in +-0.05, the tanh layer as Glorot and Bengio 2010; biases of the words' logs."""
        params, random = Params(self._shapes(len(vocab))), np.random.default_rng((self.seed, 0))
        inputs, outputs = params.shapes["hidden"]
        for name, bound in (("embedding", 0.05), ("hidden", (6 / (inputs + outputs)) ** 0.5), ("output", 0.05)):
            params[name][:] = random.uniform(-bound, bound, params.shapes[name])
        if self.output != "hierarchical":
            params["output.bias"][:] = np.log(np.maximum(target_frequencies(vocab), 1e-30))
            params["output.bias"][BOS] = NEVER
        return params

    def _loop(self, encoded, callbacks, verbose, checkpoint):
        """Everything that a run needs, put together."""
        lr = float(self.lr)
        min_lr = lr / 100 if self.min_lr is None else float(self.min_lr)
        ids = numbers_of(self.vocab, encoded.vocab)[encoded.ids]
        windows = self._windows(ids, encoded.offsets, self.batch)
        schedule = Schedule(lr, min_lr, int(self.epochs), len(ids))
        self.position.chunk_tokens = self.position.chunk_tokens or -(-len(ids) // windows.batches)
        self.optimizing.threads = check_threads(self.threads)
        progress = Progress("NNLM", schedule.epochs * len(ids), self.position.epoch * len(ids), verbose)
        return Loop(self, Trainer(self, windows, len(ids)), schedule, callbacks, progress, checkpoint)

    def _windows(self, ids, offsets, batch):
        return Windows(ids, offsets, self.context, begin=BOS, end=EOS, batch=batch)

    # -- the contract of language models

    def _logprobs(self, ids, offsets):
        windows, network = self._windows(ids, offsets, SCORED), self.network
        places = np.arange(windows.size)
        with blas.one_thread():
            losses = [network.losses(*windows.at(places[k : k + SCORED])) for k in range(0, windows.size, SCORED)]
        return -np.concatenate(losses) if losses else np.empty(0)

    def _next(self, contexts):
        n = self.context
        begin = np.full((len(contexts), n), BOS, np.int32)
        features = self.network.features(np.concatenate([begin, contexts], axis=1)[:, -n:])
        scores = (features @ self.params["output"].T + self.params["output.bias"]).astype(np.float64)
        if self.output == "hierarchical":
            logs = path_sums(scores, *self.network.output.paths)
        else:
            logs = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
        logs[:, BOS] = -np.inf
        return logs


def target_frequencies(vocab):
    """Probabilities (V,) of the words as what is predicted: <s> has 0, any other at least that of one occurrence."""
    counts = np.maximum(vocab.counts, 1).astype(np.float64)
    counts[BOS] = 0
    return counts / counts.sum()


def tree_paths(vocab):
    """Paths through the Huffman tree of all words but <s>, as HierarchicalSoftmax takes them; that of <s> is empty."""
    counts = np.array(vocab.counts)
    counts[BOS] = -1
    order = np.argsort(-counts, kind="stable")[:-1]
    offsets, nodes, codes = Vocab([str(word) for word in order], counts[order]).huffman()
    lengths = np.zeros(len(vocab), np.int64)
    lengths[order] = np.diff(offsets)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    first = np.zeros(len(vocab), np.int64)
    first[order] = offsets[:-1]
    places = np.arange(starts[-1]) + np.repeat(first - starts[:-1], lengths)
    return starts, nodes[places], codes[places]


def path_sums(scores, offsets, nodes, codes):
    """log p (B, V) of every word from the scores (B, nodes)."""
    turns = -np.logaddexp(0, scores[:, nodes] * np.where(codes, -1.0, 1.0))
    sums = np.concatenate([np.zeros((len(scores), 1)), np.cumsum(turns, axis=1)], axis=1)
    return sums[:, offsets[1:]] - sums[:, offsets[:-1]]
