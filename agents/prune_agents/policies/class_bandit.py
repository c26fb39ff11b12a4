"""ClassBandit: what the bandits have in common whose arms are the classes."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Observation, State
from prune_agents.policies.loss_bandit import LossBandit
from prune_agents.tools.groups import rank_within
from prune_env.core.selection import quotas


@dataclass(frozen=True, kw_only=True)
class ClassBandit(LossBandit):
    """Divides the K places among the classes by their chances, and draws uniformly within a class.

    A class is never given more places than it has arms; the others share what that leaves.
    """

    signals: ClassVar[tuple[str, ...]] = ("loss", "label")
    not_of_arms: ClassVar[tuple[str, ...]] = ("chance",)

    def start(self, num_runs: int, num_arms: int) -> State:
        # One value a class. There are never more classes than arms; the rest stays 0.
        return super().start(num_runs, num_arms) | {"chance": np.zeros((num_runs, num_arms))}

    def update(self, state: State, observation: Observation) -> None:
        reward = self.reward(state, observation)
        seen = observation["seen"] == 1
        for run, label in enumerate(observation["label"]):
            if seen[run].any():
                _, of_class = np.unique(label, return_inverse=True)
                self.learn(
                    part_of(state, run), of_class, reward[run], observation["loss"][run], seen[run]
                )

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        chosen = np.zeros(observation["seen"].shape, bool)
        lot = rng.random(chosen.shape)
        for run, label in enumerate(observation["label"]):
            _, of_class, size = np.unique(label, return_inverse=True, return_counts=True)
            chance = self.chances(part_of(state, run), len(size))
            state["chance"][run, : len(size)] = chance
            quota = quotas(chance, size, k, rng)
            chosen[run] = rank_within(lot[run], of_class, rng) < quota[of_class]
        return chosen

    @abstractmethod
    def learn(
        self,
        state: State,
        of_class: NDArray[np.int64],
        reward: NDArray[np.float32],
        loss: NDArray[np.float32],
        seen: NDArray[np.bool_],
    ) -> None:
        """Learn from the last round of one run, in place.

        Args:
            state: the entries of this run that have an axis of arms.
            of_class: (N,) the number of the class of each arm.
            reward: (N,) in [0, 1], see `LossBandit`.
            loss: (N,) nats.
            seen: (N,) the arms observed, at least one.
        """

    @abstractmethod
    def chances(self, state: State, num_classes: int) -> NDArray[np.float64]:
        """(G,) the share of the places that each class is to get, which sum to 1."""


def part_of(state: State, run: int) -> State:
    """The entries of one run, views; without those that are one number a run."""
    return {name: array[run] for name, array in state.items() if array.ndim > 1}


def class_means(
    values: NDArray[np.floating[Any]], of_class: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The classes that occur, and the mean value of each."""
    classes, own, size = np.unique(of_class, return_inverse=True, return_counts=True)
    return classes, np.bincount(own, values) / size
