"""Static policies: a prior run scores every arm, and the arms chosen then are kept throughout.

What they cost is a prior run, all of which is charged, and then K arms a round. `prior` says how
that run is to be recorded, see `prune_agents.prior`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Agent, Observation, State
from prune_agents.prior import Extra, Prior, Traces
from prune_env.checks import In
from prune_env.core.selection import best_k

Signals = Mapping[str, NDArray[np.float32]]
"""Name -> (R, P, N) float32, see `Traces`."""


@dataclass(frozen=True, kw_only=True)
class Static(Agent):
    """Chooses once, from the traces of a prior run."""

    prior_rounds: int | None = None
    """rounds of the prior run; by default as many as the policy itself sets"""

    prior_share: ClassVar[float] = 1.0
    """The default length of the prior run, in lengths of the run."""
    prior_floor: ClassVar[int] = 1
    """And at least so many rounds, for short runs: a proposal of this project."""
    fewest_rounds: ClassVar[int] = 1
    """Rounds without which there is no score."""
    extra: ClassVar[tuple[Extra, ...]] = ()
    """What the prior run has to record beside what a training pass measures anyway."""

    def prior(self, epochs: int) -> Prior:
        """The prior run for a run of `epochs` rounds.

        Raises:
            ValueError: it would be longer than that, or too short for a score.
        """
        rounds = self.prior_rounds
        if rounds is None:
            rounds = min(epochs, max(self.prior_floor, round(self.prior_share * epochs)))
        if epochs < self.fewest_rounds:
            raise ValueError(
                f"{type(self).__name__} needs a run of {self.fewest_rounds} rounds or more; this "
                f"one has {epochs}"
            )
        if not self.fewest_rounds <= rounds <= epochs:
            raise ValueError(
                f"prior_rounds is {rounds}; allowed is {self.fewest_rounds} to {epochs}, "
                "the rounds of the run"
            )
        return Prior(rounds=rounds, extra=self.extra)

    @abstractmethod
    def select(self, traces: Traces, k: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Mask of the k arms to keep, (N,)."""

    def begin(self, traces: Traces) -> State:
        """The state of one run before its first round."""
        k = self.k_of(len(traces.labels))
        subset = self.select(traces, k, np.random.default_rng(self.seed))
        return self.fresh_state(1, len(subset)) | {"subset": subset[None]}

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        return self.from_prior(state, "subset")


@dataclass(frozen=True, kw_only=True)
class Scored(Static):
    """Keeps the K arms of the highest score."""

    offset: Annotated[float, In("[0, 1)")] = 0.0
    """share of all arms that is left out before, those of the very highest score, in [0, 1):
    mislabelled arms are there; as much as leaves K arms"""

    @abstractmethod
    def prior_scores(self, signals: Signals) -> NDArray[np.floating[Any]]:
        """How much each arm is worth keeping, (R, N): one row a prior run. They are averaged."""

    def select(self, traces: Traces, k: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        return highest(self.prior_scores(traces.signals).mean(axis=0), k, rng, self.offset)


def highest(
    scores: NDArray[np.floating[Any]], k: int, rng: np.random.Generator, offset: float = 0.0
) -> NDArray[np.bool_]:
    """Mask of the k highest scores behind the `offset` share of the very highest; ties by chance.

    Args:
        scores: (N,), no NaN.
        k: how many to take.
        rng: decides among equals.
        offset: share of N that is passed over; less where fewer than k would be left.
    """
    first = min(round(offset * len(scores)), len(scores) - k)
    passed_over = best_k(scores[None], first, rng)
    return best_k(np.where(passed_over, -np.inf, scores), k, rng)[0]
