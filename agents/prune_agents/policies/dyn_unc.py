"""dyn_unc: keep the arms whose confidence was least steady in windows of a prior run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.policies.static import Scored, Signals
from prune_agents.policies.windowed import Windowed
from prune_agents.tools import difficulty


@dataclass(frozen=True, kw_only=True)
class DynUnc(Windowed, Scored):
    """Dyn-Unc: keep the arms whose confidence varies most within windows of a prior run.

    The score is the mean over sliding windows of the standard deviation of p[y] in the window.
    Source: arXiv 2306.05175, windows of 10 of 200 epochs, verified in the authors' code; a window
    of a twentieth of the prior run, 2 rounds at least, gives theirs at their length.
    """

    window_share: ClassVar[float] = 0.05

    def prior_scores(self, signals: Signals) -> NDArray[np.floating[Any]]:
        trace = signals["confidence"]
        return difficulty.mean_deviation(trace, self.window_of(trace.shape[1]))
