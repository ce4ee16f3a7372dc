"""Parameters of estimators: name, default, range and help said once.

They make the constructor's signature, the validation, scikit-learn's get_params and the command line's flags.
"""

import math
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
            raise ParameterError(f"{name}={value!r}: give {self.wanted}{self.range()}")

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


class Whole(Parameter):
    """A whole number; numpy's integers too."""

    kind = int
    wanted = "a whole number"

    def fits(self, value):
        return np.ndim(value) == 0 and hasattr(value, "__index__") and not isinstance(value, (bool, np.bool_))


class Real(Parameter):
    """A finite number."""

    kind = float
    wanted = "a finite number"

    def fits(self, value):
        if np.ndim(value) or not hasattr(value, "__float__") or isinstance(value, (bool, np.bool_, str)):
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


@dataclass(frozen=True)
class Choice(Parameter):
    """One of several names."""

    choices: tuple = ()

    kind = str

    @property
    def wanted(self):
        return " or ".join(repr(choice) for choice in self.choices)

    def within(self, value):
        return value in self.choices
