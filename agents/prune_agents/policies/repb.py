"""RePB: decide inside the batch who stays, and weigh by how often an arm was kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Agent, Observation, State
from prune_agents.tools.groups import batch_mean
from prune_agents.tools.weights import room_for
from prune_env.checks import In
from prune_env.core.selection import ActionKind


@dataclass(frozen=True, kw_only=True)
class RePB(Agent):
    """RePB: an arm stays if its loss reaches the mean of its batch, else with chance 1 - rho.

    An arm that was not trained in the last round returns with chance 1 - rho. Kept arms weigh
    E / N_i, the rounds so far over how often i was kept, both with this round counted, and at most
    max_weight. Source: "Inconsistency Biases in Dynamic Data Pruning" (ICLR 2026), from a digest;
    rho, the bound on the weight and that batches are drawn again (an environment does not tell
    them) are this project's. keep_ratio plays no part.
    """

    rho: Annotated[float, In("[0, 1)")] = 0.5
    """chance of being pruned"""
    max_weight: Annotated[float, In("[1, inf)")] = 5.0
    """bound on the weights"""
    batch_size: Annotated[int, In("[1, inf)")] = 128
    """arms that share one mean"""

    signals: ClassVar[tuple[str, ...]] = ("loss", "pulls")
    action: ClassVar[ActionKind] = "weights"
    keeps_k: ClassVar[bool] = False
    reads_keep_ratio: ClassVar[bool] = False

    def env_options(self, epochs: float) -> dict[str, Any]:
        return room_for(self.max_weight)

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        loss = observation["loss"]
        # Whatever an agent has chosen: a budget cuts a choice, another agent may have made it.
        trained = (observation["seen"] == 1) | (self.selection_number(state) == 0)[:, None]
        mean = batch_mean(loss, trained, self.batch_size, rng)
        hard = trained & (loss >= mean * (1 - 1e-6))  # equal losses reach their rounded mean too
        lucky = rng.random(loss.shape) >= self.rho
        first = state["round"] == 0
        kept = hard | lucky | first[:, None]
        weight = (state["round"][:, None] + 1) / (observation["pulls"] + 1)
        return kept * np.minimum(weight, self.max_weight)
