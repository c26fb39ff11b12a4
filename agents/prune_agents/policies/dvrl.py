"""dvrl: a value network for arms that is taught by what a selection did for the validation loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Agent, Observation, State
from prune_agents.tools.sampling import logistic, systematic
from prune_env.checks import In
from prune_env.core import perceptrons
from prune_env.wrappers.arm_features import standardise

INPUTS = ("loss", "margin", "age", "pulls")
SIZES = (len(INPUTS), 16, 1)


@dataclass(frozen=True, kw_only=True)
class DVRL(Agent):
    """DVRL: a small network gives arms their chance of being kept, and REINFORCE teaches it.

    An arm is kept with chance sigmoid(v + b): v is the output of a network with one hidden layer of
    16 for the arm's loss, margin, age and pulls, standardised over the arms; b makes the chances
    sum to K, so that exactly K can be drawn. The reward r of a round is ln(validation loss before /
    after), and reading it is charged. After each choice theta <- theta + lr (r - m) / s * g / |g|,
    with g = sum over arms of (kept - chance) grad v, and moving averages m of r and s of |r - m|.
    It begins as random_dynamic, and T rounds give T - 2 steps: a demonstration. Source: Yoon et
    al., arXiv 1909.11671, from memory: value network, Bernoulli selection, REINFORCE against a
    moving average. There whole trainings teach it; single rounds, inputs, sizes and steps are this
    project's.
    """

    lr: Annotated[float, In("(0, inf)")] = 0.2
    """length of a step of theta whose reward is as unusual as rewards are on average"""
    alpha: Annotated[float, In("(0, 1]")] = 0.3
    """weight of the newest reward in both moving averages"""

    signals: ClassVar[tuple[str, ...]] = (*INPUTS, "val_loss")
    not_of_arms: ClassVar[tuple[str, ...]] = ("theta", "direction")

    def env_options(self, epochs: float) -> dict[str, Any]:
        return {"evaluate_every": 1}  # else a reward is of several rounds

    def start(self, num_runs: int, num_arms: int) -> State:
        theta = perceptrons.initial(SIZES, np.random.default_rng((self.seed, 0xD71)))
        return {
            "theta": np.tile(theta, (num_runs, 1)),
            "direction": np.zeros((num_runs, len(theta)), np.float32),
            "mean": np.zeros(num_runs),
            "scale": np.zeros(num_runs),
            "val_loss": np.ones(num_runs),
        }

    def update(self, state: State, observation: Observation) -> None:
        loss = np.maximum(observation["val_loss"][:, 0].astype(float), 1e-6)
        reward = np.log(state["val_loss"] / loss)
        state["val_loss"] = loss
        compared = state["round"] > 1
        surprise = np.where(compared, reward - state["mean"], 0)
        state["mean"] = np.where(compared, state["mean"] + self.alpha * surprise, reward)
        change = self.alpha * (np.abs(surprise) - state["scale"])
        state["scale"] = np.where(state["scale"] > 0, state["scale"] + change, np.abs(surprise))
        step = self.lr * surprise / np.maximum(state["scale"], 1e-12)
        state["theta"] += step[:, None] * state["direction"]
        state["direction"] = np.zeros_like(state["direction"])  # a choice is one trial

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        inputs = np.stack([standardise(observation[name]) for name in INPUTS], axis=-1)
        units = perceptrons.forward(state["theta"], SIZES, inputs)
        chance = logistic(units[-1][:, :, 0], k)
        kept = systematic(chance, rng)
        by_value = (kept - chance).astype(np.float32)[:, :, None]
        gradient = perceptrons.backward(state["theta"], SIZES, units, by_value)
        length = np.linalg.norm(gradient, axis=1, keepdims=True)
        state["direction"] = gradient / np.maximum(length, 1e-12)
        return kept
