"""ccs: leave out the hardest arms and cover the others evenly by difficulty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.policies.static import Static, highest
from prune_agents.prior import Traces
from prune_env.checks import In


def stratum_quotas(sizes: NDArray[np.integer], k: int) -> NDArray[np.int64]:
    """Share k places among strata of these sizes, as equally as their sizes allow.

    From the smallest to the largest stratum, each gets floor(places left / strata left), or all
    that it has. At least k arms in all.
    """
    quotas = np.zeros(len(sizes), np.int64)
    for done, stratum in enumerate(np.argsort(sizes, kind="stable")):
        fair = (k - quotas.sum()) // (len(sizes) - done)
        quotas[stratum] = min(sizes[stratum], fair)
    return quotas


@dataclass(frozen=True, kw_only=True)
class CCS(Static):
    """CCS: leave out the hardest arms, then choose at random from strata of equal width.

    The beta share of the arms with the lowest mean margin over a prior run is left out as probably
    mislabelled, less where fewer than K would be left. The rest is cut into 50 strata of equal
    width in that margin; from the smallest to the largest, each gets floor(places left / strata
    left), or all that it has. Source: arXiv 2210.15809, verified in the authors' code; of their
    beta only 0.3 at keep 0.1 is verified, 0.1 at keep 0.3 is from memory. They scored by a whole
    run, which is the default, and trained for a fixed number of steps: here epochs are fixed.
    """

    beta: Annotated[float, In("[0, 1)")] = 0.1
    """share of all arms left out as the hardest"""
    strata: Annotated[int, In("[1, inf)")] = 50
    """how many"""

    revision: ClassVar[int] = 2

    def select(self, traces: Traces, k: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        margin = traces.signals["margin"].mean(axis=(0, 1))
        left = len(margin) - round(self.beta * len(margin))
        arms = np.flatnonzero(highest(margin, max(left, k), rng))
        edges = np.linspace(margin[arms].min(), margin[arms].max(), self.strata + 1)
        stratum = np.searchsorted(edges[1:-1], margin[arms], side="right")
        mask = np.zeros(len(margin), bool)
        for number, quota in enumerate(
            stratum_quotas(np.bincount(stratum, minlength=self.strata), k)
        ):
            mask[rng.choice(arms[stratum == number], quota, replace=False)] = True
        return mask
