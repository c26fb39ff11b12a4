"""LossBandit: what the bandits have in common that maximise the loss of the arms they keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from prune_agents.agent import Agent, Observation, State
from prune_env.core.moving_averages import Floats


@dataclass(frozen=True, kw_only=True)
class LossBandit(Agent):
    """A bandit whose reward for an arm is clip(loss / log C, 0, 1); the choice is this project's.

    log C is the loss of an arm that was never observed, so it is read off the first observation.
    In a loop without classes that is 0, and the highest loss of the first round stands for it.
    """

    signals: ClassVar[tuple[str, ...]] = ("loss",)

    def start(self, num_runs: int, num_arms: int) -> State:
        return {"log_classes": np.zeros((num_runs, 1), np.float32)}

    def reward(self, state: State, observation: Observation) -> Floats:
        """(M, N) float32 in [0, 1]: of every arm at its last observation."""
        unknown = state["log_classes"][:, 0] == 0
        state["log_classes"][unknown, 0] = observation["loss"][unknown].max(axis=1)
        most = np.where(state["log_classes"] > 0, state["log_classes"], 1)
        return np.clip(observation["loss"] / most, 0, 1)
