"""UCB1 and its forgetful forms: the mean loss of an arm plus a bonus for few observations.

The bonuses are the textbook's, from memory; arms never observed go first, in random order. Losses
fall as training goes on, so a mean over all rounds lags behind; `ducb` and `swucb` forget.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Observation, State
from prune_agents.policies.loss_bandit import LossBandit
from prune_env.checks import In
from prune_env.core.moving_averages import UNSEEN


@dataclass(frozen=True, kw_only=True)
class UCB1(LossBandit):
    """Combinatorial UCB1: the mean loss of an arm plus a bonus that falls with its observations.

    score_i = m_i + c sqrt(1.5 ln t / n_i) in round t, where n_i counts observations and m_i is
    their mean reward, clip(loss / log C, 0, 1). CUCB of Chen, Wang and Yuan (2013).
    """

    c: Annotated[float, In("[0, inf)")] = 1.0
    """weight of the bonus"""

    def start(self, num_runs: int, num_arms: int) -> State:
        return super().start(num_runs, num_arms) | {
            "sum": np.zeros((num_runs, num_arms), np.float32),
            "count": np.zeros((num_runs, num_arms), np.float32),
        }

    def update(self, state: State, observation: Observation) -> None:
        state["sum"] += observation["seen"] * self.reward(state, observation)
        state["count"] += observation["seen"]

    def scores(
        self, state: State, observation: Observation, rng: np.random.Generator
    ) -> NDArray[np.floating[Any]]:
        log_round = np.log(state["round"] + 1.0).astype(np.float32)[:, None]
        return self._upper_bound(state["sum"], state["count"], 1.5 * log_round)

    def _upper_bound(
        self, total: NDArray[np.float32], count: NDArray[np.float32], width: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """(M, N): mean + c sqrt(width / count), an arm without observations above all others."""
        n = np.where(count > 0, count, 1)
        score = total / n + self.c * np.sqrt(width / n)
        return np.where(count > 0, score, UNSEEN)
