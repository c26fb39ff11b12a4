"""Static choices by where an arm lies among the features: moderate, kcenter and d2."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from prune_agents.prior import Prior, Traces
from prune_agents.registry import register
from prune_agents.static import Static
from prune_env.options import In

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class Geometric(Static):
    """Chooses by the features of the network that a whole prior run has trained."""

    def prior(self, epochs: int) -> Prior:
        prior = super().prior(epochs)
        if prior.rounds != epochs:
            raise ValueError(f"prior_rounds is {prior.rounds}; features take a whole run, {epochs}")
        return replace(prior, features=True)

    def select(self, traces: Traces, k: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        assert traces.features is not None
        mask = np.zeros(len(traces.labels), bool)
        mask[self.pick(traces.features[0], traces, k, rng)] = True
        return mask

    @abstractmethod
    def pick(
        self, features: Array, traces: Traces, k: int, rng: np.random.Generator
    ) -> NDArray[np.integer[Any]]:
        """The positions of k arms, by their features (N, D)."""


@register("moderate")
@dataclass(frozen=True, kw_only=True)
class Moderate(Geometric):
    """Moderate: keep the arms whose distance to the median of their class is in the middle.

    All arms are ranked by the distance of their features to the coordinate-wise median of those of
    their class; the K middle ranks are kept, 0.5 - keep_ratio / 2 to 0.5 + keep_ratio / 2. Source:
    Moderate Coreset, ICLR 2023, verified in the authors' code.
    """

    def pick(
        self, features: Array, traces: Traces, k: int, rng: np.random.Generator
    ) -> NDArray[np.integer[Any]]:
        distance = np.empty(len(features))
        for label in np.unique(traces.labels):
            mine = traces.labels == label
            centre = np.median(features[mine], axis=0)
            distance[mine] = np.linalg.norm(features[mine] - centre, axis=1)
        first = round((len(features) - k) / 2)
        return np.argsort(distance, kind="stable")[first : first + k]


@register("kcenter")
@dataclass(frozen=True, kw_only=True)
class KCenter(Geometric):
    """k-center: keep the arm that is farthest from all that are kept, again and again.

    The first arm is drawn at random. Source: Sener and Savarese, arXiv 1708.00489, in its greedy
    form, verified in DeepCore. The choice takes N K distances.
    """

    def pick(
        self, features: Array, traces: Traces, k: int, rng: np.random.Generator
    ) -> NDArray[np.integer[Any]]:
        squares = np.square(features).sum(axis=1)
        nearest = np.full(len(features), np.inf)
        picked = np.empty(k, np.int64)
        arm = int(rng.integers(len(features)))
        for place in range(k):
            picked[place] = arm
            distance = squares + squares[arm] - 2 * (features @ features[arm])
            np.minimum(nearest, distance, out=nearest)
            nearest[arm] = -np.inf  # never again, also where others lie on the same point
            arm = int(nearest.argmax())
        return picked


@register("d2")
@dataclass(frozen=True, kw_only=True)
class D2(Geometric):
    """D2: keep hard arms in hard neighbourhoods, and after each let its neighbours count less.

    On the graph of the k nearest neighbours, s_i <- s_i + sum_j exp(-d_ij) s_j; then the arm of the
    highest s is kept, and exp(-gamma d_ij) times its s is taken from its neighbours' j, until K are
    kept. Source: arXiv 2310.07931, verified in the authors' code, k = 10 and gamma from 0.1 to 1.
    The scores that it begins with are (1 - mean margin) / 2 over the prior run, and distances are
    divided by their mean: both are this project's proposals.
    """

    neighbours: Annotated[int, In("[1, inf)")] = 10
    """how many nearest ones each arm has in the graph"""
    gamma: Annotated[float, In("[0, inf)")] = 1.0
    """how fast what is taken away falls with the distance"""

    def pick(
        self, features: Array, traces: Traces, k: int, rng: np.random.Generator
    ) -> NDArray[np.integer[Any]]:
        distance, neighbour = nearest_neighbours(features, min(self.neighbours, len(features) - 1))
        distance = distance / max(distance.mean(), 1e-12)
        difficulty = (1 - traces.signals["margin"][0].mean(axis=0).astype(np.float64)) / 2
        score = difficulty + (np.exp(-distance) * difficulty[neighbour]).sum(axis=1)
        taken = np.exp(-self.gamma * distance)
        picked = np.empty(k, np.int64)
        for place in range(k):
            arm = int(score.argmax())
            picked[place] = arm
            score[neighbour[arm]] -= taken[arm] * score[arm]
            score[arm] = -np.inf
        return picked


def nearest_neighbours(features: Array, count: int) -> tuple[Array, NDArray[np.int64]]:
    """Euclidean distances to, and positions of, the nearest other arms: both (N, count)."""
    from sklearn.neighbors import NearestNeighbors

    found = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(features)
    return found.kneighbors()  # without arguments an arm is not its own neighbour
