"""nlu_diet: after some whole rounds, keep the arms with the largest error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Observation, State
from prune_agents.policies.full_feedback import FullFeedback
from prune_agents.tools.schedule import begins_before
from prune_env.checks import In
from prune_env.core.selection import best_k


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
