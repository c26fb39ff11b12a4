"""infomax: hard arms that do not say the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import softmax

from prune_agents.policies.geometric import Array, Geometric
from prune_agents.prior import Traces
from prune_agents.tools.features import directions, nearest_neighbours
from prune_env.checks import In
from prune_env.core.selection import best_k


@dataclass(frozen=True, kw_only=True)
class InfoMax(Geometric):
    """InfoMax: the most information in all, less what arms share with their neighbours.

    The K arms are to maximise sum_i I_i x_i - alpha sum_ij S_ij x_i x_j over x in {0, 1}^N with sum
    K. S is the cosine of the features of arm i and its nearest neighbours, made symmetric, and 0
    else. It is solved for real x: from x = K / N, x <- K softmax(I - 2 alpha S x), again and again;
    then the K highest are kept. Source: arXiv 2506.01701; the objective from somebody else's
    description, the solver from memory. I, the mean error norm over the prior run divided by its
    mean, and all numbers are this project's.
    """

    alpha: Annotated[float, In("[0, inf)")] = 0.3
    """weight of what arms share"""
    neighbours: Annotated[int, In("[1, inf)")] = 5
    """how many nearest ones an arm may share something with"""
    steps: Annotated[int, In("[1, inf)")] = 20
    """of the solver"""

    def pick(
        self, features: Array, traces: Traces, k: int, rng: np.random.Generator
    ) -> NDArray[np.integer[Any]]:
        information = traces.signals["error_norm"][0].mean(axis=0).astype(np.float64)
        information /= max(information.mean(), 1e-12)
        shared = similarity(features, min(self.neighbours, len(features) - 1))
        x = np.full(len(features), k / len(features))
        for _ in range(self.steps):
            x = k * softmax(information - 2 * self.alpha * (shared @ x))
        return np.flatnonzero(best_k(x[None], k, rng)[0])


def similarity(features: Array, count: int) -> csr_array:
    """(N, N) cosines, at least 0, where one arm is among the nearest `count` of the other."""
    unit = directions(features).astype(np.float64)
    _, neighbour = nearest_neighbours(unit, count)
    cosine = np.einsum("nd,ncd->nc", unit, unit[neighbour]).clip(0, 1)
    begins = np.arange(len(unit) + 1) * count
    found = csr_array((cosine.ravel(), neighbour.ravel(), begins), (len(unit), len(unit)))
    return found.maximum(found.T)
