"""infogrowth: arms that add something to those before them, and the others every second round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Agent, Observation, State
from prune_agents.prior import Prior, Traces
from prune_agents.tools.features import directions
from prune_env.checks import In
from prune_env.core.moving_averages import Floats
from prune_env.core.selection import random_k

BLOCK = 1024
"""Arms whose cosines to all before them are held at once."""


@dataclass(frozen=True, kw_only=True)
class InfoGrowth(Agent):
    """InfoGrowth: keep an arm with the chance of its gain, in every second round of the rest.

    The arms come in random order. The gain of an arm is the mean cosine distance of its features to
    the nearest 4 of those before it (fewer at the beginning; 1 for the first), divided by the 0.99
    quantile of all gains and clipped to [0, 1]. In selections 1, 3, 5, ... an arm is kept with
    chance g, in the others with chance max(1 - g, floor). Source: arXiv 2405.18347, verified in the
    authors' code, for pairs of images and texts, with a pretrained encoder and a cleaning step;
    here the features are those of the network of a whole prior run, and there are no texts.
    keep_ratio plays no part: the gains decide.
    """

    neighbours: Annotated[int, In("[1, inf)")] = 4
    """how many nearest ones before it an arm is compared with"""
    floor: Annotated[float, In("[0, 1]")] = 0.1
    """the least chance in the rounds of the others"""

    keeps_k: ClassVar[bool] = False
    reads_keep_ratio: ClassVar[bool] = False

    def prior(self, epochs: int) -> Prior:
        return Prior(rounds=epochs, features=True)

    def begin(self, traces: Traces) -> State:
        """The state of one run before its first round."""
        assert traces.features is not None
        rng = np.random.default_rng((self.seed, 0x16))
        gain = growth_gains(traces.features[0], self.neighbours, rng)
        chance = np.clip(gain / max(float(np.quantile(gain, 0.99)), 1e-12), 0, 1)
        return self.fresh_state(1, len(gain)) | {"gain": chance[None]}

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        gain = self.from_prior(state, "gain")
        first = self.selection_number(state)[:, None] % 2 == 0
        kept = rng.random(gain.shape) <= np.where(first, gain, np.maximum(1 - gain, self.floor))
        if (none := ~kept.any(axis=1)).any():
            kept[none] = random_k(np.ones_like(kept[none]), 1, rng)
        return kept


def growth_gains(features: Floats, count: int, rng: np.random.Generator) -> Floats:
    """(N,) mean cosine distance of each point to its nearest `count` among those before it.

    Args:
        features: (N, D).
        count: fewer at the beginning; the first point has gain 1.
        rng: draws the order in which they come.
    """
    order = rng.permutation(len(features))
    unit = directions(features)[order]
    gain = np.ones(len(order), np.float32)
    for begin in range(0, len(order), BLOCK):
        rows = unit[begin : begin + BLOCK]
        distance = 1 - rows @ unit[: begin + len(rows)].T
        before = np.arange(distance.shape[1]) < (begin + np.arange(len(rows)))[:, None]
        distance[~before] = np.inf
        nearest = np.partition(distance, min(count, distance.shape[1]) - 1, axis=1)[:, :count]
        found = np.isfinite(nearest)
        total = np.where(found, nearest, 0).sum(axis=1)
        here = slice(begin, begin + len(rows))
        gain[here] = np.where(found.any(axis=1), total / np.maximum(found.sum(axis=1), 1), 1)
    result = np.empty_like(gain)
    result[order] = gain
    return result
