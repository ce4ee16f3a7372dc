"""Layouts: vectors of many dimensions as points of a plane, and labels that do not cover each other."""

import numpy as np

TSNE_STEPS = 500
EXAGGERATED_STEPS = 100


def unit_rows(x):
    """x (N, D) -> (N, D) float64, each row of length 1 (rows of zeros stay)."""
    x = np.asarray(x, dtype=np.float64)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def pca(x):
    """x (N, D) -> (N, 2): the two directions of largest variance.

    The sign of each direction is fixed so that the same vectors always give the same picture.
    """
    x = x - x.mean(axis=0)
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    points = np.zeros((len(x), 2))
    rank = min(2, len(s))
    points[:, :rank] = u[:, :rank] * s[:rank]
    largest = np.abs(points).argmax(axis=0)
    return points * np.where(points[largest, [0, 1]] < 0, -1.0, 1.0)


def tsne(x, perplexity=12.0, steps=TSNE_STEPS):
    """x (N, D) -> (N, 2): exact t-SNE (van der Maaten and Hinton, 2008), started from the PCA, so without chance.

    Exact means every pair in every step: for a few hundred words, a second or two. Fewer than five points give the PCA.
    """
    x = unit_rows(x)
    start = pca(x)
    n = len(x)
    if n < 5:
        return start
    p = _similarities(x, min(perplexity, (n - 1) / 3))
    y = start / max(start.std(), 1e-12) * 1e-2
    velocity, gain = np.zeros_like(y), np.ones_like(y)
    rate = max(n / 4.0, 10.0)
    for step in range(steps):
        early = step < EXAGGERATED_STEPS
        gradient = _tsne_gradient(p * 4.0 if early else p, y)
        same = np.sign(gradient) == np.sign(velocity)  # delta-bar-delta gains, as in the paper's own program
        gain = np.maximum(np.where(same, gain * 0.8, gain + 0.2), 0.01)
        velocity = (0.5 if early else 0.8) * velocity - rate * gain * gradient
        y = y + velocity
    return y - y.mean(axis=0)


def _tsne_gradient(p, y):
    """p (N, N), y (N, 2) -> (N, 2)."""
    kernel = 1.0 / (1.0 + _squared_distances(y))
    np.fill_diagonal(kernel, 0.0)
    weight = (p - kernel / kernel.sum()) * kernel
    return 4.0 * (weight.sum(axis=1, keepdims=True) * y - weight @ y)


def _squared_distances(x):
    """x (N, D) -> (N, N)."""
    norms = (x * x).sum(axis=1)
    return np.maximum(norms[:, None] + norms[None, :] - 2.0 * (x @ x.T), 0.0)


def _similarities(x, perplexity):
    """x (N, D) -> (N, N): t-SNE's joint probabilities; every row's width is found by bisection on its entropy."""
    distances = _squared_distances(x)
    n = len(x)
    np.fill_diagonal(distances, np.inf)
    distances -= distances.min(axis=1, keepdims=True)  # changes nothing in a row's ratios, keeps exp() in range
    finite = np.where(np.isinf(distances), 0.0, distances)
    low, high, beta = np.zeros((n, 1)), np.full((n, 1), np.inf), np.ones((n, 1))
    for _ in range(60):
        weights = np.exp(-distances * beta)
        total = weights.sum(axis=1, keepdims=True)
        mean = (finite * weights).sum(axis=1, keepdims=True) / total
        wide = np.log(total) + beta * mean > np.log(perplexity)
        low, high = np.where(wide, beta, low), np.where(wide, high, beta)
        beta = np.where(np.isinf(high), beta * 2.0, (low + high) / 2.0)
    p = weights / total
    return (p + p.T) / (2.0 * n)


def lay_down(points):
    """points (N, 2) -> (N, 2): turned so that the longest extent is horizontal."""
    return pca(points) if len(points) > 1 else points


def fit_box(points, left, top, right, bottom):
    """points (N, 2) -> (N, 2): scaled, without distortion, and centred to fill the box; y grows downwards."""
    low, high = points.min(axis=0), points.max(axis=0)
    size = np.maximum(high - low, 1e-12)
    scale = min((right - left) / size[0], (bottom - top) / size[1]) if len(points) > 1 else 1.0
    middle = np.array([(left + right) / 2, (top + bottom) / 2])
    return (points - (low + high) / 2) * scale * [1, -1] + middle


def clusters(points, k, steps=50):
    """points (N, 2) -> (N,) cluster numbers: k-means, started from the points farthest from each other."""
    centres = points[:1]
    for _ in range(k - 1):
        centres = np.vstack([centres, points[_to(points, centres).min(axis=1).argmax()]])
    for _ in range(steps):
        labels = _to(points, centres).argmin(axis=1)
        for c in range(k):
            if (labels == c).any():
                centres[c] = points[labels == c].mean(axis=0)
    return labels


def _to(points, centres):
    """points (N, 2), centres (K, 2) -> (N, K) squared distances."""
    return ((points[:, None] - centres[None]) ** 2).sum(axis=2)


def spread(boxes, bounds, steps=2000):
    """boxes (N, 4) of centre x, centre y, width, height -> centres (N, 2) so that boxes hardly overlap.

    Each step pushes every overlapping pair apart, by half of the overlap, along the axis that needs the smaller push.
    ``bounds`` (left, top, right, bottom) keeps all boxes inside.
    """
    centre, size = boxes[:, :2].copy(), boxes[:, 2:]
    reach = (size[:, None] + size[None, :]) / 2  # (N, N, 2): centres closer than this on both axes overlap
    left_top = np.array(bounds[:2]) + size / 2
    right_bottom = np.array(bounds[2:]) - size / 2
    ties = np.sign(np.arange(len(centre))[:, None] - np.arange(len(centre))[None, :])
    for _ in range(steps):
        between = centre[:, None] - centre[None, :]
        overlap = reach - np.abs(between)
        touching = (overlap > 0).all(axis=2)
        np.fill_diagonal(touching, False)
        if not touching.any():
            break
        across = overlap[..., 0] < overlap[..., 1]
        direction = np.where(between == 0, ties[..., None], np.sign(between))
        push = np.stack([across, ~across], axis=2) * touching[..., None] * (overlap + 0.5) * direction * 0.3
        centre = np.clip(centre + push.sum(axis=1), left_top, np.maximum(left_top, right_bottom))
    return centre
