"""Counting neighbours: a corpus to the rows of its co-occurrence matrix, by several threads, within a memory budget.

The corpus is taken in segments that fit the budget; each gives a run of rows, and runs are added up in the end. One
segment is enough unless the corpus is large, and then the rows go where they stay at once. All weights are whole
numbers: the result is the same for any number of threads and any budget.
"""

import math
from dataclasses import dataclass

import numpy as np

from .. import memory, parallel
from .._core import cooc
from .._core.job import Job
from ..errors import ParameterError
from .rows import ENTRY, Rows

EXACT = 20  # the widest window whose weights 1/d are kept exactly
FINEST = 40  # bits behind the point of the weights of a wider one, at most
TOKEN = 12  # bytes a token of a segment takes
CELL = 9  # bytes a column of a thread's accumulators takes
SLOTS = 8  # pieces of work a round for each thread
SLOT = 1 << 19  # entries a piece may have, unless a row is longer
HEAVY = 1 << 17  # places in a piece of work; a row with more is divided
RUNS = 64  # merged at once: each holds two files open


def weights_of(window, harmonic, largest):
    """Weights of the distances 0..window as whole numbers, int64 (window + 1,), and the unit that divides them.

    Flat weights are 1 in units of 1. Harmonic ones, 1/d, are exact in units of 1 / lcm(1..window) up to EXACT;
    beyond, they are rounded to multiples of 2^-FINEST, or coarser ones if a word occurs so often that sums of its row
    could reach 2^63 (`largest` occurrences of the most frequent word): an error of at most d / 2^41 of each weight.
    """
    distances = range(1, window + 1)
    if not harmonic:
        return np.array([0] + [1] * window, np.int64), 1
    unit = math.lcm(*distances) if window <= EXACT else 1 << FINEST
    total = 2 * largest * sum(1.0 / d for d in distances)
    if unit * total >= 2.0**63:
        unit = 1 << max(1, min(FINEST, int(62 - math.log2(total))))
    return np.array([0] + [max(1, (2 * unit + d) // (2 * d)) for d in distances], np.int64), unit


@dataclass
class Room:
    """How a memory budget in bytes is divided: a quarter for a segment, an eighth each for accumulators and for the
    two rounds of rows under way, what is left for the result."""

    threads: int
    slots: int
    slot_entries: int
    segment: int
    entries: int

    @classmethod
    def divided(cls, budget, columns, tokens, threads):
        """The Room of a budget; ParameterError if one row of so many columns is too much for it."""
        least = 8 * (CELL + ENTRY) * (columns + 64)
        if budget < least:
            raise ParameterError(
                f"memory of {budget} bytes: one row of {columns} columns and what counts it need {least}"
            )
        threads = int(min(threads, max(1, budget // 8 // (CELL * columns))))
        slots = int(max(1, min(SLOTS * threads, budget // 16 // (ENTRY * columns))))
        slot_entries = int(max(columns, min(SLOT, budget // 16 // ENTRY // slots)))
        segment = int(min(tokens, budget // 4 // TOKEN, cooc.MAX_SEGMENT - 2 * cooc.MAX_WINDOW))
        used = TOKEN * segment + threads * CELL * columns + 2 * (slots + 1) * slot_entries * ENTRY
        return cls(threads, slots, slot_entries, segment, int(max(0, budget - used) // ENTRY))


class Neighbours:
    """Counts the neighbours of the words of an encoded corpus.

    Parameters
    ----------
    encoded : Encoded; vocab : Vocab, a prefix of its words.
    window : neighbours on either side; harmonic : whether they weigh 1/d, else 1.
    sides : "left" neighbours alone, "both" in the same column, or "apart", in columns of their own.
    """

    def __init__(self, encoded, vocab, window, harmonic, sides):
        self.encoded, self.words, self.window = encoded, len(vocab), window
        self.columns = self.words * (2 if sides == "apart" else 1)
        self.shift = {"left": None, "both": 0, "apart": self.words}[sides]
        self.weights, self.unit = weights_of(window, harmonic, int(vocab.counts.max()))
        self.thresholds, self.seed = np.full(self.words, 0xFFFFFFFF, np.uint32), 0

    def subsample(self, thresholds, seed):
        """Drop occurrences before windows are drawn; thresholds of Vocab.keep_thresholds."""
        self.thresholds, self.seed = thresholds, seed

    def count(self, budget, threads, report=None, folder=None):
        """The matrix as (begins int64 (V + 1,), columns int32, values float64).

        Parameters
        ----------
        budget : bytes; a result that is larger is memory-mapped.
        report : called with tokens done, now and then.
        folder : for temporary files, which have no name.

        Raises ParameterError if the budget is too small for one row, CorpusError if the disk is full.
        """
        tokens = len(self.encoded.ids)
        room = Room.divided(budget, self.columns, tokens, parallel.check_threads(threads))
        crew = Crew(self, room, report)
        if room.segment >= tokens:
            result = self._rows(room.entries, self.unit, folder)
            return self._finish(result, lambda: crew.count(0, tokens, result))
        runs = []
        for begin in range(0, tokens, room.segment):
            rows = Rows(0, None, folder)
            end = min(begin + room.segment, tokens)
            runs.append(self._finish(rows, lambda rows=rows, span=(begin, end): crew.count(*span, rows)))
            if len(runs) == RUNS and end < tokens:
                rows = Rows(0, None, folder)
                runs = [self._finish(rows, lambda rows=rows, runs=runs: crew.merge(runs, rows))]
        result = self._rows(room.entries + TOKEN * room.segment // ENTRY, self.unit, folder)
        return self._finish(result, lambda: crew.merge(runs, result))

    def _rows(self, entries, unit, folder):
        """Rows with room for as many entries as there can be, at most so many."""
        most = int(np.minimum(self.encoded.vocab.counts[: self.words] * 2 * self.window, self.columns).sum())
        return Rows(min(entries, most), unit, folder)

    @staticmethod
    def _finish(rows, fill):
        """The arrays of rows that ``fill`` has filled."""
        try:
            fill()
            return rows.finish()
        finally:
            rows.close()


class Crew:
    """The threads, their accumulators and the slots for their results.

    Work goes in rounds. What a round leaves in its slots is appended to the result by the first thread at the beginning
    of the next one, which has slots of its own.
    """

    def __init__(self, task, room, report):
        self.task, self.room, self.report = task, room, report
        self.cells = [cooc.Cells(task.columns) for _ in range(room.threads)]
        self.slots = [cooc.Slots(room.slots + 1, room.slot_entries, task.words + room.slots) for _ in range(2)]
        self.done = 0

    def count(self, begin, end, rows):
        """Append the rows of the corpus's tokens begin..end."""
        task = self.task
        corpus = task.encoded.ids, task.encoded.offsets
        kept = memory.zeros((end - begin + 2 * task.window,), np.int32)
        *span, _, starts = cooc.compact(*corpus, task.thresholds, (begin, end, task.window), task.seed, kept)
        begins, places = cooc.locate(kept, span, starts, task.window, task.words)
        counter = cooc.Counter(kept, places, begins, task.weights, task.columns, task.shift)
        self._run(counter.count, self._rounds(begins), rows, (end - begin) / max(1, begins[-1]))
        self.done = end

    def _run(self, work, rounds, rows, scale=0.0):
        """Every round of work(job, cells, slots, pieces), and append its rows; `scale`: tokens a unit of work."""
        filling, filled, last = *self.slots, None
        for pieces in rounds:
            self._round(work, pieces, filling, lambda f=filled, p=last: p is None or self._collect(f, p, rows), scale)
            filling, filled, last = filled, filling, pieces
        self._collect(filled, last, rows)

    def _round(self, work, pieces, slots, before, scale):
        """One round by all threads, of which the first one calls ``before`` first."""

        def body(job, number):
            if number == 0:
                before()
            work(job, self.cells[number], slots, pieces)

        def progress(job):
            self.report(int(self.done + scale * job.done))

        job = Job(len(pieces))
        parallel.run(body, job, min(self.room.threads, len(pieces)), progress if self.report else None)
        self.done += scale * job.done

    def _rounds(self, begins):
        """Pieces of work, (P, 5) int64 a round: as cooc.Counter.count takes them. A divided row is in one round."""
        room, task = self.room, self.task
        counts = np.diff(begins)
        most = np.minimum(counts * len(task.weights) * 2, task.columns)
        row, pieces, length = 0, [], 0
        while row < task.words:
            parts = int(min(room.slots, max(1, -(-counts[row] // HEAVY))))
            if len(pieces) + parts > room.slots:
                yield np.array(pieces, np.int64)
                pieces, length = [], 0
            if parts > 1:
                cuts = np.linspace(begins[row], begins[row + 1], parts + 1).astype(np.int64)
                for first, last in zip(cuts[:-1], cuts[1:], strict=True):
                    pieces.append((row, row + 1, first, last, length))
                    length += 1
                row += 1
                continue
            end = self._piece_end(row, begins, most)
            pieces.append((row, end, begins[row], begins[end], length))
            row, length = end, length + end - row
        yield np.array(pieces, np.int64)

    def _piece_end(self, row, begins, most):
        """The row before which a piece of work that starts with this one has to end."""
        window = most[row : row + 4096].cumsum()
        end = row + max(1, int(np.searchsorted(window, self.room.slot_entries, "right")))
        heavy = int(np.searchsorted(begins, begins[row] + HEAVY, "right")) - 1
        return min(end, max(heavy, row + 1))

    def _collect(self, slots, pieces, rows):
        """Append what a round left in the slots; the parts of a divided row are added up."""
        slot = 0
        while slot < len(pieces):
            row, end, *_, at = pieces[slot]
            parts = 1
            while slot + parts < len(pieces) and pieces[slot + parts, 0] == row:
                parts += 1
            source = slot if parts == 1 else self._joined(slots, slot, parts, at)
            lengths = slots.lengths[at : at + end - row]
            n = lengths.sum()
            rows.append(slots.columns[source, :n], slots.units[source, :n], lengths)
            slot += parts

    def _joined(self, slots, slot, parts, at):
        """Add up one row's parts, in so many slots from this one on; they go to the spare slot, which is returned."""
        runs = []
        for k in range(parts):
            n = int(slots.lengths[at + k])
            begins = np.array([0, n], np.int64)
            runs.append((slots.columns[slot + k, :n], slots.units[slot + k, :n], begins))
        spare = self.room.slots
        pieces = np.zeros((spare + 1, 3), np.int64)
        pieces[spare] = 0, 1, at
        merger = cooc.Merger(runs, self.task.columns)
        merger.merge(Job(spare + 1, spare), self.cells[0], slots, pieces)
        return spare

    def merge(self, runs, rows):
        """Append the sums of runs, each (begins, columns, units)."""
        merger = cooc.Merger([(columns, units, begins) for begins, columns, units in runs], self.task.columns)
        lengths = sum(np.diff(begins) for begins, _, _ in runs)
        self._run(merger.merge, self._merge_rounds(np.minimum(lengths, self.task.columns).cumsum()), rows)

    def _merge_rounds(self, ends):
        """Pieces of work, (P, 3) int64 a round: as cooc.Merger.merge takes them; ends (V,): entries so far, at most."""
        row, pieces, length = 0, [], 0
        while row < self.task.words:
            before = ends[row - 1] if row else 0
            end = max(row + 1, int(np.searchsorted(ends, before + self.room.slot_entries, "right")))
            pieces.append((row, end, length))
            row, length = end, length + end - row
            if len(pieces) == self.room.slots or row == self.task.words:
                yield np.array(pieces, np.int64)
                pieces, length = [], 0
