"""Where the ids of a corpus live on disk: a kept cache in a folder of the user's, or nothing with a name."""

import hashlib
import json
import os
import shutil
import tempfile
import time
import zlib
from contextlib import contextmanager, suppress

import numpy as np

from .errors import CorpusError
from .ingest import Store, disk_errors
from .late import late
from .vocab import Vocab

VERSION = 1  # of the layout below and of every tokenizer's behaviour
_FILES = {"ids": np.int32, "offsets": np.int64, "words": np.uint8, "starts": np.int64, "counts": np.int64}
_STEP = 1 << 22  # ids that are validated at a time
_SUMMED = 1 << 28  # bytes of ids up to which they have a checksum: of more only number and range are looked at
_BUILDING = ".building-"
_STALE = 24 * 3600  # seconds after which a half-built cache that nobody wrote to belongs to a process that was killed
Encoded = late("fastembed.corpus", "Encoded")


def make_folder(folder):
    """Make the cache folder if it is not there."""
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise CorpusError(f"cache_dir={folder!r} cannot be made: {error.strerror}") from error


class Place:
    """The cache of one corpus: a folder ``corpus-KEY`` with one raw array a file and meta.json.

    The key is a hash of the files' paths, sizes and times and of the settings. A cache is built under a temporary
    name and renamed when it is complete. meta.json has a checksum of each array, but of ids beyond 256 MB.
    """

    def __init__(self, cache_dir, files, settings):
        self.files = files
        self.stamps = [[os.path.abspath(file.path), *(file.current() or ())] for file in files]
        self.described = {"version": VERSION, "settings": settings, "files": _plain(self.stamps)}
        text = json.dumps(self.described, sort_keys=True)
        self.folder = os.path.join(cache_dir, "corpus-" + hashlib.sha256(text.encode()).hexdigest()[:24])
        self.building = None

    def load(self):
        """The Encoded corpus, or None if there is none that is whole and valid."""
        try:
            with open(os.path.join(self.folder, "meta.json"), encoding="utf-8") as file:
                meta = json.load(file)
            arrays = {name: _open(os.path.join(self.folder, name), dtype) for name, dtype in _FILES.items()}
            if meta.pop("sizes") != {name: len(array) for name, array in arrays.items()}:
                return None
            replaced, dropped = int(meta.pop("replaced")), int(meta.pop("dropped"))
            if meta.pop("sums") != _sums(arrays) or meta != self.described or not _valid(arrays):
                return None
            vocab = Vocab((np.array(arrays["words"]), np.array(arrays["starts"])), np.array(arrays["counts"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        for file in self.files:
            file.stamp = file.current()
        return vocab, arrays["ids"], arrays["offsets"], replaced, dropped

    def keep(self, encoded):
        """Complete the cache whose ids and offsets are in ``building`` and give it its name."""
        if [list(file.stamp) for file in self.files] != [stamp[1:] for stamp in self.stamps]:
            return  # it changed before it was opened: what was read is sound, but not what the key says
        vocab = encoded.vocab
        arrays = {"ids": encoded.ids, "offsets": encoded.offsets, "words": vocab.blob}
        arrays |= {"starts": vocab.offsets, "counts": vocab.counts}
        meta = self.described | {"replaced": encoded.replaced, "dropped": encoded.dropped}
        meta |= {"sizes": {name: len(array) for name, array in arrays.items()}, "sums": _sums(arrays)}
        with disk_errors(self.building):
            for name in ("words", "starts", "counts"):
                arrays[name].tofile(os.path.join(self.building, name))
            with open(os.path.join(self.building, "meta.json"), "w", encoding="utf-8") as file:
                json.dump(meta, file)
            for name in os.listdir(self.building):
                with open(os.path.join(self.building, name), "rb+") as file:
                    os.fsync(file.fileno())
            shutil.rmtree(self.folder, ignore_errors=True)  # one that load() did not accept
            try:
                os.rename(self.building, self.folder)
            except OSError:  # another process was faster; ours stays usable until it ends
                if not os.path.isdir(self.folder):
                    raise


@contextmanager
def storage(cache_dir, place):
    """A Store for the ids; on any error nothing stays on disk."""
    building = None
    if place:
        _sweep(cache_dir)
        with disk_errors(cache_dir):
            building = place.building = tempfile.mkdtemp(prefix=_BUILDING, dir=cache_dir)
    store = Store(building or cache_dir, ("ids", "offsets") if place else None)
    try:
        yield store
    finally:
        store.close()
        if building:
            shutil.rmtree(building, ignore_errors=True)


def _sweep(cache_dir):
    """Remove what killed processes left; what another process is about to remove too is no matter."""
    with suppress(OSError):
        for entry in os.scandir(cache_dir):
            if entry.name.startswith(_BUILDING) and entry.is_dir(follow_symlinks=False):
                times = [file.stat().st_mtime for file in os.scandir(entry.path)] or [entry.stat().st_mtime]
                if max(times) < time.time() - _STALE:
                    shutil.rmtree(entry.path, ignore_errors=True)


def _plain(value):
    return json.loads(json.dumps(value))


def _open(path, dtype):
    """A read-only memory map of a whole file of numbers."""
    if os.path.getsize(path) == 0:
        return np.empty(0, dtype)
    return np.memmap(path, dtype, mode="r")


def _sums(arrays):
    """The checksum of each array by its name."""
    return {name: zlib.crc32(array) for name, array in arrays.items() if name != "ids" or array.nbytes <= _SUMMED}


def _valid(arrays):
    """Whether every id is one of a word, and offsets and starts rise from 0 to the end."""
    ids, size = arrays["ids"], len(arrays["counts"])
    for key, end in (("offsets", len(ids)), ("starts", len(arrays["words"]))):
        rising = arrays[key]
        if len(rising) < 2 or rising[0] != 0 or rising[-1] != end or np.any(rising[1:] <= rising[:-1]):
            return False
    if len(arrays["starts"]) != size + 1:
        return False
    return all(
        part.min() >= 0 and part.max() < size for part in (ids[at : at + _STEP] for at in range(0, len(ids), _STEP))
    )
