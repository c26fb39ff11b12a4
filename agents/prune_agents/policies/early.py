"""Early: what the static scores from the beginning of training have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from prune_agents.policies.static import Scored
from prune_agents.prior import Prior
from prune_env.checks import In


@dataclass(frozen=True, kw_only=True)
class Early(Scored):
    """Keeps the arms of the highest mean of one signal over short prior runs."""

    prior_runs: Annotated[int, In("[1, inf)")] = 1
    """independent prior runs to average over, each of which is charged"""
    over: Literal["rounds", "last"] = "rounds"
    """mean over the rounds of a prior run, or its last round only; all are recorded and charged"""

    prior_share: ClassVar[float] = 0.1
    prior_floor: ClassVar[int] = 2

    def prior(self, epochs: int) -> Prior:
        return replace(super().prior(epochs), runs=self.prior_runs)

    def average(self, trace: NDArray[np.float32]) -> NDArray[np.floating[Any]]:
        """(R, P, N) -> (R, N)."""
        return trace.mean(axis=1) if self.over == "rounds" else trace[:, -1]
