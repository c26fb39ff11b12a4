"""Policies that read the class of each arm: rcap and arm_clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Agent, Observation, State
from prune_agents.bandit import LossBandit
from prune_agents.maths import UNSEEN, rank_within
from prune_agents.registry import register
from prune_env.options import In

UNTRIED = 1e9
"""The score of a group that was never tried: above all others, below an arm never observed."""


def proportional(
    share: NDArray[np.number], capacity: NDArray[np.integer], k: int
) -> NDArray[np.float64]:
    """(C,) k split in proportion to the shares, none above its capacity.

    What a full class cannot take is split again among the others.

    Args:
        share: (C,) 0 or more, above 0 where there is capacity.
        capacity: (C,) places that each can take; at least k together.
        k: places to give away.
    """
    quota = np.zeros(len(share))
    open_ = capacity > 0
    while (left := k - quota.sum()) > 1e-9 and open_.any():
        quota[open_] += left * share[open_] / share[open_].sum()
        full = open_ & (quota >= capacity)
        if not full.any():
            break
        quota[full] = capacity[full]
        open_ &= ~full
    return quota


def quotas(share: NDArray[np.number], capacity: NDArray[np.integer], k: int) -> NDArray[np.int64]:
    """`proportional` in whole places, k in all, by largest remainders."""
    quota = proportional(share, capacity, k)
    whole = np.floor(quota + 1e-9).astype(np.int64)
    by_remainder = np.argsort(whole - quota, kind="stable")
    whole[by_remainder[: k - whole.sum()]] += 1
    return whole


@register("rcap")
@dataclass(frozen=True, kw_only=True)
class RCAP(Agent):
    """RCAP: class quotas by the mass of losses, and draws within a class by a softmax of the loss.

    In class c, q_i = softmax(l_i / beta) with l clipped to [0, log C]. The quota of c is
    proportional to sqrt(Q_c pi_c), Q_c the q-mass of the last selection's arms of c (equal before
    the first) and pi_c the share of the class, and at most n_c. Quotas are rounded up, so that up
    to one arm a class more than K is kept; they are drawn without replacement by q. No weights.
    Source: UAI 2025, verified against the authors' library, which where a class is full splits all
    K again among the others, as if the full one took none; here what is left of K.
    """

    beta: Annotated[float, In("(0, inf)")] = 2.0
    """temperature of the softmax; the authors use 1/3 to 3"""

    signals: ClassVar[tuple[str, ...]] = ("loss", "label")
    keeps_k: ClassVar[bool] = False
    revision: ClassVar[int] = 2

    def start(self, num_runs: int, num_arms: int) -> State:
        return {
            "kept": np.zeros((num_runs, num_arms), bool),
            "log_classes": np.zeros((num_runs, 1), np.float32),
        }

    def update(self, state: State, observation: Observation) -> None:
        first = state["round"] == 0
        state["log_classes"][first, 0] = observation["loss"][first].max(axis=1)

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        logits = np.minimum(observation["loss"], state["log_classes"]) / self.beta
        for kept, logit, label in zip(state["kept"], logits, observation["label"], strict=True):
            label = label.astype(int)
            size = np.bincount(label)
            top = np.zeros(len(size), np.float32)
            np.maximum.at(top, label, logit)
            odds = np.exp(logit - np.maximum(top - 60, 0)[label])  # float32 overflows beyond 88
            q = odds / np.bincount(label, odds)[label]
            mass = np.bincount(label, q * kept) if kept.any() else np.ones(len(size))
            # The floor keeps open a class whose last selection has no mass left.
            share = np.sqrt(np.maximum(mass, 1e-6) * size / size.sum())
            quota = np.ceil(proportional(share, size, k) - 1e-9)
            # The highest of logit + Gumbel noise are a draw by q without replacement.
            kept[...] = rank_within(logit + rng.gumbel(size=len(logit)), label) < quota[label]
        return state["kept"]


@register("arm_clusters")
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
    revision: ClassVar[int] = 2

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
        for group, loss, label in zip(
            state["group"], observation["loss"], observation["label"], strict=True
        ):
            group[...] = self._group(loss, label)

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
            order = rng.permutation(len(row))  # equals are equally likely
            rank = rank_within(values[order], of_class[order])
            row[order] = rank < quotas(size, size, k)[of_class[order]]
        return chosen

    def _group(self, loss: NDArray[np.float32], label: NDArray[np.float32]) -> NDArray[np.int64]:
        """(N,): class times bands plus band, band 0 the hardest. At most N groups."""
        _, of_class = np.unique(label, return_inverse=True)  # classes that occur
        size = np.bincount(of_class)
        bands = max(1, min(self.bands, len(loss) // len(size)))
        return of_class * bands + rank_within(loss, of_class) * bands // size[of_class]
