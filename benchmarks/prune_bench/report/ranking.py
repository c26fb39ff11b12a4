"""Which agents are shown: the best of a comparison, and those too far below for one scale."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from prune_bench.board.grid import CONTROLS
from prune_bench.standings.model import Comparison, Row

REPEATED = 1_000_000
"""The rank of an agent with the same runs as another one: shown where the reader chooses it."""


def ranking(comparison: Comparison) -> list[Row]:
    """The rows that are no controls, best first.

    Rows with all their runs come first; then the order is by how far they are ahead.
    """
    rows = [row for row in comparison.rows if row.runs and not row.is_control]
    return sorted(rows, key=_goodness, reverse=True)


def ranks(comparison: Comparison) -> dict[str, int]:
    """The place of each agent in `ranking`, from 0.

    Controls come before all others, at -1. An agent with the same runs as an earlier one is at
    `REPEATED`.
    """
    shown = [row.agent for row in ranking(comparison) if not row.is_repeat]
    places = dict.fromkeys((row.agent for row in comparison.rows), REPEATED)
    return places | {agent: i for i, agent in enumerate(shown)} | dict.fromkeys(CONTROLS, -1)


def _goodness(row: Row) -> tuple[bool, float, float]:
    ahead = -np.inf if row.ahead is None else row.ahead.value
    return row.complete, ahead, row.last.value if row.last else -np.inf


def left_end(intervals: Sequence[tuple[float, float]]) -> float:
    """The left end of the scale: -inf, or what leaves out a few hopeless agents that squeeze it.

    Four times as far below 0 as the best interval is above it, at least 4 points and at least where
    the best one begins; but only where the worst is more than twice as far away as that.

    >>> left_end([(0.9, 1.5), (-2.5, -0.5), (-60.0, -55.0)])
    -6.0
    >>> left_end([(0.9, 1.5), (-9.0, -7.0)])
    -inf
    >>> left_end([(0.9, 1.5), (-50.0, 10.0)])
    -6.0
    >>> left_end([(-5.0, -4.0), (-90.0, -80.0)])
    -5.0
    """
    low, high = max(intervals, key=sum)
    left = min(-4 * max(1.0, high), low)
    return left if min(low for low, _ in intervals) < 2 * left else -math.inf


def off_scale(comparison: Comparison) -> set[str]:
    """The agents that would squeeze the scale of the others, see `left_end`."""
    points = {row.agent: row.ahead for row in comparison.rows if row.ahead is not None}
    intervals = [(100 * e.ends[0], 100 * e.ends[1]) for e in points.values()]
    left = left_end(intervals) if intervals else -math.inf
    return {agent for agent, estimate in points.items() if 100 * estimate.value < left}
