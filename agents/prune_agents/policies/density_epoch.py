"""Sampling against the density of the features: rare ones more often than common ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Agent, Observation, State
from prune_agents.tools.features import squared_distances
from prune_agents.tools.sampling import weighted_k
from prune_env.checks import In
from prune_env.core.moving_averages import UNSEEN, Floats


@dataclass(frozen=True, kw_only=True)
class DensityEpoch(Agent):
    """PFB by rounds: draw arms with odds 1 / (density of their features + floor).

    The density is a Gaussian kernel estimate from some of the arms that the last round has seen,
    see `density`. An arm keeps that of its last training pass, so that only features of one and the
    same network are compared; arms never observed go first. This form is the project's own, after
    PFB (arXiv 2506.23674, read in a digest), which follows centres of shallow features and decides
    inside a batch which samples may skip the deep layers.
    """

    centres: Annotated[int, In("[1, inf)")] = 100
    """arms that the density is estimated from"""
    floor: Annotated[float, In("(0, inf)")] = 0.01
    """what is added to a density, at most 1, so that no arm has odds above 1 / floor; above 0"""

    signals: ClassVar[tuple[str, ...]] = ("features",)

    def start(self, num_runs: int, num_arms: int) -> State:
        return {"log_odds": np.full((num_runs, num_arms), UNSEEN)}

    def update(self, state: State, observation: Observation) -> None:
        everything = zip(
            state["log_odds"], observation["features"], observation["seen"] == 1, strict=True
        )
        for log_odds, features, seen in everything:
            if seen.any():
                near = density(features[seen], self.centres)
                log_odds[seen] = -np.log(near + self.floor)

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        return weighted_k(state["log_odds"], k, rng)


def density(features: Floats, num_centres: int) -> Floats:
    """(K,) in (0, 1]: mean over R of the points, c, of exp(-||f - c||^2 / (2 D h^2)).

    h^2 is the mean variance of a coordinate times (4 / ((D + 2) R))^(2 / (D + 4)), Silverman's
    rule; for D = 1 this is his estimate without its constant. D in the exponent takes the mean
    over the coordinates in place of the sum, which in many dimensions would leave each point alone.

    Args:
        features: (K, D).
        num_centres: R, at most K; the centres are evenly spaced in the order given.
    """
    points = features - features.mean(axis=0)
    num_points, size = points.shape
    num_centres = min(num_centres, num_points)
    centres = points[np.linspace(0, num_points - 1, num_centres).astype(np.int64)]
    squares = squared_distances(points, centres)
    silverman = (4 / ((size + 2) * num_centres)) ** (2 / (size + 4))
    scale = 2 * size * silverman * points.var(axis=0).mean()
    return np.exp(-squares / np.maximum(scale, 1e-12)).mean(axis=1)
