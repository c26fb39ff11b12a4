"""Moving statistics of the loss: the policies of the seed paper.

Raju, Daruwalla, Lipasti, "Accelerating Deep Learning with Dynamic Data Pruning", arXiv 2111.12621.
The formulas, and alpha 0.8, c 1 and epsilon 0.1, are as in two ports by others, which agree; the
paper's own values are not known. There a selection is made every 10 epochs (`period=10`), the first
epoch is whole, and the first loss of an arm starts its mean, with a variance of alpha times its
square. Here a selection is made every round, arms that were never observed go first, in random
order, and the variance starts at 0: all three are this project's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Agent, Observation, State
from prune_agents.maths import UNSEEN, ema, ema_variance, schedule
from prune_agents.registry import register
from prune_agents.sampling import best_k, weighted_k
from prune_env.options import In
from prune_env.selection import random_k


@register("uncertainty")
@dataclass(frozen=True, kw_only=True)
class Uncertainty(Agent):
    """Greedy: the K arms of the highest moving average of the loss.

    s <- (1 - alpha) s + alpha loss, for every arm observed. From memory the paper's first step.
    """

    alpha: Annotated[float, In("(0, 1]")] = 0.8
    """weight of the newest loss"""

    signals: ClassVar[tuple[str, ...]] = ("loss",)

    def start(self, num_runs: int, num_arms: int) -> State:
        return {"mean": np.full((num_runs, num_arms), UNSEEN)}

    def update(self, state: State, observation: Observation) -> None:
        seen = observation["seen"] == 1
        state["mean"] = ema(state["mean"], observation["loss"], self.alpha, seen)

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        return best_k(state["mean"], k, rng)


@register("epsilon_greedy")
@dataclass(frozen=True, kw_only=True)
class EpsilonGreedy(Uncertainty):
    """Greedy on the moving average of the loss, with a share epsilon of the K arms at random.

    floor(epsilon K) arms are drawn uniformly from those that greed leaves out.
    """

    epsilon: Annotated[float, In("[0, 1]")] = 0.1
    """share of the kept arms that are random"""

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        num_random = int(self.epsilon * k + 1e-9)
        greedy = best_k(state["mean"], k - num_random, rng)
        return greedy | random_k(~greedy, num_random, rng)


@register("ucb")
@dataclass(frozen=True, kw_only=True)
class UCB(Uncertainty):
    """The seed paper's upper confidence bound: moving mean plus c times variance of the loss.

    v <- (1 - alpha) v + alpha (loss - m)^2 with the old m; m <- (1 - alpha) m + alpha loss;
    score m + c v: the variance, not its root, and no count of pulls.
    """

    c: Annotated[float, In("[0, inf)")] = 1.0
    """weight of the variance"""

    def start(self, num_runs: int, num_arms: int) -> State:
        variance = np.zeros((num_runs, num_arms), np.float32)
        return super().start(num_runs, num_arms) | {"variance": variance}

    def update(self, state: State, observation: Observation) -> None:
        loss, seen = observation["loss"], observation["seen"] == 1
        variance = ema_variance(state["variance"], state["mean"], loss, self.alpha, seen)
        state["variance"] = variance
        state["mean"] = ema(state["mean"], loss, self.alpha, seen)

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        return best_k(state["mean"] + self.c * state["variance"], k, rng)


@register("ucb_std")
@dataclass(frozen=True, kw_only=True)
class UCBStd(UCB):
    """The `ucb` policy with the deviation in place of the variance: score m + c sqrt v.

    A proposal of this project: the bonus then has the unit of the loss.
    """

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        return best_k(state["mean"] + self.c * np.sqrt(state["variance"]), k, rng)


@register("boltzmann")
@dataclass(frozen=True, kw_only=True)
class Boltzmann(Uncertainty):
    """Softmax exploration: draw with odds exp(s / tau) of the moving average s of the loss.

    K arms without replacement. tau goes linearly from tau_start in the first round to tau_end in
    the last: 0 is greedy, infinity uniform. Textbook rule, from memory; the schedule is this
    project's.
    """

    tau_start: Annotated[float, In("(0, inf)")] = 1.0
    """temperature in the first round, nats"""
    tau_end: Annotated[float, In("(0, inf)")] = 0.1
    """temperature in the last round, nats"""

    signals: ClassVar[tuple[str, ...]] = ("loss", "progress")
    revision: ClassVar[int] = 2

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        along = schedule(state["round"], observation["progress"])
        tau = self.tau_start + (self.tau_end - self.tau_start) * along
        return weighted_k(state["mean"] / tau, k, rng)


@register("gauss_loss")
@dataclass(frozen=True, kw_only=True)
class GaussLoss(Uncertainty):
    """Draw with odds a exp(-(a - mu)^2 / (2 sd^2)) of the moving average a of the loss.

    mu and sd are the mean and deviation of a over the arms: very low and very high losses are
    both rare. K arms without replacement. The idea is read in the abstract of arXiv 2406.13871
    (time series); this form of it is the project's own.
    """

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        mean = state["mean"]
        known = np.isfinite(mean)
        loss = np.where(known, mean, 0)
        num_known = np.maximum(known.sum(axis=1, keepdims=True), 1)
        centred = loss - loss.sum(axis=1, keepdims=True) / num_known
        variance = (known * centred**2).sum(axis=1, keepdims=True) / num_known
        odds = np.log(np.maximum(loss, 1e-12)) - centred**2 / np.maximum(2 * variance, 1e-12)
        return weighted_k(np.where(known, odds, UNSEEN), k, rng)
