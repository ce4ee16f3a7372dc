"""Program: a click group that turns every error into one line and an exit code."""

import difflib
import logging
import os
import sys
import warnings

import click

from ..errors import FastembedError, ParameterError

FAILED, MISUSED, INTERRUPTED = 1, 2, 130


class Program(click.Group):
    """Runs a verb; without ``--debug`` no error shows a traceback."""

    def main(self, args=None, prog_name=None, standalone_mode=True, **extra):
        args = list(sys.argv[1:] if args is None else args)
        if not standalone_mode:
            return super().main(args, prog_name, standalone_mode=False, **extra)
        options = args[: args.index("--")] if "--" in args else args
        debug = "--debug" in options
        args = [a for a in options if a != "--debug"] + args[len(options) :]
        _one_line_warnings()
        try:
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


def say(message):
    """One line for the reader; standard output is for results only."""
    click.echo(message, err=True)


def _explain(error):
    """Print the one line that says what went wrong; return the exit code."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else FAILED
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        say("fastembed: interrupted")
        return INTERRUPTED
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        where = f" ({context.command_path} --help lists what is possible)" if context else ""
        if error.exit_code == MISUSED and not error.format_message():  # a group without a verb: click shows its help
            error.show()
        else:
            say(f"fastembed: error: {_sentence(error.format_message())}{where}")
        return error.exit_code
    if isinstance(error, BrokenPipeError):  # the reader (head, less) has gone: not worth a word
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    say(f"fastembed: error: {_message(error)}")
    return MISUSED if isinstance(error, ParameterError) else FAILED


def _message(error):
    if isinstance(error, FastembedError):
        return _sentence(str(error))
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
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
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)
