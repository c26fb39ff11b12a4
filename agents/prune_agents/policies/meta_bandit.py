"""A bandit over policies: few arms with many plays, where the samples are many arms with few."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Agent, Observation, State
from prune_agents.registry import find_inside, make
from prune_env.checks import In
from prune_env.core.moving_averages import UNSEEN
from prune_env.core.selection import ActionKind, best_k


@dataclass(frozen=True, kw_only=True)
class MetaBandit(Agent):
    """A bandit whose arms are policies, rewarded by the fall of the validation loss per cost.

    Each round one policy chooses; all of them learn from what is observed. Its reward is
    ln(validation loss before / after) divided by the share of the arms that it kept; the logarithm
    keeps late rounds comparable with early ones. Discounted UCB picks: m_j + c s sqrt(ln(1 +
    sum n) / n_j), s the largest absolute reward so far, untried policies first, in random order. A
    proposal of this project, after the bandits over objectives of Graves et al. (2017).
    """

    policies: tuple[str, ...] = ("random_dynamic", "uncertainty", "ucb", "gauss_loss")
    """names of the policies to choose from; each is made with what all share"""
    c: Annotated[float, In("[0, inf)")] = 0.5
    """weight of the bonus"""
    discount: Annotated[float, In("(0, 1]")] = 0.9
    """what a reward keeps of its weight each round"""

    signals: ClassVar[tuple[str, ...]] = ("loss", "val_loss")
    action: ClassVar[ActionKind] = "weights"

    def __post_init__(self) -> None:
        super().__post_init__()
        asks_nothing = [not find_inside("policies", name).wants_prior() for name in self.policies]
        others = "meta_bandit" not in self.policies and all(asks_nothing)
        if not (len(self.policies) > 1 and others):
            raise ValueError(
                f"policies is {self.policies!r}; allowed is two or more names of other agents that "
                "want no prior run"
            )
        # What is read and kept depends on the policies, so the instance has its own values.
        signals = {"val_loss"}.union(*(agent.signals for agent in self.agents))
        object.__setattr__(self, "signals", tuple(sorted(signals)))
        object.__setattr__(self, "keeps_k", all(agent.keeps_k for agent in self.agents))
        of_others = [f"{j}/{n}" for j, agent in enumerate(self.agents) for n in agent.not_of_arms]
        object.__setattr__(self, "not_of_arms", tuple(of_others))

    @cached_property
    def agents(self) -> list[Agent]:
        """One agent a policy."""
        return [make(name, **self.shared()) for name in self.policies]

    def env_options(self, epochs: float) -> dict[str, Any]:
        merged: dict[str, Any] = {"evaluate_every": 1}  # else a reward is of several rounds
        for agent in self.agents:
            merged |= agent.env_options(epochs)
        return merged

    def start(self, num_runs: int, num_arms: int) -> State:
        state: State = {
            "total": np.zeros((num_runs, len(self.agents))),
            "count": np.zeros((num_runs, len(self.agents))),
            "scale": np.zeros(num_runs),
            "picked": np.zeros(num_runs, np.int64),
            "cost": np.ones(num_runs),
            "val_loss": np.ones(num_runs),
        }
        for j, agent in enumerate(self.agents):
            for name, array in agent.start(num_runs, num_arms).items():
                state[f"{j}/{name}"] = array
        return state

    def update(self, state: State, observation: Observation) -> None:
        for j, agent in enumerate(self.agents):
            part = self._part(state, j)
            agent.update(part, observation)
            self._store(state, j, part)

        loss = np.maximum(observation["val_loss"][:, 0].astype(float), 1e-6)
        reward = np.log(state["val_loss"] / loss) / state["cost"]
        state["val_loss"] = loss
        played = np.flatnonzero(state["round"] > self.full_rounds)
        state["total"] *= self.discount
        state["count"] *= self.discount
        state["total"][played, state["picked"][played]] += reward[played]
        state["count"][played, state["picked"][played]] += 1
        state["scale"][played] = np.maximum(state["scale"][played], np.abs(reward[played]))

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        n = np.where(state["count"] > 0, state["count"], 1)
        doubt = np.sqrt(np.log1p(state["count"].sum(axis=1, keepdims=True)) / n)
        score = state["total"] / n + self.c * state["scale"][:, None] * doubt
        score = np.where(state["count"] > 0, score, UNSEEN)
        state["picked"] = best_k(score, 1, rng).argmax(axis=1)

        chosen = np.zeros(observation["seen"].shape, np.float32)
        for j, agent in enumerate(self.agents):
            runs = np.flatnonzero(state["picked"] == j)
            if len(runs):
                part = self._part(state, j)
                chosen[runs] = agent.choose_in(runs, part, observation, k, rng)
                self._store(state, j, part)
        state["cost"] = (chosen > 0).mean(axis=1)
        return chosen

    def _part(self, state: State, j: int) -> State:
        """The state of policy j, which counts the rounds of all."""
        prefix = f"{j}/"
        own = {name.removeprefix(prefix): a for name, a in state.items() if name.startswith(prefix)}
        return own | {"round": state["round"]}

    def _store(self, state: State, j: int, part: State) -> None:
        """Write the state of policy j back, but for the rounds of all."""
        state |= {f"{j}/{name}": array for name, array in part.items() if name != "round"}
