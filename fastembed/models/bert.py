"""BERT: a transformer encoder that is pre-trained on hidden words (Devlin, Chang, Lee and Toutanova 2019)."""

import json
import os
from copy import copy

import numpy as np

from .. import _version
from ..corpus import Corpus
from ..errors import FormatError, ParameterError
from ..io import hf
from ..nn import bert_names, masked
from ..nn.attention import PRECISIONS, EncoderSizes
from ..nn.optim import AdamW
from ..nn.params import Params
from ..parallel import check_threads
from ..pieces import SPECIAL, Pieces
from .callbacks import Callbacks
from .parameters import Choice, Real, Switch, Whole
from .pieced import PiecedModel
from .pretraining import MaskedTrainer, WarmUp, neighbourly, piece_counts, piece_ids
from .static import Trained
from .training import Checkpoint, Loop, Position, fingerprint, place_of, position_of


class BERT(PiecedModel, Trained):
    """A transformer encoder: every layer looks at the whole sentence, left and right (Devlin et al. 2019, "BERT").

    Words are cut into pieces (WordPiece), whose vectors go through layers of self-attention (Vaswani et al. 2017).
    ``fit`` hides 15 % of the pieces and learns to say what they are; ``BERT.load`` reads what others have trained, in
    the folders of Hugging Face's transformers. Sentences are packed without padding. Results do not depend on the
    number of threads.

    >>> import fastembed as fe
    >>> text = ["the cat sat on the mat", "a dog lay on a rug", "the dog sat on the rug"] * 20
    >>> model = fe.BERT(layers=1, dim=16, heads=2, vocab_size=60, epochs=2).fit(text, verbose=0)
    >>> [states.shape for states in model.embed(["the dog", ""], align="words")]
    [(2, 2, 16), (2, 0, 16)]
    >>> model.embed(["the dog", "a cat sat"], pool="mean", normalize=True).shape
    (2, 16)
    """

    layers = Whole(4, "layers of attention and feed-forward", low=1, high=1 << 10)
    dim = Whole(256, "length of a token's vector", low=1, high=1 << 16)
    heads = Whole(4, "heads of attention, which share dim equally", low=1, high=1 << 10)
    inner = Whole(None, "units of the feed-forward layers; None means 4 dim", low=1, high=1 << 18, optional=True)
    activation = Choice("gelu", "of those units: exact or by tanh", choices=("gelu", "gelu_new"))
    epsilon = Real(1e-12, "what LayerNorm adds to a variance", low=1e-30, high=0.1)
    max_length = Whole(
        128,
        "tokens of a sequence, at most: so many positions are learnt, and text is cut off there",
        low=8,
        high=1 << 20,
    )
    vocab_size = Whole(8000, "pieces to learn", low=len(SPECIAL) + 1, high=1 << 24)
    cased = Switch(False, "keep upper case and accents")
    min_count = Whole(2, "pairs of pieces that occur less often make no piece", low=1)
    pack = Switch(True, "fill sequences with as many sentences as there is room for, instead of one each")
    share = Real(0.15, "of the pieces that are hidden", low=1e-6, high=0.9)
    whole_words = Switch(False, "hide all pieces of a word together")
    next_sentence = Switch(False, "also learn whether a line follows another one")
    held_out = Real(0.01, "share of the text that is not trained on but judged after each epoch", low=0, high=0.5)
    start = Choice(
        "random",
        "neighbours: pieces begin as SkipGram's vectors of this text, half of the heads look at the pieces beside",
        choices=("random", "neighbours"),
    )
    lr = Real(1e-3, "learning rate at its highest", low=1e-12, high=1e6)
    warmup = Real(0.1, "share of the training in which it rises; then it falls to 0", low=0, high=1)
    decay = Real(0.01, "weight decay", low=0, high=1e3)
    clip = Real(1.0, "limit of the norm of a step's gradients; None sets none", low=1e-12, optional=True)
    dropout = Real(0.1, "share of numbers that a step leaves out", low=0, high=0.95)
    batch = Whole(32, "sequences of a step", low=1, high=1 << 20)
    epochs = Whole(3, "passes over the corpus", low=1)
    precision = Choice(
        "float32",
        "bfloat16: round what the matrix products of embed take to 8 bits, which is fast on CPUs that can do it",
        choices=PRECISIONS,
    )
    threads = Whole(None, "worker threads; None means one for each CPU", low=1, high=4096, optional=True)
    seed = Whole(1, "of all that is random", low=0, high=(1 << 63) - 1)

    presets = ("tiny",)  # constructors that take parameters to change
    fixed = ("layers", "dim", "heads", "inner", "activation", "epsilon")

    def __init__(self, **parameters):
        super().__init__(**parameters)
        self._set_state(self._no_state())

    @classmethod
    def tiny(cls, **parameters):
        """A small model for some ten million words on a few cores: 2 layers of 128; ``parameters`` change it.

        It begins with what stands beside what (``start``), takes many small steps over single sentences, hides 30 % of
        the pieces and sees the text once.
        """
        small = {"layers": 2, "dim": 128, "start": "neighbours", "batch": 8, "pack": False, "share": 0.3}
        return cls(**(small | {"dropout": 0.0, "epochs": 1} | parameters))

    # -- training

    def fit(
        self, corpus, y=None, *, callbacks=(), verbose=1, resume=False, checkpoint=None, every=1, pieces=None
    ):  # fmt: skip
        """Pre-train on a corpus; returns self.

        Parameters
        ----------
        corpus : Corpus, or anything that Corpus takes; its order counts with next_sentence.
        y : ignored; scikit-learn's pipelines pass it.
        callbacks : see fastembed.callbacks.
        verbose : 0 for silence; else a progress bar on a terminal, log lines of logger "fastembed" elsewhere.
        resume : go on instead of starting anew. A run that was stopped goes on where it was; a finished or loaded model
            trains `epochs` more on this corpus.
        checkpoint : folder to save the whole state to while training; with resume, a new model starts from it.
        every : how often, in epochs or as a time ("10m").
        pieces : fe.Pieces, instead of learning `vocab_size` pieces of this corpus.

        ``history`` has the mean loss of each epoch's hidden pieces as they were trained, and, of what was held out,
        ``held_out_loss`` and ``held_out_accuracy``. Raises CorpusError if there is nothing to learn from,
        ParameterError for impossible parameters, TrainingError if numbers overflow. The model is then as it was before;
        if it was going on with a stopped run, it is as in the run's last checkpoint, or without one not fitted.
        """
        self.check_params()
        if self.dim % self.heads:
            raise ParameterError(f"dim={self.dim} is no multiple of heads={self.heads}")
        if not isinstance(pieces, Pieces | None):
            raise ParameterError(f"pieces={repr(pieces)[:50]}: give fe.Pieces, or None to learn them")
        if resume and pieces and self.pieces and pieces.tokens != self.pieces.tokens:
            raise ParameterError(f"pieces={pieces!r}: the model goes on with its own, which are others")
        callbacks, checkpoint = Callbacks(callbacks), Checkpoint(checkpoint, every)
        corpus = self.corpus(corpus)
        mark = fingerprint(corpus.encode())
        return self._train(
            lambda: self._begin(corpus, pieces, mark, resume),
            lambda: self._loop(corpus.encode(), callbacks, verbose, checkpoint),
            mark,
            resume,
            checkpoint,
        )

    def corpus(self, source):
        """A Corpus as this model reads it, with words of any length, as they are cut; ``source`` as Corpus takes it."""
        return (source if isinstance(source, Corpus) else Corpus(source, threads=self.threads)).whole()

    def judge(self, corpus, seed=1):
        """How well hidden pieces of another text are found: (mean loss, share of them that are the most probable).

        seed : what is hidden depends on it.

        Raises CorpusError if no piece of the text can be hidden: all are unknown.
        """
        self._fitted(self.pieces)
        self._check_head()
        self.parameters["seed"].check("seed", seed)
        trainer = MaskedTrainer(self, *piece_ids(self.pieces, self.corpus(corpus).encode()))
        return trainer.judged(trainer.numbers, (int(seed),))

    def _begin(self, corpus, pieces, mark, resume):
        """New parameters for this corpus, or copies of the old ones to go on with."""
        history, old, optimizing = [], None, None
        parts = ("head", "pooler", "next") if self.next_sentence else ("head",)
        if resume and self.pieces is not None:
            pieces, history, old = self.pieces, list(self.history), self.params
            parts = tuple(part for part in masked.PARTS if part in parts or part in self.params)
            sizes = self.sizes
        else:
            sizes = {"vocab_size": self.vocab_size, "lowercase": not self.cased, "min_count": self.min_count}
            size = sizes.pop("vocab_size")
            pieces = Pieces.train(corpus, size, **sizes) if pieces is None else pieces
            sizes = self._sizes(len(pieces), self.max_length, 2)
        if old is not None and old.shapes == masked.shapes(sizes, parts):
            params = Params.restored(old.shapes, old)
            optimizing = self._optimizer(params)
            if self.optimizing is not None:
                optimizing.restore(self.optimizing.tensors())
        else:
            params = masked.begin(sizes, parts, (self.seed, 0), piece_counts(pieces, corpus.encode()))
            if self.start == "neighbours":
                masked.look_aside(params, sizes)
                found = neighbourly(pieces, corpus.encode(), self.dim, self.seed)
                params["embeddings.words"][found[0]] = found[1] * np.float32(1.6 * masked.deviation(self.dim))
            for name in old or ():
                params[name][:] = old[name]
            optimizing = self._optimizer(params)
        self._set_state((pieces, params, optimizing, Position(corpus=mark), history, self._made_with()))

    def _optimizer(self, params):
        return AdamW(params, check_threads(self.threads), float(self.decay))

    def _loop(self, encoded, callbacks, verbose, checkpoint):
        """Everything that a run needs, put together."""
        words = len(encoded.ids)
        trainer = MaskedTrainer(self, *piece_ids(self.pieces, encoded), float(self.held_out))
        schedule = trainer.schedule = WarmUp(float(self.lr), 0.0, int(self.epochs), words, share=float(self.warmup))
        self.position.chunk_tokens = self.position.chunk_tokens or -(-words // trainer.chunks)
        self.optimizing.threads, self.optimizing.decay = check_threads(self.threads), float(self.decay)
        return Loop(self, trainer, schedule, callbacks, checkpoint, verbose)

    # -- files

    @classmethod
    def load(cls, folder, **parameters):
        """The model in a folder as Hugging Face's transformers writes it: BertModel, BertForMaskedLM or another of
        BERT's family, of which the encoder, the pooler and the heads of pre-training are read.

        Parameters
        ----------
        folder : has config.json, model.safetensors, and tokenizer.json or vocab.txt; what sentence-transformers adds
            (the length limit) is heeded. Pickled weights are refused.
        parameters : of the class, such as threads or max_length, to change.

        Raises FormatError for what is missing, damaged or of another architecture.
        """
        contents = hf.read(folder)
        config, positions = contents.config, contents.config["max_position_embeddings"]
        dropout = config.get("hidden_dropout_prob", 0.1)
        model = cls(
            layers=config["num_hidden_layers"],
            dim=config["hidden_size"],
            heads=config["num_attention_heads"],
            inner=config["intermediate_size"],
            activation=hf.ACTIVATIONS[config["hidden_act"]],
            epsilon=config["layer_norm_eps"],
            max_length=max(8, min(positions, contents.sentence.get("max_length", positions))),
            vocab_size=config["vocab_size"],
            dropout=dropout if type(dropout) in (int, float) and 0 <= dropout <= 0.95 else 0.1,
        ).set_params(**parameters)
        parts = bert_names.parts(contents.tensors)
        sizes = model._sizes(config["vocab_size"], positions, config["type_vocab_size"])
        params = Params(masked.shapes(sizes, parts))
        bert_names.load(params, contents.tensors)
        model._set_state((contents.pieces, params, None, Position(), [], model._made_with()))
        return model

    def save(self, path):
        """Write the model: the whole state to a native file (.fe), so that training can go on, or, to a path without
        an ending or an existing folder, what transformers reads: config.json, model.safetensors, tokenizer.json,
        tokenizer_config.json and vocab.txt.
        """
        if os.path.isdir(path) or not os.path.splitext(os.fspath(path))[1]:
            hf.write(path, self._folder())
        else:
            super().save(path)

    def _folder(self):
        """The hf.Folder of this model."""
        sizes = self.sizes
        head = "head" in self.params
        config = {
            "architectures": [
                "BertForPreTraining" if "next" in self.params else "BertForMaskedLM" if head else "BertModel"
            ],
            "model_type": "bert",
            "vocab_size": sizes.vocab,
            "hidden_size": sizes.width,
            "num_hidden_layers": sizes.layers,
            "num_attention_heads": sizes.heads,
            "intermediate_size": sizes.inner,
            "hidden_act": sizes.activation,
            "hidden_dropout_prob": sizes.dropout,
            "attention_probs_dropout_prob": sizes.attention_dropout,
            "max_position_embeddings": sizes.positions,
            "type_vocab_size": sizes.segments,
            "initializer_range": masked.deviation(sizes.width),
            "layer_norm_eps": sizes.epsilon,
            "pad_token_id": self.pieces.ids["pad"],
            "position_embedding_type": "absolute",
            "tie_word_embeddings": True,
        }
        tensors = bert_names.dump(self.params, hf.shapes(config))
        prefix = "bert." if head else ""
        tensors = {name if name.startswith("cls.") else prefix + name: array for name, array in tensors.items()}
        return hf.Folder(config, self.pieces, tensors)

    def to_native(self):
        """The whole state as (tensors, texts): parameters, the optimiser's state, pieces, position, history."""
        pieces, sizes = self._fitted(self.pieces), self.sizes
        tensors = self.params.tensors("params.") | ({} if self.optimizing is None else self.optimizing.tensors())
        tensors["pieces"] = np.frombuffer(pieces.to_json().encode(), np.uint8)
        tensors |= {"loss": self.position.loss, "predictions": self.position.predictions}
        trained = copy(self)  # whose fixed parameters are those that the arrays have
        trained.__dict__.update(zip(self.fixed, self._shape, strict=True))
        meta = trained._meta() | {"fastembed": "1", "version": _version.__version__}
        meta["special"] = json.dumps(pieces.special)
        meta["sizes"] = json.dumps([sizes.vocab, sizes.positions, sizes.segments])
        meta["parts"] = json.dumps([part for part in masked.PARTS if part in self.params])
        return tensors, meta | {"position": json.dumps(place_of(self.position))}

    @classmethod
    def from_native(cls, path, tensors, meta):
        """The model of a native file's arrays and texts; FormatError if they do not fit together."""
        model = cls()
        try:
            model._restore_meta(meta)
            position = position_of(json.loads(meta["position"]), tensors["loss"], tensors["predictions"])
            special, sizes, parts = (json.loads(meta[name]) for name in ("special", "sizes", "parts"))
            if [type(size) for size in sizes] != [int] * 3 or not {*parts} <= {*masked.PARTS}:
                raise ValueError("sizes or parts that make no sense")
            pieces = Pieces.of_json(bytes(tensors["pieces"]).decode(), special)
            if len(pieces) > sizes[0]:
                raise ValueError(f"{len(pieces)} pieces for a model of {sizes[0]}")
            params = Params.restored(masked.shapes(model._sizes(*sizes), parts), tensors, "params.")
            optimizing = None
            if "optimizer.steps" in tensors:
                optimizing = model._optimizer(params)
                optimizing.restore(tensors)
        except FormatError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            raise FormatError(path, f"is no complete {cls.__name__}: {error}") from error
        model._set_state((pieces, params, optimizing, position, model.history, model._made_with()))
        return model

    # -- state: (pieces, params, optimizing, position, history, values of the fixed parameters)

    def _state(self):
        return self.pieces, self.params, self.optimizing, self.position, list(self.history), self._shape

    def _set_state(self, state):
        self.pieces, self.params, self.optimizing, self.position, self.history, self._shape = state
        self._network = None

    def _no_state(self):
        return None, None, None, Position(), [], self._made_with()

    def _matrices(self):
        return (self.params.flat,)

    @property
    def vocab(self):
        """The pieces: list of str; None before fit."""
        return None if self.pieces is None else self.pieces.tokens

    @property
    def sizes(self):
        """The EncoderSizes: of the fixed parameters as trained, of dropout as it is now."""
        rows = (len(self._fitted(self.params)[f"embeddings.{name}"]) for name in ("words", "positions", "segments"))
        return self._sizes(*rows, dict(zip(self.fixed, self._shape, strict=True)))

    def _sizes(self, vocab, positions, segments, fixed=None):
        own = fixed or dict(zip(self.fixed, self._made_with(), strict=True))
        return EncoderSizes(
            vocab, positions, segments, own["dim"], own["layers"], own["heads"], own["inner"] or 4 * own["dim"],
            own["activation"], float(own["epsilon"]), float(self.dropout), float(self.dropout),
        )  # fmt: skip

    @property
    def network(self):
        """The MaskedModel over the parameters."""
        how = sizes, threads, precision = self.sizes, check_threads(self.threads), self.precision
        if self._network is None or (self._network.sizes, self._network.threads, self._network.precision) != how:
            self._network = masked.MaskedModel(sizes, self.params, threads, precision)
        return self._network
