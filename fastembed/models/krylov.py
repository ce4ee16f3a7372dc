"""The largest singular values of a sparse matrix and their vectors, by randomized block Lanczos iteration.

From a random block X the iteration builds an orthonormal basis of the span of X, MX, M²X, ..., with M = A Aᵀ, and takes
from this space what is nearest to singular vectors (Rayleigh and Ritz). Subspace iteration, the usual randomized
method, keeps the last of these powers alone; with all of them the same accuracy takes far fewer products (Musco and
Musco 2015, "Randomized Block Krylov Methods for Stronger and Faster Approximate Singular Value Decomposition"; Golub
and Underwood 1977, "The Block Lanczos Method for Computing Eigenvalues").

A basis of s vectors costs 4 s flops a stored number and, to be kept orthogonal, 2 n s², which are dense and quick.
Blocks are as narrow as a cache line (16 floats): the narrower, the smaller the basis that is needed. It came to 3 k to
4 k vectors for k values of word matrices. For a symmetric A the powers of A alone would do, with one product each
instead of two, but 1.5 times as many of them: slower where a row holds 100 numbers, as fast where it holds 300.
"""

from dataclasses import dataclass

import numpy as np

from .. import memory, parallel
from .._core.job import Job
from ..blas import one_thread
from ..errors import ParameterError
from .progress import LOG

_PANEL = 4096  # rows that a thread works on at once
_SLAB = 128  # basis vectors in one array
_SAFE = 0.01  # of its length has to be left of a block, or it is made orthogonal twice
_SMALL = 512  # rows of a matrix whose singular values are all computed: also those that are equal, exactly
_RANGE = 300  # of singular values that single precision can tell, as it works with their squares
_LOST = 100  # a block is made orthogonal twice, too, where so many times the precision is lost
_DOUBLE = 1 << 20  # matrices with fewer numbers are treated in double precision: it costs nothing there


@dataclass
class Triplets:
    """The k largest singular values (k,), descending, and their vectors left (n, k), right (m, k), of length 1."""

    left: np.ndarray
    values: np.ndarray
    right: np.ndarray


def triplets(matrix, k, *, tol=1e-3, seed=1, watch=None, name="k"):
    """The Triplets of a Matrix, the same for any number of threads.

    Parameters
    ----------
    matrix : Matrix (n, m)
    k : how many, at most min(n, m).
    tol : relative error of the first half of the values, at most; the iteration stops when the residuals
        ‖A Aᵀ u − s² u‖ bound it, and when those of the other half are at most 50 tol of their s² (the error of a value
        is then about the square of this share by that of the gap to the values not asked for).
    seed : of the first block.
    watch : callable(size of the basis, singular values (k,), the largest residual's share), called now and then.

    name : what messages call k.

    The sign of each pair makes the right vector's largest entry positive. In a matrix of more than 512 rows and columns
    a value that occurs more than 8 times may be found too few times. Raises ParameterError if the rank is below k.
    """
    if k > min(matrix.shape):
        raise ParameterError(f"{name}={k}: the matrix ({_size(matrix)}) has {min(matrix.shape)} singular values")
    dtype = matrix.dtype
    double = dtype == np.float64 or len(matrix.values) < _DOUBLE
    found = _decomposed(matrix.as_type(np.float64) if double else matrix, k, tol, seed, watch)
    if not double and found.values[-1] * _RANGE < found.values[0]:
        LOG.info("the singular values fall by more than %d: again in double precision", _RANGE)
        found = _decomposed(matrix.as_type(np.float64), k, tol, seed, watch)
    noise = 4 * np.finfo(dtype).eps * max(matrix.shape) ** 0.5 * found.values[0]
    rank = int((found.values > noise).sum())
    if rank < k:
        raise ParameterError(f"{name}={k}: the matrix ({_size(matrix)}) has rank {rank}, the other values are zero")
    peaks = found.right[np.abs(found.right).argmax(0), np.arange(k)]
    signs = np.where(peaks < 0, -1, 1).astype(dtype)
    left, right = found.left.astype(dtype, copy=False) * signs, found.right.astype(dtype, copy=False) * signs
    return Triplets(left, found.values.astype(dtype), right)


def _decomposed(matrix, k, tol, seed, watch):
    """The Triplets, in the precision of the Matrix and with any signs."""
    with one_thread():
        turned, swap = matrix.transposed(), matrix.shape[0] > matrix.shape[1]
        sides = (turned, matrix) if swap else (matrix, turned)
        if min(matrix.shape) <= _SMALL:
            found = _completed(sides[1], _all(*sides)[:, :k])
            if watch is not None:
                watch(min(matrix.shape), found.values, 0.0)
        else:
            lanczos = Lanczos(*sides, seed)
            found = _completed(sides[1], lanczos.combined(_converged(lanczos, k, tol, watch)))
    return Triplets(found.right, found.values, found.left) if swap else found


def _converged(lanczos, k, tol, watch):
    """Iterate until k pairs are good enough -> coefficients of the left vectors in the basis (size, k)."""
    limit, due = 8 * k + 128, min(k + k // 2, lanczos.length)
    allowed = np.full(k, 50 * tol)
    allowed[: (k + 1) // 2] = 2 * tol  # of s²
    while True:
        lanczos.step()
        if lanczos.size < due and not lanczos.exhausted:
            continue
        values, coefficients, residuals = lanczos.ritz(k)
        shares = residuals / np.maximum(values, np.finfo(float).tiny)
        if watch is not None:
            watch(lanczos.size, np.sqrt(np.maximum(values, 0)), float(shares.max()))
        worst = (shares / allowed).max()
        if worst <= 1 or lanczos.exhausted:
            return coefficients
        if lanczos.size >= limit:
            LOG.warning("%d singular values are less accurate than tol=%g asks for", (shares > allowed).sum(), tol)
            return coefficients
        due = lanczos.size + (lanczos.width if worst < 3 else lanczos.size // 8)


def _all(matrix, turned):
    """The left singular vectors of a small A (n, n), the first one's value the largest."""
    unit, square = np.eye(matrix.shape[0], dtype=matrix.dtype), np.empty((matrix.shape[0],) * 2)
    for first in range(0, len(unit), matrix.width):
        columns = slice(first, first + matrix.width)
        square[:, columns] = matrix.product(turned.product(unit[:, columns]))
    return np.linalg.eigh(square)[1][:, ::-1].astype(matrix.dtype)


def _completed(turned, left):
    """Triplets of A from its transpose and left vectors (n, k): the right ones are Aᵀ u / s."""
    right = turned.product(left)
    # ‖Aᵀu‖ is more accurate than the root of an eigenvalue of A Aᵀ where that is small against the first
    lengths = np.sqrt(np.einsum("ij,ij->j", right, right, dtype=np.float64))
    right /= np.maximum(lengths, np.finfo(right.dtype).tiny).astype(right.dtype)
    order = np.argsort(-lengths, kind="stable")
    if (order != np.arange(len(order))).any():
        left, right, lengths = left[:, order], right[:, order], lengths[order]
    return Triplets(left, lengths, right)


def _size(matrix):
    return f"{matrix.shape[0]} x {matrix.shape[1]}"


class Lanczos:
    """The basis, orthonormal, and M = A Aᵀ seen from inside it.

    Parameters
    ----------
    matrix, turned : A (n, m) and its transpose, Matrix both; n is the length of a basis vector.
    seed : of the first block.
    """

    def __init__(self, matrix, turned, seed):
        self.matrix, self.turned = matrix, turned
        self.length, self.width, self.dtype = matrix.shape[0], matrix.width, matrix.dtype
        self.size = 0  # basis vectors whose products with M are known
        self._random = np.random.default_rng(seed)
        self._slabs, self._known = [], 0  # the basis in arrays (_SLAB, n); vectors in it
        self._columns = []  # M seen from inside: for each block its columns (vectors known then, of the block), float64
        self._edge = np.zeros((0, self.width))  # R (next block, b): what M makes of the last block beyond the basis
        self._block, self._image = (memory.zeros((self.length, self.width), self.dtype) for _ in range(2))
        self._between = memory.zeros((matrix.shape[1], self.width), self.dtype)
        self._eps = float(np.finfo(self.dtype).eps)
        self._last = 0  # columns of the block before
        self._scale = 0.0  # largest length of a product so far
        self._next = self._orthonormal(0.0, 0.0)[0]

    @property
    def exhausted(self):
        """Whether the basis is the whole space, so that nothing is approximate."""
        return self._next == 0

    def step(self):
        """Multiply the newest block by M and add what is new to the basis."""
        self._append()
        self.turned.times(self._block, self._between)
        self.matrix.times(self._between, self._image)
        self._block, self._image = self._image, self._block
        inside = self._project()
        length = float(np.sqrt(np.square(inside).sum(0).max()))
        self._scale = max(self._scale, length)
        # only the last two blocks should find themselves in M times the last; what the others do is lost orthogonality,
        # and the next block would inherit it, enlarged
        others = np.abs(inside[: self._known - self._next - self._last]).max(initial=0)
        safe = _SAFE * length if others < _LOST * self._eps * length else np.inf
        self._columns.append(inside[:, : self._next])
        self.size, self._last = self._known, self._next
        self._next, self._edge = self._orthonormal(10 * self._eps * self._scale, safe)

    def ritz(self, k):
        """The k largest eigenvalues of M seen from inside, coefficients (size, k), lengths of the residuals (k,)."""
        inside, first = np.zeros((self.size, self.size)), 0
        for columns in self._columns:
            rows, count = columns.shape
            inside[:rows, first : first + count] = columns
            first += count
        values, vectors = np.linalg.eigh(inside, UPLO="U")
        best = np.argsort(-values, kind="stable")[:k]
        newest = self._columns[-1].shape[1]
        beyond = self._edge[:, :newest] @ vectors[-newest:, best]
        return values[best], vectors[:, best], np.sqrt(np.square(beyond).sum(0))

    def combined(self, coefficients):
        """Sums of basis vectors (n, k) with coefficients (size, k)."""
        coefficients = coefficients.astype(self.dtype)
        out = np.empty((self.length, coefficients.shape[1]), self.dtype)

        def panel(rows):
            total = 0
            for first, slab in self._filled(len(coefficients)):
                total = total + slab[:, rows].T @ coefficients[first : first + len(slab)]
            out[rows] = total

        self._panels(panel)
        return out

    # -- the newest block: self._block (n, b), its first self._next columns are in use

    def _append(self):
        """The newest block becomes part of the basis."""
        for column in range(self._next):
            if self._known % _SLAB == 0:
                self._slabs.append(memory.zeros((_SLAB, self.length), self.dtype))
            self._slabs[-1][self._known % _SLAB] = self._block[:, column]
            self._known += 1

    def _filled(self, count):
        """(first, vectors (≤ _SLAB, n)) of the first ``count`` basis vectors."""
        for number, slab in enumerate(self._slabs[: -(-count // _SLAB)]):
            yield number * _SLAB, slab[: count - number * _SLAB]

    def _project(self):
        """Take the basis' part out of the block; returns its coefficients (known, b) float64."""

        def measure(rows):
            return np.concatenate([slab[:, rows] @ self._block[rows] for _, slab in self._filled(self._known)])

        inside = sum(self._panels(measure), np.zeros((self._known, self.width)))
        coefficients = inside.astype(self.dtype)

        def subtract(rows):
            for first, slab in self._filled(self._known):
                self._block[rows] -= slab[:, rows].T @ coefficients[first : first + len(slab)]

        self._panels(subtract)
        return inside

    def _orthonormal(self, floor, safe):
        """Make the block orthonormal and orthogonal to the basis -> (columns in use, R (columns, b): old = new R).

        What is shorter than ``floor`` counts as zero, and random vectors take its place: the span of the powers ends
        there. If something shorter than ``safe`` is made longer, so are the rounding errors along the basis.
        """
        room = min(self.width, self.length - self._known)
        used, change, least = self._normalise(floor)
        rounds = 1 if least < safe else 0
        if used < room:
            self._block[:, used:room] = self._random.standard_normal((self.length, room - used)) / self.length**0.5
            change = np.concatenate([change, np.zeros((room - used, self.width))])
            rounds = 2
        for _ in range(rounds):
            if self._known:
                self._project()
            used, more, _ = self._normalise(10 * self._eps)
            change = more[:, : len(change)] @ change
        return used, change

    def _normalise(self, floor):
        """Make the block's columns orthonormal -> (columns left, R (columns, b): old = new R, the least length)."""

        def gram(rows):
            part = self._block[rows].astype(np.float64)
            return part.T @ part

        squares, directions = np.linalg.eigh(sum(self._panels(gram)))
        room = min(self.width, self.length - self._known)
        kept = np.flatnonzero(squares > floor**2)[::-1][:room]
        lengths, directions = np.sqrt(squares[kept]), directions[:, kept]
        change = np.zeros((self.width, self.width), self.dtype)
        change[:, : len(kept)] = directions / lengths

        def apply(rows):
            self._block[rows] = self._block[rows] @ change

        self._panels(apply)
        return len(kept), lengths[:, None] * directions.T, min(lengths, default=0.0)

    def _panels(self, function):
        """[function(slice of rows) for each panel], by all threads; what a panel gives does not depend on them."""
        bounds = range(0, self.length, _PANEL)
        results = [None] * len(bounds)

        def work(job, number):
            while (panel := job.take()) >= 0:
                results[panel] = function(slice(bounds[panel], min(bounds[panel] + _PANEL, self.length)))

        parallel.run(work, Job(len(bounds)), min(self.matrix.threads, len(bounds)))
        return results
