"""Statistics of few runs: means, t-intervals from a pooled variance, and which are not luck.

Five runs know a mean, but hardly their own deviation: agents that look certain have, mostly, an
accidentally small one. The runs of all agents at a keep ratio scatter alike, so their variances are
pooled. `calibration` tries this and its alternatives on made-up boards, and is why it was chosen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

Scores = NDArray[np.float64]

FALSE_DISCOVERIES = 0.05
"""Of the agents that are called ahead, so many are so by luck, in expectation."""

UNLIKE = 0.001
"""A variance that is larger than the pooled one with a smaller probability is not pooled."""

NOTHING = 1e-18
"""A variance up to this is what rounding makes of equal runs."""


@dataclass(frozen=True)
class Noise:
    """How runs that differ in their seed alone scatter."""

    variance: float
    dof: float
    """degrees of freedom that the variance is known with; 0 where it is not known"""


NO_NOISE = Noise(0.0, 0.0)


@dataclass(frozen=True)
class Estimate:
    """A number, its interval, and how likely luck alone makes it differ so much from 0."""

    value: float
    low: float | None = None
    """lower end of the 95 % interval; None where one run is all there is"""
    high: float | None = None
    """upper end of it"""
    p: float | None = field(default=None, compare=False)
    """of a two-sided t-test that it is 0"""
    parts: tuple[tuple[float, Noise], ...] = field(default=(), compare=False, repr=False)
    """of its variance, see `estimate`"""

    def within(self, least: float, most: float) -> Estimate:
        """The same where nothing can be below one number or above another."""
        if self.low is None or self.high is None:
            return self
        return replace(self, low=max(self.low, least), high=min(self.high, most))

    @property
    def ends(self) -> tuple[float, float]:
        """Of the interval; the number itself, twice, where there is none."""
        return (
            self.value if self.low is None else self.low,
            self.value if self.high is None else self.high,
        )

    @property
    def half(self) -> float:
        """Half the width of the interval; NaN where there is none."""
        return np.nan if self.low is None or self.high is None else (self.high - self.low) / 2

    @property
    def sign(self) -> int:
        """1 where the whole interval is above 0, -1 where it is below, else 0."""
        if self.low is None or self.high is None:
            return 0
        return int(self.low > 0) - int(self.high < 0)


def pool(groups: Sequence[Scores]) -> list[Noise]:
    """The noise of each of several groups of runs, (n,) each: one for all that scatter alike.

    A group that scatters far more, such as an agent whose training fails now and then, keeps its
    own and leaves that of the others alone.
    """
    if not groups:
        return []
    dofs = np.array([len(runs) - 1 for runs in groups], np.float64)
    variances = np.array([np.var(runs, ddof=1) if len(runs) > 1 else 0.0 for runs in groups])
    common, alike = pool_variances(variances, dofs)
    together = Noise(float(common), float(dofs[alike].sum()))
    return [
        together if is_alike or not dof else Noise(float(variance), dof)
        for is_alike, variance, dof in zip(alike, variances, dofs, strict=True)
    ]


def pool_variances(variances: Scores, dofs: Scores) -> tuple[Scores, NDArray[np.bool_]]:
    """The pooled variance, and which variances are in it: the smaller half, and upwards from there
    until one is too large for the pool below it (F-test at `UNLIKE`).

    Args:
        variances: (..., A).
        dofs: (A,) or (..., A) degrees of freedom, of which none may be negative.

    Returns:
        (...) the pooled variance, and (..., A) what was pooled.
    """
    from scipy.stats import f  # takes a second to import

    dofs = np.broadcast_to(dofs, variances.shape)
    variances = np.where(variances > NOTHING, variances, 0)
    order = np.argsort(variances, axis=-1)
    ordered, known = (np.take_along_axis(a, order, -1) for a in (variances, dofs))
    dof_below = np.cumsum(known, axis=-1)
    pooled = np.cumsum(ordered * known, axis=-1) / np.maximum(dof_below, 1)
    limit = f.isf(UNLIKE, np.maximum(known[..., 1:], 1), np.maximum(dof_below[..., :-1], 1))
    unlike = np.zeros(variances.shape, bool)
    unlike[..., 1:] = (ordered[..., 1:] > limit * pooled[..., :-1]) & (pooled[..., :-1] > 0)
    unlike[..., : (variances.shape[-1] + 1) // 2] = False
    taken = ~np.logical_or.accumulate(unlike, axis=-1)
    last = taken.sum(axis=-1, keepdims=True) - 1
    alike = np.zeros(variances.shape, bool)
    np.put_along_axis(alike, order, taken, -1)
    return np.take_along_axis(pooled, last, -1)[..., 0], alike


def estimate(value: float, parts: Iterable[tuple[float, Noise]], level: float = 0.95) -> Estimate:
    """A number that is a weighted sum of means, with its t-interval and test.

    Args:
        value: the number.
        parts: its variance, as weight times variance of a run: 1 / n of a mean of n runs. The
            degrees of freedom of different noises are put together as Welch and Satterthwaite do.
        level: of the interval.
    """
    from scipy.stats import t  # takes a second to import

    parts = tuple(parts)
    weights: dict[Noise, float] = {}
    for weight, noise in parts:
        weights[noise] = weights.get(noise, 0.0) + weight
    if not weights or any(noise.dof <= 0 for noise in weights):
        return Estimate(value)
    shares = [(weight * noise.variance, noise.dof) for noise, weight in weights.items()]
    variance = sum(share for share, _ in shares)
    dof = sum(noise.dof for noise in weights)
    if variance > NOTHING:
        dof = variance**2 / sum(share**2 / its_dof for share, its_dof in shares)
    half = t.isf((1 - level) / 2, dof) * variance**0.5
    if variance <= NOTHING:
        # All runs are equal: scores that are rounded, as those of a small test set are, to steps
        # of no less than this difference. A rounding has a variance of step^2 / 12.
        variance = sum(weights.values()) * value**2 / 12
    p = 2 * t.sf(abs(value) / variance**0.5, dof) if variance else 1.0
    return Estimate(value, float(value - half), float(value + half), float(p), parts)


def mean_of(scores: ArrayLike, noise: Noise | None = None) -> Estimate:
    """The mean of (n,) runs, n at least 1; its interval by their own variance where no noise is
    given.
    """
    scores = np.asarray(scores, np.float64)
    noise = pool([scores])[0] if noise is None else noise
    return estimate(float(scores.mean()), [(1 / len(scores), noise)])


def paired_differences(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Scores:
    """(n,) our score minus theirs for each seed that both have, in the order of the seeds.

    For many seeds, and runs that stay alike. The runs of a board do not: after two rounds on other
    arms their seeds have little in common; results/calibration.md has the correlations.
    """
    return np.array([ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())])


def certain_signs(differences: Sequence[Estimate | None]) -> list[int]:
    """Which of many differences are not luck: 1 above 0, -1 below it, 0 neither.

    Who ends above 0 can win, and only these are tested for it: obvious losers beside them would
    make the procedure of Benjamini and Hochberg (1995) count them as found and lower the bar. It
    keeps the expected share of false ones among those that are called ahead at `FALSE_DISCOVERIES`.
    Those below 0 are a family of their own, in which (Bonferroni) any false one is as unlikely.

    Args:
        differences: those that are None or have no `p` are not tested, and certain of nothing.
    """
    from scipy.stats import false_discovery_control  # takes a second to import

    p = np.array([np.nan if d is None or d.p is None else d.p for d in differences], np.float64)
    values = np.array([0.0 if d is None else d.value for d in differences])
    signs = np.zeros(len(p), int)
    above, below = (np.flatnonzero((side > 0) & ~np.isnan(p)) for side in (values, -values))
    if len(above):
        signs[above] = false_discovery_control(p[above]) < FALSE_DISCOVERIES
    signs[below] = -(p[below] * len(below) < FALSE_DISCOVERIES).astype(int)
    return [int(sign) for sign in signs]


def probability_of_improvement(ours: Scores, theirs: Scores) -> float:
    """How likely a run of ours, (n,), is better than one of theirs, (m,); a tie counts half.

    This is Mann and Whitney's U / (n m).
    """
    ordered = np.sort(theirs)
    wins, wins_and_ties = (np.searchsorted(ordered, ours, side) for side in ("left", "right"))
    return float((wins + wins_and_ties).sum() / (2 * len(ours) * len(theirs)))


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
