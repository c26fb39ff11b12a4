"""rl_selector: an actor and a critic learn from features which arms others of their class cover."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from prune_agents.agent import Agent, Observation, State
from prune_agents.tools.features import projected
from prune_agents.tools.schedule import begins_before
from prune_env.checks import In
from prune_env.core import perceptrons
from prune_env.core.moving_averages import Floats
from prune_env.core.selection import best_k

SIZES = (32, 32, 32, 1)
"""Of the actor and of the critic: projected features to a score, three linear layers."""


@dataclass(frozen=True, kw_only=True)
class RLSelector(Agent):
    """RL-Selector: train an actor and a critic beside the network, then keep the K of best score.

    For the first `warmup` of the run everything is kept, so those rounds cost what a full run does.
    After each (where `period` is above 1 or there are `full_rounds`, only after those that end in a
    choice), actor and critic take advantage steps: an arm is kept with chance sigmoid(score),
    where 0.5 is a score of 0; its reward is kept * (E_c - align (share kept - keep_ratio)), where
    E_c is its mean squared distance to the arms of its class, standardised; actor and critic are
    two networks of three linear layers on the features, advantage = reward - critic. Then the K
    arms of the highest score are kept for the rest. Source: arXiv 2506.21037, from somebody else's
    description: A2C with three linear layers on features of the network that is trained beside it,
    threshold 0.5, reward = alignment of the ratio + sum of E_c pi. Squared distances (N D
    operations instead of N^2 D), random projections to 32 features, the alignment by arm, returns
    of one step (no action changes what comes later while all is kept), exactly K in the end and all
    numbers are this project's.
    """

    warmup: Annotated[float, In("(0, 1)")] = 0.25
    """share of the run in which all is kept while actor and critic learn"""
    steps: Annotated[int, In("[1, inf)")] = 100
    """of actor and critic in each of those rounds"""
    batch_size: Annotated[int, In("[1, inf)")] = 512
    """arms a step"""
    lr: Annotated[float, In("(0, inf)")] = 0.3
    """learning rate of both"""
    align: Annotated[float, In("[0, inf)")] = 3.0
    """weight of the alignment of the share kept with keep_ratio"""

    signals: ClassVar[tuple[str, ...]] = ("features", "label", "progress")
    not_of_arms: ClassVar[tuple[str, ...]] = ("actor", "critic")
    keeps_k: ClassVar[bool] = False

    def start(self, num_runs: int, num_arms: int) -> State:
        theta = perceptrons.initial(SIZES, np.random.default_rng((self.seed, 0xAC)))
        return {
            "actor": np.tile(theta, (num_runs, 1)),
            "critic": np.tile(theta, (num_runs, 1)),
            "subset": np.zeros((num_runs, num_arms), bool),
        }

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        warm = begins_before(self.warmup, observation["progress"])[:, 0]
        learning = (state["round"] > 0) & ~state["subset"].any(axis=1)
        for run in np.flatnonzero(learning):
            features, label = observation["features"][run], observation["label"][run]
            inputs = projected(features, SIZES[0], self.seed)
            actor, critic = state["actor"][run : run + 1], state["critic"][run : run + 1]
            self.teach(actor, critic, inputs, spread(features, label.astype(int)), rng)
            if not warm[run]:
                score = perceptrons.forward(actor, SIZES, inputs[None])[-1][:, :, 0]
                state["subset"][run] = best_k(score, k, rng)[0]
        return state["subset"] | warm[:, None]

    def teach(
        self, actor: Floats, critic: Floats, inputs: Floats, worth: Floats, rng: np.random.Generator
    ) -> None:
        """Improve actor and critic, (1, P) each, in place.

        Args:
            actor: gives an arm the logarithm of the odds of being kept.
            critic: gives it the reward that is to be expected.
            inputs: (N, SIZES[0]).
            worth: (N,) E_c of every arm.
            rng: draws arms and actions.
        """
        for _ in range(self.steps):
            arms = rng.integers(len(inputs), size=self.batch_size)
            x, novelty = inputs[None, arms], worth[None, arms, None]
            scores, values = (
                perceptrons.forward(actor, SIZES, x),
                perceptrons.forward(critic, SIZES, x),
            )
            chance = expit(scores[-1])
            kept = rng.random(chance.shape, np.float32) < chance
            excess = float(kept.mean()) - self.keep_ratio
            reward = kept * (novelty - self.align * excess)
            advantage = (reward - values[-1]) / self.batch_size
            by_score = perceptrons.backward(actor, SIZES, scores, advantage * (kept - chance))
            actor += self.lr * _clipped(by_score)
            critic += self.lr * _clipped(perceptrons.backward(critic, SIZES, values, advantage))


def spread(features: Floats, label: NDArray[np.int64]) -> Floats:
    """(N,) mean squared distance of each arm to those of its class, standardised over all arms.

    The mean square of |h_i - h_j| over a class is |h_i - mean|^2 plus the mean of that over all i.
    """
    found = np.empty(len(features), np.float32)
    for name in np.unique(label):
        mine = label == name
        off_centre = np.square(features[mine] - features[mine].mean(axis=0)).sum(axis=1)
        found[mine] = off_centre + off_centre.mean()
    return (found - found.mean()) / max(found.std(), 1e-6)


def _clipped(gradient: Floats) -> Floats:
    """The same, or of length 1 where it is longer: the critic would overshoot."""
    return gradient / max(1.0, float(np.linalg.norm(gradient)))
