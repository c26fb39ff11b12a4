"""Statistics of few runs: interquartile means, bootstrap intervals, paired comparisons.

The measures are those of Agarwal et al. 2021 (arXiv 2108.13264). Scores of several tasks are given
as strata: a sequence of 1-D arrays, one a task, one entry a run. Resampling happens within a
stratum only. Every random draw comes from a generator that is an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import false_discovery_control, t, trim_mean

Scores = NDArray[np.float64]
Statistic = Callable[[Scores], Scores]
"""(..., n) -> (...): one number for each set of n scores."""

FALSE_DISCOVERIES = 0.05
"""Of the agents that are called ahead or behind, so many are so by luck, in expectation."""

RESAMPLES = 10_000
"""Enough that the ends of a 95 % interval move by less than its width / 50 between seeds."""


@dataclass(frozen=True)
class Estimate:
    """A number and its interval."""

    value: float
    low: float | None = None
    """lower end of the 95 % interval; None where one run is all there is"""
    high: float | None = None
    """upper end of it"""

    @property
    def sign(self) -> int:
        """1 where the whole interval is above 0, -1 where it is below, else 0."""
        if self.low is None or self.high is None:
            return 0
        return int(self.low > 0) - int(self.high < 0)


def iqm(scores: ArrayLike) -> Scores:
    """Interquartile mean over the last axis: floor(n / 4) scores are cut at each end.

    Steadier than the mean, more efficient than the median; of 5 runs it is the mean of the middle
    three, of fewer than 4 the mean.
    """
    return np.asarray(trim_mean(np.asarray(scores, np.float64), 0.25, axis=-1))


def mean(scores: ArrayLike) -> Scores:
    """The mean over the last axis."""
    return np.asarray(scores, np.float64).mean(axis=-1)


def resample(
    strata: Sequence[Scores], rng: np.random.Generator, resamples: int = RESAMPLES
) -> list[Scores]:
    """Draw the runs of each stratum anew, with replacement: one (resamples, n) array a stratum."""
    return [runs[rng.integers(len(runs), size=(resamples, len(runs)))] for runs in strata]


def estimate(
    strata: Sequence[Scores],
    rng: np.random.Generator,
    statistic: Statistic = iqm,
    level: float = 0.95,
) -> Estimate:
    """A statistic of all runs together, with its stratified percentile-bootstrap interval.

    Args:
        strata: scores of the runs, one array a task; at least one run in all.
        rng: the source of the resampling.
        statistic: of the runs of all strata put together.
        level: of the interval.
    """
    strata = [np.asarray(runs, np.float64) for runs in strata if len(runs)]
    value = float(statistic(np.concatenate(strata)))
    if all(len(runs) == 1 for runs in strata):
        return Estimate(value)
    drawn = statistic(np.concatenate(resample(strata, rng), axis=1))
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(value, float(low), float(high))


def paired_differences(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Scores:
    """(n,) our score minus theirs for each seed that both have, in the order of the seeds.

    Two runs of one seed share the initial network, the data order and the augmentation noise; the
    difference is free of what these contribute.
    """
    return np.array([ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())])


def certain_signs(differences: Sequence[Scores]) -> list[int]:
    """Which of many paired differences are not luck: 1 above 0, -1 below it, 0 neither.

    A two-sided t-test each, then the procedure of Benjamini and Hochberg (1995), which keeps the
    expected share of false ones among those called certain at `FALSE_DISCOVERIES`: of 40 agents
    with 5 seeds and no effect at all, two have an interval that leaves out 0.

    Args:
        differences: (n,) each, one entry a seed; fewer than two are not tested and certain of
            nothing.
    """
    signs = [0] * len(differences)
    tested = [place for place, values in enumerate(differences) if len(values) > 1]
    if tested:
        p_values = [p_value(differences[place]) for place in tested]
        for place, q_value in zip(tested, false_discovery_control(p_values), strict=True):
            if q_value < FALSE_DISCOVERIES:
                signs[place] = int(np.sign(differences[place].mean()))
    return signs


def p_value(differences: Scores) -> float:
    """Of a two-sided t-test that the mean of (n,) differences, n at least 2, is 0.

    Where all are equal, they are taken for one step of scores that are rounded to such steps, as
    those of a small test set are: the difference of two roundings has a deviation of step / sqrt 6.
    """
    centre, spread = abs(differences.mean()), differences.std(ddof=1)
    if spread < 1e-9:
        spread = centre / 6**0.5
    if centre == 0:
        return 1.0
    return float(2 * t.sf(centre / spread * len(differences) ** 0.5, len(differences) - 1))


def probability_of_improvement(ours: Scores, theirs: Scores) -> Scores:
    """How likely a run of ours is better than one of theirs; a tie counts half.

    ours, theirs: (..., n) and (..., m) -> (...). This is Mann and Whitney's U / (n m).
    """
    difference = np.asarray(ours)[..., :, None] - np.asarray(theirs)[..., None, :]
    return ((difference > 0) + 0.5 * (difference == 0)).mean(axis=(-2, -1))


def estimate_improvement(
    ours: Sequence[Scores],
    theirs: Sequence[Scores],
    rng: np.random.Generator,
    level: float = 0.95,
) -> Estimate:
    """Probability of improvement, averaged over the strata, with its bootstrap interval."""
    pairs = list(zip(ours, theirs, strict=True))
    value = float(np.mean([probability_of_improvement(a, b) for a, b in pairs]))
    if all(len(a) == len(b) == 1 for a, b in pairs):
        return Estimate(value)
    resamples = 2_000  # n x m comparisons each
    drawn = [
        probability_of_improvement(a, b)
        for a, b in zip(
            resample(ours, rng, resamples), resample(theirs, rng, resamples), strict=True
        )
    ]
    low, high = np.quantile(np.mean(drawn, axis=0), [(1 - level) / 2, (1 + level) / 2])
    return Estimate(value, float(low), float(high))


def performance_profile(strata: Sequence[Scores], thresholds: Scores) -> Scores:
    """(T,) share of runs that score above each threshold, every stratum weighing the same."""
    shares = [(runs[:, None] > thresholds).mean(axis=0) for runs in strata]
    return np.mean(shares, axis=0)


def normalise(scores: ArrayLike, zero: float, one: float) -> Scores:
    """Scores on a scale where `zero` is 0 and `one` is 1."""
    return (np.asarray(scores, np.float64) - zero) / (one - zero)


def accuracy_at(costs: ArrayLike, accuracies: ArrayLike, cost: float) -> float:
    """The accuracy that a run had when it had cost so much, linear between its evaluations.

    A run that ended cheaper keeps its last accuracy; one whose first evaluation came later has
    none: NaN.

    Args:
        costs: (R,) rising, the cost at each evaluation.
        accuracies: (R,) in [0, 1].
        cost: in the same unit as `costs`.
    """
    return float(np.interp(cost, np.asarray(costs), np.asarray(accuracies), left=np.nan))


def pareto_front(costs: ArrayLike, scores: ArrayLike) -> NDArray[np.int64]:
    """Positions of the points that no other beats in both cost and score, cheapest first."""
    costs, scores = np.asarray(costs), np.asarray(scores)
    order = np.lexsort((-scores, costs))
    best_before = np.maximum.accumulate(np.concatenate([[-np.inf], scores[order][:-1]]))
    return order[scores[order] > best_before]
