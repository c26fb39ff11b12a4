"""Agents over all keep ratios of a setting together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prune_bench.standings.model import Comparison, Row
from prune_bench.standings.statistics import Estimate, estimate, probability_of_improvement


@dataclass(frozen=True)
class Overall:
    """One agent; every keep ratio weighs the same."""

    agent: str
    normalised: Estimate | None
    """mean of the normalised scores; None where the scale is not known"""
    beats_random: float | None
    """probability that a run of it ends above a run of `random_dynamic`"""
    beats_short: float | None
    """the same against `full_short` at the same keep ratio"""


def overall(comparisons: Sequence[Comparison]) -> list[Overall]:
    """Agents that have all their runs at every keep ratio, best first.

    Those that cost something else than their keep ratio are left out: prior runs, passes over
    pruned arms, evaluations that the agent reads, or an amount of its own.
    """
    agents = dict.fromkeys(row.agent for comparison in comparisons for row in comparison.rows)
    found = []
    for agent in agents:
        rows = [comparison.row(agent) for comparison in comparisons]
        held = [row for row in rows if row and row.complete]
        costs_the_same = all(row.costs_its_keep_ratio for row in held)
        if agent != "full" and len(held) == len(comparisons) and costs_the_same:
            found.append(
                Overall(
                    agent,
                    _normalised(held),
                    _improvement(comparisons, held, "random_dynamic"),
                    _improvement(comparisons, held, "full_short"),
                )
            )
    return sorted(found, key=_merit, reverse=True)


def _merit(of: Overall) -> float:
    if of.normalised:
        return of.normalised.value
    return next((share for share in (of.beats_random, of.beats_short) if share is not None), 0.5)


def _normalised(rows: Sequence[Row]) -> Estimate | None:
    found = [row.normalised for row in rows if row.normalised]
    if len(found) < len(rows):
        return None
    value = float(np.mean([of.value for of in found]))
    return estimate(
        value, [(part / len(rows) ** 2, noise) for of in found for part, noise in of.parts]
    )


def _improvement(
    comparisons: Sequence[Comparison], rows: Sequence[Row], other: str
) -> float | None:
    theirs = [comparison.row(other) for comparison in comparisons]
    if rows[0].agent == other or not all(row and row.complete for row in theirs):
        return None
    shares = [
        probability_of_improvement(ours.scores, row.scores)
        for ours, row in zip(rows, theirs, strict=True)
        if row
    ]
    return float(np.mean(shares))
