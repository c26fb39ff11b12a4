"""InfoBatch: prune easy arms at random and let the survivors count for them. And BLS.

Both read `loss`, which an environment keeps at the last observation of each arm and starts at
log C; the authors start at 3. Then all scores are equal, none is below the mean, and the first
round is whole in either case.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Agent, Observation, State
from prune_agents.maths import Floats, Mask, batch_mean, ends_by
from prune_agents.registry import register
from prune_agents.sampling import best_k, random_part
from prune_env.options import In
from prune_env.selection import ActionKind

MAX_PRUNED = 0.9
"""At most this share of the easy arms is pruned, so no weight exceeds 10."""


def below_mean(score: Floats) -> Mask:
    """Arms whose score is below the mean of their run, strictly. score: (M, N)."""
    # Taking the first away makes the mean of equal scores exact: none is below it.
    centred = score - score[:, :1]
    return centred < centred.mean(axis=1, keepdims=True)


@register("infobatch")
@dataclass(frozen=True, kw_only=True)
class InfoBatch(Agent):
    """InfoBatch: prune a share rho of the arms below the mean loss and reweight the rest of them.

    Of L = {i: s_i < mean s}, with s the latest loss, floor((1 - rho) |L|) arms are drawn uniformly
    and weigh 1 / (1 - rho); all others are kept with weight 1. After the share delta of the run
    everything is kept: round e of T, counted from 0, prunes if e + 1 <= delta T. Source: arXiv
    2303.04947, verified against the authors' code. keep_ratio plays no part; the realised share is
    1 - rho |L| / N.
    """

    rho: Annotated[float, In("[0, 0.9]")] = 0.5
    """share of the easy arms that is pruned"""
    delta: Annotated[float, In("[0, 1]")] = 0.875
    """share of the run that is pruned"""

    signals: ClassVar[tuple[str, ...]] = ("loss", "progress")
    action: ClassVar[ActionKind] = "weights"
    keeps_k: ClassVar[bool] = False
    reads_keep_ratio: ClassVar[bool] = False
    revision: ClassVar[int] = 2

    def scores(self, state: State, observation: Observation) -> Floats:
        """(M, N): the higher the harder."""
        return observation["loss"]

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        easy = below_mean(self.scores(state, observation))
        easy &= ends_by(self.delta, state["round"], observation["progress"])
        counts = np.floor((1 - self.rho) * easy.sum(axis=1) + 1e-9).astype(int)
        survivors = random_part(easy, counts, rng)
        return np.where(survivors, np.float32(1 / (1 - self.rho)), ~easy)


@register("infobatch_k")
@dataclass(frozen=True, kw_only=True)
class InfoBatchK(Agent):
    """InfoBatch with a fixed number of arms: N - K arms are pruned from those below the mean loss.

    The survivors of the easy set L weigh |L| / (|L| - (N - K)) times as much as the others. Where
    more than 0.9 of L would go, L grows by the next easiest arms until it is 0.9. No last full
    rounds. This project's form of InfoBatch (arXiv 2303.04947), with weights scaled to a mean of 1
    over the kept arms: as InfoBatch has them they sum to N, which at keep 0.3 is a learning rate
    3.3 times as high, and the digits fell from 0.96 to 0.56 (4 seeds, 8 rounds).
    """

    signals: ClassVar[tuple[str, ...]] = ("loss",)
    action: ClassVar[ActionKind] = "weights"

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        loss = observation["loss"]
        num_pruned = loss.shape[1] - k
        easy = below_mean(loss)
        at_least = min(loss.shape[1], int(np.ceil(num_pruned / MAX_PRUNED - 1e-9)))
        size = np.maximum(easy.sum(axis=1), at_least)
        easy |= best_k(-loss, size, rng)
        survivors = random_part(easy, size - num_pruned, rng)
        weight = size / np.maximum(size - num_pruned, 1)
        return np.where(survivors, weight[:, None], ~easy) * (k / loss.shape[1])


@register("bls")
@dataclass(frozen=True, kw_only=True)
class BLS(InfoBatch):
    """Batch Loss Score inside InfoBatch: an arm knows only the mean loss of its batches.

    s_i <- smoothing s_i + (1 - smoothing) L(B) for all i of a batch B, from 0. Source: arXiv
    2604.04681, verified against the authors' code, but for three things. An environment does not
    tell the batches, so they are drawn again from the arms observed. Weights are per arm, where the
    authors multiply a batch by its mean weight. And s_i is divided by 1 - smoothing^n after n
    observations, its weights' sum: theirs is lower the fewer there are, which at hundreds of epochs
    is nothing and in a run of eight rounds would decide more than the loss.
    """

    smoothing: Annotated[float, In("[0, 1)")] = 0.9
    """what the average keeps of its past"""
    batch_size: Annotated[int, In("[1, inf)")] = 128
    """arms that share one loss"""

    def start(self, num_runs: int, num_arms: int) -> State:
        zeros = np.zeros((num_runs, num_arms), np.float32)
        return {"average": zeros, "weight": zeros.copy()}

    def update(self, state: State, observation: Observation) -> None:
        seen = observation["seen"] == 1
        rng = np.random.default_rng((self.seed, *state["round"], self.batch_size))
        batch_loss = batch_mean(observation["loss"], seen, self.batch_size, rng)
        for name, value in (("average", batch_loss), ("weight", np.float32(1))):
            moved = state[name] + (1 - self.smoothing) * (value - state[name])
            state[name] = np.where(seen, moved, state[name])

    def scores(self, state: State, observation: Observation) -> Floats:
        weight = state["weight"]
        mean = state["average"] / np.where(weight > 0, weight, 1)
        return np.where(weight > 0, mean, observation["loss"])
