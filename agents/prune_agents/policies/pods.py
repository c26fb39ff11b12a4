"""pods: any policy, with few arms in one round and many in the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Observation, State
from prune_agents.policies.around_policy import AroundPolicy
from prune_agents.registry import find_inside
from prune_env.checks import In


@dataclass(frozen=True, kw_only=True)
class PODS(AroundPolicy):
    """PODS: the keep ratio of another policy goes down and up, and keeps its mean.

    Phases of low and high ratio alternate, low first: (1 - swing) K arms, then (1 + swing) K, whole
    numbers that sum to 2 K; where that exceeds all arms, the swing is as large as it can be. A low
    phase with no whole high one to follow keeps K, as far as a run knows how long it is. Source:
    arXiv 2605.14773, from its abstract: alternating phases under the same total, round any
    selector. Their length, which the authors set by a rule that is not known here, and the swing
    are this project's.
    """

    swing: Annotated[float, In("[0, 1)")] = 0.5
    """how far the keep ratio goes down and up, as a share of it"""
    phase: Annotated[int, In("[1, inf)")] = 1
    """selections of a phase; with the usual period, rounds"""

    keeps_k: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        cls = find_inside("policy", self.policy)
        settles = self.policy in ("pods", "static_random") or cls.wants_prior()
        if settles or not self.inner.keeps_k:
            raise ValueError(
                f"policy is {self.policy!r}; allowed is a policy that chooses K arms anew in every "
                "round, as uncertainty, ucb, random_dynamic, rs2 or infobatch_k do"
            )
        # What is read and kept depends on the policy, so the instance has its own values.
        signals = tuple(dict.fromkeys((*self.inner.signals, "progress")))
        object.__setattr__(self, "signals", signals)
        object.__setattr__(self, "action", self.inner.action)
        object.__setattr__(self, "not_of_arms", self.inner.not_of_arms)

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        num_arms = observation["seen"].shape[1]
        counts = self.counts(state, observation["progress"][:, 0], k, num_arms)
        chosen = np.zeros(observation["seen"].shape, np.float32)
        for count in np.unique(counts):
            runs = np.flatnonzero(counts == count)
            chosen[runs] = self.inner.choose_in(runs, state, observation, int(count), rng)
        return chosen

    def counts(
        self, state: State, progress: NDArray[np.float32], k: int, num_arms: int
    ) -> NDArray[np.int64]:
        """(M,) arms to keep in the coming round of each run.

        Args:
            state: how many rounds are behind.
            progress: (M,) share of the run behind; a run knows from it how many rounds it has.
            k: K.
            num_arms: N.
        """
        low = max(1, round((1 - self.swing) * k), 2 * k - num_arms)
        number, both = self.selection_number(state), 2 * self.phase
        rounds = np.where(state["round"] > 0, state["round"] / np.maximum(progress, 1e-12), np.inf)
        ends = self.full_rounds + (number // both + 1) * both * self.period
        pulse = np.where(number % both < self.phase, low, 2 * k - low)
        return np.where(ends <= rounds + 0.5, pulse, k)
