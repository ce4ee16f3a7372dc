"""A callback that ends a training run in its middle."""

import fastembed as fe


class StopAt(fe.callbacks.Callback):
    """Stop, or raise, once so many words are done."""

    def __init__(self, words, error=None):
        self.words, self.error = words, error

    def on_progress(self, model, progress):
        if progress["words"] >= self.words:
            if self.error:
                raise self.error
            return fe.callbacks.STOP
        return None
