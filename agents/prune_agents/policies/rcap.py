"""rcap: quotas of the classes by their losses, arms by a softmax of theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Agent, Observation, State
from prune_agents.tools.groups import rank_within
from prune_agents.tools.guess import remember_guess
from prune_env.checks import In
from prune_env.core.generators import gumbel
from prune_env.core.selection import proportional


@dataclass(frozen=True, kw_only=True)
class RCAP(Agent):
    """RCAP: class quotas by the mass of losses, and draws within a class by a softmax of the loss.

    In class c, q_i = softmax(l_i / beta) with l clipped to [0, log C]. The quota of c is
    proportional to sqrt(Q_c pi_c), Q_c the q-mass of the last selection's arms of c (equal before
    the first) and pi_c the share of the class, and at most n_c. Quotas are rounded up, so that up
    to one arm a class more than K is kept; they are drawn without replacement by q. No weights.
    Source: UAI 2025, verified against the authors' library, which where a class is full splits all
    K again among the others, as if the full one took none; here what is left of K.
    """

    beta: Annotated[float, In("(0, inf)")] = 2.0
    """temperature of the softmax; the authors use 1/3 to 3"""

    signals: ClassVar[tuple[str, ...]] = ("loss", "label")
    keeps_k: ClassVar[bool] = False
    revision: ClassVar[int] = 2

    def start(self, num_runs: int, num_arms: int) -> State:
        return {
            "kept": np.zeros((num_runs, num_arms), bool),
            "log_classes": np.zeros((num_runs, 1), np.float32),
        }

    def update(self, state: State, observation: Observation) -> None:
        remember_guess(state["log_classes"], observation["loss"])

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        logits = np.minimum(observation["loss"], state["log_classes"]) / self.beta
        for kept, logit, label in zip(state["kept"], logits, observation["label"], strict=True):
            label = label.astype(int)
            size = np.bincount(label)
            top = np.zeros(len(size), np.float32)
            np.maximum.at(top, label, logit)
            odds = np.exp(logit - np.maximum(top - 60, 0)[label])  # float32 overflows beyond 88
            q = odds / np.bincount(label, odds)[label]
            mass = np.bincount(label, q * kept) if kept.any() else np.ones(len(size))
            # The floor keeps open a class whose last selection has no mass left.
            share = np.sqrt(np.maximum(mass, 1e-6) * size / size.sum())
            quota = np.ceil(proportional(share, size, k) - 1e-9)
            # The highest of logit + Gumbel noise are a draw by q without replacement.
            kept[...] = rank_within(logit + gumbel(rng, len(logit)), label, rng) < quota[label]
        return state["kept"]
