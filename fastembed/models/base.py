"""Estimator: what every model shares. Parameters as in scikit-learn, saving, the training history."""

import inspect
import json

from ..errors import NotFittedError, ParameterError
from ..io import save_whole
from .parameters import Parameter


class Estimator:
    """Base of all models; subclasses assign `Parameter`s in their body and write ``fit``.

    Works in scikit-learn's clone, Pipeline and GridSearchCV without importing scikit-learn.
    """

    parameters: dict[str, Parameter] = {}

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        own = {name: value for name, value in vars(cls).items() if isinstance(value, Parameter)}
        cls.parameters = {**cls.parameters, **own}
        cls.__signature__ = inspect.Signature(
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=parameter.default)
            for name, parameter in cls.parameters.items()
        )
        cls.__doc__ = (cls.__doc__ or "").rstrip() + _parameter_section(cls.parameters)

    def __new__(cls, *values, **parameters):
        if values:  # before Python names the __init__ of whichever base has it
            first = next(iter(cls.parameters))
            raise TypeError(f"{cls.__name__} takes its parameters by name: {cls.__name__}({first}=...)")
        return super().__new__(cls)

    def __init__(self, **parameters):
        for name, parameter in self.parameters.items():
            setattr(self, name, parameter.default)
        self.history = []
        self.set_params(**parameters)

    def get_params(self, deep=True):
        """The parameters as a dict (scikit-learn's contract)."""
        return {name: getattr(self, name) for name in self.parameters}

    def set_params(self, **parameters):
        """Change parameters; returns self. Raises ParameterError for unknown names and impossible values."""
        for name, value in parameters.items():
            if name not in self.parameters:
                known = ", ".join(self.parameters)
                raise ParameterError(f"{type(self).__name__} has no parameter {name!r}; it has {known}")
            self.parameters[name].check(name, value)
            setattr(self, name, value)
        return self

    def check_params(self):
        """Raise ParameterError if an attribute was set to what its parameter does not allow."""
        for name, parameter in self.parameters.items():
            parameter.check(name, getattr(self, name))

    def save(self, path):
        """Write the whole state to a native file, so that training can go on; ``fe.load`` reads it.

        The file is replaced when the new one is complete, and not before. Vectors alone, in the formats of other
        programs, are written by ``model.wv.save``: ParameterError for a name with an ending of these, such as .txt.
        """
        save_whole(self, path)

    def __sklearn_is_fitted__(self):
        """Whether results may be asked for, as scikit-learn's pipelines want to know: is there what a new one lacks?"""
        new = vars(type(self)())
        return any(value is not None and new.get(name, 0) is None for name, value in self._results().items())

    def _results(self):
        """All attributes but the parameters."""
        return {name: value for name, value in vars(self).items() if name not in self.parameters}

    def __sklearn_tags__(self):
        """What scikit-learn's meta-estimators ask; only they call it."""
        from sklearn.utils import Tags, TargetTags

        return Tags(estimator_type=None, target_tags=TargetTags(required=False))

    def __repr__(self):
        changed = (f"{k}={v!r}" for k, v in self.get_params().items() if _differ(v, self.parameters[k].default))
        return f"{type(self).__name__}({', '.join(changed)})"

    def _fitted(self, value):
        """value, or NotFittedError if it is None."""
        if value is None:
            raise NotFittedError(f"this {type(self).__name__} has not been fitted; call fit(corpus) first")
        return value

    def _meta(self):
        """The texts that every saved model carries besides its arrays."""
        return {
            "class": type(self).__name__,
            "params": json.dumps(
                {name: self.parameters[name].to_json(name, value) for name, value in self.get_params().items()},
                default=_plain,
            ),
            "history": json.dumps(self.history, default=_plain),
        }

    def _restore_meta(self, meta):
        saved = json.loads(meta["params"])
        self.set_params(**{k: self.parameters[k].from_json(v) for k, v in saved.items()})
        self.history = json.loads(meta["history"])
        if not isinstance(self.history, list) or not all(isinstance(record, dict) for record in self.history):
            raise ValueError("a history that is no list of epochs")


def _differ(value, default):
    """Whether a value is another than the default; arrays among collections say no simple yes or no."""
    return value is not default and not (type(value) is type(default) and bool(value == default))


def _plain(number):
    """numpy's scalars as Python's, for JSON."""
    return number.item()


def _parameter_section(parameters):
    lines = ["\n\n    Parameters\n    ----------"]
    for name, parameter in parameters.items():
        lines.append(f"    {name} : {parameter.kind.__name__}, default {parameter.default!r}: {parameter.help}")
    return "\n".join(lines) + "\n"
