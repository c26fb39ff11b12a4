"""UCB1: the classical upper confidence bound on the mean loss of an arm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Agent, Observation, State
from prune_agents.maths import UNSEEN, best_k
from prune_agents.registry import register


@register("ucb1")
@dataclass(frozen=True, kw_only=True)
class UCB1(Agent):
    """Combinatorial UCB1: the mean loss of an arm plus a bonus that falls with its observations.

    score_i = m_i + c sqrt(1.5 ln t / n_i) in round t, where n_i counts observations and m_i is
    their mean reward, clip(loss / log C, 0, 1). Arms never observed go first, in random order.
    log C is the loss that such arms show, so it is read off the first observation. The bonus is
    the textbook's (CUCB), from memory; the reward is this project's choice.
    """

    c: float = 1.0
    """weight of the bonus, 0 or more"""

    signals: ClassVar[tuple[str, ...]] = ("loss",)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(self.c >= 0, "c", "0 or more")

    def start(self, num_runs: int, num_arms: int) -> State:
        return {
            "sum": np.zeros((num_runs, num_arms), np.float32),
            "count": np.zeros((num_runs, num_arms), np.float32),
            "log_classes": np.zeros((num_runs, 1), np.float32),
        }

    def update(self, state: State, observation: Observation) -> None:
        first = state["round"] == 0
        state["log_classes"][first, 0] = observation["loss"][first].max(axis=1)
        reward = np.clip(observation["loss"] / state["log_classes"], 0, 1)
        state["sum"] += observation["seen"] * reward
        state["count"] += observation["seen"]

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        count = np.maximum(state["count"], 1)
        log_round = np.log(state["round"] + 1.0).astype(np.float32)[:, None]
        score = state["sum"] / count + self.c * np.sqrt(1.5 * log_round / count)
        return best_k(np.where(state["count"] > 0, score, UNSEEN), k, rng)
