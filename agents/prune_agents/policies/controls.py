"""The controls, which every clever policy has to beat: all arms, fewer epochs, random arms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Agent, Observation, State
from prune_agents.tools.groups import rank_within
from prune_env.core.selection import quotas, random_k


@dataclass(frozen=True, kw_only=True)
class Full(Agent):
    """All data, every round; keep_ratio plays no part."""

    keeps_k: ClassVar[bool] = False
    reads_keep_ratio: ClassVar[bool] = False

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        return np.ones(observation["seen"].shape, bool)


@dataclass(frozen=True, kw_only=True)
class FullShort(Full):
    """All data for keep_ratio of the epochs, with the learning-rate schedule compressed.

    The budget of keep_ratio * epochs does it: the schedule follows the share that is spent. In the
    last round that the budget still affords, a uniform random part is kept.
    """

    signals: ClassVar[tuple[str, ...]] = ("budget_left",)
    reads_keep_ratio: ClassVar[bool] = True

    def env_options(self, epochs: float) -> dict[str, Any]:
        return {"budget": self.keep_ratio * epochs}


@dataclass(frozen=True, kw_only=True)
class RandomDynamic(Agent):
    """K arms drawn uniformly without replacement, anew in every round."""

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        return random_k(np.ones(observation["seen"].shape, bool), k, rng)


@dataclass(frozen=True, kw_only=True)
class StaticRandom(Agent):
    """K arms drawn uniformly once and kept for the whole run."""

    def start(self, num_runs: int, num_arms: int) -> State:
        return {"subset": np.zeros((num_runs, num_arms), bool)}

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        subset = state["subset"]
        first = ~subset.any(axis=1)
        subset[first] = random_k(np.ones_like(subset[first]), k, rng)
        return subset


@dataclass(frozen=True, kw_only=True)
class ClassBalanced(Agent):
    """Random arms anew in every round, as many of each class as of any other.

    Of C classes each has K / C places, of a broken number one more with a chance of what is behind
    the point; what a class has not got arms for is split among the others. It asks what of a lead
    on a long tail is the balance of classes alone. Source: class-balanced sampling, arXiv
    1910.09217, where samples of a small class are drawn again and again; here an arm is kept once,
    so a class smaller than its places is kept whole.
    """

    signals: ClassVar[tuple[str, ...]] = ("label",)
    revision: ClassVar[int] = 2

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        mask = np.zeros(observation["seen"].shape, bool)
        for row, label in zip(mask, observation["label"], strict=True):
            _, of_class, sizes = np.unique(label, return_inverse=True, return_counts=True)
            places = quotas(np.ones(len(sizes)), sizes, k, rng)
            row[...] = rank_within(rng.random(len(row)), of_class, rng) < places[of_class]
        return mask


@dataclass(frozen=True, kw_only=True)
class RS2(Agent):
    """Repeated sampling without replacement: consecutive chunks of K of a shuffled list.

    The list is shuffled anew when it is used up, so visit counts never differ by more than one.
    Source: RS2, arXiv 2305.18424, verified against the authors' code. Where a chunk takes the last
    r arms of one list and K - r of the next, those r go behind them in the next list: no arm is
    twice in a chunk, and each list still holds each arm once. This rule is the project's own.
    """

    not_of_arms: ClassVar[tuple[str, ...]] = ("order",)

    def start(self, num_runs: int, num_arms: int) -> State:
        return {
            "order": np.zeros((num_runs, num_arms), np.int32),
            "next": np.full(num_runs, num_arms, np.int64),
        }

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        mask = np.zeros(observation["seen"].shape, bool)
        for run, (row, order) in enumerate(zip(mask, state["order"], strict=True)):
            begin, end = state["next"][run], state["next"][run] + k
            row[order[begin:end]] = True
            if end >= len(order):
                end -= len(order)
                shuffled = rng.permutation(len(order)).astype(np.int32)
                postponed = row[shuffled]
                fresh = shuffled[~postponed][:end]
                row[fresh] = True
                first = row[shuffled] & ~postponed
                order[...] = np.concatenate([shuffled[first], shuffled[~first]])
            state["next"][run] = end
        return mask
