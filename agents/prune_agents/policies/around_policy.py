"""Policies round another one, which learns and reads what it always does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from prune_agents.agent import Agent, Observation, State
from prune_agents.registry import make


@dataclass(frozen=True, kw_only=True)
class AroundPolicy(Agent):
    """The base of policies that change what another one makes of its knowledge."""

    policy: str = "uncertainty"
    """name of the policy inside; it is made with what all share, as keep_ratio and seed"""

    @cached_property
    def inner(self) -> Agent:
        """The policy inside."""
        return make(self.policy, **self.shared())

    def env_options(self, epochs: float) -> dict[str, Any]:
        return self.inner.env_options(epochs)

    def start(self, num_runs: int, num_arms: int) -> State:
        return self.inner.start(num_runs, num_arms)

    def update(self, state: State, observation: Observation) -> None:
        self.inner.update(state, observation)
