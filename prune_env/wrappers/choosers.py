"""Choosers: from a small action to the arms that M runs keep.

Each is the pure part of the wrapper of the same name, so that an agent trained through the wrapper
can choose without it. The signature is always

    choose(actions, ratio, memory, observation, rng) -> (M, N) bool

actions: (M, ...), one of `space(num_arms)` for each run; ratio: (M,) float64 in (0, 1], the share
of the arms to keep; memory and observation as in `prune_env.wrappers.arm_features`. No run keeps
more arms than it can pay for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol, runtime_checkable

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from prune_env.checks import In, check, check_argument
from prune_env.core.generators import Rng, of_run
from prune_env.core.selection import affordable_arms, best_k, quotas
from prune_env.lookup import known
from prune_env.wrappers.arm_features import FEATURES, Memory, Observation, feature, linear_scores

Mask = NDArray[np.bool_]
Actions = NDArray[Any]
Ratio = NDArray[np.float64]

RULES: dict[str, dict[str, float]] = {
    "random": {"noise": 1},
    "hardest": {"loss": 1},
    "hardest_on_average": {"loss_ema": 1},
    "easiest": {"loss": -1},
    "oldest": {"age": 1},
    "least_kept": {"pulls": -1},
    "least_sure": {"margin": -1},
    "most_variable": {"loss_variance": 1},
    "most_forgotten": {"forgetting": 1},
    "hard_drawn": {"loss_ema": 0.5, "noise": 1},
    "easy_drawn": {"loss_ema": -0.5, "noise": 1},
}
"""Selection rules by name, each as weights of `FEATURES`: a point in the space of `LinearScores`.

"drawn" rules draw arms with probabilities softmax(weight * feature) instead of taking the best."""


CHOOSERS = ("LinearScores", "LossBins", "Rules", "ArmScores")
"""Those that a list of wrappers begins with; `KeepRatio` may follow."""


@runtime_checkable
class Chooser(Protocol):
    """What all choosers have; see the module docstring."""

    def space(self, num_arms: int) -> spaces.Space[Any]:
        """The actions of one run over N arms."""

    def choose(
        self, actions: Actions, ratio: Ratio, memory: Memory, observation: Observation, rng: Rng
    ) -> Mask:
        """Choose the arms of M runs."""


@dataclass(frozen=True)
class LinearScores:
    """A weight for each of `FEATURES`; the arms with the highest weighted sum are kept."""

    def space(self, num_arms: int) -> spaces.Box:
        return spaces.Box(-1, 1, (len(FEATURES),), np.float32)

    def choose(
        self, actions: Actions, ratio: Ratio, memory: Memory, observation: Observation, rng: Rng
    ) -> Mask:
        scores = linear_scores(actions, memory, observation, rng)
        return best(scores, num_kept(ratio, observation), rng)


@dataclass(frozen=True)
class Rules:
    """The number of a rule; rules are named weights of `FEATURES`."""

    rules: Mapping[str, Mapping[str, float]] = field(default_factory=lambda: RULES)

    def __post_init__(self) -> None:
        check(self)
        for rule, weights in self.rules.items():
            check_argument(f"rule {rule!r}", weights, Mapping[str, float])
            for name, weight in weights.items():
                known(f"feature in rule {rule!r}", name, FEATURES)
                check_argument(f"{name} in rule {rule!r}", weight, float)
        if not self.rules:
            raise ValueError("rules is empty; at least one is needed")

    def space(self, num_arms: int) -> spaces.Discrete:
        return spaces.Discrete(len(self.rules))

    def choose(
        self, actions: Actions, ratio: Ratio, memory: Memory, observation: Observation, rng: Rng
    ) -> Mask:
        points = [[rule.get(name, 0) for name in FEATURES] for rule in self.rules.values()]
        weights = np.array(points, np.float32)[actions]
        return LinearScores().choose(weights, ratio, memory, observation, rng)


@dataclass(frozen=True)
class ArmScores:
    """A score for each arm; the highest are kept."""

    def space(self, num_arms: int) -> spaces.Box:
        return spaces.Box(-1, 1, (num_arms,), np.float32)

    def choose(
        self, actions: Actions, ratio: Ratio, memory: Memory, observation: Observation, rng: Rng
    ) -> Mask:
        return best(actions, num_kept(ratio, observation), rng)


@dataclass(frozen=True)
class LossBins:
    """For each quantile of the loss how large a share of it is kept, relative to the others."""

    bins: Annotated[int, In("[2, inf)")] = 8
    """how many; bin 0 holds the smallest losses"""

    def __post_init__(self) -> None:
        check(self)

    def space(self, num_arms: int) -> spaces.Box:
        return spaces.Box(-1, 1, (self.bins,), np.float32)

    def choose(
        self, actions: Actions, ratio: Ratio, memory: Memory, observation: Observation, rng: Rng
    ) -> Mask:
        loss = feature("loss", memory, observation, rng)
        mask = np.zeros(loss.shape, bool)
        kept = num_kept(ratio, observation)
        for run, (row, losses, action, k) in enumerate(zip(mask, loss, actions, kept, strict=True)):
            own = of_run(rng, run)
            shuffled = own.permutation(loss.shape[1])  # equal losses are spread over the bins
            easiest_first = shuffled[np.argsort(losses[shuffled], kind="stable")]
            groups = np.array_split(easiest_first, self.bins)
            sizes = np.array([len(group) for group in groups])
            share = sizes * (action + 1) / 2
            for group, count in zip(groups, quotas(share, sizes, int(k), own), strict=True):
                row[own.choice(group, count, replace=False)] = True
        return mask


@dataclass(frozen=True)
class KeepRatio:
    """Another chooser with one knob more: the share of the arms that is kept this round.

    A Box grows by one entry in [-1, 1], a Discrete by a factor `levels`: the action is
    level * n + action of the other. Shares are spaced geometrically from `low` to `high`.
    """

    chooser: Chooser
    low: float = 0.05
    high: float = 1.0
    levels: Annotated[int, In("[2, inf)")] = 5

    def __post_init__(self) -> None:
        check(self)
        if not 0 < self.low < self.high <= 1:
            raise ValueError(
                f"low, high are {self.low}, {self.high}; allowed is 0 < low < high <= 1"
            )

    def space(self, num_arms: int) -> spaces.Space[Any]:
        inner = self.chooser.space(num_arms)
        if isinstance(inner, spaces.Discrete):
            return spaces.Discrete(int(inner.n) * self.levels)
        assert isinstance(inner, spaces.Box)
        return spaces.Box(-1, 1, (inner.shape[0] + 1,), np.float32)

    def split(self, actions: Actions, num_arms: int) -> tuple[Ratio, Actions]:
        """The shares to keep, (M,), and the actions of the other chooser."""
        inner = self.chooser.space(num_arms)
        if isinstance(inner, spaces.Discrete):
            height, rest = actions // inner.n / (self.levels - 1), actions % inner.n
        else:
            height, rest = (actions[:, -1] + 1) / 2, actions[:, :-1]
        return self.low * (self.high / self.low) ** height.astype(np.float64), rest

    def choose(
        self, actions: Actions, ratio: Ratio, memory: Memory, observation: Observation, rng: Rng
    ) -> Mask:
        ratio, rest = self.split(actions, observation["seen"].shape[1])
        return self.chooser.choose(rest, ratio, memory, observation, rng)


def checked_ratio(keep_ratio: float) -> float:
    """A share of the arms to keep.

    Raises:
        ValueError: it is no number in (0, 1].
    """
    check_argument("keep_ratio", keep_ratio, Annotated[float, In("(0, 1]")])
    return float(keep_ratio)


def num_kept(ratio: Ratio, observation: Observation) -> NDArray[np.int64]:
    """(M,) how many arms to keep: the nearest to ratio * N that can be paid for, at least 1."""
    num_arms = observation["seen"].shape[1]
    affordable = affordable_arms(observation["budget_left"], num_arms)
    return np.minimum(np.round(ratio * num_arms), affordable).clip(1).astype(np.int64)


def best(scores: NDArray[np.floating[Any]], kept: NDArray[np.int64], rng: Rng) -> Mask:
    """(M, N) bool: in each row of scores the highest, as many as `kept`, (M,), says."""
    rows = enumerate(zip(scores, kept, strict=True))
    return np.stack([best_k(row[None], int(k), of_run(rng, run))[0] for run, (row, k) in rows])
