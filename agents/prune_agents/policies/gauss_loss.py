"""gauss_loss: draw arms by their loss times a bell curve about the mean loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Observation, State
from prune_agents.policies.uncertainty import Uncertainty
from prune_agents.tools.sampling import weighted_k
from prune_env.core.moving_averages import UNSEEN


@dataclass(frozen=True, kw_only=True)
class GaussLoss(Uncertainty):
    """Draw with odds a exp(-(a - mu)^2 / (2 sd^2)) of the moving average a of the loss.

    mu and sd are the mean and deviation of a over the arms: very low and very high losses are
    both rare. K arms without replacement. The idea is read in the abstract of arXiv 2406.13871
    (time series); this form of it is the project's own.
    """

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        return weighted_k(self.scores(state, observation, rng), k, rng)

    def scores(
        self, state: State, observation: Observation, rng: np.random.Generator
    ) -> NDArray[np.floating[Any]]:
        """Logarithms of the odds."""
        mean = state["mean"]
        known = np.isfinite(mean)
        loss = np.where(known, mean, 0)
        num_known = np.maximum(known.sum(axis=1, keepdims=True), 1)
        centred = loss - loss.sum(axis=1, keepdims=True) / num_known
        variance = (known * centred**2).sum(axis=1, keepdims=True) / num_known
        odds = np.log(np.maximum(loss, 1e-12)) - centred**2 / np.maximum(2 * variance, 1e-12)
        return np.where(known, odds, UNSEEN)
