"""Parameters of estimators: name, default, range and help said once.

They make the constructor's signature, the validation, scikit-learn's get_params and the command line's flags.
"""

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ParameterError


@dataclass(frozen=True)
class Parameter:
    """One parameter of an estimator; assign it in the class body.

    Parameters
    ----------
    default : value if none is given.
    help : one clause for the docstring and the command line.
    low, high : bounds, both allowed.
    optional : None is a value too; its meaning belongs into ``help``.
    """

    default: Any
    help: str
    low: float = -math.inf
    high: float = math.inf
    optional: bool = False

    kind = None  # the Python type of a value
    wanted = "a value"

    def check(self, name, value):
        """Raise ParameterError unless value is allowed."""
        if value is None and self.optional:
            return
        if not self.fits(value) or not self.within(value):
            raise ParameterError(f"{name}={_shown(value)}: give {self.wanted}{self.range()}")

    def range(self):
        """The bounds in words."""
        low, high = math.isfinite(self.low), math.isfinite(self.high)
        if low and high:
            text = f" from {self.low} to {self.high}"
        else:
            text = f" of at least {self.low}" if low else f" of at most {self.high}" if high else ""
        return text + (", or None" if self.optional else "")

    def fits(self, value):
        """Whether value has the right type."""
        return isinstance(value, self.kind)

    def within(self, value):
        """Whether a value of the right type lies between the bounds."""
        return self.low <= value <= self.high

    def to_json(self, name, value):
        """What stands for an allowed value in a file; ParameterError if nothing can."""
        return value

    def from_json(self, value):
        """The value that ``to_json`` was given."""
        return value


def _shown(value):
    """A value in an error message, which has one line."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 200 else text[:197] + "..."


class Whole(Parameter):
    """A whole number; numpy's integers too."""

    kind = int
    wanted = "a whole number"

    def fits(self, value):
        return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


class Real(Parameter):
    """A finite number, of Python's or numpy's int or float."""

    kind = float
    wanted = "a finite number"

    def fits(self, value):
        if not isinstance(value, (int, float, np.integer, np.floating)) or isinstance(value, bool):
            return False
        try:
            return math.isfinite(float(value))
        except OverflowError:
            return False


class Switch(Parameter):
    """True or False."""

    kind = bool
    wanted = "True or False"

    def fits(self, value):
        return isinstance(value, (bool, np.bool_))


class Portion(Parameter):
    """A number of things, as a whole number of at least 1, or a share of them, as a float from 0 to 1."""

    kind = float
    wanted = "a whole number of at least 1 or a share from 0.0 to 1.0"

    def fits(self, value):
        return Whole.fits(self, value) or Real.fits(self, value)

    def within(self, value):
        return value >= 1 if Whole.fits(self, value) else 0 <= value <= 1


class Range(Parameter):
    """Two whole numbers, the first not below 1 and not above the second."""

    kind = tuple
    wanted = "two whole numbers (low, high) with 1 <= low <= high"

    def fits(self, value):
        return isinstance(value, tuple) and len(value) == 2 and all(Whole.fits(self, number) for number in value)

    def within(self, value):
        return 1 <= value[0] <= value[1] < 1 << 31

    def from_json(self, value):
        return tuple(value) if isinstance(value, list) else value


class Thresholds(Parameter):
    """Whole numbers of at least 0, none below the one before it, the first 0."""

    kind = tuple
    wanted = "whole numbers that begin with 0 and do not fall, such as (0, 0, 1)"

    def fits(self, value):
        return isinstance(value, tuple) and all(Whole.fits(self, number) for number in value)

    def within(self, value):
        return all(low <= high for low, high in zip((0, *value), value, strict=False)) and sum(value[:1]) == 0

    def from_json(self, value):
        return tuple(value) if isinstance(value, list) else value


class Filters(Parameter):
    """Pairs (width, number) of filters over characters."""

    kind = tuple
    wanted = "pairs (width, number) such as ((1, 32), (2, 64))"

    def fits(self, value):
        pairs = isinstance(value, tuple) and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value)
        return pairs and all(Whole.fits(self, number) for pair in value for number in pair)

    def within(self, value):
        return bool(value) and all(1 <= width <= 1000 and 1 <= number <= 1 << 16 for width, number in value)

    def from_json(self, value):
        if not isinstance(value, list):
            return value
        return tuple(tuple(pair) if isinstance(pair, list) else pair for pair in value)


class Function(Parameter):
    """A callable; None where the model has its own way. It has no flag and cannot be saved."""

    kind = callable
    wanted = "a function"

    def fits(self, value):
        return callable(value)

    def within(self, value):
        return True

    def to_json(self, name, value):
        if callable(value):
            raise ParameterError(f"{name}={_shown(value)}: a model with a function of yours cannot be saved")
        return value


@dataclass(frozen=True)
class Choice(Function):
    """One of several names, or, with ``function``, a callable."""

    choices: tuple = ()
    function: bool = False

    kind = str

    @property
    def wanted(self):
        names = " or ".join(repr(choice) for choice in self.choices)
        return names + (" or a function" if self.function else "")

    def fits(self, value):
        return (isinstance(value, str) and value in self.choices) or (self.function and callable(value))


class Text(Parameter):
    """A text without white space."""

    kind = str
    wanted = "a text that is not empty and has no white space"

    def within(self, value):
        return bool(value) and value.isprintable() and not any(character.isspace() for character in value)


class Pattern(Function):
    """A regular expression."""

    kind = str
    wanted = "a regular expression"

    def fits(self, value):
        return isinstance(value, str)

    def check(self, name, value):
        super().check(name, value)
        try:
            re.compile(value or "")
        except (re.error, RecursionError, OverflowError) as error:
            raise ParameterError(f"{name}={_shown(value)} is no regular expression: {error}") from None


@dataclass(frozen=True)
class Words(Parameter):
    """A collection of words, perhaps a mapping from each to its number, or the name of a collection."""

    names: tuple = ()
    mapping: bool = False

    kind = list

    @property
    def wanted(self):
        return "".join(f"{name!r} or " for name in self.names) + "a collection of str"

    def fits(self, value):
        if isinstance(value, str):
            return value in self.names
        if not isinstance(value, Collection) or (isinstance(value, Mapping) and not self.mapping):
            return False
        if getattr(value, "ndim", 1) == 0:  # an array that is one number
            return False
        return all(isinstance(word, str) for word in value)

    def within(self, value):
        return True

    def to_json(self, name, value):
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, Mapping):
            return {word: int(number) for word, number in value.items()}
        return sorted(value) if isinstance(value, (set, frozenset)) else [str(word) for word in value]


@dataclass(frozen=True)
class Type(Parameter):
    """The type of the numbers in a result."""

    choices: tuple = ()

    kind = np.dtype

    @property
    def wanted(self):
        return f"a type of numbers: {', '.join(self.choices)}"

    def fits(self, value):
        try:
            return value is not None and np.dtype(value).name in self.choices
        except TypeError:
            return False

    def within(self, value):
        return True

    def to_json(self, name, value):
        return np.dtype(value).name

    def from_json(self, value):
        return getattr(np, value) if isinstance(value, str) and value in self.choices else value


class Size(Parameter):
    """An amount of memory in bytes: a whole number, or text such as "500M" (1000 K to the M)."""

    kind = str
    wanted = 'a number of bytes such as 4000000000 or "4G"'
    units = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}

    def fits(self, value):
        return Whole.fits(self, value) or (isinstance(value, str) and self.parsed(value) is not None)

    def within(self, value):
        return 1 <= self.bytes_of(value) < 1 << 60

    def bytes_of(self, value):
        """An allowed value as a whole number."""
        return self.parsed(value) if isinstance(value, str) else int(value)

    def parsed(self, text):
        """Text as bytes, or None if it is no amount."""
        found = re.fullmatch(r"\s*(\d{1,18}(?:\.\d{1,18})?)\s*([KMGT]?)B?\s*", text, re.IGNORECASE)
        return int(float(found[1]) * self.units[found[2].upper()]) if found else None


class Frozen(Parameter):
    """A model whose vectors are used and which is not trained; it has no flag, and a file keeps it apart."""

    kind = object
    wanted = "a contextual model (ELMo, BERT), or WordWindows of static vectors"

    def check(self, name, value):
        try:
            super().check(name, value)
        except ParameterError:
            if hasattr(type(value), "word_states") and not hasattr(value, "depth"):
                raise ParameterError(f"{name}={_shown(value)}: fit or load the model first") from None
            raise

    def fits(self, value):
        return all(hasattr(value, name) for name in ("depth", "width", "word_states")) and not isinstance(value, type)

    def within(self, value):
        return True

    def to_json(self, name, value):
        return None


@dataclass(frozen=True)
class Layers(Parameter):
    """Layers of a model: a name or a layer's number."""

    choices: tuple = ()

    kind = str

    @property
    def wanted(self):
        return "".join(f"{choice!r} or " for choice in self.choices) + "the number of a layer"

    def fits(self, value):
        return value in self.choices if isinstance(value, str) else Whole.fits(self, value)

    def within(self, value):
        return True
