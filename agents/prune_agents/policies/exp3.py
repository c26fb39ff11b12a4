"""Exp3: what the adversarial bandits with K plays a round have in common."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Observation, State
from prune_agents.policies.loss_bandit import LossBandit
from prune_agents.tools.sampling import systematic


@dataclass(frozen=True, kw_only=True)
class Exp3(LossBandit):
    """Exponential weights, their logarithms in `log_weight`."""

    def start(self, num_runs: int, num_arms: int) -> State:
        return super().start(num_runs, num_arms) | {
            "log_weight": np.zeros((num_runs, num_arms)),
            "chance": np.ones((num_runs, num_arms)),
            "kept": np.zeros((num_runs, num_arms), bool),
        }

    def update(self, state: State, observation: Observation) -> None:
        reward = self.reward(state, observation)
        kept = state["kept"] & (observation["seen"] == 1)
        state["log_weight"] += np.where(kept, self.gain(reward, state["chance"]), 0)
        state["kept"] = np.zeros_like(state["kept"])  # a choice is one play
        # Only ratios count; this keeps the weights from overflowing.
        state["log_weight"] -= state["log_weight"].max(axis=1, keepdims=True)

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        # An arm 1e-30 times as heavy as the heaviest is as good as gone, and above 0.
        weight = np.maximum(np.exp(state["log_weight"]), 1e-30)
        state["chance"] = self.chances(weight, k)
        state["kept"] = systematic(state["chance"], rng)
        return state["kept"]

    @abstractmethod
    def gain(self, reward: NDArray[Any], chance: NDArray[Any]) -> NDArray[Any]:
        """(M, N): what the logarithm of the weight of a kept arm changes by."""

    @abstractmethod
    def chances(self, weight: NDArray[Any], k: int) -> NDArray[np.float64]:
        """(M, N) in (0, 1], summing to k in each row."""
