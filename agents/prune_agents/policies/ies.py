"""ies: train an arm no longer while its loss has stopped bending."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Observation, State
from prune_agents.policies.full_feedback import FullFeedback
from prune_env.checks import In

LOSSES = 6
"""How many an arm must have shown before it can stop: three second differences and one before."""


@dataclass(frozen=True, kw_only=True)
class IES(FullFeedback):
    """IES: an arm rests while the second difference of its loss is small, and may return.

    An arm is left out while the mean over its last 3 values of |l_t - 2 l_{t-1} + l_{t-2}| is below
    the threshold, from its sixth loss on. Its loss is looked at in every round all the same, for 1
    pass in place of 3. Source: ICLR 2025 ("instance-dependent early stopping"), verified against
    the authors' code; there, in a round in which no arm rests, the last choice is trained again,
    here all arms are. keep_ratio plays no part. Where all arms rest, the one that bends most is
    trained.
    """

    threshold: Annotated[float, In("[0, inf)")] = 1e-3
    """in nats, as the authors use for 10 classes; for 100 they use twice that"""

    signals: ClassVar[tuple[str, ...]] = ("loss",)
    reads_keep_ratio: ClassVar[bool] = False

    def env_options(self, epochs: float) -> dict[str, Any]:
        return super().env_options(epochs) | {"refresh": 1}

    def start(self, num_runs: int, num_arms: int) -> State:
        return {
            "losses": np.zeros((num_runs, 5, num_arms), np.float32),
            "count": np.zeros((num_runs, num_arms), np.int64),
        }

    def update(self, state: State, observation: Observation) -> None:
        seen = observation["seen"] == 1
        shifted = np.concatenate([state["losses"][:, 1:], observation["loss"][:, None]], axis=1)
        state["losses"] = np.where(seen[:, None], shifted, state["losses"])
        state["count"] += seen

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        bend = np.abs(np.diff(state["losses"], n=2, axis=1)).mean(axis=1)
        bend = np.where(state["count"] < LOSSES, np.inf, bend)
        return (bend >= self.threshold) | (bend == bend.max(axis=1, keepdims=True))
