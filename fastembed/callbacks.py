"""Callbacks of ``fit``: what may look at a model while it trains, and stop it.

A callback is a callable ``callback(model, record)``, called after every epoch with that epoch's entry of
``model.history``, or an object with any of the methods of `Callback`. All run in the main thread. One that returns
STOP ends the training; the model stays as it is then.
"""

from .models.callbacks import STOP, Callback, EarlyStopping

__all__ = ["STOP", "Callback", "EarlyStopping"]
