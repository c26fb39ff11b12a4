"""LossOrGuess: what the policies that read the loss of every arm, seen or not, have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from prune_agents.agent import Agent, Observation, State
from prune_agents.tools.guess import remember_guess
from prune_env.core.moving_averages import Floats


@dataclass(frozen=True, kw_only=True)
class LossOrGuess(Agent):
    """Reads the latest loss of each arm; one never observed stands at that of a guess, log C.

    An environment starts there. A loop without classes starts at 0, which would be the easiest.
    """

    signals: ClassVar[tuple[str, ...]] = ("loss",)

    def start(self, num_runs: int, num_arms: int) -> State:
        return {
            "observed": np.zeros((num_runs, num_arms), bool),
            "log_classes": np.zeros((num_runs, 1), np.float32),
        }

    def update(self, state: State, observation: Observation) -> None:
        state["observed"] |= observation["seen"] == 1
        remember_guess(state["log_classes"], observation["loss"])

    def losses(self, state: State, observation: Observation) -> Floats:
        """(M, N) the latest loss, or that of a guess."""
        loss = observation["loss"]
        known = state["observed"] | (loss != 0)
        return np.where(known, loss, state["log_classes"])
