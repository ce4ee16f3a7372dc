"""Rows of a sparse matrix against numpy."""

import numpy as np
import pytest

from fastembed._core import entries


def random_rows(seed, columns, lengths):
    draw = np.random.default_rng(seed)
    rows = [draw.choice(columns, size=min(n, columns), replace=False).astype(np.int32) for n in lengths]
    counts = draw.integers(1, 1 << 32, sum(map(len, rows)), dtype=np.uint32)
    return np.concatenate(rows), counts, np.cumsum([len(row) for row in rows])


@pytest.mark.parametrize("columns", [1, 50, 512, 513, 262_144, 262_145, 2**31 - 1])
def test_rows_are_sorted(columns):
    lengths = [0, 1, 2, 39, 40, 41, 700, 0, 5]
    if columns > 1 << 20:
        draw = np.random.default_rng(1)
        rows = [np.unique(draw.integers(0, columns, n)).astype(np.int32)[::-1] for n in lengths]
        ids, ends = np.concatenate(rows), np.cumsum([len(row) for row in rows])
        counts = np.arange(len(ids), dtype=np.uint32)
    else:
        ids, counts, ends = random_rows(1, columns, lengths)
    before = np.split(ids.copy(), ends[:-1]), np.split(counts.copy(), ends[:-1])
    assert entries.settle(ids, counts, ends, None, columns) == len(ids)
    for row, row_counts, old, old_counts in zip(
        np.split(ids, ends[:-1]), np.split(counts, ends[:-1]), *before, strict=True
    ):
        order = np.argsort(old)
        assert (row == old[order]).all() and (row_counts == old_counts[order]).all()


def test_entries_without_a_column_are_left_out():
    ids, counts, ends = random_rows(2, 300, [10, 0, 300, 120, 3])
    table = np.random.default_rng(3).permutation(300).astype(np.int32)
    table[table >= 100] = -1
    wanted = [
        sorted((int(table[i]), int(c)) for i, c in zip(*row, strict=True) if table[i] >= 0)
        for row in zip(np.split(ids, ends[:-1]), np.split(counts, ends[:-1]), strict=True)
    ]
    kept = entries.settle(ids, counts, ends, table, 100)
    assert kept == ends[-1] == sum(map(len, wanted))
    rows = zip(np.split(ids[:kept], ends[:-1]), np.split(counts[:kept], ends[:-1]), strict=True)
    assert [list(zip(i.tolist(), c.tolist(), strict=True)) for i, c in rows] == wanted


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("binary", [False, True])
def test_counts_as_numbers(dtype, binary):
    counts = np.array([1, 7, 123], np.uint32)
    out = np.empty(3, dtype)
    entries.cast(counts, binary, out)
    assert out.tolist() == ([1, 1, 1] if binary else [1, 7, 123])


@pytest.mark.parametrize("norm", [None, "l1", "l2"])
@pytest.mark.parametrize(("binary", "sublinear", "weighted"), [(0, 0, 1), (0, 1, 1), (1, 1, 1), (0, 1, 0)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights(norm, binary, sublinear, weighted, dtype):
    columns, counts, ends = random_rows(4, 40, [3, 0, 40, 1])
    counts %= 9
    counts += 1
    idf = np.random.default_rng(5).normal(size=40) if weighted else None
    out = np.empty(len(columns), dtype)
    entries.weigh(columns, counts, ends, idf, (bool(binary), bool(sublinear), norm), out)
    tf = np.ones(len(counts)) if binary else counts.astype(float)
    values = (1 + np.log(tf) if sublinear else tf) * (idf[columns] if weighted else 1)
    for row in np.split(np.arange(len(columns)), ends[:-1]):
        size = {None: 1.0, "l1": np.abs(values[row]).sum(), "l2": np.sqrt((values[row] ** 2).sum())}[norm]
        assert np.allclose(out[row], values[row] / (size or 1.0), rtol=1e-6 if dtype == np.float32 else 1e-14)
