"""kakurenbo: hide the easiest arms, but for those that are not learned for sure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Observation, State
from prune_agents.policies.full_feedback import FullFeedback
from prune_agents.tools.weights import room_for
from prune_env.checks import In
from prune_env.core.selection import ActionKind, best_k


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
        return super().env_options(epochs) | room_for(1 / self.keep_ratio)

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        loss = observation["loss"]
        num_arms = loss.shape[1]
        stage = np.searchsorted([0.3, 0.6, 0.8], observation["progress"][:, 0], side="right")
        share = (1 - self.keep_ratio) * np.array([1, 0.8, 0.6, 0.4])[stage]
        most = (share * num_arms + 1e-6).astype(int).clip(max=num_arms - 1)
        sure = (observation["correct"] == 1) & (observation["confidence"] >= self.threshold)
        kept = ~(best_k(-loss, most, rng) & sure)
        weight = np.where(state["round"] > 0, 1 / (1 - share), 1.0)
        return kept * weight[:, None]
