"""epsilon_greedy: the seed paper's greedy choice with a random share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Observation, State
from prune_agents.policies.uncertainty import Uncertainty
from prune_env.checks import In
from prune_env.core.selection import best_k, random_k


@dataclass(frozen=True, kw_only=True)
class EpsilonGreedy(Uncertainty):
    """Greedy on the moving average of the loss, with a share epsilon of the K arms at random.

    floor(epsilon K) arms are drawn uniformly from those that greed leaves out.
    """

    epsilon: Annotated[float, In("[0, 1]")] = 0.1
    """share of the kept arms that are random"""

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        num_random = int(self.epsilon * k + 1e-9)
        greedy = best_k(state["mean"], k - num_random, rng)
        return greedy | random_k(~greedy, num_random, rng)
