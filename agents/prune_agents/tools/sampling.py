"""From scores or probabilities to arms: pure functions over (M, N), the generator an argument."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from prune_env.core.generators import gumbel
from prune_env.core.moving_averages import Mask
from prune_env.core.selection import Counts, best_k, check_scores

Scores = NDArray[np.floating[Any]]


def weighted_k(log_weight: Scores, k: Counts, rng: np.random.Generator) -> Mask:
    """Draw k arms one after the other without replacement, each with odds exp(log_weight).

    Adding Gumbel noise to the logarithms and keeping the k highest is the same draw at once. An
    infinite logarithm goes first.
    """
    return best_k(log_weight + gumbel(rng, log_weight.shape), k, rng)


def inclusion(weight: Scores, total: float) -> NDArray[np.float64]:
    """Probabilities min(1, lambda weight) of being kept, with lambda such that they sum to total.

    Args:
        weight: (M, N), above 0.
        total: expected number of arms kept in each row, at most N.
    """
    check_scores(weight)
    sure = np.zeros(weight.shape, bool)
    while True:
        # With the sure ones at 1, the others share what is left; who reaches 1 by that is sure too.
        shared = np.where(sure, 0, weight).sum(axis=1, dtype=np.float64)
        scale = (total - np.count_nonzero(sure, axis=1)) / shared
        over = scale[:, None] * weight > np.where(sure, np.inf, 1 + 1e-9)
        if not over.any():
            return np.minimum(1, scale[:, None] * weight)
        sure |= over


def logistic(value: Scores, total: float) -> NDArray[np.float64]:
    """Probabilities sigmoid(value + b) of being kept, with b such that they sum to total.

    Args:
        value: (M, N), finite.
        total: expected number of arms kept in each row, at most N.
    """
    check_scores(value)
    value = value.astype(np.float64)
    bound = np.abs(value).max() + 40.0  # there all probabilities are 0 or 1 to the last digit
    low, high = np.full((len(value), 1), -bound), np.full((len(value), 1), bound)
    for _ in range(50):
        middle = (low + high) / 2
        over = expit(value + middle).sum(axis=1, keepdims=True) > total
        low, high = np.where(over, low, middle), np.where(over, middle, high)
    return expit(value + low)


def systematic(probability: Scores, rng: np.random.Generator) -> Mask:
    """Keep each arm with its own probability, and in each row as many as they sum to.

    The arms are laid in random order along a line, each as long as its probability, and those that
    a comb of step 1 with a random start falls on are kept. The line is of float64: in float32 one
    of 50,000 arms has ends so coarse that teeth miss.
    """
    mask = np.zeros(probability.shape, bool)
    for row, pi in zip(mask, probability, strict=True):
        order = rng.permutation(len(pi))
        ends = np.cumsum(pi[order], dtype=np.float64)
        ends *= np.rint(ends[-1]) / ends[-1]  # takes the rounding of the sum away
        teeth = np.floor(ends + rng.random())
        row[order] = np.diff(teeth, prepend=0) > 0
    return mask
