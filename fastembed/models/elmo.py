"""ELMo: words in their sentence, from a language model in both directions (Peters et al. 2018)."""

import json
from copy import copy
from typing import NamedTuple

import numpy as np

from .. import _version, blas
from ..errors import FormatError, ParameterError, TrainingError
from ..io import elmo_hdf5, native
from ..nn import bilm, characters
from ..nn.optim import AdaGrad, Adam, Guard
from ..nn.params import Params
from ..nn.reading import Reader
from ..parallel import check_threads
from ..vocab import Vocab
from .bothways import Batches, BothTrainer, predicted_counts
from .contextual import ContextualModel, each_sentence, picker
from .language import BOS, EOS, SPECIAL, UNK, language_vocab
from .neural import carried_of
from .parameters import Choice, Filters, Real, Switch, Whole
from .progress import LOG
from .static import Trained
from .tokenized import Tokenized
from .training import Loop, Position, Schedule, place_of, position_of

SCORED = 512  # predictions of one direction that are scored at once
ORIGINAL = {  # what Peters et al. trained
    "filters": ((1, 32), (2, 32), (3, 64), (4, 128), (5, 256), (6, 512), (7, 1024)),
    "highway": 2, "dim": 512, "hidden": 4096, "samples": 8192, "optimizer": "adagrad", "lr": 0.2, "min_lr": 0.2,
    "batch": 128, "dropout": 0.1, "epochs": 10, "max_vocab": None,
}  # fmt: skip


class Perplexities(NamedTuple):
    """Perplexity of a text in each direction, per word with the sentence's end (forward) or beginning (backward)."""

    forward: float
    backward: float


class ELMo(ContextualModel, Tokenized, Trained):
    """ELMo: vectors of words in their sentence, the layers of a language model in both directions.

    A word's characters make its vector (filters, highway, projection); two stacks of LSTMs with projections read the
    sentence, one forward, one backward; one softmax for both predicts the word that follows (Peters et al. 2018, "Deep
    contextualized word representations"). ``embed`` gives the vectors and, layer by layer, the states of both stacks
    side by side. Training reads the text as ``batch`` streams of ``steps`` words a step, whose states go on from step
    to step; each word is encoded once a step for both directions, which have a thread each. A step whose gradients
    overflow is left out. The defaults are those of ``ELMo.small()``, a size that trains on two cores;
    ``ELMo.original()`` has the original's. Words longer than ``max_chars`` - 2 are cut.

    >>> import fastembed as fe
    >>> text = ["the river bank was green", "the bank lent me money"] * 30
    >>> model = fe.ELMo(dim=8, hidden=16, filters=((1, 4), (2, 8)), batch=4, min_count=1, epochs=5)
    >>> river, money = model.fit(text, verbose=0).embed(text[:2])
    >>> river.shape, bool((river[0, 2] == money[0, 1]).all()), bool((river[2, 2] == money[2, 1]).all())
    ((3, 5, 16), True, False)
    """

    chars = Choice(
        "bytes",
        "what a word is made of: its UTF-8 bytes, its characters (unicode, for Chinese), or None: a vector of its own",
        choices=("bytes", "unicode"),
        optional=True,
    )
    char_dim = Whole(16, "length of a character's vector", low=1, high=1 << 12)
    filters = Filters(
        ((1, 16), (2, 16), (3, 32), (4, 64), (5, 64), (6, 64)), "width and number of the filters over characters"
    )
    activation = Choice("relu", "behind the filters", choices=("relu", "tanh"))
    highway = Whole(1, "highway layers behind the filters", low=0, high=100)
    max_chars = Whole(50, "characters of a word, with its beginning and end; longer words are cut", low=3, high=1 << 12)
    dim = Whole(128, "length of a word's vector and of a layer's output in one direction", low=1, high=1 << 14)
    hidden = Whole(512, "cells of an LSTM, at least dim; more are projected to dim", low=1, high=1 << 16)
    layers = Whole(2, "LSTM layers in each direction", low=1, high=100)
    residual = Switch(True, "add its input to the output of every layer but the first")
    cell_clip = Real(3.0, "limit of an LSTM's cells; None sets none", low=1e-6, optional=True)
    projection_clip = Real(3.0, "limit of the projected outputs; None sets none", low=1e-6, optional=True)
    samples = Whole(
        2048,
        "words drawn for the softmax of each step, log-uniformly; None: all words",
        low=1,
        high=1 << 24,
        optional=True,
    )
    optimizer = Choice("adam", "how gradients change the parameters", choices=("adagrad", "adam"))
    lr = Real(0.002, "learning rate at the start", low=1e-12, high=1e6)
    min_lr = Real(None, "learning rate at the end, reached linearly; None means lr / 100", low=0, optional=True)
    batch = Whole(64, "streams that the text is cut into, read side by side", low=1, high=1 << 20)
    steps = Whole(20, "words of each that a step reads", low=1, high=1 << 16)
    dropout = Real(0.0, "share of the numbers of each layer's input and of the last output left out", low=0, high=0.95)
    clip = Real(10.0, "limit of the norm of a step's gradients; None sets none", low=1e-12, optional=True)
    shuffle = Switch(True, "mix the sentences anew in each epoch")
    min_count = Whole(5, "words that occur less often are predicted as <unk>; read are all words", low=1)
    max_vocab = Whole(20_000, "predict this many of the most frequent words; None: all", low=1, optional=True)
    epochs = Whole(1, "passes over the corpus", low=1)
    threads = Whole(None, "worker threads; None means one for each CPU", low=1, high=4096, optional=True)
    seed = Whole(1, "of all that is random", low=0, high=(1 << 63) - 1)

    presets = ("small", "original")  # constructors that take parameters to change
    fixed = (
        "chars", "char_dim", "filters", "activation", "highway", "max_chars", "dim", "hidden", "layers", "residual",
        "cell_clip", "projection_clip", "optimizer",
    )  # fmt: skip

    def __init__(self, **parameters):
        super().__init__(**parameters)
        self._set_state(self._no_state())

    @classmethod
    def small(cls, **changes):
        """A model that trains 10 M words in an hour on two cores: the defaults, by name."""
        return cls(**changes)

    @classmethod
    def original(cls, **changes):
        """The sizes and the recipe of the original: 94 M parameters without the softmax."""
        return cls(**ORIGINAL | changes)

    def check_params(self):
        """ParameterError if an attribute, or two together, are impossible."""
        super().check_params()
        if self.hidden < self.dim:
            raise ParameterError(f"hidden={self.hidden} cells cannot give dim={self.dim} numbers: use as many or more")
        widest = max(width for width, _ in self.filters)
        if self.chars and widest > self.max_chars:
            raise ParameterError(
                f"filters={self.filters!r}: a width of {widest} is more than max_chars={self.max_chars}"
            )

    # -- what users ask

    @property
    def depth(self):
        """L + 1: the words' vectors and the layers; NotFittedError before fit."""
        self._fitted(self.params)
        return self._like().layers + 1

    @property
    def width(self):
        """2 dim: both directions side by side; NotFittedError before fit."""
        self._fitted(self.params)
        return 2 * self._like().dim

    def embed(self, sentences, layers="all", stateful=False):
        """The vectors of every word in its sentence.

        Parameters
        ----------
        sentences : iterable of str, which are split, or of lists of words; or a Corpus.
        layers : "all" gives every layer, "mix" their average, a fe.nn.ScalarMix its mix, a number one layer: 0 is the
            words' vectors, twice, -1 the last layer.
        stateful : sentence k goes on with the states after sentence k of the stateful call before, as in the original;
            else every sentence begins with zeros. ``reset`` forgets them.

        Returns a list with an array for each sentence: (L + 1, T, 2 dim) for "all", else (T, 2 dim).
        """
        if not stateful:
            return super().embed(sentences, layers)
        pick, tokens = picker(layers, self.depth), [self._tokens(sentence) for sentence in each_sentence(sentences)]
        return [pick(states) for states in self._reader().stateful(tokens)] if tokens else []

    def reset(self):
        """Forget the states that embed(stateful=True) goes on with."""
        self._reading = None

    def perplexity(self, corpus):
        """Perplexities of a text in both directions, by the softmax over the whole vocabulary, unknown words as <unk>.

        corpus : Corpus, or anything that Corpus takes; it is read in order as training does, the states going on from
        sentence to sentence, in ``batch`` streams side by side (fewer in a text below 1000 words for each). Raises
        ParameterError where the model has no softmax.
        """
        if "output" not in self._fitted(self.params):
            raise ParameterError("this model has no softmax: its files have none; fit(resume=True) adds it")
        encoded = self.corpus(corpus).encode()
        rows = max(1, min(self.batch, len(encoded.ids) // 1000))
        batches, states = Batches(self, encoded, rows, max(1, SCORED // rows), shuffle=False), None
        sums = np.zeros(2)
        with blas.one_thread():
            for number in range(batches.batches):
                with self.network.lock:
                    losses, states = self.network.forward(batches.at(number), states, exact=True)
                sums += losses.sum(axis=1)
        with np.errstate(over="ignore"):  # infinity is what it is
            return Perplexities(*np.exp(sums / batches.size).tolist())

    # -- the contract of contextual models

    def _tokens(self, sentence):
        return self._words(sentence)

    def _states(self, batch):
        return self._reader().states(batch)[0]

    def _reader(self):
        """The Reader of the parameters as they are."""
        steps = (self._fitted(self.params), self.optimizing and self.optimizing.steps)
        if self._reading is None or self._reading[0] != steps:
            self._reading = steps, Reader(self.network, self._encode)
        return self._reading[1]

    def _encode(self, words):
        """Vectors (2 + U, P) of <s>, </s> and words."""
        encoder = self.network.encoder
        if self._like().chars is None:
            get = self.vocab.index.get
            return encoder.forward(np.array([BOS, EOS, *(get(word, UNK) for word in words)]))
        vocab = Vocab(words)
        return encoder.forward(np.arange(len(words) + 2), self.alphabet.spell(vocab.blob, vocab.offsets))

    # -- training

    def fit(self, corpus, y=None, *, callbacks=(), verbose=1, resume=False, checkpoint=None, every=1):
        """Pre-train on a corpus, in both directions at once; returns self.

        Parameters
        ----------
        corpus : Corpus, or anything that Corpus takes.
        y : ignored; scikit-learn's pipelines pass it.
        callbacks : see fastembed.callbacks.
        verbose : 0 for silence; else a progress bar on a terminal, log lines of logger "fastembed" elsewhere.
        resume : go on instead of starting anew. A run that was stopped goes on where it was; a finished model trains
            `epochs` more on this corpus with its vocabulary; if it came from bilm-tf's files without a softmax, that is
            new, and without a vocabulary it gets the corpus's.
        checkpoint : folder to save the whole state to while training; with resume, a new model starts from it.
        every : how often, in epochs or as a time ("10m").

        ``history`` holds the mean loss of each epoch's predictions as they were trained (with dropout, and with samples
        of the estimate, which is no perplexity), also of each direction: forward_loss, backward_loss. Raises
        CorpusError if there is nothing to learn from, ParameterError for impossible parameters, TrainingError if
        numbers overflow; then the model is as it was before, or as in the run's last checkpoint.
        """
        return self._fit_text(corpus, callbacks, verbose, resume, checkpoint, every)

    def _begin(self, encoded, how, mark, resume):
        """New parameters for this corpus, or copies of the old ones to go on with."""
        history, text, old = [], (how["tokenizer"], how["lowercase"]), self.params if resume else None
        alphabet = self.alphabet if old is not None else self._alphabet(encoded.vocab)
        if old is not None and self.vocab is not None:
            vocab, history, text = self.vocab, list(self.history), (self.tokenizer, self.lowercase)
        else:
            vocab = language_vocab(encoded.vocab, len(encoded.offsets) - 1, self.min_count, self.max_vocab)
        params = Params(self._arrays(vocab, alphabet))
        if "output" not in (old or ()):
            self._network_shape().begin(params, predicted_counts(vocab), (self.seed, 0))
        for name in old or ():
            params[name][:] = old[name]
        optimizing = self._optimizer(params)
        if resume and self.optimizing is not None:
            optimizing.restore(self.optimizing.tensors())
        state = (
            vocab,
            params,
            alphabet,
            optimizing,
            Position(corpus=mark),
            history,
            self._made_with(),
            text,
            np.zeros(0),
        )
        self._set_state(state)

    def _alphabet(self, types):
        if self.chars == "unicode":
            return characters.Alphabet.of(types.words, types.counts, self.min_count)
        return characters.Alphabet() if self.chars else None

    def _arrays(self, vocab, alphabet, softmax=True):
        """Names and shapes of the parameters."""
        sizes = (0 if part is None else size(part) for part, size in ((vocab, len), (alphabet, lambda a: a.size)))
        return self._network_shape().arrays(*sizes, softmax)

    def _optimizer(self, params):
        return Adam(params) if self.optimizer == "adam" else AdaGrad(params, initial=1.0)

    def _loop(self, encoded, callbacks, verbose, checkpoint):
        """Everything that a run needs, put together."""
        tokens = len(encoded.ids)
        batches = Batches(self, encoded, self.batch, self.steps, self.shuffle)
        if len(self.forward_loss) != batches.batches:
            self.forward_loss = np.zeros(batches.batches)
        self.position.chunk_tokens = self.position.chunk_tokens or -(-tokens // batches.batches)
        self.optimizing.threads, self.guard = check_threads(self.threads), Guard(self.clip)
        schedule = Schedule(*self._rates(float(self.lr) / 100), int(self.epochs), tokens)
        return Loop(self, BothTrainer(self, batches, tokens), schedule, callbacks, checkpoint, verbose)

    def _step(self, batches, number, rate, epoch):
        """Train on a batch; its losses, both directions behind each other, or None if it was left out."""
        key, network = (self.seed, epoch, number), self.network
        try:
            with network.lock:
                unrolls = batches.at(number, key[:2])
                states = self._carried(unrolls, batches.begins) if number else None
                losses, after = network.step(self.optimizing, unrolls, states, rate, self.guard, key)
        except ParameterError as error:  # the layers take no such numbers
            raise TrainingError(f"{error}: numbers overflowed in epoch {epoch + 1}; use a smaller lr") from error
        if losses is None and self.guard.running == 1:
            LOG.warning("step %d of epoch %d is left out: its gradients overflowed", number + 1, epoch + 1)
        self.position.carried = tuple(part for side in after or () for layer in side for part in layer)
        self.forward_loss[number] = 0 if losses is None else losses[0].sum()
        return None if losses is None else losses.reshape(-1)

    def _carried(self, unrolls, begins):
        """Position's ``carried`` as the network takes it: for each side and layer a pair; but zeros in rows that go on
        with a sentence's beginning, so that ``embed``, which begins so, is learnt too."""
        half, states = len(self.position.carried) // 2, []
        for side, (unroll, begin) in enumerate(zip(unrolls, begins, strict=True)):
            fresh = (unroll.words[0] == begin)[:, None]
            parts = [np.where(fresh, np.float32(0), part) for part in self.position.carried[side * half :][:half]]
            states.append(list(zip(parts[::2], parts[1::2], strict=True)))
        return states if half else None

    # -- state: (vocab, params, alphabet, optimizing, position, history, values of the fixed parameters, (tokenizer,
    # lowercase), forward losses)

    def _state(self):
        return (
            self.vocab, self.params, self.alphabet, self.optimizing, self.position, list(self.history), self._shape,
            (self.tokenizer, self.lowercase), self.forward_loss,
        )  # fmt: skip

    def _set_state(self, state):
        self.vocab, self.params, self.alphabet, self.optimizing, self.position, self.history, self._shape = state[:7]
        (self.tokenizer, self.lowercase), self.forward_loss = state[7:]
        self._network = self._reading = None

    def _no_state(self):
        return None, None, None, None, Position(), [], self._made_with(), ("whitespace", False), np.zeros(0)

    def _matrices(self):
        return (self.params.flat,)

    def _like(self):
        """The model with the fixed parameters as trained, the others as they are now."""
        trained = copy(self)
        trained.__dict__.update(zip(self.fixed, self._shape, strict=True))
        return trained

    def _network_shape(self):
        encoder = None
        if self.chars:
            names = ("dim", "char_dim", "filters", "highway", "activation", "max_chars")
            encoder = characters.Shape(*(getattr(self, name) for name in names))
        clips = (self.cell_clip, self.projection_clip)
        return bilm.Shape(self.dim, self.hidden, self.layers, self.residual, clips, encoder)

    @property
    def network(self):
        """The BiLM over the parameters."""
        threads = check_threads(self.threads)
        how = {"samples": self.samples, "dropout": self.dropout, "threads": threads}
        if self._network is None or self._network[0] != how:
            shape = self._like()._network_shape()
            if self.alphabet is None:
                encoder = bilm.WordEncoder(self.params)
            else:
                encoder = characters.CharacterEncoder(self.params, shape.encoder, self.alphabet, threads=threads)
            counts = predicted_counts(self.vocab) if "output" in self.params else None
            self._network = how, bilm.BiLM(self.params, shape, encoder, counts=counts, **how)
        return self._network[1]

    # -- files

    def to_native(self):
        """The whole state as (tensors, texts): parameters, the optimiser's state, vocabulary, position, history."""
        tensors = self._fitted(self.params).tensors("params.")
        meta = {"fastembed": "1", "version": _version.__version__, "position": json.dumps(place_of(self.position))}
        if self.optimizing is not None:
            tensors |= self.optimizing.tensors()
        if self.vocab is not None:
            tensors |= native.pack_vocab(self.vocab)
        if self.alphabet is not None and self.alphabet.points is not None:
            tensors["alphabet"] = self.alphabet.points
        tensors |= {f"carried.{number}": array for number, array in enumerate(self.position.carried)}
        tensors |= {"loss": self.position.loss, "predictions": self.position.predictions}
        return tensors | {"loss.forward": self.forward_loss}, meta | self._like()._meta()

    @classmethod
    def from_native(cls, path, tensors, meta):
        """The model of a native file's arrays and texts; FormatError if they do not fit together."""
        model = cls()
        try:
            model._restore_meta(meta)
            state = model._restored(path, tensors, meta)
        except FormatError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            raise FormatError(path, f"is no complete {cls.__name__}: {error}") from error
        model._set_state(state)
        return model

    @classmethod
    def load(cls, options_json, weights_hdf5, vocabulary=None):
        """The model of bilm-tf's files (fastembed.io.elmo_hdf5), as the original ELMo was published.

        Parameters
        ----------
        options_json, weights_hdf5 : the files; they need the extra "hdf5" (h5py).
        vocabulary : file of words, <S>, </S>, <UNK> first: needed where words have vectors of their own, and for the
            softmax (``perplexity``), if there is one.

        Raises FormatError for files that are damaged, lack an array, hold NaN or contradict each other.
        """
        contents = elmo_hdf5.read(options_json, weights_hdf5, vocabulary)
        model = cls(**contents.settings)
        vocab = None if contents.words is None else Vocab([*SPECIAL, *contents.words])
        alphabet = characters.Alphabet() if model.chars else None
        params = Params(model._arrays(vocab, alphabet, softmax="output" in contents.arrays))
        for name, array in contents.arrays.items():
            params[name][:] = array
        optimizing = model._optimizer(params) if "output" in params else None
        state = (
            vocab,
            params,
            alphabet,
            optimizing,
            Position(),
            [],
            model._made_with(),
            ("whitespace", False),
            np.zeros(0),
        )
        model._set_state(state)
        return model

    def to_hdf5(self, options_json, weights_hdf5, vocabulary=None):
        """Write bilm-tf's files, and the vocabulary if asked for: other programs read them, and ``load``.

        The softmax is written too, as softmax/W and softmax/b. Raises ParameterError for chars="unicode".
        """
        arrays = dict(self._fitted(self.params))
        words = None if self.vocab is None else self.vocab.words[len(SPECIAL) :]
        contents = elmo_hdf5.Contents(self._like().get_params(), arrays, words)
        elmo_hdf5.write(contents, options_json, weights_hdf5, vocabulary)

    def _restored(self, path, tensors, meta):
        """The state in a file whose texts the model has taken; ValueError and others if it makes no sense."""
        self.check_params()
        position = position_of(json.loads(meta["position"]), tensors["loss"], tensors["predictions"])
        position.carried, forward = carried_of(tensors), tensors["loss.forward"]
        if forward.ndim != 1 or forward.dtype != np.float64:
            raise ValueError("losses of one direction that are no list of numbers")
        vocab = native.unpack_vocab(path, tensors) if "vocab.blob" in tensors else None
        alphabet = characters.Alphabet() if self.chars == "bytes" else None
        if self.chars == "unicode":
            alphabet = characters.Alphabet(checked_points(tensors["alphabet"]))
        shapes = self._arrays(vocab, alphabet, softmax="params.output" in tensors)
        params, optimizing = Params.restored(shapes, tensors, "params."), None
        if vocab is not None and (len(vocab) < 4 or "vocab.counts" not in tensors):
            raise ValueError("a vocabulary without words or counts")
        if "output" in params:
            optimizing = self._optimizer(params)
            optimizing.restore(tensors)
        text = (self.tokenizer, self.lowercase)
        return vocab, params, alphabet, optimizing, position, self.history, self._made_with(), text, np.array(forward)


def checked_points(points):
    """An alphabet's code points from a file; ValueError if they are none."""
    if points.ndim != 1 or points.dtype != np.int32 or (np.diff(points) <= 0).any() or points.min(initial=0) < 0:
        raise ValueError("an alphabet that is no rising list of characters")
    return np.array(points)
