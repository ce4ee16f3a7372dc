"""The exceptions of fastembed: one family, each also the built-in that users would guess."""


class FastembedError(Exception):
    """Base of every error that fastembed raises on purpose."""


class ParameterError(FastembedError, ValueError):
    """A parameter has a value that cannot work; the message names it, its value and what is allowed."""


class CorpusError(FastembedError, ValueError):
    """A corpus cannot be read or holds nothing to learn from."""


class MissingFileError(FastembedError, FileNotFoundError):
    """A file that is to be read does not exist."""


class MissingFolderError(FastembedError, FileNotFoundError):
    """The folder in which a file is to be written does not exist."""


class MissingCorpusError(CorpusError, MissingFileError):
    """A file of a corpus does not exist."""


class FormatError(FastembedError, ValueError):
    """A file is not what it should be: truncated, damaged or of another format.

    Parameters
    ----------
    path : the file.
    message : what is wrong, one clause.
    offset : byte where it was noticed, if known.
    line : line number (from 1) for text formats, if known.
    """

    def __init__(self, path, message, *, offset=None, line=None):
        self.path, self.offset, self.line = str(path), offset, line
        where = f", line {line}" if line is not None else f", byte {offset}" if offset is not None else ""
        super().__init__(f"{path}{where}: {message}")


class WordNotFoundError(FastembedError, KeyError):
    """A word is not in the vocabulary (and the model cannot compose it)."""

    def __str__(self):  # KeyError would show the repr of the message
        return str(self.args[0]) if self.args else ""


class NotFittedError(FastembedError, AttributeError, ValueError):
    """A result was asked for before fit()."""


class TrainingError(FastembedError, RuntimeError):
    """Training cannot go on, for instance because numbers overflowed; the message says what to change."""
