"""dyn_reduction: random arms, fewer from round to round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Agent, Observation, State
from prune_agents.tools.schedule import schedule
from prune_env.core.selection import random_k


@dataclass(frozen=True, kw_only=True)
class DynReduction(Agent):
    """Uniform choice of a share that shrinks linearly, from all in the first round to keep_ratio.

    keep_ratio is reached in the last round. The idea of shrinking is read in the abstract of arXiv
    2208.02007; the schedule is the project's own.
    """

    signals: ClassVar[tuple[str, ...]] = ("progress",)
    keeps_k: ClassVar[bool] = False
    revision: ClassVar[int] = 2

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        everything = np.ones(observation["seen"].shape, bool)
        along = schedule(state["round"], observation["progress"])[:, 0]
        share = 1 - (1 - self.keep_ratio) * along
        counts = np.maximum(np.rint(share * everything[0].size).astype(int), 1)
        return random_k(everything, counts, rng)
