"""data_agent: an actor draws the score of every arm that is trained, and PPO teaches it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Agent, Observation, State
from prune_agents.tools import beta_ppo
from prune_agents.tools.features import projected
from prune_agents.tools.guess import remember_guess
from prune_agents.tools.schedule import ends_by
from prune_agents.tools.weights import room_for
from prune_env.checks import In
from prune_env.core import perceptrons
from prune_env.core.selection import ActionKind, best_k

INPUTS = 32
"""Numbers that an arm's features are projected to."""
ENTRIES = ("loss", "confidence", "error_norm")


@dataclass(frozen=True, kw_only=True)
class DataAgent(Agent):
    """Data-Agent: keep the highest scores, which an actor draws and PPO teaches within the run.

    For each arm that was trained in the round before a choice (with `period` that is not every
    round) an actor, given its features, draws a score a from a Beta distribution. The K arms of the
    highest latest scores are kept next, with weight 1 / keep_ratio; all arms are kept, with weight
    1, in the first round and from round e on where e + 1 > delta T.
    The reward is a (v l + (1 - v) H / ln C), standardised by what batches had before: l the loss,
    clipped at its 0.95 quantile, from 0 to 1 in the batch, H the entropy of the prediction, v =
    Var l / (Var l + Var(H / ln C)). PPO takes a step after every 10 batches; see `tools.beta_ppo`
    for its numbers. Source: ICML 2026, verified against the authors' code. Of a prediction an
    environment tells sum p^2, so H is Renyi's entropy -ln sum p^2 in place of Shannon's. That,
    random projections of the features to 32 numbers, and batches that are drawn again, because an
    environment does not tell them, are this project's; losses there are smoothed.
    """

    delta: Annotated[float, In("[0, 1]")] = 0.875
    """share of the run that is pruned"""
    batch_size: Annotated[int, In("[1, inf)")] = 128
    """arms a batch"""
    update_every: Annotated[int, In("[1, inf)")] = 10
    """batches before each step of PPO"""

    signals: ClassVar[tuple[str, ...]] = ("features", "progress", *ENTRIES)
    not_of_arms: ClassVar[tuple[str, ...]] = ("actor", "critic")
    action: ClassVar[ActionKind] = "weights"
    keeps_k: ClassVar[bool] = False

    def env_options(self, epochs: float) -> dict[str, Any]:
        return room_for(1 / self.keep_ratio)

    def start(self, num_runs: int, num_arms: int) -> State:
        rng = np.random.default_rng((self.seed, 0xDA))
        actor, critic = (
            perceptrons.initial(beta_ppo.sizes_of(INPUTS, units), rng) for units in (2, 1)
        )
        return {
            "actor": np.tile(actor, (num_runs, 1)),
            "critic": np.tile(critic, (num_runs, 1)),
            "moments": np.zeros((num_runs, 2, len(actor) + len(critic) + 1), np.float32),
            "score": np.ones((num_runs, num_arms), np.float32),
            "log_classes": np.zeros((num_runs, 1), np.float32),
            # of the means of all batches so far: how many, their mean, their squared deviations
            "rewards": np.zeros((num_runs, 3)),
        }

    def update(self, state: State, observation: Observation) -> None:
        remember_guess(state["log_classes"], observation["loss"])

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        first = state["round"] == 0
        for run in np.flatnonzero(~first):
            part = {name: array[run] for name, array in observation.items()}
            self.learn({name: a[run : run + 1] for name, a in state.items() if a.ndim}, part, rng)
        whole = first[:, None] | ~ends_by(self.delta, state["round"], observation["progress"])
        kept = best_k(state["score"], k, rng)
        return np.where(whole, np.float32(1), kept * np.float32(1 / self.keep_ratio))

    def learn(self, state: State, observation: Observation, rng: np.random.Generator) -> None:
        """Go through the arms that one run has trained, draw their scores and teach the actor.

        Args:
            state: the entries of this run, with a leading axis of 1; written.
            observation: its entries, (N,) and (N, D).
            rng: deals the arms into batches and draws the scores.
        """
        inputs = projected(observation["features"], INPUTS, self.seed)
        worth = {name: observation[name].astype(np.float64) for name in ENTRIES}
        order = rng.permutation(np.flatnonzero(observation["seen"] == 1))
        steps: list[beta_ppo.Step] = []
        for begin in range(0, len(order), self.batch_size):
            arms = order[begin : begin + self.batch_size]
            a, b, _ = beta_ppo.parameters(state["actor"], inputs[arms])
            action = rng.beta(a, b).clip(1e-6, 1 - 1e-6)
            state["score"][0, arms] = action
            loss, confidence, error_norm = (worth[name][arms] for name in ENTRIES)
            of_arm = useful(loss, confidence, error_norm, float(state["log_classes"][0, 0]))
            reward = standardised(action * of_arm, state["rewards"][0])
            log_chance = beta_ppo.log_density(a, b, action)
            value, _ = beta_ppo.values(state["critic"], inputs[arms])
            steps.append(beta_ppo.Step(inputs[arms], action, log_chance, value, reward))
            if len(steps) == self.update_every or arms[-1] == order[-1]:
                beta_ppo.improve(state["actor"], state["critic"], state["moments"][0], steps)
                steps = []


def useful(
    loss: NDArray[np.float64],
    confidence: NDArray[np.float64],
    error_norm: NDArray[np.float64],
    log_classes: float,
) -> NDArray[np.float64]:
    """(B,) v l + (1 - v) H / ln C of a batch, in [0, 1]; see `DataAgent`.

    Args:
        loss: (B,) nats.
        confidence: (B,) p[y].
        error_norm: (B,) the norm of p - onehot(y), whose square is sum p^2 - 2 p[y] + 1.
        log_classes: ln C.
    """
    clipped = np.minimum(loss, np.quantile(loss, 0.95))
    relative = (clipped - clipped.min()) / (np.ptp(clipped) + 1e-8)
    squares = (error_norm**2 + 2 * confidence - 1).clip(np.exp(-log_classes), 1)
    entropy = -np.log(squares) / (log_classes or 1)  # 0 of one class
    share = relative.var() / (relative.var() + entropy.var() + 1e-8)
    return share * relative + (1 - share) * entropy


def standardised(reward: NDArray[np.float64], of_means: NDArray[np.float64]) -> Any:
    """(B,) less the mean of all batch means so far, by their deviation; the first by its own.

    Args:
        reward: (B,).
        of_means: (3,) how many, their mean, the sum of their squared deviations; written.
    """
    of_means[0] += 1
    count, before, _ = of_means
    of_means[1] += (reward.mean() - before) / count
    if count == 1:
        return (reward - reward.mean()) / (reward.std() + 1e-8)
    of_means[2] += (reward.mean() - before) * (reward.mean() - of_means[1])
    return (reward - of_means[1]) / (np.sqrt(of_means[2] / count) + 1e-8)
