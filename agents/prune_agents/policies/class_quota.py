"""class_quota: another policy's ranking, with every class keeping its share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Observation, State
from prune_agents.policies.around_policy import AroundPolicy
from prune_agents.registry import find_inside
from prune_env.core.selection import best_k, quotas


@dataclass(frozen=True, kw_only=True)
class ClassQuota(AroundPolicy):
    """Any policy that ranks its arms, within the classes: each keeps the same share of its arms.

    Of class c, with n_c of N arms, the K n_c / N arms of the highest scores are kept; of a broken
    number one more with a chance of what is behind the point. Who ranks by loss keeps few arms of
    easy classes; this asks what of its lead is that. A proposal of this project.
    """

    revision: ClassVar[int] = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        cls = find_inside("policy", self.policy)
        if not cls.ranks() or cls.wants_prior():
            raise ValueError(
                f"policy is {self.policy!r}; allowed is a policy that keeps its highest scores and "
                "wants no prior run, as uncertainty, ucb, ucb1, ts_gauss or boltzmann do"
            )
        object.__setattr__(self, "signals", tuple(dict.fromkeys((*cls.signals, "label"))))

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        chosen = np.zeros(observation["seen"].shape, bool)
        scores = self.inner.scores(state, observation, rng)
        for row, of_arm, label in zip(chosen, scores, observation["label"], strict=True):
            _, of_class, sizes = np.unique(label, return_inverse=True, return_counts=True)
            for number, quota in enumerate(quotas(sizes, sizes, k, rng)):
                arms = np.flatnonzero(of_class == number)
                row[arms] = best_k(of_arm[None, arms], int(quota), rng)[0]
        return chosen
