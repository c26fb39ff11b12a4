"""Scores from how an arm fared through a prior run: forgetting, aum, dyn_unc, cat and tdds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents import difficulty
from prune_agents.prior import Prior
from prune_agents.registry import register
from prune_agents.static import Scored, Signals, Static
from prune_env.options import In


@register("forgetting")
@dataclass(frozen=True, kw_only=True)
class Forgetting(Scored):
    """Forgetting: keep the arms that a prior run forgot most often, or never learned.

    The score is the number of rounds in which an arm is wrong after it was right in the round
    before; +inf for an arm that was never right. Source: Toneva et al., arXiv 1812.05159, verified
    in their code and in that of arXiv 2107.07075. DeepCore, CCS and DUAL give an arm that was never
    right 0, so they prune it first. The prior run is a whole one by default.
    """

    fewest_rounds: ClassVar[int] = 2

    def scores(self, signals: Signals) -> NDArray[np.floating[Any]]:
        return difficulty.forgetting_events(signals["correct"])


@register("aum")
@dataclass(frozen=True, kw_only=True)
class AUM(Scored):
    """AUM: keep the arms of the lowest mean margin over a prior run.

    The margin is p[y] minus the highest other probability, the form of CCS and DUAL (verified in
    their code); Pleiss et al., arXiv 2001.10528, have logits and look for wrong labels: they have
    the lowest margins of all, so `offset` leaves them out. That low margins are kept is from
    memory. The prior run is a whole one by default.
    """

    def scores(self, signals: Signals) -> NDArray[np.floating[Any]]:
        return -signals["margin"].mean(axis=1)


@register("cat")
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

    def scores(self, signals: Signals) -> NDArray[np.floating[Any]]:
        return signals["loss"].var(axis=1)


@dataclass(frozen=True, kw_only=True)
class Windowed(Static):
    """A policy whose score is an average over sliding windows of the prior run."""

    window: int | None = None
    """rounds of a window; by default a share of the prior run that the policy itself sets"""

    fewest_rounds: ClassVar[int] = 2
    window_share: ClassVar[float]
    """The default length of a window, in lengths of the prior run."""

    def prior(self, epochs: int) -> Prior:
        prior = super().prior(epochs)
        self.window_of(prior.rounds)
        return prior

    def window_of(self, rounds: int) -> int:
        """The rounds of a window in a prior run of so many rounds.

        Raises:
            ValueError: the window is longer than that, or too short for a score.
        """
        window = self.window
        if window is None:
            window = max(self.fewest_rounds, round(self.window_share * rounds))
        if not self.fewest_rounds <= window <= rounds:
            raise ValueError(
                f"window is {window}; allowed is {self.fewest_rounds} to {rounds}, "
                "the rounds of the prior run"
            )
        return window


@register("dyn_unc")
@dataclass(frozen=True, kw_only=True)
class DynUnc(Windowed, Scored):
    """Dyn-Unc: keep the arms whose confidence varies most within windows of a prior run.

    The score is the mean over sliding windows of the standard deviation of p[y] in the window.
    Source: arXiv 2306.05175, windows of 10 of 200 epochs, verified in the authors' code; a window
    of a twentieth of the prior run, 2 rounds at least, gives theirs at their length.
    """

    window_share: ClassVar[float] = 0.05

    def scores(self, signals: Signals) -> NDArray[np.floating[Any]]:
        trace = signals["confidence"]
        return difficulty.mean_deviation(trace, self.window_of(trace.shape[1]))


@register("tdds")
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

    def scores(self, signals: Signals) -> NDArray[np.floating[Any]]:
        divergence = signals["divergence"]
        window = self.window_of(divergence.shape[1])
        # The first round has nothing before it.
        return difficulty.moving_unrest(divergence[:, 1:], window, self.decay)
