"""From scores or probabilities to arms: pure functions over (M, N), the generator an argument."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from prune_agents.tools.moving_averages import Mask
from prune_env.core.selection import Counts, best_k, check_scores

Scores = NDArray[np.floating[Any]]


def weighted_k(log_weight: Scores, k: Counts, rng: np.random.Generator) -> Mask:
    """Draw k arms one after the other without replacement, each with odds exp(log_weight).

    Adding Gumbel noise to the logarithms and keeping the k highest is the same draw at once. An
    infinite logarithm goes first.
    """
    return best_k(log_weight + rng.gumbel(size=log_weight.shape), k, rng)


def inclusion(weight: Scores, total: float) -> NDArray[np.float64]:
    """Probabilities min(1, lambda weight) of being kept, with lambda such that they sum to total.

    Args:
        weight: (M, N), above 0.
        total: expected number of arms kept in each row, at most N.
    """
    check_scores(weight)
    descending = -np.sort(-weight.astype(np.float64), axis=1)
    tail = np.cumsum(descending[:, ::-1], axis=1)[:, ::-1]
    # With the m heaviest at 1, the others share total - m. The right m is the first one at which
    # the heaviest of the others does not reach 1 as well.
    shared = (total - np.arange(weight.shape[1])) / tail
    num_sure = np.argmax(shared * descending <= 1 + 1e-9, axis=1)
    scale = np.take_along_axis(shared, num_sure[:, None], axis=1)
    return np.minimum(1, scale * weight)


def logistic(value: Scores, total: float) -> NDArray[np.float64]:
    """Probabilities sigmoid(value + b) of being kept, with b such that they sum to total.

    Args:
        value: (M, N), finite.
        total: expected number of arms kept in each row, at most N.
    """
    check_scores(value)
    bound = np.abs(value).max() + 40.0  # there all probabilities are 0 or 1 to the last digit
    low, high = np.full((len(value), 1), -bound), np.full((len(value), 1), bound)
    for _ in range(50):
        middle = (low + high) / 2
        over = expit(value + middle).sum(axis=1, keepdims=True) > total
        low, high = np.where(over, low, middle), np.where(over, middle, high)
    return expit(value + low)


def systematic(probability: NDArray[np.float64], rng: np.random.Generator) -> Mask:
    """Keep each arm with its own probability, and in each row as many as they sum to.

    The arms are laid in random order along a line, each as long as its probability, and those that
    a comb of step 1 with a random start falls on are kept.
    """
    mask = np.zeros(probability.shape, bool)
    for row, pi in zip(mask, probability, strict=True):
        order = rng.permutation(len(pi))
        ends = np.cumsum(pi[order])
        ends *= np.rint(ends[-1]) / ends[-1]  # takes the rounding of the sum away
        teeth = np.floor(ends + rng.random())
        row[order] = np.diff(teeth, prepend=0) > 0
    return mask
