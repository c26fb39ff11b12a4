"""Accuracy on the way, against what it had cost."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
from numpy.typing import NDArray

from prune_bench.report.charts.shared import (
    BEST_CURVES,
    COST_TITLES,
    MAX_ROUNDS,
    Chart,
    Records,
    agent_colour,
    agent_mark,
    cost_title,
    dashed_controls,
    data,
    focused,
    is_shown,
    not_shown,
    of_keep,
    of_unit,
    parameters,
)
from prune_bench.report.palette import Palette
from prune_bench.report.ranking import REPEATED, off_scale, ranks
from prune_bench.standings.model import Comparison, Row


def learning_curves(
    comparisons: Sequence[Comparison], palette: Palette, legend: bool = False
) -> Chart:
    """Test accuracy on the way, the mean of the runs, against what it had cost."""
    records = [record for comparison in comparisons for record in _of(comparison)]
    entries = [record["agent"] for record in records if legend and record["rank"] < BEST_CURVES]
    shown = is_shown(BEST_CURVES, focus=True)
    chart = alt.Chart(data(records)).transform_filter(f"{of_unit()} && {of_keep()} && {shown}")
    of_agent = {
        "x": alt.X("cost:Q", title=None),
        "y": alt.Y("accuracy:Q", scale=alt.Scale(zero=False), title="test accuracy, %"),
        "color": agent_colour(palette, entries),
        "opacity": focused(0.9),
    }
    line = chart.mark_line(strokeWidth=1.8).encode(
        **of_agent, detail="agent:N", strokeDash=dashed_controls()
    )
    points = chart.mark_point(filled=True, size=34).encode(
        **of_agent,
        shape=agent_mark(palette, entries),
        tooltip=[
            alt.Tooltip("agent:N"),
            alt.Tooltip("round:Q"),
            alt.Tooltip("accuracy:Q", format=".2f", title="test accuracy, %"),
            alt.Tooltip("cost:Q", format=".4~g"),
        ],
    )
    return (
        alt.layer(line, points, not_shown(records, shown, of_keep()))
        .add_params(*parameters("keep", "unit", "all", "chosen", "focus", comparisons=comparisons))
        .properties(width="container", height=380, title=cost_title())
    )


def _of(comparison: Comparison) -> Records:
    """All curves of a keep ratio. The best are ranked among agents that have a curve and do not
    squeeze the scale of the others.
    """
    place = ranks(comparison)
    curves = {
        row.agent: curve
        for row in sorted(comparison.rows, key=lambda row: place[row.agent])
        if row.runs and (curve := _curve(row, comparison.keep_ratio))
    }
    hopeless = off_scale(comparison)
    better = [agent for agent in curves if 0 <= place[agent] < REPEATED and agent not in hopeless]
    place |= {agent: i for i, agent in enumerate(better)}
    place |= {agent: BEST_CURVES for agent in hopeless if 0 <= place[agent] < BEST_CURVES}
    return [record | {"rank": place[agent]} for agent in curves for record in curves[agent]]


def _curve(row: Row, keep_ratio: float) -> Records:
    """The rounds that all runs of a row have evaluated.

    Of an agent that is not bound to this keep ratio, as `full`: the cheap beginning.
    """
    rounds = np.array(sorted(set.intersection(*({*run.curve["round"]} for run in row.runs))))
    if not len(rounds):
        return []
    shown = rounds[np.unique(np.linspace(0, len(rounds) - 1, MAX_ROUNDS).astype(int))]
    places = [np.searchsorted(run.curve["round"], shown) for run in row.runs]

    def mean(name: str) -> NDArray[np.float64]:
        curves = [run.curve[name][at] for run, at in zip(row.runs, places, strict=True)]
        return np.mean(curves, axis=0)

    accuracy = mean("accuracy")
    records: Records = []
    for unit in COST_TITLES:
        cost = mean(unit)
        beginning = 2 * keep_ratio / row.cost if row.is_everywhere else 1.0
        records += [
            {
                "agent": row.agent,
                "keep": keep_ratio,
                "unit": unit,
                "round": int(round_),
                "cost": float(cost[i]),
                "accuracy": 100 * float(accuracy[i]),
                "complete": row.complete,
            }
            for i, round_ in enumerate(shown)
            if cost[i] <= beginning * cost[-1]
        ]
    return records
