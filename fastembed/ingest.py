"""From bytes to ids: blocks of text, encoded by several threads, collected in order, renumbered by frequency."""

import mmap
import os
import tempfile
import threading
from contextlib import contextmanager

import numpy as np

from . import parallel
from ._core import encode as core
from ._core.job import Job
from .errors import CorpusError
from .vocab import Vocab

BLOCK = 1 << 19  # bytes of text that a thread encodes at a time: fits the second-level cache
MEMORY = 1 << 25  # ids that are kept in memory; more of them go to a file
UNLIMITED = 1 << 62


class Blocks:
    """Cuts sources into blocks that end at a separator; used by one thread at a time.

    Words longer than a block are skipped and counted in ``dropped``. Block numbers are 0, 1, 2, ...
    """

    def __init__(self, sources, lists):
        self.sources, self.lists = iter(sources), lists
        self.source = self.stream = None
        self.carry, self.skipping = b"", False
        self.number = self.dropped = self.finished = 0

    @property
    def consumed(self):
        """Bytes of the sources read so far."""
        return self.finished + (self.stream.consumed if self.stream is not None else 0)

    def fill(self, buffer):
        """Put the next block into the buffer: (number, first, last, name, offset of buffer[0]), or None at the end."""
        while True:
            if self.stream is None:
                self.source = next(self.sources, None)
                if self.source is None:
                    return None
                self.stream = self.source.open()
            block = self._next(memoryview(buffer)[: len(buffer) - core.TEXT_PAD])
            if block is not None:
                return block

    def _next(self, view):
        used = len(self.carry)
        view[:used] = self.carry
        room = len(view) - 1  # one byte for the separator at the end of a source
        got = 1
        while used < room and got:
            got = self.stream.readinto(view[used:room])
            used += got
        name, offset = self.source.name, self.stream.position - used
        if not got:
            view[used] = 0xFE if self.lists else 10
            used += 1
            self._finish()
        first = 0
        if self.skipping:
            first = core.first_separator(view, used, self.lists)
            self.skipping = first < 0
        last = core.last_separator(view, used, self.lists) + 1
        self.carry = b"" if self.skipping or not last else bytes(view[last:used])
        if not last:  # nothing but one word
            self.dropped += not self.skipping
            self.skipping = True
            return None
        self.number += 1
        return self.number - 1, first, last, name, offset

    def _finish(self):
        self.finished += self.stream.consumed
        self.stream.close()
        self.stream = None
        self.source.check()

    def close(self):
        if self.stream is not None:
            self.stream.close()
            self.stream = None


class Store:
    """Ids and sentence ends of blocks, put in any order, kept in the order of the blocks.

    Up to MEMORY ids stay in memory; then everything moves to files.

    Parameters
    ----------
    folder : where the files go: nameless ones in this folder (None: the system's folder for temporary files), or,
        with ``names``, files of these two names.
    """

    def __init__(self, folder=None, names=None):
        self.folder, self.names = folder, names
        self.waiting, self.ends = {}, []
        self.extents = []  # (worker, first id, number of ids) a block
        self.tokens = self.sentences = self.last_end = 0
        self.id_file = self.end_file = self.room = None
        self.changed = threading.Condition()
        self.copying, self.spilling = 0, False  # how many threads copy into room, whether one gives it up
        if names:
            self._spill()
        else:  # address space: only what is written to takes memory, and nothing is copied as it grows
            self.room = np.frombuffer(mmap.mmap(-1, 4 * MEMORY), np.int32)

    def put(self, number, worker, ids, ends):
        """Take block ``number``: ids (n,), ends (s,), which the caller may overwrite afterwards. From any thread."""
        if number != len(self.extents):  # not the next one; if it is, nobody else can change that
            ids, ends = ids.copy(), ends.copy()
        placed = []
        with self.changed:
            self.changed.wait_for(lambda: not self.spilling)
            self.waiting[number] = worker, ids, ends
            while len(self.extents) in self.waiting:
                self._place(placed, *self.waiting.pop(len(self.extents)))
            self.copying += 1
        self._copy(placed)
        with self.changed:
            self.copying -= 1
            self.changed.notify_all()

    def _place(self, placed, worker, ids, ends):
        """Give the next block its position: write it to the file, or leave it in ``placed`` to be copied."""
        ends = ends + np.int64(self.tokens)
        if len(ends) and ends[0] == self.last_end:
            ends = ends[1:]
        if len(ends):
            self.last_end = int(ends[-1])
            self.ends.append(ends)
        first, self.tokens = self.tokens, self.tokens + len(ids)
        self.sentences += len(ends)
        self.extents.append((worker, first, len(ids)))
        if self.room is not None and max(self.tokens, self.sentences) > MEMORY:
            self._copy(placed)
            placed.clear()
            self.spilling = True  # keeps the others out while this waits
            try:
                self.changed.wait_for(lambda: not self.copying)
                self._spill(first)
            finally:
                self.spilling = False
                self.changed.notify_all()
        if self.room is not None:
            placed.append((first, ids))
        else:
            with disk_errors(self.folder):
                _write(self.id_file, ids)
                self._write_ends()

    def _copy(self, placed):
        for first, ids in placed:
            self.room[first : first + len(ids)] = ids

    def _spill(self, first=0):
        """Go on in files, which get the ids up to ``first``."""
        with disk_errors(self.folder):
            self.id_file = self._file(0)
            self.end_file = self._file(1)
            _write(self.end_file, np.zeros(1, np.int64))
            self._write_ends()
            if first:
                _write(self.id_file, self.room[:first])
        self.room = None

    def _write_ends(self):
        for ends in self.ends:
            _write(self.end_file, ends)
        self.ends = []

    def _file(self, which):
        if self.names:
            return open(os.path.join(self.folder, self.names[which]), "w+b", buffering=0)
        return tempfile.TemporaryFile(dir=self.folder, buffering=0)

    def finish(self, tables, threads):
        """(ids (N,) int32, offsets (S+1,) int64), the ids renumbered by the table of the worker that gave them."""
        if self.room is not None:
            self._each_block(threads, lambda block: self._renumber(block, tables))
            ids, offsets = self.room[: self.tokens], np.concatenate([np.zeros(1, np.int64), *self.ends])
        else:
            lock = threading.Lock()
            self._each_block(threads, lambda block: self._rewrite(block, tables, lock))
            ids, offsets = np.memmap(self.id_file, np.int32, "r"), np.memmap(self.end_file, np.int64, "r")
            self.close()
        ids.flags.writeable = offsets.flags.writeable = False
        return ids, offsets

    def _each_block(self, threads, work):
        def worker(job, _number):
            while (block := core.take(job)) >= 0:
                work(block)

        parallel.run(worker, Job(len(self.extents)), threads)

    def _renumber(self, block, tables):
        worker, first, count = self.extents[block]
        ids = self.room[first : first + count]
        core.remap(ids, tables[worker], ids)

    def _rewrite(self, block, tables, lock):
        worker, first, count = self.extents[block]
        ids = np.empty(count, np.int32)
        with lock, disk_errors(self.folder):
            self.id_file.seek(4 * first)
            if count and self.id_file.readinto(memoryview(ids).cast("B")) != 4 * count:
                raise CorpusError("the temporary file of ids was cut while it was in use")
        core.remap(ids, tables[worker], ids)
        with lock, disk_errors(self.folder):
            self.id_file.seek(4 * first)
            _write(self.id_file, ids)

    def close(self):
        for file in (self.id_file, self.end_file):
            if file is not None:
                file.close()


@contextmanager
def disk_errors(folder):
    """A full disk and the like as CorpusError."""
    try:
        yield
    except OSError as error:
        where = folder or tempfile.gettempdir()
        raise CorpusError(f"the ids of the corpus cannot be written to {where}: {error.strerror or error}") from error


def _write(file, array):
    """All of the array, to an unbuffered file."""
    data = memoryview(array).cast("B") if len(array) else b""
    while len(data):
        data = data[file.write(data) :]


class Run:
    """One pass over the sources.

    Parameters
    ----------
    blocks : Blocks.
    store : Store.
    threads : how many; 0 means in the calling thread, for sources that no other thread may touch.
    limit : longest word in bytes.
    strict : whether text that is not UTF-8, or a NUL, is an error.
    """

    def __init__(self, blocks, store, *, threads, limit, strict):
        self.blocks, self.store, self.threads, self.strict = blocks, store, threads, strict
        self.seed = int.from_bytes(os.urandom(8), "little")
        size = max(BLOCK, limit + 2)
        self.encoders = [core.Encoder(self.seed, size, blocks.lists, limit) for _ in range(threads or 1)]
        self.lock = threading.Lock()
        self.failures = {}

    def encode(self, progress=None):
        """Read everything; ``progress(bytes done)`` is called now and then in the calling thread."""
        report = (lambda job: progress(job.done)) if progress else None
        job = Job(UNLIMITED)
        try:
            if self.threads:
                parallel.run(self._work, job, self.threads, report)
            else:
                self._work(job, 0, report)
        finally:
            self.blocks.close()
        if self.failures:
            raise self.failures[min(self.failures)]

    def _work(self, job, worker, report=None):
        encoder = self.encoders[worker]
        while not job.stopped:
            with self.lock:
                before = self.blocks.consumed
                block = self.blocks.fill(encoder.buffer)
                core.add(job, self.blocks.consumed - before)
            if block is None:
                return
            number, first, last, name, offset = block
            if self.strict and not self.blocks.lists:
                bad = core.first_bad(encoder.buffer, first, last)
                if bad >= 0:  # an earlier block may fail too, and is the one to report
                    self.failures[number] = CorpusError(_not_utf8(name, offset + bad, encoder.buffer[bad]))
                    job.stop()
                    return
            self.store.put(number, worker, *encoder.encode(first, last))
            if report:
                report(job)

    def finish(self, lowercase):
        """(Vocab, ids, offsets, how many invalid sequences were replaced)."""
        words, tables, replaced = self._merge(lowercase)
        order = words.ranked()
        rank = np.empty(len(order), np.int32)
        rank[order] = np.arange(len(order), dtype=np.int32)
        ids, offsets = self.store.finish([rank[table] for table in tables], max(1, self.threads))
        blob, starts, counts = words.export(order)
        return Vocab((blob, starts), counts), ids, offsets, replaced

    def _merge(self, lowercase):
        """(WordMap of all words, for each encoder a table or slice from its ids to the map's, replacements)."""
        first = self.encoders[0]
        if not lowercase and first.clean():  # nearly always; then the others can join it
            words, tables, rest = first, [slice(len(first))], self.encoders[1:]
        else:
            words, tables, rest = core.WordMap(self.seed), [], self.encoders
        merged = [words.merge(encoder, lowercase) for encoder in rest]
        return words, tables + [table for table, _ in merged], sum(replaced for _, replaced in merged)

    @property
    def dropped(self):
        """Words over the limit."""
        return self.blocks.dropped + sum(encoder.dropped for encoder in self.encoders)


def _not_utf8(name, offset, byte):
    what = "holds a NUL byte" if byte == 0 else f"is not UTF-8 (byte 0x{byte:02x})"
    return f"{name} {what} at offset {offset}"
