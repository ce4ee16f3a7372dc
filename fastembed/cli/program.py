"""Program: a click group that turns every error into one line and an exit code."""

import difflib
import io
import logging
import os
import signal
import sys
import warnings
from contextlib import contextmanager, suppress

import click

from ..errors import FastembedError, ParameterError

FAILED, MISUSED, INTERRUPTED = 1, 2, 130


class Group(click.Group):
    """A group that suggests a command for one that it does not have."""

    def resolve_command(self, context, args):
        if self.get_command(context, args[0]) is None and args[0][:1] != "-":
            close = difflib.get_close_matches(args[0], self.list_commands(context), 1)
            hint = f"; did you mean {close[0]}?" if close else f"; there are {', '.join(self.list_commands(context))}"
            raise click.UsageError(f"no command {args[0]!r}{hint}", context)
        return super().resolve_command(context, args)


class Program(Group):
    """Runs a verb; without ``--debug`` no error shows a traceback."""

    def main(self, args=None, prog_name=None, standalone_mode=True, **extra):
        args = list(sys.argv[1:] if args is None else args)
        for name in ("stdout", "stderr"):
            if getattr(sys, name) is None:  # closed before we began: nobody wants to read it
                setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (for as long as we run)
        if not standalone_mode:
            return super().main(args, prog_name, standalone_mode=False, **extra)
        _name_output()
        options = args[: args.index("--")] if "--" in args else args
        debug = "--debug" in options
        args = [a for a in options if a != "--debug"] + args[len(options) :]
        _one_line_warnings()
        try:
            with _remembered_interrupts():
                result = super().main(args, prog_name, standalone_mode=False, **extra)
            sys.stdout.flush()
            code = result if isinstance(result, int) else 0
        except BaseException as error:
            if debug and not isinstance(error, SystemExit):
                raise
            code = _explain(error)
        sys.exit(code)


class Verb(click.Command):
    """A command that also names unknown options with one dash and many letters (fastText's way) as a whole."""

    def parse_args(self, context, args):
        known = [name for p in self.get_params(context) for name in (*p.opts, *p.secondary_opts) if name[0] == "-"]
        for arg in args[: args.index("--")] if "--" in args else args:
            name = arg.split("=")[0]
            if len(name) > 2 and name[0] == "-" and name[1].isalpha() and name[2].isalpha() and name not in known:
                hint = difflib.get_close_matches(name, known, 3) or difflib.get_close_matches("-" + name, known, 3)
                raise click.NoSuchOption(name, possibilities=hint, ctx=context)
        return super().parse_args(context, args)


class Interrupts:
    """Raises a Ctrl-C again that was lost: Cython's modules drop what is raised while they are imported.

    A callback of training too, as training may import something at its start.
    """

    seen = False

    def check(self):
        """KeyboardInterrupt if there was a Ctrl-C since the command began."""
        if self.seen:
            raise KeyboardInterrupt

    def on_train_begin(self, model):
        self.check()


interrupts = Interrupts()


@contextmanager
def _remembered_interrupts():
    def interrupt(number, frame):
        interrupts.seen = True
        raise KeyboardInterrupt

    interrupts.seen = False
    defaults = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}  # batch systems send SIGTERM
    for number in [number for number, handler in defaults.items() if signal.getsignal(number) is not handler]:
        del defaults[number]  # ignored, as behind a shell's &, or somebody else's business
    try:
        for number in defaults:
            signal.signal(number, interrupt)
    except ValueError:  # not the main thread, which gets no Ctrl-C
        yield
        return
    try:
        yield
    finally:
        for number, handler in defaults.items():
            signal.signal(number, handler)


def say(message):
    """One line for the reader; standard output is for results only. A reader who has gone stops no training."""
    with suppress(OSError):
        click.echo(message, err=True)


_OUTPUT = "standard output"


class _Output(io.FileIO):
    """The standard output, with errors that name it."""

    def write(self, data):
        try:
            return super().write(data)
        except OSError as error:
            error.filename = _OUTPUT
            raise


def _name_output():
    """Let the errors of sys.stdout, where it is the one that Python made, say that they are of the standard output."""
    text = sys.stdout
    raw = getattr(getattr(text, "buffer", None), "raw", getattr(text, "buffer", None))
    if text is sys.__stdout__ and type(raw) is io.FileIO:
        output = _Output(raw.fileno(), "wb", closefd=False)
        buffer = output if raw is text.buffer else io.BufferedWriter(output)  # python -u has none
        how = {"line_buffering": text.line_buffering, "write_through": text.write_through}
        sys.stdout = io.TextIOWrapper(buffer, text.encoding, text.errors, **how)


def _explain(error):
    """Print the one line that says what went wrong; return the exit code."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else FAILED
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        say("fastembed: interrupted")
        return INTERRUPTED
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return MISUSED
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        where = f" ({context.command_path} --help lists what is possible)" if context else ""
        say(f"fastembed: error: {_sentence(error.format_message())}{where}")
        return error.exit_code
    if isinstance(error, OSError) and (isinstance(error, BrokenPipeError) or error.filename == _OUTPUT):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is left to write
    if isinstance(error, BrokenPipeError):  # the reader (head, less) has gone: not worth a word
        return FAILED
    say(f"fastembed: error: {_message(error)}")
    return MISUSED if isinstance(error, ParameterError) else FAILED


def _message(error):
    if isinstance(error, FastembedError):
        return _sentence(str(error))
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, UnicodeEncodeError):
        return f"the output takes no more than {error.encoding}: PYTHONIOENCODING=utf-8 lets it take every word"
    if isinstance(error, MemoryError):
        return f"not enough memory ({_sentence(str(error)) or 'no size known'})"
    return f"{type(error).__name__}: {_sentence(str(error))} (--debug shows where)"


def _sentence(text):
    return " ".join(text.split()).rstrip(".")


def _one_line_warnings():
    """Warnings and the library's log go to standard error, one line each."""

    def show(message, category, filename, lineno, file=None, line=None):
        say(f"fastembed: warning: {_sentence(str(message))}")

    warnings.showwarning = show
    logger = logging.getLogger("fastembed")
    logger.setLevel(logging.WARNING)  # training says more
    if not any(isinstance(handler, _Lines) for handler in logger.handlers):
        logger.addHandler(_Lines())


class _Lines(logging.Handler):
    """The library's log on standard error, above a progress bar if there is one."""

    def emit(self, record):
        tqdm = sys.modules.get("tqdm")
        text = record.getMessage()
        if record.levelno >= logging.WARNING:
            text = f"fastembed: warning: {text}"
        if tqdm is None:
            say(text)
        else:
            with suppress(OSError):
                tqdm.tqdm.write(text, file=sys.stderr)
