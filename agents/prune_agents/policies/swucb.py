"""swucb: UCB1 over a sliding window of rounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Observation, State
from prune_agents.policies.ucb1 import UCB1
from prune_env.checks import In


@dataclass(frozen=True, kw_only=True)
class SWUCB(UCB1):
    """Sliding-window UCB: only the last `window` rounds count.

    score_i = m_i + c sqrt(0.6 ln(min(t, window)) / n_i), with counts n and means m over the
    window; an arm without an observation in it goes first. Garivier and Moulines, arXiv 0805.3415,
    from memory, with B = 1 and xi = 0.6.
    """

    window: Annotated[int, In("[1, inf)")] = 10
    """rounds that are remembered; each costs 8 bytes an arm"""

    def start(self, num_runs: int, num_arms: int) -> State:
        return super().start(num_runs, num_arms) | {
            "rewards": np.zeros((num_runs, self.window, num_arms), np.float32),
            "observed": np.zeros((num_runs, self.window, num_arms), np.float32),
        }

    def update(self, state: State, observation: Observation) -> None:
        runs, slot = np.arange(len(state["round"])), state["round"] % self.window
        state["rewards"][runs, slot] = observation["seen"] * self.reward(state, observation)
        state["observed"][runs, slot] = observation["seen"]
        state["sum"] = state["rewards"].sum(axis=1)
        state["count"] = state["observed"].sum(axis=1)

    def scores(
        self, state: State, observation: Observation, rng: np.random.Generator
    ) -> NDArray[np.floating[Any]]:
        rounds = np.minimum(state["round"] + 1, self.window).astype(np.float32)
        return self._upper_bound(state["sum"], state["count"], 0.6 * np.log(rounds)[:, None])
