"""uncertainty: keep the arms with the highest moving mean of their loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Agent, Observation, State
from prune_env.checks import In
from prune_env.core.moving_averages import UNSEEN, ema


@dataclass(frozen=True, kw_only=True)
class Uncertainty(Agent):
    """Greedy: the K arms of the highest moving average of the loss.

    s <- (1 - alpha) s + alpha loss, for every arm observed. From memory the paper's first step.
    """

    alpha: Annotated[float, In("(0, 1]")] = 0.8
    """weight of the newest loss"""

    signals: ClassVar[tuple[str, ...]] = ("loss",)

    def start(self, num_runs: int, num_arms: int) -> State:
        return {"mean": np.full((num_runs, num_arms), UNSEEN)}

    def update(self, state: State, observation: Observation) -> None:
        seen = observation["seen"] == 1
        state["mean"] = ema(state["mean"], observation["loss"], self.alpha, seen)

    def scores(
        self, state: State, observation: Observation, rng: np.random.Generator
    ) -> NDArray[np.floating[Any]]:
        return state["mean"]
