"""moderate: keep the arms at a middling distance from the median of their class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prune_agents.policies.geometric import Array, Geometric
from prune_agents.prior import Traces


@dataclass(frozen=True, kw_only=True)
class Moderate(Geometric):
    """Moderate: keep the arms whose distance to the median of their class is in the middle.

    All arms are ranked by the distance of their features to the coordinate-wise median of those of
    their class; the K middle ranks are kept, 0.5 - keep_ratio / 2 to 0.5 + keep_ratio / 2. Source:
    Moderate Coreset, ICLR 2023, verified in the authors' code.
    """

    def pick(
        self, features: Array, traces: Traces, k: int, rng: np.random.Generator
    ) -> NDArray[np.integer[Any]]:
        distance = np.empty(len(features))
        for label in np.unique(traces.labels):
            mine = traces.labels == label
            centre = np.median(features[mine], axis=0)
            distance[mine] = np.linalg.norm(features[mine] - centre, axis=1)
        first = round((len(features) - k) / 2)
        return np.argsort(distance, kind="stable")[first : first + k]
