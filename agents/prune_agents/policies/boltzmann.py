"""boltzmann: draw arms by a softmax of their loss that grows colder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Observation, State
from prune_agents.policies.uncertainty import Uncertainty
from prune_agents.tools.schedule import schedule
from prune_env.checks import In
from prune_env.core.generators import gumbel


@dataclass(frozen=True, kw_only=True)
class Boltzmann(Uncertainty):
    """Softmax exploration: draw with odds exp(s / tau) of the moving average s of the loss.

    K arms without replacement. tau goes linearly from tau_start in the first round to tau_end in
    the last: 0 is greedy, infinity uniform. Textbook rule, from memory; the schedule is this
    project's.
    """

    tau_start: Annotated[float, In("(0, inf)")] = 1.0
    """temperature in the first round, nats"""
    tau_end: Annotated[float, In("(0, inf)")] = 0.1
    """temperature in the last round, nats"""

    signals: ClassVar[tuple[str, ...]] = ("loss", "progress")
    revision: ClassVar[int] = 2

    def scores(
        self, state: State, observation: Observation, rng: np.random.Generator
    ) -> NDArray[np.floating[Any]]:
        along = schedule(state["round"], observation["progress"])
        tau = self.tau_start + (self.tau_end - self.tau_start) * along
        return state["mean"] / tau + gumbel(rng, state["mean"].shape)
