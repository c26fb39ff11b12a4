"""cat: keep the arms whose loss varied most early in a prior run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.policies.static import Scored, Signals


@dataclass(frozen=True, kw_only=True)
class CAT(Scored):
    """CAT: keep the arms whose loss varies most over the first rounds of a prior run.

    The score is the variance of the loss: the CAT-var of arXiv 2405.19462 (from memory), there of
    the perplexity over a few early checkpoints of a translation model. 15 % of the run, 4 rounds at
    least, is this project's proposal.
    """

    prior_share: ClassVar[float] = 0.15
    prior_floor: ClassVar[int] = 4
    fewest_rounds: ClassVar[int] = 2

    def prior_scores(self, signals: Signals) -> NDArray[np.floating[Any]]:
        return signals["loss"].var(axis=1)
