"""ts_gauss: Thompson sampling with a normal belief about the loss of each arm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Observation, State
from prune_agents.policies.loss_bandit import LossBandit
from prune_env.checks import In
from prune_env.core.moving_averages import UNSEEN, faded


@dataclass(frozen=True, kw_only=True)
class TSGauss(LossBandit):
    """Thompson sampling with Gaussian beliefs about the mean loss of an arm.

    theta_i ~ N(m_i, sigma^2 / (n_i + 1)), n_i the discounted count of observations and m_i the
    discounted mean of clip(loss / log C, 0, 1), one imagined reward of 1 included.
    """

    sigma: Annotated[float, In("[0, inf)")] = 0.3
    """deviation of one reward"""
    discount: Annotated[float, In("(0, 1]")] = 0.95
    """what an observation keeps of its weight each round"""

    def start(self, num_runs: int, num_arms: int) -> State:
        return super().start(num_runs, num_arms) | {
            "sum": np.zeros((num_runs, num_arms), np.float32),
            "count": np.zeros((num_runs, num_arms), np.float32),
        }

    def update(self, state: State, observation: Observation) -> None:
        seen = observation["seen"]
        state["sum"] = self.discount * state["sum"] + seen * self.reward(state, observation)
        state["count"] = faded(state["count"], self.discount) + seen

    def scores(
        self, state: State, observation: Observation, rng: np.random.Generator
    ) -> NDArray[np.floating[Any]]:
        n = state["count"] + 1
        noise = rng.standard_normal(n.shape, np.float32)
        theta = (state["sum"] + 1) / n + self.sigma * noise / np.sqrt(n)
        return np.where(state["count"] > 0, theta, UNSEEN)
