"""Sampling by where an arm lies among prototypes of the classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Agent, Observation, State
from prune_agents.tools.features import directions, squared_distances
from prune_agents.tools.sampling import weighted_k
from prune_env.checks import In
from prune_env.core.moving_averages import UNSEEN, Floats


@dataclass(frozen=True, kw_only=True)
class ProtoSampler(Agent):
    """GDeR with class means: draw arms that are unfamiliar and rare, and no outliers.

    Odds are those of `prototype_odds`, as of the last training pass of an arm. Of the K arms,
    again K (1 - progress)^2 are drawn from those kept in the last round, the others from the rest;
    arms never observed go first. Source: GDeR, arXiv 2410.13761, formulas and again = 0.7 read in
    its full text. What differs: means of the features of a class are its one prototype, where GDeR
    trains two, with a projector and two more losses; the rest is said at `prototype_odds`.
    """

    again: Annotated[float, In("[0, 1]")] = 0.7
    """share of the kept arms that is drawn from those kept last, at the start of a run"""

    signals: ClassVar[tuple[str, ...]] = ("features", "label", "progress")
    revision: ClassVar[int] = 2

    def start(self, num_runs: int, num_arms: int) -> State:
        shape = (num_runs, num_arms)
        return {"log_odds": np.full(shape, UNSEEN), "kept": np.zeros(shape, bool)}

    def update(self, state: State, observation: Observation) -> None:
        entries = (observation[name] for name in ("features", "label", "seen"))
        for log_odds, features, label, seen in zip(state["log_odds"], *entries, strict=True):
            arms = seen == 1
            if arms.any():
                log_odds[arms] = prototype_odds(features[arms], label[arms])

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        log_odds = state["log_odds"]
        kept = state["kept"] & (observation["seen"] == 1)  # a budget may have cut the choice
        num_kept = kept.sum(axis=1)
        again = np.rint(self.again * k * (1 - observation["progress"][:, 0]) ** 2).astype(np.int64)
        again = again.clip(k - (kept.shape[1] - num_kept), num_kept)
        old = weighted_k(np.where(kept, log_odds, -np.inf), again, rng)
        new = weighted_k(np.where(kept, -np.inf, log_odds), k - again, rng)
        state["kept"] = old | new
        return state["kept"]


def prototype_odds(features: Floats, label: NDArray[np.number]) -> Floats:
    """(K,): log of s(e) / (s(r) s(b)), s the logistic function; z are the features at length 1.

    e, unfamiliarity: distance of z to its prototype / mean distance to those of other classes
    r, outlier risk: root mean square of z - prototype, in standard deviations of each coordinate
    b, commonness: how many arms have the same nearest prototype, 1 = average

    GDeR's risk is a Mahalanobis distance, here with a diagonal covariance that the classes share,
    and by coordinate, which would drive s to a constant else. Its b, equation 10, is not well
    formed in print; the text says that minorities are drawn more and the algorithm that b is by the
    volume of a cluster, so it is read as a count. GDeR compares the prototypes of one class; with
    one for each, classes are compared.

    Args:
        features: (K, D).
        label: (K,) the class of each.
    """
    z = directions(features)
    classes, own = np.unique(label, return_inverse=True)
    member = own == np.arange(len(classes))[:, None]
    prototypes = member.astype(np.float32) @ z / member.sum(axis=1, dtype=np.float32)[:, None]

    distance = np.sqrt(squared_distances(z, prototypes))
    to_own = distance[np.arange(len(z)), own]
    to_others = (distance.sum(axis=1) - to_own) / max(len(classes) - 1, 1)
    unfamiliarity = to_own / np.maximum(to_others, 1e-12)

    deviation = np.square(z - prototypes[own])
    risk = np.sqrt((deviation / np.maximum(deviation.mean(axis=0), 1e-12)).mean(axis=1))

    nearest = distance.argmin(axis=1)
    commonness = (np.bincount(nearest) * len(classes) / len(z))[nearest]

    log_odds = -np.logaddexp(0, -unfamiliarity)
    log_odds += np.logaddexp(0, -risk) + np.logaddexp(0, -commonness)
    return log_odds.astype(np.float32)
