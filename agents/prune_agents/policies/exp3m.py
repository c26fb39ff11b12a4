"""exp3m: Exp3 with multiple plays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from prune_agents.policies.exp3 import Exp3
from prune_agents.tools.sampling import inclusion
from prune_env.checks import In


@dataclass(frozen=True, kw_only=True)
class Exp3M(Exp3):
    """Exp3.M: exponential weights of the losses, with a share gamma of uniform exploration.

    p_i = K ((1 - gamma) w_i / sum w + gamma / N), heavy weights capped such that no p_i exceeds 1;
    w_i <- w_i exp(gamma K / N * reward_i / p_i) for the kept arms with p_i < 1, the reward being
    clip(loss / log C, 0, 1). Uchiya, Nakamura and Kudo (2010), from memory.
    """

    gamma: Annotated[float, In("(0, 1]")] = 0.1
    """share of uniform exploration, and step size"""

    def gain(self, reward: NDArray[Any], chance: NDArray[Any]) -> NDArray[Any]:
        share = chance.sum(axis=1, keepdims=True) / chance.shape[1]  # K / N
        return np.where(chance < 1, self.gamma * share * reward / chance, 0)

    def chances(self, weight: NDArray[Any], k: int) -> NDArray[np.float64]:
        floor = k * self.gamma / weight.shape[1]
        if floor == 1:
            return np.ones(weight.shape)
        return floor + (1 - floor) * inclusion(weight, (k - k * self.gamma) / (1 - floor))
