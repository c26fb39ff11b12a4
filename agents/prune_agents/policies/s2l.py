"""s2l: cluster the arms by how their losses went, and draw from all clusters alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from prune_agents.policies.ccs import stratum_quotas
from prune_agents.policies.static import Static
from prune_agents.prior import Traces
from prune_env.checks import In


@dataclass(frozen=True, kw_only=True)
class S2L(Static):
    """S2L: k-means on the losses of a prior run, and an equal draw from every cluster.

    The trajectory of an arm is its loss in every round of the prior run, P numbers. Of the clusters
    of more than 2 arms, from the smallest to the largest, each gets floor(places left / clusters
    left), or all that it has; what is left over is drawn from the smaller ones. Source: Yang et
    al. (2024), arXiv 2403.07384, verified in the authors' code, for language models: there a
    smaller model shows the trajectories, and the draw is divided among the sources of the data
    first; here the prior run is of the same network, and there is one source.
    """

    clusters: Annotated[int, In("[1, inf)")] = 100
    """how many, at most one an arm"""

    def select(self, traces: Traces, k: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        cluster = clustered(traces.signals["loss"][0].T, self.clusters, rng)
        sizes = np.bincount(cluster)
        large = np.flatnonzero(sizes > 2)
        quota = np.zeros(len(sizes), np.int64)
        quota[large] = stratum_quotas(sizes[large], min(k, int(sizes[large].sum())))
        mask = np.zeros(len(cluster), bool)
        for number in large:
            mask[rng.choice(np.flatnonzero(cluster == number), quota[number], replace=False)] = True
        small = np.flatnonzero(sizes[cluster] <= 2)
        mask[rng.choice(small, k - int(quota.sum()), replace=False)] = True
        return mask


def clustered(
    points: NDArray[np.float32], count: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """(N,) the cluster of each point of (N, D): 20 rounds of Lloyd's iteration from random ones."""
    from sklearn.cluster import KMeans

    distinct = len(np.unique(points, axis=0))  # k-means warns where it has fewer points than that
    seed = int(rng.integers(2**31))
    means = KMeans(min(count, distinct), init="random", n_init=1, max_iter=20, random_state=seed)
    return means.fit(points).labels_.astype(np.int64)
