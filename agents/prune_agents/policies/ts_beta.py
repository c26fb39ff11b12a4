"""ts_beta: Thompson sampling with a beta belief about whether an arm is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Agent, Observation, State
from prune_env.checks import In
from prune_env.core.moving_averages import UNSEEN, faded


@dataclass(frozen=True, kw_only=True)
class TSBeta(Agent):
    """Thompson sampling with Beta beliefs about the chance that an arm is misclassified.

    theta_i ~ Beta(1 + wrong_i, 1 + right_i), discounted counts of misclassified and correctly
    classified observations.
    """

    discount: Annotated[float, In("(0, 1]")] = 0.95
    """what an observation keeps of its weight each round"""

    signals: ClassVar[tuple[str, ...]] = ("correct",)

    def start(self, num_runs: int, num_arms: int) -> State:
        return {
            "wrong": np.zeros((num_runs, num_arms), np.float32),
            "right": np.zeros((num_runs, num_arms), np.float32),
        }

    def update(self, state: State, observation: Observation) -> None:
        seen, correct = observation["seen"], observation["correct"]
        state["wrong"] = faded(state["wrong"], self.discount) + seen * (1 - correct)
        state["right"] = faded(state["right"], self.discount) + seen * correct

    def scores(
        self, state: State, observation: Observation, rng: np.random.Generator
    ) -> NDArray[np.floating[Any]]:
        theta = rng.beta(1 + state["wrong"], 1 + state["right"])
        known = state["wrong"] + state["right"] > 0
        return np.where(known, theta, UNSEEN)
