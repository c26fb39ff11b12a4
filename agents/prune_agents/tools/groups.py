"""Arms in groups: their ranks within classes or clusters, and means of batches dealt at random."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prune_env.core.moving_averages import Floats, Mask


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


def rank_within(
    score: NDArray[np.floating], group: NDArray[np.integer], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Rank of each arm of one run within its group, 0 = highest score; equal ones by lot, which is
    drawn only where there are any. score, group: (N,).
    """
    by_score = np.argsort(-score, kind="stable")
    if (score[by_score[1:]] == score[by_score[:-1]]).any():
        lot = rng.permutation(len(score))
        by_score = lot[np.argsort(-score[lot], kind="stable")]
    order = by_score[np.argsort(group[by_score], kind="stable")]
    sizes = np.bincount(group)
    begins = np.repeat(np.cumsum(sizes) - sizes, sizes)
    rank = np.empty(len(score), np.int64)
    rank[order] = np.arange(len(score)) - begins
    return rank
