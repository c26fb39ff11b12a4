"""arm_clusters: a bandit over groups of arms, each a class and a band of losses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Observation, State
from prune_agents.policies.loss_bandit import LossBandit
from prune_agents.tools.groups import rank_within
from prune_env.checks import In
from prune_env.core.moving_averages import UNSEEN
from prune_env.core.selection import quotas

UNTRIED = 1e9
"""The score of a group that was never tried: above all others, below an arm never observed."""


@dataclass(frozen=True, kw_only=True)
class ArmClusters(LossBandit):
    """A bandit over groups of arms: a class times a band of losses, uniform within a group.

    Each round the arms of each class are split by their loss into `bands` equal parts. The reward
    of a group is the mean fall of clip(loss / log C, 0, 1) of those of its arms that were observed.
    Each class has its share of K, by size. In it the groups are filled by discounted UCB: m_g + c
    sqrt(ln(1 + t) / n_g) with t the discounted number of rounds, untried groups first; arms never
    observed go before all groups. A proposal of this project.
    """

    bands: Annotated[int, In("[1, inf)")] = 5
    """parts that the losses of a class are split into"""
    c: Annotated[float, In("[0, inf)")] = 0.1
    """weight of the bonus"""
    discount: Annotated[float, In("(0, 1]")] = 0.9
    """what an observation keeps of its weight each round"""

    signals: ClassVar[tuple[str, ...]] = ("loss", "label")
    not_of_arms: ClassVar[tuple[str, ...]] = ("sum", "count")
    revision: ClassVar[int] = 3

    def start(self, num_runs: int, num_arms: int) -> State:
        return super().start(num_runs, num_arms) | {
            "known": np.zeros((num_runs, num_arms), bool),
            "before": np.zeros((num_runs, num_arms), np.float32),
            "group": np.zeros((num_runs, num_arms), np.int64),
            # One value a group. There are never more groups than arms; the rest stays 0.
            "sum": np.zeros((num_runs, num_arms), np.float32),
            "count": np.zeros((num_runs, num_arms), np.float32),
            "rounds": np.zeros((num_runs, 1), np.float32),
        }

    def update(self, state: State, observation: Observation) -> None:
        seen, reward = observation["seen"] == 1, self.reward(state, observation)
        for name in ("sum", "count", "rounds"):
            state[name] *= self.discount
        state["rounds"] += seen.any(axis=1, keepdims=True)
        fall = state["before"] - reward
        for run, counted in enumerate(seen & state["known"]):
            group = state["group"][run, counted]
            size = np.bincount(group, minlength=len(counted))
            total = np.bincount(group, fall[run, counted], len(counted))
            state["sum"][run] += total / np.maximum(size, 1)
            state["count"][run] += size > 0
        state["before"] = np.where(seen, reward, state["before"])
        state["known"] |= seen
        rng = np.random.default_rng((self.seed, *state["round"], self.bands))
        for group, loss, label in zip(
            state["group"], observation["loss"], observation["label"], strict=True
        ):
            group[...] = self._group(loss, label, rng)

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        count = state["count"]
        n = np.where(count > 0, count, 1)
        value = state["sum"] / n + self.c * np.sqrt(np.log1p(state["rounds"]) / n)
        value = np.where(count > 0, value, UNTRIED)
        score = np.take_along_axis(value, state["group"], axis=1)
        score = np.where(state["known"], score, UNSEEN)
        chosen = np.zeros(score.shape, bool)
        for row, label, values in zip(chosen, observation["label"], score, strict=True):
            _, of_class = np.unique(label, return_inverse=True)
            size = np.bincount(of_class)
            quota = quotas(size, size, k, rng)
            row[...] = rank_within(values, of_class, rng) < quota[of_class]
        return chosen

    def _group(
        self, loss: NDArray[np.float32], label: NDArray[np.float32], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """(N,): class times bands plus band, band 0 the hardest. At most N groups."""
        _, of_class = np.unique(label, return_inverse=True)  # classes that occur
        size = np.bincount(of_class)
        bands = max(1, min(self.bands, len(loss) // len(size)))
        return of_class * bands + rank_within(loss, of_class, rng) * bands // size[of_class]
