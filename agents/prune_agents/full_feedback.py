"""Policies that look at the pruned arms as well: kakurenbo and nlu_diet.

Their forward passes over pruned arms are asked of the environment through `env_options`, and
charged there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Agent, Observation, State
from prune_agents.maths import begins_before
from prune_agents.registry import register
from prune_agents.sampling import best_k
from prune_env.options import In
from prune_env.selection import ActionKind


@dataclass(frozen=True, kw_only=True)
class FullFeedback(Agent):
    """Wants a forward pass over the pruned arms in the round before each selection."""

    keeps_k: ClassVar[bool] = False

    def env_options(self, epochs: float) -> dict[str, Any]:
        return {"feedback": "full", "refresh": self.period}


@register("kakurenbo")
@dataclass(frozen=True, kw_only=True)
class Kakurenbo(FullFeedback):
    """KAKURENBO: hide the arms of the lowest loss, but not those that are wrong or unsure.

    Of the lowest floor(F N) losses the arms with correct = 1 and confidence >= threshold are
    hidden. F falls from 1 - keep_ratio by the factors 1, 0.8, 0.6, 0.4 from 0, 30, 60 and 80 % of
    the run. From the second round on the others weigh 1 / (1 - F), however few are hidden, which
    stands for the authors' larger learning rate; their first epoch warms up. No weight exceeds
    1 / keep_ratio, which is asked of the environment where it allows less. Source: arXiv
    2310.10102, verified against the authors' code (CIFAR-100), where hidden arms are scored in
    training mode and augmented; here as the environment scores them.
    """

    threshold: Annotated[float, In("[0, 1]")] = 0.7
    """an arm whose label has less than this probability is not hidden"""

    signals: ClassVar[tuple[str, ...]] = ("loss", "confidence", "correct", "progress")
    action: ClassVar[ActionKind] = "weights"
    revision: ClassVar[int] = 2

    def env_options(self, epochs: float) -> dict[str, Any]:
        options = super().env_options(epochs)
        return options if self.keep_ratio >= 0.01 else options | {"weight_max": 1 / self.keep_ratio}

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        loss = observation["loss"]
        num_arms = loss.shape[1]
        stage = np.searchsorted([0.3, 0.6, 0.8], observation["progress"][:, 0], side="right")
        share = (1 - self.keep_ratio) * np.array([1, 0.8, 0.6, 0.4])[stage]
        most = (share * num_arms + 1e-6).astype(int)
        sure = (observation["correct"] == 1) & (observation["confidence"] >= self.threshold)
        kept = ~(best_k(-loss, most, rng) & sure)
        weight = np.where(state["round"] > 0, 1 / (1 - share), 1.0)
        return kept * weight[:, None]


@register("nlu_diet")
@dataclass(frozen=True, kw_only=True)
class NLUDiet(FullFeedback):
    """Some full rounds, then every `period` rounds the K arms of the largest error norm.

    The score is EL2N of the current network, ||p - onehot(y)||_2. The outline is read in the
    abstract of arXiv 2306.03208 (language understanding); the warm-up of a tenth of the run is this
    project's.
    """

    warm_up: Annotated[float, In("[0, 1]")] = 0.1
    """share of the run that is trained whole"""

    signals: ClassVar[tuple[str, ...]] = ("error_norm", "progress")
    revision: ClassVar[int] = 2

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        warming = begins_before(self.warm_up, observation["progress"])
        return best_k(observation["error_norm"], k, rng) | warming
