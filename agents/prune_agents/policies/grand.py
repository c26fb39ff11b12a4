"""grand and grand_full: keep the arms with the largest gradient early in training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.policies.early import Early
from prune_agents.policies.static import Signals
from prune_agents.prior import Extra


@dataclass(frozen=True, kw_only=True)
class GraNd(Early):
    """GraNd: keep the arms of the highest norm of the loss gradient early in a prior run.

    By the last linear layer, which costs a forward pass a round, as in DeepCore with 10 runs
    (verified in their code). Source: Paul et al., arXiv 2107.07075, by all parameters (verified in
    the authors' code); see grand_full. At initialisation the score did not replicate (arXiv
    2303.14753, from memory). The default length is that of el2n, and this project's proposal.
    """

    extra: ClassVar[tuple[Extra, ...]] = ("gradient_norm",)

    def prior_scores(self, signals: Signals) -> NDArray[np.floating[Any]]:
        return self.average(signals[self.extra[0]])


@dataclass(frozen=True, kw_only=True)
class GraNdFull(GraNd):
    """GraNd by all parameters, as the authors have it: for small networks.

    A round of the prior run costs twice as much, and the gradients of a batch of samples have to
    fit into memory.
    """

    extra: ClassVar[tuple[Extra, ...]] = ("gradient_norm_all",)
