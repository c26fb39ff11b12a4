"""orderdp: the highest losses of a random pool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Observation, State
from prune_agents.policies.stored_loss import StoredLoss
from prune_env.checks import In
from prune_env.core.moving_averages import Floats
from prune_env.core.selection import best_k, random_k


@dataclass(frozen=True, kw_only=True)
class OrderDP(StoredLoss):
    """OrderDP: of a uniform random pool, keep the arms of the highest latest loss.

    The pool has K / top_share arms and its top K are kept; no weights, no last full rounds. Source:
    arXiv 2606.08574, verified against the authors' code, where losses start at 3; here an arm never
    observed goes first. The paper's keep ratio 0.3 is a pool of 0.5 N and its top 0.6. Where
    keep_ratio exceeds top_share the pool is everything.
    """

    top_share: Annotated[float, In("(0, 1]")] = 0.6
    """share of the pool that is kept"""

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        score = self.score(state)
        num_runs, num_arms = score.shape
        pool_size = min(num_arms, round(k / self.top_share))
        pool = random_k(np.ones(score.shape, bool), np.full(num_runs, pool_size), rng)
        return best_k(np.where(pool, score, -np.inf), k, rng)

    def score(self, state: State) -> Floats:
        """(M, N) what the arms of the pool are ranked by, `UNSEEN` where never observed."""
        return state["loss"]
