"""Agents over all keep ratios of a setting together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prune_bench.standings import Comparison, Row
from prune_bench.statistics import Estimate, Scores, estimate, estimate_improvement


@dataclass(frozen=True)
class Overall:
    """One agent, its keep ratios as strata."""

    agent: str
    normalised: Estimate | None
    """interquartile mean of the normalised scores of all runs; None where the scale is not known"""
    beats_random: Estimate | None
    """probability that a run of it ends above a run of `random_dynamic`"""
    beats_short: Estimate | None
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
    best = of.normalised or of.beats_short or of.beats_random
    return best.value if best else 0.5


def _normalised(rows: Sequence[Row]) -> Estimate | None:
    strata = [row.normalised_runs for row in rows if row.normalised_runs is not None]
    return estimate(strata, np.random.default_rng(0)) if len(strata) == len(rows) else None


def _improvement(
    comparisons: Sequence[Comparison], rows: Sequence[Row], other: str
) -> Estimate | None:
    theirs = [comparison.row(other) for comparison in comparisons]
    if rows[0].agent == other or not all(row and row.complete for row in theirs):
        return None
    return estimate_improvement(
        [_scores(row) for row in rows],
        [_scores(row) for row in theirs if row],
        np.random.default_rng(0),
    )


def _scores(row: Row) -> Scores:
    return np.array([run.last for run in row.runs])
