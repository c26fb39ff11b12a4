"""Forgetting events counted as training goes: forget_online."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Agent, Observation, State
from prune_env.checks import In
from prune_env.core.moving_averages import UNSEEN


@dataclass(frozen=True, kw_only=True)
class ForgetOnline(Agent):
    """Keep the arms that are forgotten most: discounted count of forgettings, plus 1 while wrong.

    f <- discount f + 1[was correct at its last observation, is wrong now], at each observation of
    the arm. The event is that of Toneva et al. (arXiv 1812.05159), who count over a whole prior
    run; discounting and choosing online is this project's form.
    """

    discount: Annotated[float, In("[0, 1]")] = 0.9
    """what a count keeps at each observation"""

    signals: ClassVar[tuple[str, ...]] = ("correct",)

    def start(self, num_runs: int, num_arms: int) -> State:
        return {
            "forgotten": np.full((num_runs, num_arms), UNSEEN),
            "correct": np.zeros((num_runs, num_arms), bool),
        }

    def update(self, state: State, observation: Observation) -> None:
        seen, correct = observation["seen"] == 1, observation["correct"] == 1
        count = np.where(np.isinf(state["forgotten"]), 0, state["forgotten"])
        count = self.discount * count + (state["correct"] & ~correct)
        state["forgotten"] = np.where(seen, count, state["forgotten"])
        state["correct"] = np.where(seen, correct, state["correct"])

    def scores(
        self, state: State, observation: Observation, rng: np.random.Generator
    ) -> NDArray[np.floating[Any]]:
        return state["forgotten"] + ~state["correct"]
