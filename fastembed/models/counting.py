"""count(): documents from anywhere to rows, in several threads; and the sparse matrix that these rows make."""

import threading

import numpy as np

from .. import memory
from .._core import documents as core
from .._core import entries
from .._core.encode import take
from .._core.job import Job
from ..corpus import Corpus
from ..errors import CorpusError
from ..parallel import check_threads, run
from .analysis import tables

BLOCK = 1 << 18  # characters of text that a thread takes at a time
MOST = 1 << 13  # documents, however short
UNLIMITED = 1 << 62


def iterate(documents):
    """Iterator over documents: the lines of a Corpus or the str of an iterable, each checked."""
    if isinstance(documents, Corpus):
        return documents.encode().lines()
    if isinstance(documents, (str, bytes)):
        raise CorpusError(f"the documents are one {type(documents).__name__}: give a list of str or another iterable")
    try:
        return iter(documents)
    except TypeError:
        raise CorpusError(f"the documents are {type(documents).__name__}: give a list of str or a Corpus") from None


class Batches:
    """Cuts an iterator of documents into numbered lists; used by one thread at a time."""

    def __init__(self, documents):
        self.documents = iterate(documents)
        self.number = self.rows = 0

    def next(self):
        """(number, list of str), or None at the end."""
        batch, characters = [], 0
        for document in self.documents:
            if not isinstance(document, str):
                self._refuse(self.rows + len(batch), document)
            if len(document) >= core.LONGEST:
                raise CorpusError(
                    f"document {self.rows + len(batch)} has {len(document)} characters, which is too many"
                )
            batch.append(document)
            characters += len(document)
            if characters >= BLOCK or len(batch) == MOST:
                break
        if not batch:
            return None
        self.number += 1
        self.rows += len(batch)
        return self.number - 1, batch

    @staticmethod
    def _refuse(number, document):
        shown = repr(document)[:50]
        raise CorpusError(f"document {number} (from 0) is {type(document).__name__}, {shown}: documents are str")


class Counted:
    """What one run over documents counted.

    Attributes
    ----------
    counters : one a thread.
    rows : how many documents.
    blocks : for each batch (counter's number, ids, counts, ends), as Counter.count returns them; empty if not kept.
    """

    def __init__(self, counters, rows, blocks, threads):
        self.counters, self.rows, self.blocks, self.threads = counters, rows, blocks, threads

    def matrix(self, width, dtype, values, columns=None):
        """The rows as a scipy CSR matrix (rows, width) with sorted indices.

        Parameters
        ----------
        dtype : of its numbers.
        values : function(ids, counts, ends, out) that fills in the numbers of a block.
        columns : for each counter the column of every id, -1 for none; None where ids are columns.
        """
        from scipy.sparse import csr_matrix

        rows = [None] * len(self.blocks)  # (columns, counts, ends) of each block

        def settle(block):
            worker, ids, counts, ends = self.blocks[block]
            kept = entries.settle(ids, counts, ends, None if columns is None else columns[worker], width)
            rows[block] = ids[:kept], counts[:kept], ends

        self._each_block(settle)
        starts = np.cumsum([0, *(len(ids) for ids, _, _ in rows)])
        index = np.int32 if starts[-1] <= np.iinfo(np.int32).max else np.int64
        data, indices = memory.zeros((starts[-1],), dtype), memory.zeros((starts[-1],), index)
        ends = [ends + start for (_, _, ends), start in zip(rows, starts, strict=False)]
        indptr = np.concatenate([[0], *ends]).astype(index)

        def fill(block):
            place = slice(starts[block], starts[block + 1])
            indices[place] = rows[block][0]
            values(*rows[block], data[place])
            rows[block] = None

        self._each_block(fill)
        matrix = csr_matrix((data, indices, indptr), shape=(self.rows, width))
        matrix.has_sorted_indices = True
        return matrix

    def _each_block(self, work):
        """Call work(number of a block) for all of them, in several threads if there are several."""

        def worker(job, _number):
            while (block := take(job)) >= 0:
                work(block)

        threads = min(self.threads, len(self.blocks))
        if threads > 1:
            run(worker, Job(len(self.blocks)), threads)
        else:
            worker(Job(len(self.blocks)), 0)


def count(documents, analysis, words, threads=None, keep=True):
    """Count the terms of documents.

    Parameters
    ----------
    documents : Corpus (its lines) or iterable of str; read once, by one thread at a time.
    analysis : Analysis.
    words : WordMap that is only read, or a function that makes a map for each thread, which learns the terms.
    threads : None means one for each CPU.
    keep : whether rows are kept for a matrix.

    Returns Counted. Raises CorpusError for what are no documents; an error of the user's functions passes through.
    """
    batches, lock, blocks = Batches(documents), threading.Lock(), {}

    def prepared():
        batch = batches.next()
        return batch and (batch[0], *analysis.prepare(batch[1]))

    first = [batch for batch in (prepared(), prepared()) if batch]
    threads = check_threads(threads) if len(first) == 2 else 1  # one batch is not worth the start of a thread
    counters = [analysis.counter(words() if callable(words) else words, callable(words)) for _ in range(threads)]

    def work(job, number):
        while not job.stopped:
            with lock:  # the documents and the user's functions are asked by one thread at a time
                batch = first.pop(0) if first else prepared()
            if batch is None:
                return
            block, texts, wide = batch
            if wide:
                counters[number].tables(*tables()[:2])
            found = counters[number].count(texts)
            if keep:
                blocks[block] = number, *found

    if threads > 1:
        run(work, Job(UNLIMITED), threads)
    else:
        work(Job(UNLIMITED), 0)
    return Counted(counters, batches.rows, [blocks[block] for block in sorted(blocks)], threads)
