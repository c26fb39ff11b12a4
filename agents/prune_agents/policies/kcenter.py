"""kcenter: keep the arms that lie farthest from those already chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prune_agents.policies.geometric import Array, Geometric
from prune_agents.prior import Traces


@dataclass(frozen=True, kw_only=True)
class KCenter(Geometric):
    """k-center: keep the arm that is farthest from all that are kept, again and again.

    The first arm is drawn at random. Source: Sener and Savarese, arXiv 1708.00489, in its greedy
    form, verified in DeepCore. The choice takes N K distances.
    """

    def pick(
        self, features: Array, traces: Traces, k: int, rng: np.random.Generator
    ) -> NDArray[np.integer[Any]]:
        features = features - features.mean(axis=0)  # of a large mean float32 keeps no distances
        squares = np.square(features).sum(axis=1)
        nearest = np.full(len(features), np.inf)
        picked = np.empty(k, np.int64)
        arm = int(rng.integers(len(features)))
        for place in range(k):
            picked[place] = arm
            distance = squares + squares[arm] - 2 * (features @ features[arm])
            np.minimum(nearest, distance, out=nearest)
            nearest[arm] = -np.inf  # never again, also where others lie on the same point
            arm = int(nearest.argmax())
        return picked
