"""SeTa: a random pool, grouped by difficulty, and a window that slides from easy to hard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Observation, State
from prune_agents.policies.loss_or_guess import LossOrGuess
from prune_agents.tools.schedule import ends_by
from prune_env.checks import In


def group_edges(values: NDArray[np.floating], num_groups: int) -> NDArray[np.int64]:
    """The best k-means of sorted values: where each group begins, and N at the end.

    Best of all partitions, so never worse than what Lloyd's iteration finds from any start; on
    heavy tails it sticks at several times these squares. Groups are intervals, and the last one of
    the best g groups of the first i values begins the later the larger i: for each g, rows i are
    solved by halves, each between the answers of its neighbours, which is O(N log N); of the last
    group all that is asked for is row N. Equal values stay together and may leave fewer groups.

    Args:
        values: (N,) ascending.
        num_groups: how many to look for, at most.
    """
    _, begins, counts = np.unique(values, return_index=True, return_counts=True)
    begins = np.append(begins, len(values))
    centred = values[begins[:-1]].astype(np.float64) - values.mean(dtype=np.float64)
    moments = np.zeros((3, len(counts) + 1))  # sums of 1, v and v^2 over the first i
    np.cumsum(counts * centred ** np.arange(3)[:, None], axis=1, out=moments[:, 1:])

    num_values, num_groups = len(counts), min(num_groups, len(counts))
    whole = moments[:, 1:]
    best = np.append(0.0, whole[2] - whole[1] ** 2 / whole[0])  # of the first i in one group
    halves = [1 << bit for bit in reversed(range(num_values.bit_length()))]
    cuts = []
    for g in range(2, num_groups + 1):
        best, cut = _one_more_group(best, moments, g, [num_values] if g == num_groups else halves)
        cuts.append(cut)
    edges = [num_values]
    for cut in reversed(cuts):
        edges.append(cut[edges[-1]])
    return begins[[0, *reversed(edges)]]


def _one_more_group(
    best: NDArray[np.float64], moments: NDArray[np.float64], num_groups: int, steps: Sequence[int]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(U + 1,) each: the least squares of the first i values in so many groups, and the last cut.

    Args:
        best: the same in one group less; what has fewer values than groups is never read.
        moments: (3, U + 1) sums of 1, v and v^2 over the first i.
        num_groups: 2 or more.
        steps: solved are the rows at odd multiples of each, which lie between two that are solved.
    """
    num_values = len(best) - 1
    found, cut = best.copy(), np.full(num_values + 1, num_groups - 1)
    for step in steps:
        rows = np.arange(step, num_values + 1, 2 * step)
        rows = rows[rows >= num_groups]
        if not len(rows):
            continue
        low = np.where(rows - step >= num_groups, cut[rows - step], num_groups - 1)
        beyond = np.minimum(rows + step, num_values + 1)
        high = np.where(rows + step <= num_values, cut[beyond % (num_values + 1)], num_values)
        high = np.minimum(high, rows - 1)
        sizes = high - low + 1
        starts = np.cumsum(sizes) - sizes
        tried = np.arange(sizes.sum()) + np.repeat(low - starts, sizes)
        n, v, v2 = (np.repeat(sums[rows], sizes) - sums[tried] for sums in moments)
        cost = best[tried] + (v2 - v**2 / n)
        found[rows] = np.minimum.reduceat(cost, starts)
        hit = np.flatnonzero(cost == np.repeat(found[rows], sizes))
        cut[rows] = tried[hit[np.searchsorted(hit, starts)]]
    return found, cut


@dataclass(frozen=True, kw_only=True)
class SeTa(LossOrGuess):
    """SeTa: k-means of the losses of a random pool, and a window of groups from easy to hard.

    Selection e, usually of round e: draw floor((1 - rho) N) arms uniformly; group them by k-means
    of their latest losses into `groups`, easy to hard; keep W = round(window * groups) groups from
    group e mod (groups - W + 1) on. Selection 0, and all rounds r of T with r + 1 > delta T, keep
    the pool whole. No weights. Source: arXiv 2503.13385, verified against the authors' code; losses
    start at log C here and at 3 there, and their k-means is Lloyd's iteration from k-means++.
    keep_ratio plays no part.
    """

    rho: Annotated[float, In("[0, 1)")] = 0.1
    """share of the arms that is left out of the pool"""
    groups: Annotated[int, In("[1, inf)")] = 5
    """groups of difficulty"""
    window: Annotated[float, In("(0, 1]")] = 0.9
    """share of the groups that is kept"""
    delta: Annotated[float, In("[0, 1]")] = 0.875
    """share of the run in which the window slides"""

    signals: ClassVar[tuple[str, ...]] = ("loss", "progress")
    keeps_k: ClassVar[bool] = False
    reads_keep_ratio: ClassVar[bool] = False
    revision: ClassVar[int] = 2

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        losses = self.losses(state, observation)
        mask = np.zeros(losses.shape, bool)
        num_arms = losses.shape[1]
        pool_size = max(1, int((1 - self.rho) * num_arms + 1e-9))
        epochs = self.selection_number(state)
        sliding = (epochs > 0) & ends_by(self.delta, state["round"], observation["progress"])[:, 0]
        for run, (row, loss) in enumerate(zip(mask, losses, strict=True)):
            pool = rng.choice(num_arms, pool_size, replace=False, shuffle=False)
            row[self._window(pool, loss[pool], int(epochs[run])) if sliding[run] else pool] = True
        return mask

    def _window(
        self, pool: NDArray[np.int64], loss: NDArray[np.float32], epoch: int
    ) -> NDArray[np.int64]:
        """The arms of the pool that are in this round's window. pool, loss: (P,)."""
        order = np.argsort(loss)
        edges = group_edges(loss[order], self.groups)
        num_groups = len(edges) - 1
        width = max(1, round(self.window * num_groups))
        first = epoch % (num_groups - width + 1)
        return pool[order[edges[first] : edges[first + width]]]
