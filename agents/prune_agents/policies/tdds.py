"""tdds: keep the arms of the greatest unrest in windows of a prior run, the newest most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.policies.static import Scored, Signals
from prune_agents.policies.windowed import Windowed
from prune_agents.tools import difficulty
from prune_env.checks import In


@dataclass(frozen=True, kw_only=True)
class TDDS(Windowed, Scored):
    """TDDS: keep the arms whose predictions change most unevenly through a prior run.

    d_t = sum_c q_c |log q_c - log p_c| compares the probabilities q after a round with p of the
    round before; the score sums the norms of d - mean d over sliding windows, of which window k of
    J weighs decay (1 - decay)^(J - k): the newest counts most. Source: arXiv 2311.13613, verified
    in the authors' code, with prior runs and windows from (10, 5) to (90, 10), such as (30, 10), of
    200 epochs: 15 % of the run, 4 rounds at least, and a third of that are of that size. Here a
    forward pass after each round, which is charged, takes the probabilities; theirs are those of
    the training passes.
    """

    decay: Annotated[float, In("(0, 1]")] = 0.9
    """weight of the newest window"""

    extra = ("divergence",)
    prior_share: ClassVar[float] = 0.15
    prior_floor: ClassVar[int] = 4
    window_share: ClassVar[float] = 1 / 3
    fewest_rounds: ClassVar[int] = 3
    revision: ClassVar[int] = 2

    def prior_scores(self, signals: Signals) -> NDArray[np.floating[Any]]:
        divergence = signals["divergence"]
        window = self.window_of(divergence.shape[1])
        # The first round has nothing before it.
        return difficulty.moving_unrest(divergence[:, 1:], window, self.decay)
