"""Moving statistics that policies share: pure functions over arrays of shape (M, N)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

UNSEEN = np.float32(np.inf)
"""The score of an arm that has never been observed: it goes before all others."""


def schedule(round_: NDArray[np.int64], progress: Floats) -> NDArray[np.float64]:
    """(M, 1) how far the coming round is along the run: 0 in the first, 1 in the last.

    `progress` alone stops short of 1, because it is the share of the run before the round. Rounds
    are taken to cost what those before have cost on average.

    Args:
        round_: (M,) rounds behind.
        progress: (M, 1), the environment's.
    """
    return np.minimum(progress / np.maximum(1 - _of_one_round(round_, progress), 1e-12), 1)


def ends_by(share: float, round_: NDArray[np.int64], progress: Floats) -> Mask:
    """(M, 1) whether the coming round, which is number e of T from 0, has e + 1 <= share * T.

    True in the first round, when a run does not know how long it is. See `schedule`.
    """
    return progress + _of_one_round(round_, progress) <= share + 1e-6  # float32 has 7 digits


def begins_before(share: float, progress: Floats) -> Mask:
    """(M, 1) whether the coming round begins before this share of the run: e < share * T."""
    return progress < share * (1 - 1e-6)


def _of_one_round(round_: NDArray[np.int64], progress: Floats) -> NDArray[np.float64]:
    return progress / np.maximum(round_, 1)[:, None].astype(np.float64)


def latest(stored: Floats, value: Floats, seen: Mask) -> Floats:
    """The last observation of each arm; `UNSEEN` stays where there was none."""
    return np.where(seen, value, stored)


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


def batch_mean(value: Floats, seen: Mask, batch_size: int, rng: np.random.Generator) -> Floats:
    """Deal the arms seen of each run into random batches; give each the mean value of its batch.

    An environment does not tell which arms shared a batch. Its batches are uniformly random, so
    batches drawn again have the same distribution. Arms not seen get 0.
    """
    means = np.zeros(value.shape, np.float32)
    for row, of_arm, observed in zip(means, value, seen, strict=True):
        dealt = rng.permutation(np.flatnonzero(observed))
        batch = np.arange(len(dealt)) // batch_size
        size = np.bincount(batch)
        row[dealt] = (np.bincount(batch, of_arm[dealt]) / size)[batch]
    return means


def rank_within(score: NDArray[np.floating], group: NDArray[np.integer]) -> NDArray[np.int64]:
    """Rank of each arm of one run within its group, 0 = highest score. score, group: (N,)."""
    by_score = np.argsort(-score, kind="stable")
    order = by_score[np.argsort(group[by_score], kind="stable")]
    sizes = np.bincount(group)
    begins = np.repeat(np.cumsum(sizes) - sizes, sizes)
    rank = np.empty(len(score), np.int64)
    rank[order] = np.arange(len(score)) - begins
    return rank
