"""Several processes: which arms of a pass each draws, and what all have measured made one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from prune_env.learners.protocol import Metrics, Signals
from prune_env.learners.ranks import Ranks
from prune_env.training.rows import Rows


class Hand:
    """What one of several ranks draws of a pass over N arms.

    Arms are dealt one by one, so that the batches of all ranks together are those of one process
    whose batches are as large as theirs together. Every rank draws equally many: where the last
    round of dealing does not go round, who gets none draws the first of it too, as a spare, which
    counts for nothing.

    Args:
        num_arms: N.
        ranks: who this is.
    """

    def __init__(self, num_arms: int, ranks: Ranks) -> None:
        self._ranks = ranks
        self.dealt = np.zeros(num_arms, np.int32)
        """(N,): of the arms drawn here, how many arms were dealt in the same round; else 0."""
        self._spare = np.zeros(num_arms, bool)

    def draw(self, arms: NDArray[np.int64]) -> NDArray[np.int64]:
        """What this rank draws of (K,) arms."""
        rank, size = self._ranks.rank, self._ranks.size
        drawn, short = arms[rank::size], len(arms) % size
        self.dealt[drawn] = size
        if short:
            if rank >= short:
                drawn = np.append(drawn, arms[-short])
                self._spare[arms[-short]] = True
            self.dealt[drawn[-1]] = short
        return drawn

    def count(self, arms: NDArray[np.int64]) -> int:
        """How many arms all ranks have trained on when each has trained on as many as these."""
        return int(self.dealt[arms].sum())

    def own(self, arms: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of these, (B,), are no spares."""
        return ~self._spare[arms]

    def weights(
        self, arms: NDArray[np.int64], weights: NDArray[np.float32] | None
    ) -> NDArray[np.float32] | None:
        """(B,) weights with which the mean over ranks is the sum of weight * loss / B of all.

        That mean is what DistributedDataParallel makes of gradients. B leaves out spares.
        """
        count, whole = self.count(arms), self._ranks.size * len(arms)
        if count == whole:
            return weights
        scaled = self.own(arms) * np.float32(whole / count)
        return scaled if weights is None else weights * scaled


def gathered(
    rows: Rows, extras: Mapping[str, tuple[int, ...]], order: NDArray[np.int64], num_arms: int
) -> Rows:
    """The rows of all ranks, in the order of the pass; every rank calls it.

    Args:
        rows: of this rank, of which the first `rows.common` are known to all.
        extras: what is measured beside `MEASURED`: the name, and the shape of one arm's.
        order: (K,) the arms of the pass.
        num_arms: N.
    """
    ranks = Ranks.here()
    if ranks.size == 1:
        return rows
    own, old = rows.signals(), rows.common
    blank = {name: np.empty((0, *shape), np.float32) for name, shape in extras.items()}
    measured = {"table": own.table} | blank | dict(own.extras)
    new = {"arms": own.indices} | measured
    found = ranks.gather({name: values[old:] for name, values in new.items()})
    place = np.empty(num_arms, np.int64)
    place[order] = np.arange(len(order))
    in_order = np.argsort(place[found["arms"]])
    whole = {name: np.concatenate([new[name][:old], found[name][in_order]]) for name in new}
    return Rows.of(Signals(whole.pop("arms"), whole.pop("table"), whole))


def mean_of(metrics: Metrics, told: bool) -> Metrics:
    """The mean over the ranks that were told how well the network does; every rank calls it.

    Args:
        metrics: of this rank.
        told: whether they are of this epoch.
    """
    row = np.array([[told, metrics.loss[0], metrics.accuracy[0]]])
    rows = Ranks.here().gather({"metrics": row})["metrics"]
    if not rows[:, 0].any():
        return metrics
    means = rows[rows[:, 0] > 0].mean(axis=0)
    return Metrics(means[1:2], means[2:])
