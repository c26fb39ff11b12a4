"""exp3ix: Exp3 with implicit exploration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from prune_agents.policies.exp3 import Exp3
from prune_agents.tools.sampling import inclusion
from prune_env.checks import In


@dataclass(frozen=True, kw_only=True)
class Exp3IX(Exp3):
    """Exp3-IX: exponential weights that explore by underestimating what arms miss.

    p_i = min(1, lambda w_i), summing to K; w_i <- w_i exp(-eta (1 - reward_i) / (p_i + gamma)) for
    the kept arms, the reward being clip(loss / log C, 0, 1). Neu, arXiv 1506.03271, from memory;
    K plays a round is this project's form.
    """

    eta: Annotated[float, In("(0, inf)")] = 0.1
    """step size"""
    gamma: Annotated[float, In("[0, inf)")] = 0.05
    """implicit exploration"""

    def gain(self, reward: NDArray[Any], chance: NDArray[Any]) -> NDArray[Any]:
        return -self.eta * (1 - reward) / (chance + self.gamma)

    def chances(self, weight: NDArray[Any], k: int) -> NDArray[np.float64]:
        return inclusion(weight, k)
