"""StoredLoss: what the policies that rank the latest loss of each arm have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from prune_agents.agent import Agent, Observation, State
from prune_env.core.moving_averages import UNSEEN, latest


@dataclass(frozen=True, kw_only=True)
class StoredLoss(Agent):
    """Remembers the latest loss of each arm; arms never observed rank above all others."""

    signals: ClassVar[tuple[str, ...]] = ("loss",)

    def start(self, num_runs: int, num_arms: int) -> State:
        return {"loss": np.full((num_runs, num_arms), UNSEEN)}

    def update(self, state: State, observation: Observation) -> None:
        state["loss"] = latest(state["loss"], observation["loss"], observation["seen"] == 1)
