"""easiest: keep the arms with the lowest moving mean of their loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Observation, State
from prune_agents.policies.uncertainty import Uncertainty
from prune_env.core.moving_averages import UNSEEN


@dataclass(frozen=True, kw_only=True)
class Easiest(Uncertainty):
    """`uncertainty` the other way round: the K arms of the lowest moving average of the loss.

    Arms never observed go first, as there. This rule is the project's own: the opposite to compare
    with.
    """

    def scores(
        self, state: State, observation: Observation, rng: np.random.Generator
    ) -> NDArray[np.floating[Any]]:
        return np.where(state["mean"] == UNSEEN, UNSEEN, -state["mean"])
