"""UCB1 and its forgetful forms: the mean loss of an arm plus a bonus for few observations.

The bonuses are the textbook's, from memory; arms never observed go first, in random order. Losses
fall as training goes on, so a mean over all rounds lags behind; `ducb` and `swucb` forget.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Observation, State
from prune_agents.bandit import LossBandit
from prune_agents.maths import UNSEEN
from prune_agents.registry import register
from prune_agents.sampling import best_k
from prune_env.options import In


@register("ucb1")
@dataclass(frozen=True, kw_only=True)
class UCB1(LossBandit):
    """Combinatorial UCB1: the mean loss of an arm plus a bonus that falls with its observations.

    score_i = m_i + c sqrt(1.5 ln t / n_i) in round t, where n_i counts observations and m_i is
    their mean reward, clip(loss / log C, 0, 1). CUCB of Chen, Wang and Yuan (2013).
    """

    c: Annotated[float, In("[0, inf)")] = 1.0
    """weight of the bonus"""

    def start(self, num_runs: int, num_arms: int) -> State:
        return super().start(num_runs, num_arms) | {
            "sum": np.zeros((num_runs, num_arms), np.float32),
            "count": np.zeros((num_runs, num_arms), np.float32),
        }

    def update(self, state: State, observation: Observation) -> None:
        state["sum"] += observation["seen"] * self.reward(state, observation)
        state["count"] += observation["seen"]

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        log_round = np.log(state["round"] + 1.0).astype(np.float32)[:, None]
        return self._highest(state["sum"], state["count"], 1.5 * log_round, k, rng)

    def _highest(
        self,
        total: NDArray[np.float32],
        count: NDArray[np.float32],
        width: NDArray[np.float32],
        k: int,
        rng: np.random.Generator,
    ) -> NDArray[np.bool_]:
        """The k arms of the highest mean + c sqrt(width / count). total, count: (M, N)."""
        n = np.where(count > 0, count, 1)
        score = total / n + self.c * np.sqrt(width / n)
        return best_k(np.where(count > 0, score, UNSEEN), k, rng)


@register("ducb")
@dataclass(frozen=True, kw_only=True)
class DUCB(UCB1):
    """Discounted UCB: an observation counts discount^(its age in rounds).

    score_i = m_i + 2 c sqrt(0.6 ln t / n_i), with discounted counts n and means m, and t the
    discounted number of rounds. Garivier and Moulines, arXiv 0805.3415, from memory, with B = 1 and
    xi = 0.6. With one play a round theirs is the sum of the n; with K plays that sum is K t, and
    its logarithm would leave only the order of the n.
    """

    discount: Annotated[float, In("(0, 1]")] = 0.95
    """what an observation keeps of its weight each round"""

    revision: ClassVar[int] = 2

    def start(self, num_runs: int, num_arms: int) -> State:
        return super().start(num_runs, num_arms) | {"rounds": np.zeros((num_runs, 1), np.float32)}

    def update(self, state: State, observation: Observation) -> None:
        for name in ("sum", "count", "rounds"):
            state[name] *= self.discount
        super().update(state, observation)
        state["rounds"] += observation["seen"].any(axis=1, keepdims=True)

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        log_rounds = np.log(np.maximum(state["rounds"], 1)).astype(np.float32)
        return self._highest(state["sum"], state["count"], 2.4 * log_rounds, k, rng)


@register("swucb")
@dataclass(frozen=True, kw_only=True)
class SWUCB(UCB1):
    """Sliding-window UCB: only the last `window` rounds count.

    score_i = m_i + c sqrt(0.6 ln(min(t, window)) / n_i), with counts n and means m over the
    window; an arm without an observation in it goes first. Garivier and Moulines, arXiv 0805.3415,
    from memory, with B = 1 and xi = 0.6.
    """

    window: Annotated[int, In("[1, inf)")] = 10
    """rounds that are remembered; each costs 8 bytes an arm"""

    def start(self, num_runs: int, num_arms: int) -> State:
        return super().start(num_runs, num_arms) | {
            "rewards": np.zeros((num_runs, self.window, num_arms), np.float32),
            "observed": np.zeros((num_runs, self.window, num_arms), np.float32),
        }

    def update(self, state: State, observation: Observation) -> None:
        runs, slot = np.arange(len(state["round"])), state["round"] % self.window
        state["rewards"][runs, slot] = observation["seen"] * self.reward(state, observation)
        state["observed"][runs, slot] = observation["seen"]
        state["sum"] = state["rewards"].sum(axis=1)
        state["count"] = state["observed"].sum(axis=1)

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        rounds = np.minimum(state["round"] + 1, self.window).astype(np.float32)
        return self._highest(state["sum"], state["count"], 0.6 * np.log(rounds)[:, None], k, rng)
