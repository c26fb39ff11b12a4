"""el2n: keep the arms with the largest error early in training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prune_agents.policies.early import Early
from prune_agents.policies.static import Signals


@dataclass(frozen=True, kw_only=True)
class EL2N(Early):
    """EL2N: keep the arms of the highest error norm ||p - onehot(y)|| early in a prior run.

    Source: Paul et al., arXiv 2107.07075: the mean over 10 or more runs, of a checkpoint between
    epochs 10 and 20 of 200 (verified in the authors' README and code). Here the norm is the one
    that the training pass of each round has met, which costs nothing more; its mean over the first
    rounds of a single run is the form of CCS (verified in their code, over 10 epochs). A tenth of
    the run, 2 rounds at least, is 20 epochs of 200.
    """

    def prior_scores(self, signals: Signals) -> NDArray[np.floating[Any]]:
        return self.average(signals["error_norm"])
