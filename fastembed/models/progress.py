"""Progress of a training run: a tqdm bar on a terminal, log lines elsewhere; the library never prints."""

import logging
import sys
import time

LOG = logging.getLogger("fastembed")
LOG_EVERY = 30.0  # seconds between log lines inside an epoch


class Progress:
    """Shows words done, words/s, loss, learning rate and the time left.

    Parameters
    ----------
    name : what is being trained.
    total : words in all epochs.
    done : words trained before this run (a resumed one).
    verbose : 0 shows nothing.
    unit : what is counted, if not words.
    """

    def __init__(self, name, total, done=0, verbose=1, unit="words"):
        self.bar, self.logs = None, bool(verbose)
        self.name, self.done, self.unit = name, done, unit
        self.started = self.logged = time.monotonic()
        if verbose and sys.stderr is not None and sys.stderr.isatty():
            from tqdm import tqdm

            self.bar = tqdm(
                total=total, initial=done, desc=name, unit=unit, unit_scale=True, dynamic_ncols=True, mininterval=0.1
            )

    def rate(self, words):
        """Words a second since this run began."""
        return (words - self.done) / max(time.monotonic() - self.started, 1e-9)

    def update(self, progress):
        """Show a dict of epoch, words, total_words, words_per_second, and, if there are, loss and lr."""
        text = f"epoch {progress['epoch']}"
        if "loss" in progress:
            text += f" loss {progress['loss']:.4f} lr {progress['lr']:.2g}"
        if self.bar is not None:
            self.bar.set_postfix_str(text, refresh=False)
            self.bar.update(progress["words"] - self.bar.n)
        elif self.logs and time.monotonic() - self.logged > LOG_EVERY:
            self.logged = time.monotonic()
            share = progress["words"] / progress["total_words"]
            LOG.info("%s %.1f%% %s %.0f %s/s", self.name, 100 * share, text, progress["words_per_second"], self.unit)

    def epoch(self, record):
        """Report a finished epoch."""
        if self.logs:
            text = "%s epoch %d: loss %.5f, %.0f words/s, %.1f s"
            LOG.info(text, self.name, *(record[k] for k in ("epoch", "loss", "words_per_second", "seconds")))

    def close(self):
        """Leave the bar as it is."""
        if self.bar is not None:
            self.bar.close()
