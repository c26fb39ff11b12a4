"""A small environment that speaks the observation contract, and observations by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from numpy.typing import NDArray
from prune_agents import Agent

NUM_CLASSES, NUM_FEATURES = 10, 4
RUN_SIGNALS = {"progress", "budget_left", "val_loss", "val_accuracy"}


class TinyEnv(gym.Env[Any, Any]):
    """N arms whose loss falls by a factor with each pull; only the signals of one agent are shown.

    budget: in epochs of the whole data; None ends the episode after `rounds` rounds.
    """

    def __init__(
        self, agent: Agent, num_arms: int = 40, rounds: int = 8, budget: float | None = None
    ) -> None:
        self.num_arms, self.rounds, self.budget = num_arms, rounds, budget
        self.names = {"seen", *agent.signals} | ({"budget_left"} if budget else set())
        shapes = dict.fromkeys(self.names, (num_arms,)) | dict.fromkeys(RUN_SIGNALS, (1,))
        shapes["features"] = (num_arms, NUM_FEATURES)
        self.observation_space = gym.spaces.Dict(
            {n: gym.spaces.Box(-np.inf, np.inf, shapes[n], np.float32) for n in self.names}
        )
        self.action_space = (
            gym.spaces.MultiBinary(num_arms)
            if agent.action == "keep"
            else gym.spaces.Box(0, 100, (num_arms,), np.float32)
        )
        self.kept: list[int] = []

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.loss = np.full(self.num_arms, np.log(NUM_CLASSES))
        self.decay = self.np_random.uniform(0.3, 0.9, self.num_arms)
        self.features = self.np_random.standard_normal((self.num_arms, NUM_FEATURES))
        self.pulls, self.last_seen = np.zeros((2, self.num_arms))
        self.round, self.spent = 0, 0
        self.kept = []
        return self._observation(), {}

    def step(self, action: NDArray[Any]) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action), action
        kept = action > 0
        assert kept.any()
        if self.budget:
            assert self.spent + kept.sum() <= round(self.budget * self.num_arms)
        self.spent += int(kept.sum())
        self.kept.append(int(kept.sum()))
        self.round += 1
        self.loss[kept] = (np.log(NUM_CLASSES) * self.decay**self.pulls)[kept]
        self.pulls += kept
        self.last_seen[kept] = self.round
        return self._observation(), 0.1, self._left() <= 0, False, {}

    def _left(self) -> float:
        if self.budget:
            return (round(self.budget * self.num_arms) - self.spent) / self.num_arms
        return self.rounds - self.round

    def _observation(self) -> dict[str, NDArray[np.float32]]:
        confidence = np.exp(-self.loss)
        of_arms = {
            "loss": self.loss,
            "confidence": confidence,
            "margin": 2 * confidence - 1,
            "correct": confidence > 0.5,
            "error_norm": 1 - confidence,
            "seen": (self.last_seen == self.round) & (self.round > 0),
            "age": self.round - self.last_seen,
            "pulls": self.pulls,
            "label": np.arange(self.num_arms) % NUM_CLASSES,
            "reference_loss": self.loss * (1 + self.decay),
            "features": self.features * (self.pulls > 0)[:, None],
        }
        total = self.budget * self.num_arms if self.budget else self.rounds
        of_run = {
            "progress": (self.spent if self.budget else self.round) / total,
            "budget_left": self._left(),
            "val_loss": self.loss.mean(),
            "val_accuracy": confidence.mean(),
        }
        everything = of_arms | {name: [value] for name, value in of_run.items()}
        return {name: np.asarray(everything[name], np.float32) for name in self.names}


@pytest.fixture
def tiny_env() -> type[TinyEnv]:
    return TinyEnv


@pytest.fixture
def observe() -> Callable[..., dict[str, NDArray[np.float32]]]:
    """An observation by hand; `seen` is 1 everywhere unless given."""

    def build(**entries: Any) -> dict[str, NDArray[np.float32]]:
        entries.setdefault("seen", np.ones_like(next(iter(entries.values()))))
        return {name: np.asarray(values, np.float32) for name, values in entries.items()}

    return build


@pytest.fixture
def at_round() -> Callable[..., tuple[NDArray[Any], Any]]:
    """`predict` before a round of a run of so many; what was learned before comes from `state`."""

    def predict(
        agent: Agent, observation: Any, round_: int, of: int, state: Any = None
    ) -> tuple[NDArray[Any], Any]:
        runs = np.ones(observation["seen"].shape[:-1], np.float32)[..., None]
        observation = observation | {"progress": runs * np.float32(round_ / of)}
        if state is None:
            _, state = agent.predict(observation | {"progress": runs * 0})
        state["round"][:] = round_
        return agent.predict(observation, state)

    return predict


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
