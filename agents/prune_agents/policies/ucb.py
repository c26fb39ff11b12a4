"""ucb and ucb_std: the seed paper's upper confidence bound from the variance of the loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Observation, State
from prune_agents.policies.uncertainty import Uncertainty
from prune_env.checks import In
from prune_env.core.moving_averages import ema, ema_variance


@dataclass(frozen=True, kw_only=True)
class UCB(Uncertainty):
    """The seed paper's upper confidence bound: moving mean plus c times variance of the loss.

    v <- (1 - alpha) v + alpha (loss - m)^2 with the old m; m <- (1 - alpha) m + alpha loss;
    score m + c v: the variance, not its root, and no count of pulls.
    """

    c: Annotated[float, In("[0, inf)")] = 1.0
    """weight of the variance"""

    def start(self, num_runs: int, num_arms: int) -> State:
        variance = np.zeros((num_runs, num_arms), np.float32)
        return super().start(num_runs, num_arms) | {"variance": variance}

    def update(self, state: State, observation: Observation) -> None:
        loss, seen = observation["loss"], observation["seen"] == 1
        variance = ema_variance(state["variance"], state["mean"], loss, self.alpha, seen)
        state["variance"] = variance
        state["mean"] = ema(state["mean"], loss, self.alpha, seen)

    def scores(
        self, state: State, observation: Observation, rng: np.random.Generator
    ) -> NDArray[np.floating[Any]]:
        return state["mean"] + self.c * state["variance"]


@dataclass(frozen=True, kw_only=True)
class UCBStd(UCB):
    """The `ucb` policy with the deviation in place of the variance: score m + c sqrt v.

    A proposal of this project: the bonus then has the unit of the loss.
    """

    def scores(
        self, state: State, observation: Observation, rng: np.random.Generator
    ) -> NDArray[np.floating[Any]]:
        return state["mean"] + self.c * np.sqrt(state["variance"])
