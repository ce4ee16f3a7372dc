"""``fastembed train MODEL CORPUS... -o OUT``: one command a registered model, its flags made from its parameters."""

import contextlib
import inspect
import logging
from pathlib import Path

import click
from click.core import ParameterSource

from .. import models
from ..errors import FastembedError
from ..models.training import Checkpoint
from .options import corpus_options, model_options, open_corpus, read
from .outputs import FORMATS, LANGUAGE_FORMATS, beside, check_apart, check_output, write
from .program import INTERRUPTED, Group, Verb, interrupts, say
from .query import load_vectors

_FIT = (
    "input_files",
    "out",
    "output_prefix",
    "loss",
    "quiet",
    "verbose",
    "resume",
    "checkpoint",
    "every",
    "vectors",
)
_NGRAMS = ("minn", "maxn", "bucket")
_EPOCHS = ("checkpoint", "every", "resume")  # for models that are trained in epochs
_FILES = ("input_files", "output_prefix")  # fastText's, for vectors
_CORPUS = ("corpus", "tokenizer", "lowercase", "cache_dir", "errors")


class Models(Group):
    """One command for each registered model of words, of language or of words in their sentence, in lower case."""

    def list_commands(self, context):
        return models.names("vectors") + models.names("language") + models.names("contextual")

    def get_command(self, context, name):
        return train_command(name, models.get(name)) if name in self.list_commands(context) else None


@click.command(cls=Models)
def train():
    """Train vectors, a language model or a contextual model on text.

    CORPUS is one or more files (.gz .bz2 .xz .zst too), a pattern in quotes, or - for standard input; one sentence a
    line.
    """


def fasttext_command(name):
    """fastText's own ``skipgram`` and ``cbow``: FastText with its defaults."""
    command = train_command(name, models.get("fasttext"), {"sg": name == "skipgram"})
    command.params = [p for p in command.params if p.name != "sg"]
    next(p for p in command.params if p.name == "sample").default = 1e-4
    return command


def train_command(name, cls, preset=None):
    """The click command that trains ``cls``; preset : dict of parameters that are not asked for."""

    def run(**values):
        return fit(cls, values | (preset or {}))

    command = click.command(
        name,
        cls=Verb,
        help=f"Train {_what(cls)} and write {'them' if _vectors(cls) else 'it'} to OUT.\n\n" + _endings(cls),
        short_help=f"Train {_what(cls)}.",
        no_args_is_help=True,
    )(corpus_options(_run_options(run)))
    first = [p for p in command.params if p.name in ("corpus", "out")]
    left_out = (() if _in_epochs(cls) else _EPOCHS) + (() if _vectors(cls) and not _contextual(cls) else _FILES)
    left_out += () if "hs" in cls.parameters else ("loss",)
    left_out += () if "vectors" in inspect.signature(cls.fit).parameters else ("vectors",)
    rest = [p for p in command.params if p not in first and p.name not in left_out]
    command.params = first + _preset_options(cls) + model_options(cls) + rest
    if "minn" not in cls.parameters and _in_epochs(cls):
        command.params += [click.Option([f"-{name}"], type=click.INT, default=0, hidden=True) for name in _NGRAMS]
    return command


def _preset_options(cls):
    """The option that chooses one of the model's constructors by name, if it has any."""
    names, text = getattr(cls, "presets", ()), "Sizes and recipe by name, which the flags below change."
    return [click.Option(["--preset"], type=click.Choice(names), help=text)] if names else []


def _in_epochs(cls):
    """Whether the model's training can be stopped and gone on with."""
    return "epochs" in cls.parameters


def _vectors(cls):
    """Whether the model has word vectors."""
    return hasattr(cls, "wv")


def _contextual(cls):
    """Whether the model gives a vector for a word in its sentence."""
    return hasattr(cls, "embed")


def _what(cls):
    if _contextual(cls):
        return f"the contextual model {cls.__name__}"
    return f"{cls.__name__} vectors" if _vectors(cls) else f"the language model {cls.__name__}"


def _formats(cls):
    """Ending -> what is written, of all that can be made of a model."""
    if _contextual(cls):
        return {".fe": "the whole model: training can go on"}
    if not _vectors(cls):
        return LANGUAGE_FORMATS
    formats = FORMATS if _in_epochs(cls) else FORMATS | {".fe": "the whole model"}
    return {k: v for k, v in formats.items() if k != ".floret" or "hash_count" in cls.parameters}


def _endings(cls):
    lines = (f"  {ending:13s} {text}" for ending, text in _formats(cls).items())
    return "\b\nOUT's ending says what is written:\n" + "\n".join(lines)


def _run_options(run):
    options = (
        click.option("-o", "--out", multiple=True, help="File to write; may be given several times."),
        click.option("--checkpoint", help="Folder to save the state of training in."),
        click.option("--every", help="Epochs (2) or time (10m) between checkpoints.  [default: 1]"),
        click.option("--resume", help="Go on from this .fe file or folder of --checkpoint, with its parameters."),
        click.option("--vectors", "-pretrainedVectors", help="File of vectors of known words to start from."),
        click.option("-q", "--quiet", is_flag=True, help="No progress."),
        click.option("-input", "input_files", multiple=True, help="fastText's CORPUS."),
        click.option(
            "-output", "output_prefix", help="fastText's OUT: writes OUTPUT.vec and OUTPUT.fe (FastText: OUTPUT.bin)."
        ),
        click.option("-loss", type=click.Choice(["ns", "hs"]), help="fastText's --no-hs and --hs."),
        click.option("-verbose", type=click.INT, default=2, hidden=True),
    )
    for decorate in reversed(options):
        run = decorate(run)
    return run


def fit(cls, values):
    """Check the outputs, train, write; ``values`` are the command's options."""
    settings = {name: values.pop(name, None) for name in _FIT}
    corpus_settings = {name: values.pop(name) for name in _CORPUS}
    _fasttext(cls, settings, values)
    targets = _targets(settings, ".bin" if "minn" in cls.parameters else ".fe", tuple(_formats(cls)))
    model = _model(cls, settings["resume"], values)
    _check_model(model, targets)
    sources = (*corpus_settings.pop("corpus"), *(settings["input_files"] or ()))
    check_apart(sources, targets)
    corpus = open_corpus(sources, threads=model.threads, **corpus_settings)
    corpus = model.corpus(corpus) if hasattr(model, "corpus") else corpus
    extra = _extra(cls, settings)
    quiet = settings["quiet"] or settings["verbose"] == 0
    logging.getLogger("fastembed").setLevel(logging.WARNING if quiet else logging.INFO)
    try:
        read(corpus, quiet)
        model.fit(corpus, callbacks=(interrupts,), verbose=0 if quiet else 1, **extra)
    except KeyboardInterrupt:
        return _interrupted(model, targets)
    for path in targets:
        write(model, path)
    return 0


def _extra(cls, settings):
    """What ``fit`` takes besides the corpus; errors that need no corpus to be seen are seen here."""
    extra, folder, every = {}, settings["checkpoint"], settings["every"] or "1"
    if _in_epochs(cls):
        extra["resume"] = bool(settings["resume"])
    if folder:
        extra |= {"checkpoint": folder, "every": int(every) if every.isdigit() else every}
        Checkpoint(folder, extra["every"])
    elif settings["every"]:
        raise click.UsageError("--every says how often to save: say where with --checkpoint FOLDER")
    if settings["vectors"] and settings["resume"]:
        raise click.UsageError("--vectors starts anew and --resume goes on: choose one of them")
    if settings["vectors"]:
        extra["vectors"] = load_vectors(settings["vectors"])
    return extra


def _check_model(model, targets):
    """Fail now, not after training, if a parameter cannot be or a file could not hold such a model."""
    model.check_params()
    hashed, smoothing = getattr(model, "hash_count", None), getattr(model, "smoothing", None)
    for path in targets:
        reason = None
        if path.suffix.lower() == ".floret" and not hashed:
            reason = "a floret table needs --hash-count 1 to 4"
        elif path.suffix.lower() == ".bin" and hashed:
            reason = "fastText's format has no --hash-count: write .floret or .fe"
        elif ".arpa" in path.name.lower() and smoothing in ("laplace", "lidstone", "mle"):
            reason = f"an ARPA file cannot hold --smoothing {smoothing}: write .fe"
        if reason:
            raise click.UsageError(f"{path}: {reason}", click.get_current_context(True))


def _fasttext(cls, settings, values):
    """Translate what fastText spells in another way."""
    wanted = () if "minn" in cls.parameters else [values.pop(name, 0) for name in _NGRAMS]
    if any(wanted):
        raise click.UsageError("character n-grams (-minn, -maxn, -bucket) are not part of this model: use fasttext")
    if settings["loss"]:
        values["hs"] = settings["loss"] == "hs"


def _targets(settings, whole, endings):
    """The paths to write, each checked; ``whole`` : the ending of the whole model behind fastText's prefix."""
    targets = [check_output(path, endings) for path in settings["out"]]
    prefix = settings["output_prefix"]
    if prefix and Path(prefix).suffix.lower() in FORMATS:
        targets.append(check_output(prefix))
    elif prefix:
        targets += [check_output(prefix + ".vec"), check_output(prefix + whole)]
    if not targets:
        raise click.UsageError("say where to write: -o FILE", click.get_current_context(True))
    return targets


def _model(cls, path, values):
    """The model to train: a new one, or that of the file ``path`` to go on with; ``values`` are its flags."""
    preset, context = values.pop("preset", None), click.get_current_context()
    given = {k: v for k, v in values.items() if context.get_parameter_source(k) is ParameterSource.COMMANDLINE}
    if preset and path:
        raise click.UsageError("--preset is for a new model, --resume goes on with the one in a file", context)
    if preset:
        return getattr(cls, preset)(**given)
    return _resumed(cls, path, given, context) if path else cls(**values)


def _resumed(cls, path, given, context):
    """The model in a file, with the parameters that were given on this command line."""
    from ..io import load

    kept = Path(path, "checkpoint.fe")
    model = load(kept if kept.exists() else path)
    if not isinstance(model, cls):
        raise FastembedError(f"{path}: holds {type(model).__name__}, not {cls.__name__}")
    fixed = [k for k in ("dim", "hs") if k in given and given[k] != getattr(model, k)]
    if fixed:
        raise click.UsageError(
            f"{path} was trained with {fixed[0]} {getattr(model, fixed[0])}, which cannot change", context
        )
    return model.set_params(**given)


def _interrupted(model, targets):
    """Ctrl-C: keep what was learnt, without touching files of earlier runs."""
    begun = False
    with contextlib.suppress(AttributeError):  # NotFittedError is one: stopped before there was anything
        begun = (model.depth if _contextual(type(model)) else model.wv) is not None
    if not begun:
        say("fastembed: interrupted before training began; nothing was written")
        return INTERRUPTED
    say("fastembed: interrupted; writing what was learnt so far")
    for path in targets:
        write(model, beside(path))
    if any(path.suffix.lower() == ".fe" for path in targets):
        say("to go on, repeat the command with --resume and the .fe file")
    return INTERRUPTED
