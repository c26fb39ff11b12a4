"""aum: keep the arms whose margin was smallest through a prior run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prune_agents.policies.static import Scored, Signals


@dataclass(frozen=True, kw_only=True)
class AUM(Scored):
    """AUM: keep the arms of the lowest mean margin over a prior run.

    The margin is p[y] minus the highest other probability, the form of CCS and DUAL (verified in
    their code); Pleiss et al., arXiv 2001.10528, have logits and look for wrong labels: they have
    the lowest margins of all, so `offset` leaves them out. That low margins are kept is from
    memory. The prior run is a whole one by default.
    """

    def prior_scores(self, signals: Signals) -> NDArray[np.floating[Any]]:
        return -signals["margin"].mean(axis=1)
