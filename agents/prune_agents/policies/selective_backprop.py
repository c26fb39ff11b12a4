"""selective_backprop: keep an arm by chance, the likelier the higher its loss ranks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Observation, State
from prune_agents.policies.stored_loss import StoredLoss


@dataclass(frozen=True, kw_only=True)
class SelectiveBackprop(StoredLoss):
    """Selective backprop by rounds: keep an arm with chance F(loss)^beta, F the share not above it.

    beta = 1 / keep_ratio - 1 makes the expected share keep_ratio where losses differ; equal ones
    count in, so that of many more are kept. Arms never observed have F = 1, and the first round is
    whole. Rule of arXiv 1910.00762, verified against the authors' code, where
    it decides inside a batch against recent losses; by rounds, on the latest losses of all arms, is
    this project's form.
    """

    keeps_k: ClassVar[bool] = False

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        loss = state["loss"]
        share = np.empty(loss.shape)
        for row, values in zip(share, loss, strict=True):
            row[...] = np.searchsorted(np.sort(values), values, side="right") / len(values)
        beta = 1 / self.keep_ratio - 1
        return rng.random(loss.shape) < share**beta
