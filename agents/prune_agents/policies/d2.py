"""d2: difficulty that neighbours share, picked so that it is spread out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from prune_agents.policies.geometric import Array, Geometric
from prune_agents.prior import Traces
from prune_agents.tools.features import nearest_neighbours
from prune_env.checks import In


@dataclass(frozen=True, kw_only=True)
class D2(Geometric):
    """D2: keep hard arms in hard neighbourhoods, and after each let its neighbours count less.

    On the graph of the k nearest neighbours, s_i <- s_i + sum_j exp(-d_ij) s_j; then the arm of the
    highest s is kept, and exp(-gamma d_ij) times its s is taken from its neighbours' j, until K are
    kept. Source: arXiv 2310.07931, verified in the authors' code, k = 10 and gamma from 0.1 to 1.
    The scores that it begins with are (1 - mean margin) / 2 over the prior run, and distances are
    divided by their mean: both are this project's proposals.
    """

    neighbours: Annotated[int, In("[1, inf)")] = 10
    """how many nearest ones each arm has in the graph"""
    gamma: Annotated[float, In("[0, inf)")] = 1.0
    """how fast what is taken away falls with the distance"""

    def pick(
        self, features: Array, traces: Traces, k: int, rng: np.random.Generator
    ) -> NDArray[np.integer[Any]]:
        distance, neighbour = nearest_neighbours(features, min(self.neighbours, len(features) - 1))
        distance = distance / max(distance.mean(), 1e-12)
        difficulty = (1 - traces.signals["margin"][0].mean(axis=0).astype(np.float64)) / 2
        score = difficulty + (np.exp(-distance) * difficulty[neighbour]).sum(axis=1)
        taken = np.exp(-self.gamma * distance)
        picked = np.empty(k, np.int64)
        for place in range(k):
            arm = int(score.argmax())
            picked[place] = arm
            score[neighbour[arm]] -= taken[arm] * score[arm]
            score[arm] = -np.inf
        return picked
