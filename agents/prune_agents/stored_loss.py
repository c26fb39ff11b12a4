"""Policies that rank the latest loss of each arm: orderdp and selective_backprop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Agent, Observation, State
from prune_agents.maths import UNSEEN, Floats, latest
from prune_agents.registry import register
from prune_agents.sampling import best_k, random_part
from prune_env.options import In


@dataclass(frozen=True, kw_only=True)
class StoredLoss(Agent):
    """Remembers the latest loss of each arm; arms never observed rank above all others."""

    signals: ClassVar[tuple[str, ...]] = ("loss",)

    def start(self, num_runs: int, num_arms: int) -> State:
        return {"loss": np.full((num_runs, num_arms), UNSEEN)}

    def update(self, state: State, observation: Observation) -> None:
        state["loss"] = latest(state["loss"], observation["loss"], observation["seen"] == 1)


@register("orderdp")
@dataclass(frozen=True, kw_only=True)
class OrderDP(StoredLoss):
    """OrderDP: of a uniform random pool, keep the arms of the highest latest loss.

    The pool has K / top_share arms and its top K are kept; no weights, no last full rounds. Source:
    arXiv 2606.08574, verified against the authors' code, where losses start at 3; here an arm never
    observed goes first. The paper's keep ratio 0.3 is a pool of 0.5 N and its top 0.6. Where
    keep_ratio exceeds top_share the pool is everything.
    """

    top_share: Annotated[float, In("(0, 1]")] = 0.6
    """share of the pool that is kept"""

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        score = self.score(state)
        num_runs, num_arms = score.shape
        pool_size = min(num_arms, round(k / self.top_share))
        pool = random_part(np.ones(score.shape, bool), np.full(num_runs, pool_size), rng)
        return best_k(np.where(pool, score, -np.inf), k, rng)

    def score(self, state: State) -> Floats:
        """(M, N) what the arms of the pool are ranked by, `UNSEEN` where never observed."""
        return state["loss"]


@register("selective_backprop")
@dataclass(frozen=True, kw_only=True)
class SelectiveBackprop(StoredLoss):
    """Selective backprop by rounds: keep an arm with chance F(loss)^beta, F the share not above it.

    beta = 1 / keep_ratio - 1 makes the expected share keep_ratio. Arms never observed have F = 1,
    so the first round is whole. Rule of arXiv 1910.00762, verified against the authors' code, where
    it decides inside a batch against recent losses; by rounds, on the latest losses of all arms, is
    this project's form.
    """

    keeps_k: ClassVar[bool] = False

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        loss = state["loss"]
        share = np.empty(loss.shape)
        for row, values in zip(share, loss, strict=True):
            row[...] = np.searchsorted(np.sort(values), values, side="right") / len(values)
        beta = 1 / self.keep_ratio - 1
        return rng.random(loss.shape) < share**beta
