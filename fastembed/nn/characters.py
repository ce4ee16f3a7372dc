"""Words by their characters: how they are spelled in numbers, and the network that makes a vector of a spelling.

Letters: U words, C characters of the longest spelling allowed, E numbers of a character, F filters, P numbers of a
word's vector.
"""

from dataclasses import dataclass

import numpy as np

from .. import parallel
from .._core import characters, recurrent
from .layers import Scratch, summed

BLOCK = 128  # words of a chunk in the layers behind the filters


@dataclass(frozen=True)
class Spellings:
    """Words as numbers of characters: word u is ids[offsets[u]:offsets[u + 1]], without what stands around it."""

    ids: np.ndarray
    offsets: np.ndarray


class Alphabet:
    """The numbers of characters: of the 256 bytes of UTF-8, or of Unicode's characters, a text's own.

    Behind them follow those of <s>, </s>, the beginning and the end of a word, and padding: 256 to 260 for bytes, as in
    the original ELMo.

    Parameters
    ----------
    points : None for bytes; else the code points known, int32, rising; all others share a number.

    >>> alphabet = Alphabet.of(["ab"])
    >>> spelled = alphabet.spell(np.frombuffer(b"abc", np.uint8), np.array([0, 2, 3]))
    >>> alphabet.size, spelled.ids.tolist(), spelled.offsets.tolist()
    (8, [3, 4, 0, 1, 2], [0, 1, 2, 4, 5])
    """

    def __init__(self, points=None):
        self.points = points
        known = 256 if points is None else len(points) + 1  # the last one: any other
        self.begin, self.end, self.word, self.ended, self.padding = range(known, known + 5)
        self.size = known + 5

    @classmethod
    def of(cls, words, counts=None, min_count=1):
        """The Unicode alphabet of words with their counts: characters that come at least ``min_count`` times."""
        counts = np.ones(len(words), np.int64) if counts is None else counts
        text = "".join(words)
        points = np.frombuffer(text.encode("utf-32-le", "replace"), "<u4").astype(np.int32)
        found, places = np.unique(points, return_inverse=True)
        total = np.bincount(places, np.repeat(counts, [len(word) for word in words]), len(found))
        return cls(found[total >= min_count])

    def spell(self, blob, offsets):
        """The Spellings of <s>, </s> and words, whose UTF-8 bytes are blob[offsets[k]:offsets[k + 1]]."""
        if self.points is None:
            ids, ends = blob, np.asarray(offsets)
        else:
            starts = np.concatenate([[0], np.cumsum((blob & 0xC0) != 0x80)])
            points = np.frombuffer(blob.tobytes().decode().encode("utf-32-le"), "<u4").astype(np.int32)
            ids, ends = np.searchsorted(self.points, points), starts[offsets]
            ids[np.append(self.points, -1)[ids] != points] = len(self.points)
        return Spellings(
            np.concatenate([[self.begin, self.end], ids]).astype(np.int32), np.concatenate([[0, 1], ends + 2])
        )

    def lay_out(self, spellings, words, longest, gap):
        """Words one behind the other, begun and ended, each with ``gap`` padding behind it.

        Parameters
        ----------
        words : (U,) numbers of words among the spellings.
        longest : C; longer words are cut.

        Returns ids (N,), firsts (U + 1,) and lengths (U,) with beginning and end.
        """
        starts = spellings.offsets[words]
        inner = np.minimum(spellings.offsets[words + 1] - starts, longest - 2)
        firsts = np.concatenate([[0], np.cumsum(inner + 2 + gap)])
        ids = np.full(firsts[-1], self.padding, np.int32)
        ids[firsts[:-1]], ids[firsts[:-1] + inner + 1] = self.word, self.ended
        bounds = np.cumsum(inner) - inner
        step = np.arange(inner.sum())
        ids[step + np.repeat(firsts[:-1] + 1 - bounds, inner)] = spellings.ids[step + np.repeat(starts - bounds, inner)]
        return ids, firsts, inner + 2


@dataclass(frozen=True)
class Shape:
    """What a CharacterEncoder is like: (width, number) of its filters, layers of the highway, and the rest."""

    dim: int  # P
    char_dim: int  # E
    filters: tuple
    highway: int
    activation: str
    max_chars: int  # C

    @property
    def features(self):
        """F: filters of all widths."""
        return sum(number for _, number in self.filters)

    def arrays(self, size):
        """Names and shapes of the parameters for an alphabet of so many characters."""
        shapes, features = {"characters": (size, self.char_dim)}, self.features
        for k, (width, number) in enumerate(self.filters):
            shapes |= {f"filter.{k}": (width * self.char_dim, number), f"filter.{k}.bias": (number,)}
        for k in range(self.highway):
            for name in ("carry", "transform"):
                shapes |= {f"highway.{k}.{name}": (features,) * 2, f"highway.{k}.{name}.bias": (features,)}
        if features != self.dim:
            shapes |= {"projection": (features, self.dim), "projection.bias": (self.dim,)}
        return shapes

    def begin(self, params, random):
        """Draw the initial parameters as the original does; at first a highway lets most of its input pass."""
        params["characters"][:] = random.uniform(-1, 1, params.shapes["characters"])
        for k, (width, _) in enumerate(self.filters):
            shape = params.shapes[f"filter.{k}"]
            if self.activation == "relu":
                params[f"filter.{k}"][:] = random.uniform(-0.05, 0.05, shape)
            else:
                params[f"filter.{k}"][:] = random.normal(0, (width * self.char_dim) ** -0.5, shape)
        names = [f"highway.{k}.{name}" for k in range(self.highway) for name in ("carry", "transform")]
        for name in [*names, *(["projection"] if "projection" in params else [])]:
            params[name][:] = random.normal(0, self.features**-0.5, params.shapes[name])
        for k in range(self.highway):
            params[f"highway.{k}.carry.bias"][:] = -2


class CharacterEncoder:
    """A vector (P,) of each word from its characters (Kim et al. 2016, as in Peters et al. 2018).

    The filters' largest values over all windows of C characters, padding among them, then the activation; layers of a
    highway, g = sigmoid(x W_c + b_c), x' = g relu(x W_t + b_t) + (1 - g) x; a projection, if P is not F.

    Parameters
    ----------
    params : Params with the arrays of ``shape``.
    shape : Shape
    alphabet : Alphabet
    spellings : Spellings of the words, by their numbers.
    """

    def __init__(self, params, shape, alphabet, spellings=None, threads=1):
        self.params, self.shape, self.alphabet, self.spellings = params, shape, alphabet, spellings
        self.threads, self.scratch = threads, Scratch(params.flat.dtype)
        self.gap = max(width for width, _ in shape.filters)
        self.tape = None

    def forward(self, words, spellings=None):
        """Vectors (U, P) of words (U,) by their numbers among the spellings."""
        spelled = self.spellings if spellings is None else spellings
        ids, firsts, lengths = self.alphabet.lay_out(spelled, words, self.shape.max_chars, self.gap)
        x = self.params["characters"][ids]
        features = self.scratch("features", self.shape.highway + 1, len(words), self.shape.features)
        places = np.empty((len(words), self.shape.features), np.int32)
        gates = self.scratch("gates", self.shape.highway, 2, *places.shape)
        self._convolve(x, firsts, lengths, features[0], places)
        self.tape = ids, x, features, places, gates
        out = np.empty((len(words), self.shape.dim), x.dtype)
        self._share(len(words), lambda rows: self._behind(features[:, rows], gates[:, :, rows], out[rows]))
        return out

    def _columns(self):
        """(name, width, columns) of the filters of each width."""
        at = 0
        for k, (width, number) in enumerate(self.shape.filters):
            yield f"filter.{k}", width, slice(at, at + number)
            at += number

    def _convolve(self, x, firsts, lengths, best, places):
        """x (N, E), firsts (U + 1,), lengths (U,)  # in;  best, places (U, F)  # out"""
        chunks = -(-len(lengths) // characters.WORDS)
        tallest = np.diff(np.append(firsts[: -1 : characters.WORDS], firsts[-1])).max()
        for name, width, columns in self._columns():
            windows = np.minimum(lengths + 1, self.shape.max_chars - width + 1).astype(np.int32)
            weights = self.params[name]
            panels = recurrent.panels(weights, 0, weights.shape[1], False, lambda n: self.scratch("panels", n))
            room = self.scratch("room", self.threads, int(tallest) * weights.shape[1])
            arrays = (x, firsts, windows, panels, room, best[:, columns], places[:, columns])
            parallel.share(lambda job, n, a=arrays: characters.convolve(job, n, *a), chunks, self.threads)
            best[:, columns] += self.params[f"{name}.bias"]

    def _behind(self, features, gates, out):
        """What follows the filters, for u rows: features (highway + 1, u, F), gates (highway, 2, u, F), out (u, P)"""
        if self.shape.activation == "relu":
            np.maximum(features[0], 0, out=features[0])
        else:
            np.tanh(features[0], out=features[0])
        for k, (g, t) in enumerate(gates):
            np.matmul(features[k], self.params[f"highway.{k}.carry"], out=g)
            np.matmul(features[k], self.params[f"highway.{k}.transform"], out=t)
            g += self.params[f"highway.{k}.carry.bias"]
            t += self.params[f"highway.{k}.transform.bias"]
            np.maximum(t, 0, out=t)
            np.minimum(np.negative(g, out=g), 80, out=g)  # whose exponential is finite
            np.reciprocal(np.add(np.exp(g, out=g), 1, out=g), out=g)
            np.add(features[k], g * (t - features[k]), out=features[k + 1])
        if "projection" in self.params:
            np.matmul(features[-1], self.params["projection"], out=out)
            out += self.params["projection.bias"]
        else:
            out[:] = features[-1]

    def backward(self, gradient):
        """The gradients of the parameters, a list of (name, rows, array), from that of the vectors, (U, P)."""
        ids, x, features, places, gates = self.tape
        made = {}
        flow = gradient
        if "projection" in self.params:
            made |= {"projection": features[-1].T @ gradient, "projection.bias": gradient.sum(0)}
            flow = self._times(gradient, "projection")
        for k in reversed(range(self.shape.highway)):
            flow = self._highway_back(k, features[k], gates[k], flow, made)
        flow = flow * (features[0] > 0) if self.shape.activation == "relu" else flow * (1 - features[0] ** 2)
        dx = np.zeros_like(x)
        for name, width, columns in self._columns():
            made |= {name: self._filter_back(name, width, columns, flow, dx), f"{name}.bias": flow[:, columns].sum(0)}
        rows, sums = summed(ids, dx, self.threads)
        return [("characters", rows, sums), *((name, None, array) for name, array in made.items())]

    def _highway_back(self, k, x, gates, flow, made):
        """The gradient (U, F) of a highway layer's input x (U, F), from that of its output; adds to ``made``."""
        g, t = gates
        slopes = {"carry": flow * (t - x) * g * (1 - g), "transform": flow * g * (t > 0)}
        before = flow * (1 - g)
        for name, slope in slopes.items():
            name = f"highway.{k}.{name}"
            made |= {name: x.T @ slope, f"{name}.bias": slope.sum(0)}
            before += self._times(slope, name)
        return before

    def _filter_back(self, name, width, columns, flow, dx):
        """The gradient (w E, F) of the filters of one width; adds that of the characters to dx (N, E)."""
        _, x, _, places, _ = self.tape
        turned = np.ascontiguousarray(self.params[name].T)
        gradient = np.empty_like(turned)
        places, slopes = places[:, columns], flow[:, columns]
        back = lambda job, _: characters.back_filters(job, x, places, slopes, gradient)  # noqa: E731
        parallel.share(back, -(-len(turned) // characters.FILTERS), self.threads)
        back = lambda job, _: characters.back_windows(job, turned, places, slopes, dx)  # noqa: E731
        parallel.share(back, -(-len(places) // characters.WORDS), self.threads)
        return np.ascontiguousarray(gradient.T)

    def _times(self, slopes, name):
        """slopes (U, O) W^T, shared among threads"""
        weights = self.params[name]
        out = np.empty((len(slopes), len(weights)), slopes.dtype)
        self._share(len(out), lambda rows: np.matmul(slopes[rows], weights.T, out=out[rows]))
        return out

    def _share(self, count, work):
        """work(slice) for all rows, BLOCK at a time"""

        def each(job, _):
            while (chunk := job.take()) >= 0:
                work(slice(chunk * BLOCK, (chunk + 1) * BLOCK))

        parallel.share(each, -(-count // BLOCK), self.threads)
