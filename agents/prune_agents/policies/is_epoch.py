"""Importance sampling by rounds: is_epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Agent, Observation, State
from prune_agents.tools.sampling import inclusion, systematic
from prune_agents.tools.weights import room_for
from prune_env.checks import In
from prune_env.core.selection import ActionKind


@dataclass(frozen=True, kw_only=True)
class ISEpoch(Agent):
    """Importance sampling: keep with a chance that grows with the error norm, weigh by 1 / chance.

    The chance is min(1, lambda g) with lambda such that K arms are kept, exactly K by systematic
    sampling. g = ||p - onehot(y)||_2 bounds the gradient norm (Katharopoulos and Fleuret, arXiv
    1803.00942); it is mixed with its mean, g <- (1 - uniform) g / mean g + uniform. The weight of
    an arm is K / (N chance), at most 1 / uniform: the expected weighted loss of a round is K times
    the mean loss over all arms, whatever the norms, and the sum of the weights is K on average
    only. The score is verified against the authors' code; doing it by rounds is this project's
    form.
    """

    uniform: Annotated[float, In("(0, 1]")] = 0.2
    """share of uniform sampling in the mix"""

    signals: ClassVar[tuple[str, ...]] = ("error_norm",)
    action: ClassVar[ActionKind] = "weights"
    revision: ClassVar[int] = 2

    def env_options(self, epochs: float) -> dict[str, Any]:
        return room_for(1 / self.uniform)

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        norm = observation["error_norm"]
        mean = np.maximum(norm.mean(axis=1, keepdims=True), 1e-12)
        probability = inclusion((1 - self.uniform) * norm / mean + self.uniform, k)
        return systematic(probability, rng) * (k / norm.shape[1]) / probability
