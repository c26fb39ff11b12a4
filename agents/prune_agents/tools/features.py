"""What policies take from features: pure functions of points in a space."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from prune_env.core.moving_averages import Floats

Points = NDArray[np.floating[Any]]


def squared_distances(points: Floats, centres: Floats) -> Floats:
    """(K, R) squared Euclidean distances of points (K, D) to centres (R, D), at least 0."""
    squares = points @ (-2 * centres.T)
    squares += np.square(points).sum(axis=1)[:, None]
    squares += np.square(centres).sum(axis=1)
    return np.maximum(squares, 0)


def nearest_neighbours(features: Points, count: int) -> tuple[Points, NDArray[np.int64]]:
    """Euclidean distances to, and positions of, the nearest other arms: both (N, count)."""
    from sklearn.neighbors import NearestNeighbors

    found = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(features)
    return found.kneighbors()  # without arguments an arm is not its own neighbour


def directions(features: Points) -> Floats:
    """(N, D) the same of length 1, so that products are cosines; 0 stays 0."""
    length = np.linalg.norm(features, axis=1, keepdims=True)
    return (features / np.maximum(length, 1e-12)).astype(np.float32)


def projected(features: Floats, size: int, seed: int) -> Floats:
    """(N, size) from (N, D): centred, along random directions, scaled to a mean square of 1."""
    axes = np.random.default_rng((seed, 0xF0)).standard_normal((features.shape[1], size))
    centred = features - features.mean(axis=0)
    total = np.square(centred).sum() / len(centred)
    return centred @ axes.astype(np.float32) / np.sqrt(max(total, 1e-12))
