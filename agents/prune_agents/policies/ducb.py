"""ducb: UCB1 whose counts and means forget by a discount."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Observation, State
from prune_agents.policies.ucb1 import UCB1
from prune_env.checks import In


@dataclass(frozen=True, kw_only=True)
class DUCB(UCB1):
    """Discounted UCB: an observation counts discount^(its age in rounds).

    score_i = m_i + 2 c sqrt(0.6 ln t / n_i), with discounted counts n and means m, and t the
    discounted number of rounds. Garivier and Moulines, arXiv 0805.3415, from memory, with B = 1 and
    xi = 0.6. With one play a round theirs is the sum of the n; with K plays that sum is K t, and
    its logarithm would leave only the order of the n.
    """

    discount: Annotated[float, In("(0, 1]")] = 0.95
    """what an observation keeps of its weight each round"""

    revision: ClassVar[int] = 2

    def start(self, num_runs: int, num_arms: int) -> State:
        return super().start(num_runs, num_arms) | {"rounds": np.zeros((num_runs, 1), np.float32)}

    def update(self, state: State, observation: Observation) -> None:
        for name in ("sum", "count", "rounds"):
            state[name] *= self.discount
        super().update(state, observation)
        state["rounds"] += observation["seen"].any(axis=1, keepdims=True)

    def scores(
        self, state: State, observation: Observation, rng: np.random.Generator
    ) -> NDArray[np.floating[Any]]:
        log_rounds = np.log(np.maximum(state["rounds"], 1)).astype(np.float32)
        return self._upper_bound(state["sum"], state["count"], 2.4 * log_rounds)
