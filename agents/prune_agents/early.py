"""Scores from the beginning of training: el2n and grand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from prune_agents.prior import Extra, Prior
from prune_agents.registry import register
from prune_agents.static import Scored, Signals
from prune_env.options import In


@dataclass(frozen=True, kw_only=True)
class Early(Scored):
    """Keeps the arms of the highest mean of one signal over short prior runs."""

    prior_runs: Annotated[int, In("[1, inf)")] = 1
    """independent prior runs to average over, each of which is charged"""
    over: Literal["rounds", "last"] = "rounds"
    """mean over the rounds of a prior run, or its last round only; all are recorded and charged"""

    prior_share: ClassVar[float] = 0.1
    prior_floor: ClassVar[int] = 2

    def prior(self, epochs: int) -> Prior:
        return replace(super().prior(epochs), runs=self.prior_runs)

    def average(self, trace: NDArray[np.float32]) -> NDArray[np.floating[Any]]:
        """(R, P, N) -> (R, N)."""
        return trace.mean(axis=1) if self.over == "rounds" else trace[:, -1]


@register("el2n")
@dataclass(frozen=True, kw_only=True)
class EL2N(Early):
    """EL2N: keep the arms of the highest error norm ||p - onehot(y)|| early in a prior run.

    Source: Paul et al., arXiv 2107.07075: the mean over 10 or more runs, of a checkpoint between
    epochs 10 and 20 of 200 (verified in the authors' README and code). Here the norm is the one
    that the training pass of each round has met, which costs nothing more; its mean over the first
    rounds of a single run is the form of CCS (verified in their code, over 10 epochs). A tenth of
    the run, 2 rounds at least, is 20 epochs of 200.
    """

    def scores(self, signals: Signals) -> NDArray[np.floating[Any]]:
        return self.average(signals["error_norm"])


@register("grand")
@dataclass(frozen=True, kw_only=True)
class GraNd(Early):
    """GraNd: keep the arms of the highest norm of the loss gradient early in a prior run.

    By the last linear layer, which costs a forward pass a round, as in DeepCore with 10 runs
    (verified in their code). Source: Paul et al., arXiv 2107.07075, by all parameters (verified in
    the authors' code); see grand_full. At initialisation the score did not replicate (arXiv
    2303.14753, from memory). The default length is that of el2n, and this project's proposal.
    """

    extra: ClassVar[tuple[Extra, ...]] = ("gradient_norm",)

    def scores(self, signals: Signals) -> NDArray[np.floating[Any]]:
        return self.average(signals[self.extra[0]])


@register("grand_full")
@dataclass(frozen=True, kw_only=True)
class GraNdFull(GraNd):
    """GraNd by all parameters, as the authors have it: for small networks.

    A round of the prior run costs twice as much, and the gradients of a batch of samples have to
    fit into memory.
    """

    extra: ClassVar[tuple[Extra, ...]] = ("gradient_norm_all",)
