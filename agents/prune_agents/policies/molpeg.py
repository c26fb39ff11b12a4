"""MolPeg: what a network and its own moving average disagree about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Agent, Observation, State
from prune_env.core.moving_averages import UNSEEN, latest


@dataclass(frozen=True, kw_only=True)
class MolPeg(Agent):
    """MolPeg: the K arms whose loss differs most from that under a moving average of the weights.

    Score |loss - reference_loss| of the last training pass, for which a trained sample costs 4
    passes instead of 3. Source: arXiv 2409.01081, verified in the authors' code. What differs: the
    average is the environment's, of the whole network (see `reference_decay` of the recipe), where
    the code keeps 0.5 of it a step and lends it the trained head; arms never observed go first
    instead of beginning at a score of 1; no weights, which in the code are the same for all arms
    that are kept (1 / keep_ratio, and applied twice).
    """

    signals: ClassVar[tuple[str, ...]] = ("loss", "reference_loss")

    def start(self, num_runs: int, num_arms: int) -> State:
        return {"score": np.full((num_runs, num_arms), UNSEEN)}

    def update(self, state: State, observation: Observation) -> None:
        score = np.abs(observation["loss"] - observation["reference_loss"])
        state["score"] = latest(state["score"], score, observation["seen"] == 1)

    def scores(
        self, state: State, observation: Observation, rng: np.random.Generator
    ) -> NDArray[np.floating[Any]]:
        return state["score"]
