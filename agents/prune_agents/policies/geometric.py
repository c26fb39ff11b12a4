"""Geometric: what the static choices by features have in common."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.policies.static import Static
from prune_agents.prior import Prior, Traces

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class Geometric(Static):
    """Chooses by the features of the network that a whole prior run has trained."""

    revision: ClassVar[int] = 2

    def prior(self, epochs: int) -> Prior:
        prior = super().prior(epochs)
        if prior.rounds != epochs:
            raise ValueError(f"prior_rounds is {prior.rounds}; features take a whole run, {epochs}")
        return replace(prior, features=True)

    def select(self, traces: Traces, k: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        mask = np.zeros(len(traces.labels), bool)
        if k == len(mask):  # a single arm, for one, has no neighbours
            return ~mask
        lot = rng.permutation(len(mask))  # so that of equal arms each is as likely
        dealt = traces.of(lot)
        assert dealt.features is not None
        mask[lot[self.pick(dealt.features[0], dealt, k, rng)]] = True
        return mask

    @abstractmethod
    def pick(
        self, features: Array, traces: Traces, k: int, rng: np.random.Generator
    ) -> NDArray[np.integer[Any]]:
        """The positions of k arms, by their features (N, D).

        The arms come in an order by lot: which of equal ones is first is chance.
        """
