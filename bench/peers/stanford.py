"""GloVe's own programs (github.com/stanfordnlp/GloVe), measured as whole processes."""

import os
import tempfile
from pathlib import Path

from ..runner import BenchError, execute

RECORD = 16  # bytes of a record of co-occurrences: two int32 and a float64
MEMORY = 4.0  # gigabytes


def cooccur(program, job):
    """Count the co-occurrences of the text; the vocabulary ``job["vocab"]`` is not part of the time -> figures."""
    with tempfile.TemporaryDirectory(prefix="fe") as folder:
        given = {"window-size": job["window"], "vocab-file": job["vocab"], "memory": MEMORY, "verbose": 0}
        options = [word for name, value in given.items() for word in (f"-{name}", str(value))]
        Path(folder, "text").symlink_to(job["text"])
        redirected = ["sh", "-c", 'exec "$0" "$@" < text > pairs', *program.command, *options]
        run = execute(redirected, folder=folder)
        size = os.path.getsize(Path(folder, "pairs"))
        if not size or size % RECORD:
            raise BenchError(f"{program.name} wrote {size} bytes, which are no records: {run.output[-500:]}")
    return {"seconds": run.seconds, "cpu": run.cpu, "peak": run.peak, "entries": size / RECORD / 1e6}
