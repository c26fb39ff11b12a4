"""Windowed: what the static scores by windows of a prior run have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from prune_agents.policies.static import Static
from prune_agents.prior import Prior


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
