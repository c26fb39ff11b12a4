# pyright: strict
"""A policy of one's own, typed: in the environment, beside a built-in one, and in a loop.

python examples/own_policy.py
prune-env board --preset demo --agents examples.own_policy:LongestWait
"""

from dataclasses import dataclass
from typing import Annotated, Any

import gymnasium as gym
import numpy as np
import prune_agents
from numpy.typing import NDArray
from prune_agents import Agent
from prune_agents.agent import Observation, State

from prune_env import PruneEnv
from prune_env.checks import In


@dataclass(frozen=True, kw_only=True)
class LongestWait(Agent):
    """The arms with the highest loss, more so the longer they were not seen."""

    patience: Annotated[float, In("[0, inf)")] = 0.1
    """nats that a round of waiting counts"""

    signals = ("loss", "age")

    def scores(
        self, state: State, observation: Observation, rng: np.random.Generator
    ) -> NDArray[np.floating[Any]]:
        """(M, N), the highest are kept."""
        return observation["loss"] + self.patience * observation["age"]


def accuracy_of(agent: Agent, seed: int = 0) -> float:
    """Of a network that was trained on what the agent kept, in [0, 1]."""
    env = gym.make("prune_env:prune_env/Digits-v0", epochs=10).unwrapped
    assert isinstance(env, PruneEnv)
    observation, info = env.reset(seed=seed)
    state: State | None = None
    terminated = False
    while not terminated:
        action, state = agent.predict(observation, state)
        observation, _, terminated, _, info = env.step(action)
    return float(info["test_accuracy"])


if __name__ == "__main__":
    for agent in (LongestWait(), prune_agents.make("random_dynamic", keep_ratio=0.3)):
        accuracy = np.mean([accuracy_of(agent, seed) for seed in range(5)])
        print(f"{type(agent).__name__:14} {100 * accuracy:.1f} % of test digits right")
