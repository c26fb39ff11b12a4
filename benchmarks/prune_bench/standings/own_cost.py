"""The bar of agents that cost another share than they keep: `full_short` at what each one cost.

They decide it themselves, train a while before they choose, read validation, or need a prior run.
What that came to is known when their runs are over. A board then gets `full_short` at these costs
too, as if `full_short_at` had named them, so that no verdict is read from a curve, or is wanting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from prune_bench.board import claims
from prune_bench.board.board import Board, runs_of
from prune_bench.board.grid import Grid
from prune_bench.standings.build import read_standings


def add_bars(board: Board) -> None:
    """Let `full_short` belong to a board at the cost of each agent that it has to be known for."""
    comparisons = read_standings(board.folder).comparisons
    rows = [
        row
        for comparison in comparisons
        for row in comparison.rows
        if row.complete
        and not row.is_reference
        and (row.ahead is None or row.from_curve or not row.costs_its_keep_ratio)
    ]
    with claims.wait_for(board.work, "board.yaml"):
        grids, pins = board.read()
        new = []
        for grid in grids:
            names = runs_of([grid], pins).keys()
            here = [row for row in rows if any(run.id in names for run in row.runs)]
            costs = {row.cost: row.cost_tolerance for row in here}
            bars = missing_bars(grid, costs)
            new.append(replace(grid, full_short_at=(*grid.full_short_at, *bars)))
        if new != grids:
            board.write(new, pins)


def missing_bars(grid: Grid, costs: Mapping[float, float]) -> list[float]:
    """The keep ratios at which `full_short` is to be run, so that one is at each of these costs.

    Costs that are the same share one; none is above all data for all epochs.

    Args:
        grid: what is run already.
        costs: by what share another one may differ from each and still be the same.
    """
    there = [1.0, *grid.keep_ratios, *grid.full_short_at]
    bars: list[float] = []
    for cost, same in sorted(costs.items()):
        nearest = np.abs(np.log([*there, *bars]) - np.log(cost)).min()
        if cost < 1 and nearest >= same:
            bars.append(float(f"{cost:.3g}"))
    return bars
