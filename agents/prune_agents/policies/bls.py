"""bls: InfoBatch on a score made of the losses of whole batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from prune_agents.agent import Observation, State
from prune_agents.policies.infobatch import InfoBatch
from prune_agents.tools.groups import batch_mean
from prune_env.checks import In
from prune_env.core.moving_averages import Floats


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
        averages = {"average": zeros, "weight": zeros.copy()}
        return super().start(num_runs, num_arms) | averages

    def update(self, state: State, observation: Observation) -> None:
        super().update(state, observation)
        seen = observation["seen"] == 1
        rng = np.random.default_rng((self.seed, *state["round"], self.batch_size))
        batch_loss = batch_mean(observation["loss"], seen, self.batch_size, rng)
        for name, value in (("average", batch_loss), ("weight", np.float32(1))):
            moved = state[name] + (1 - self.smoothing) * (value - state[name])
            state[name] = np.where(seen, moved, state[name])

    def stored_scores(self, state: State, observation: Observation) -> Floats:
        weight = state["weight"]
        mean = state["average"] / np.where(weight > 0, weight, 1)
        return np.where(weight > 0, mean, self.losses(state, observation))
