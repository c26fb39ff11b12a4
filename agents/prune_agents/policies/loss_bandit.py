"""LossBandit: what the bandits have in common that maximise the loss of the arms they keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from prune_agents.agent import Agent, Observation, State
from prune_agents.tools.guess import in_guesses, remember_guess
from prune_env.core.moving_averages import Floats


@dataclass(frozen=True, kw_only=True)
class LossBandit(Agent):
    """A bandit whose reward for an arm is clip(loss / log C, 0, 1); the choice is this project's.

    Without classes the highest loss of the first round stands for log C; see `remember_guess`.
    """

    signals: ClassVar[tuple[str, ...]] = ("loss",)

    def start(self, num_runs: int, num_arms: int) -> State:
        return {"log_classes": np.zeros((num_runs, 1), np.float32)}

    def reward(self, state: State, observation: Observation) -> Floats:
        """(M, N) float32 in [0, 1]: of every arm at its last observation."""
        remember_guess(state["log_classes"], observation["loss"])
        return np.clip(in_guesses(observation["loss"], state["log_classes"]), 0, 1)
