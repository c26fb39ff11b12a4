"""Adversarial bandits with K plays a round: exp3m and exp3ix.

Each keeps an arm with a known chance p_i, where sum p = K, and divides what it observes by p_i.
The authors draw K arms of those chances by dependent rounding; systematic sampling in random order,
which has the same chances, costs a sort instead of N steps of a loop. Only arms that were kept
count, also where an environment shows more.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Observation, State
from prune_agents.bandit import LossBandit
from prune_agents.registry import register
from prune_agents.sampling import inclusion, systematic
from prune_env.options import In


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


@register("exp3m")
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


@register("exp3ix")
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
