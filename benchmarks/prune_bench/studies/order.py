"""How alike two orders of agents are: Kendall's tau, and what runs and agents leave open of it.

1 is the same order, 0 unrelated, -1 reversed. What is compared are mean accuracies; agents that are
the same, because no arm is seen twice, tie.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

Accuracies = Mapping[str, Sequence[float]]
"""For each agent the last test accuracy of each of its runs."""


def likeness(
    real: Accuracies, other: Accuracies, resamples: int, rng: np.random.Generator
) -> dict[str, float] | None:
    """Kendall's tau of the agents that both sides have, and `low` and `high`, its interval.

    None where that is fewer than three, or where all agents tie on one side.
    """
    common = sorted(real.keys() & other.keys())
    if len(common) < 3:
        return None
    real, other = ({name: side[name] for name in common} for side in (real, other))
    if np.isnan(found := tau(real, other)):
        return None
    values = (found, *interval(real, other, resamples, rng))
    return {
        "agents": len(common),
        **dict(zip(("tau", "low", "high"), (round(v, 6) for v in values), strict=True)),
    }


def tau(real: Accuracies, other: Accuracies) -> float:
    """Kendall's tau of the agents' mean accuracies; NaN where all are equal on one side."""
    return _tau(*([np.mean(side[name]) for name in sorted(real)] for side in (real, other)))


def interval(
    real: Accuracies, other: Accuracies, resamples: int, rng: np.random.Generator
) -> tuple[float, float]:
    """95 % bootstrap interval of tau: agents are drawn anew, and the runs of each on both sides.

    An order of other agents may be another one; that is most of what a tau of ten leaves open.
    """
    names = sorted(real)
    taus = []
    for _ in range(resamples):
        chosen = rng.integers(len(names), size=len(names))
        means = (
            np.array([rng.choice(side[name], len(side[name])).mean() for name in names])[chosen]
            for side in (real, other)
        )
        taus.append(_tau(*means) if len(set(chosen)) > 1 else np.nan)
    low, high = np.nanpercentile(taus, [2.5, 97.5])
    return float(low), float(high)


def _tau(real: ArrayLike, other: ArrayLike) -> float:
    from scipy.stats import kendalltau

    return float(kendalltau(real, other)[0])
