"""The mathematics that policies share: pure functions over arrays of shape (M, N), row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

UNSEEN = np.float32(np.inf)
"""The score of an arm that has never been observed: it goes before all others."""


def ema(mean: Floats, value: Floats, alpha: float, seen: Mask) -> Floats:
    """Exponential moving average of the arms seen: (1 - alpha) mean + alpha value.

    The first observation of an arm, whose mean is still `UNSEEN`, is taken as it is.
    """
    old = np.where(np.isinf(mean), value, mean)
    return np.where(seen, old + alpha * (value - old), mean)


def ema_variance(variance: Floats, mean: Floats, value: Floats, alpha: float, seen: Mask) -> Floats:
    """Moving variance about the mean from before this value: (1 - a) v + a (value - mean)^2.

    0 after the first observation.
    """
    deviation = np.where(np.isinf(mean), 0, value - mean)
    return np.where(seen, (1 - alpha) * variance + alpha * deviation**2, variance)


def best_k(scores: NDArray[np.floating[Any]], k: int, rng: np.random.Generator) -> Mask:
    """Mask of the k highest scores of each row, (M, N); equal scores are equally likely."""
    num_arms = scores.shape[1]
    if k == 0:
        return np.zeros(scores.shape, bool)
    bar = np.partition(scores, num_arms - k, axis=1)[:, num_arms - k, None]
    mask = scores > bar
    for row, tied in zip(mask, scores == bar, strict=True):
        candidates = np.flatnonzero(tied)
        places = k - int(row.sum())
        row[candidates if len(candidates) == places else rng.choice(candidates, places, False)] = (
            True
        )
    return mask
