"""A linear bandit on the signals: the arms share one vector of parameters.

With N arms and T rounds, N far above T, statistics of single arms stay thin; what is learned about
an arm here serves all that look like it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Observation, State
from prune_agents.policies.loss_bandit import LossBandit
from prune_agents.tools.guess import in_guesses
from prune_env.checks import In
from prune_env.core.moving_averages import UNSEEN, Floats, ema, ema_variance

NUM_FEATURES = 7


@dataclass(frozen=True, kw_only=True)
class Contextual(LossBandit):
    """Linear UCB or linear Thompson sampling on seven features of an arm, shared parameters.

    Features x: 1, moving mean and deviation of the loss (over log C), margin, age and pulls (both
    over the rounds so far), mean loss of the class (over log C). Reward: clip(loss / log C, 0, 1)
    at the next observation. A = ridge I + sum x x', b = sum x reward, both discounted, each round
    weighing as one observation: otherwise thousands of arms a round leave no doubt to explore.
    UCB: x'theta + c sqrt(x' A^-1 x) with theta = A^-1 b. Thompson: x'theta with
    theta ~ N(A^-1 b, c^2 A^-1). LinUCB (arXiv 1003.0146) and linear Thompson sampling
    (arXiv 1209.3352) from memory; features and weighing are this project's.
    """

    explore: Literal["ucb", "thompson"] = "ucb"
    """how doubt about the parameters enters"""
    c: Annotated[float, In("[0, inf)")] = 0.3
    """how much it counts"""
    ridge: Annotated[float, In("[1e-6, inf)")] = 0.1
    """what A starts from"""
    discount: Annotated[float, In("(0, 1]")] = 0.9
    """what a round keeps of its weight each round"""
    alpha: Annotated[float, In("(0, 1]")] = 0.5
    """weight of the newest loss in the moving mean and deviation"""

    signals: ClassVar[tuple[str, ...]] = ("loss", "margin", "age", "pulls", "label")
    not_of_arms: ClassVar[tuple[str, ...]] = ("target",)

    def start(self, num_runs: int, num_arms: int) -> State:
        return super().start(num_runs, num_arms) | {
            "mean": np.full((num_runs, num_arms), UNSEEN),
            "variance": np.zeros((num_runs, num_arms), np.float32),
            "features": np.zeros((num_runs, num_arms, NUM_FEATURES), np.float32),
            "gram": np.zeros((num_runs, NUM_FEATURES, NUM_FEATURES)),
            "target": np.zeros((num_runs, NUM_FEATURES)),
        }

    def update(self, state: State, observation: Observation) -> None:
        seen, reward = observation["seen"] == 1, self.reward(state, observation)
        for run in np.flatnonzero(seen.any(axis=1)):
            x = state["features"][run, seen[run]].astype(np.float64)  # to see the ridge
            gram, target = x.T @ x / len(x), x.T @ reward[run, seen[run]] / len(x)
            state["gram"][run] = self.discount * state["gram"][run] + gram
            state["target"][run] = self.discount * state["target"][run] + target
        scaled = _scaled_loss(state, observation)
        state["variance"] = ema_variance(state["variance"], state["mean"], scaled, self.alpha, seen)
        state["mean"] = ema(state["mean"], scaled, self.alpha, seen)
        state["features"] = self.features(state, observation)

    def features(self, state: State, observation: Observation) -> NDArray[np.float32]:
        """(M, N, 7) float32, of the order of 1."""
        scaled = _scaled_loss(state, observation)
        rounds = np.maximum(state["round"], 1)[:, None]
        class_loss = np.empty_like(scaled)
        for row, values, label in zip(class_loss, scaled, observation["label"], strict=True):
            label = label.astype(int)
            row[...] = (np.bincount(label, values) / np.maximum(np.bincount(label), 1))[label]
        columns = (
            np.ones_like(scaled),
            np.where(np.isinf(state["mean"]), scaled, state["mean"]),
            np.sqrt(state["variance"]),
            observation["margin"],
            observation["age"] / rounds,
            observation["pulls"] / rounds,
            class_loss,
        )
        return np.stack(columns, axis=-1).astype(np.float32)

    def scores(
        self, state: State, observation: Observation, rng: np.random.Generator
    ) -> NDArray[np.floating[Any]]:
        x = state["features"]
        score = np.empty(x.shape[:2])
        for run, row in enumerate(score):
            root = inverse_root(state["gram"][run] + self.ridge * np.eye(NUM_FEATURES))
            theta = root @ (root.T @ state["target"][run])
            if self.explore == "thompson":
                row[...] = x[run] @ (theta + self.c * root @ rng.standard_normal(NUM_FEATURES))
            else:
                row[...] = x[run] @ theta + self.c * np.linalg.norm(x[run] @ root, axis=1)
        return np.where(np.isinf(state["mean"]), UNSEEN, score)


def inverse_root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The Cholesky factor C of the inverse of a positive definite matrix, C C' = A^-1.

    A itself is factored, from its last row to its first, A = U U' and so C = U'^-1: the inverse of
    a matrix whose entries lie far apart need not be positive definite once it is rounded.
    """
    upper = np.linalg.cholesky(matrix[::-1, ::-1])[::-1, ::-1]
    return np.linalg.inv(upper).T


def _scaled_loss(state: State, observation: Observation) -> Floats:
    """(M, N) float32: the loss over log C."""
    return in_guesses(observation["loss"], state["log_classes"]).astype(np.float32)
