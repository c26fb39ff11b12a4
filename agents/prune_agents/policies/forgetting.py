"""forgetting: keep the arms that a prior run learned and forgot most often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.policies.static import Scored, Signals
from prune_agents.tools import difficulty


@dataclass(frozen=True, kw_only=True)
class Forgetting(Scored):
    """Forgetting: keep the arms that a prior run forgot most often, or never learned.

    The score is the number of rounds in which an arm is wrong after it was right in the round
    before; +inf for an arm that was never right. Source: Toneva et al., arXiv 1812.05159, verified
    in their code and in that of arXiv 2107.07075. DeepCore, CCS and DUAL give an arm that was never
    right 0, so they prune it first. The prior run is a whole one by default.
    """

    fewest_rounds: ClassVar[int] = 2
    revision: ClassVar[int] = 2

    def prior_scores(self, signals: Signals) -> NDArray[np.floating[Any]]:
        return difficulty.forgetting_events(signals["correct"])
