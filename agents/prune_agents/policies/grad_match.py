"""grad_match: arms whose weighted gradients sum to the gradient of all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Observation, State
from prune_agents.policies.full_feedback import FullFeedback
from prune_env.checks import In
from prune_env.core.selection import ActionKind, quotas, random_k

WEIGHT_MAX = 100.0
"""The highest weight that an environment allows if nothing else is asked of it."""


@dataclass(frozen=True, kw_only=True)
class GradMatch(FullFeedback):
    """Grad-Match, by class: orthogonal matching pursuit on the gradients of the last layer.

    In class c the gradient of arm i is that of the weights of c in the last layer, g_i = (p_i[c] -
    1) (1, h_i), h_i its features. Of the class's share of K, arms are taken one by one, each that
    agrees most with what is left of sum g, b; the weights of those taken minimise |sum w g - b|^2 +
    ridge |w|^2, and an arm whose weight falls below 0 is let go. Places that are left, for nothing
    helps any more, go to random arms with weight 1. Weights are scaled to a mean of 1, and clipped
    at 100. The first round is random. Source: arXiv 2103.00123, verified against the authors'
    library (CORDS, "PerClassPerGradient"), which chooses every 20 epochs: `period`; a choice among
    50,000 arms takes a processor 6 s. All arms are looked at by a forward pass in the round before.
    """

    ridge: Annotated[float, In("(0, inf)")] = 0.5
    """weight of the squared weights"""

    signals: ClassVar[tuple[str, ...]] = ("features", "confidence", "label")
    action: ClassVar[ActionKind] = "weights"
    keeps_k: ClassVar[bool] = True
    revision: ClassVar[int] = 3

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        weights = np.zeros(observation["seen"].shape)
        for run, row in enumerate(weights):
            if state["round"][run] == 0:
                row[...] = random_k(np.ones((1, len(row)), bool), k, rng)[0]
                continue
            features, confidence, label = (observation[name][run] for name in self.signals)
            row[...] = self.matched(features, confidence, label, k, rng)
            left = k - np.count_nonzero(row)
            row[random_k(row[None] == 0, left, rng)[0]] = 1
        weights *= k / weights.sum(axis=1, keepdims=True)
        return np.minimum(weights, WEIGHT_MAX)

    def matched(
        self,
        features: NDArray[np.float32],
        confidence: NDArray[np.float32],
        label: NDArray[np.float32],
        k: int,
        rng: np.random.Generator,
    ) -> NDArray[np.float64]:
        """(N,) the weights of at most k arms, 0 for the others. features: (N, D)."""
        found = np.zeros(len(label))
        classes, size = np.unique(label, return_counts=True)
        for name, quota in zip(classes, quotas(size, size, k, rng), strict=True):
            arms = rng.permutation(np.flatnonzero(label == name))  # equal ones by lot
            ones = np.ones((len(arms), 1))
            gradient = np.concatenate([ones, features[arms]], axis=1, dtype=np.float64)
            gradient *= confidence[arms, None].astype(np.float64) - 1
            found[arms] = matching_pursuit(gradient, int(quota), self.ridge)
        return found


def matching_pursuit(atoms: NDArray[np.float64], count: int, ridge: float) -> NDArray[np.float64]:
    """(n,) weights, 0 or more, of at most `count` atoms whose weighted sum comes near that of all.

    With A the atoms taken, one a row, b the sum and P = (A' A + ridge I)^-1, the weights are A P b
    and what is left is b - A' A P b = ridge P b; P changes by one outer product an atom.

    Args:
        atoms: (n, D).
        count: at most n.
        ridge: above 0.
    """
    target = atoms.sum(axis=0)
    inverse = np.eye(len(target)) / ridge
    taken: list[int] = []
    for _ in range(count):
        gain = atoms @ (ridge * (inverse @ target))
        gain[taken] = -np.inf
        best = int(gain.argmax())
        if gain[best] <= 1e-12 * float(target @ target):
            break
        taken.append(best)
        inverse = _updated(inverse, atoms[best], 1)
        while len(taken) > 1:
            weights = atoms[taken] @ (inverse @ target)
            worst = int(weights.argmin())
            if weights[worst] >= 0:
                break
            inverse = _updated(inverse, atoms[taken.pop(worst)], -1)
    found = np.zeros(len(atoms))
    found[taken] = (atoms[taken] @ (inverse @ target)).clip(0)
    return found


def _updated(
    inverse: NDArray[np.float64], atom: NDArray[np.float64], sign: int
) -> NDArray[np.float64]:
    """The inverse of a matrix to which sign * (atom atom') is added."""
    along = inverse @ atom
    return inverse - sign * np.outer(along, along) / (1 + sign * atom @ along)
