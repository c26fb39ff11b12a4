"""Ahead of `full_short` or behind it."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from prune_bench.charts.shared import (
    AHEAD,
    BEHIND,
    INK,
    LEVEL,
    Chart,
    Records,
    data,
    name_with_cost,
    signed_axis,
)
from prune_bench.standings import Comparison, Row


def ahead(comparison: Comparison) -> Chart | None:
    """How far each agent ends above or below `full_short` at equal cost; every run a dot.

    None where nothing can be compared yet.
    """
    rows = [row for row in comparison.rows if row.ahead is not None]
    if not rows:
        return None
    rows.sort(key=lambda row: -row.ahead.value if row.ahead else 0.0)
    order = [name_with_cost(row) for row in rows]
    y = alt.Y("agent:N", sort=order, title=None, axis=alt.Axis(labelLimit=220, labelPadding=8))
    x = alt.X("points:Q", title="points, full_short = 0", axis=signed_axis())
    colour = alt.Color("colour:N", scale=None)
    runs = alt.Chart(data(_ahead_runs(rows)))
    estimates = alt.Chart(data(_ahead_estimates(rows)))
    tip = [
        alt.Tooltip("agent:N", title="agent"),
        alt.Tooltip("points:Q", format="+.2f", title="points ahead"),
    ]
    return alt.layer(
        alt.Chart(data([{"zero": 0}]))
        .mark_rule(color=INK, strokeWidth=1.2)
        .encode(x=alt.X("zero:Q")),
        estimates.mark_rule(strokeWidth=6, opacity=0.28, strokeCap="round").encode(
            x=alt.X("low:Q"), x2="high:Q", y=y, color=colour
        ),
        runs.mark_circle(size=26, opacity=0.55).encode(
            x=x, y=y, color=colour, tooltip=[*tip, alt.Tooltip("seed:Q")]
        ),
        estimates.mark_tick(thickness=3, size=16).encode(
            x=x,
            y=y,
            color=colour,
            tooltip=[
                *tip,
                alt.Tooltip("interval:N", title="95 % interval"),
                alt.Tooltip("cost:Q", format=".3f"),
                alt.Tooltip("accuracy:Q", format=".2f", title="test accuracy, %"),
            ],
        ),
    ).properties(width="container", height=25 * len(rows))


def _ahead_runs(rows: Sequence[Row]) -> Records:
    return [
        {
            "agent": name_with_cost(row),
            "points": 100 * value,
            "seed": seed,
            "colour": _verdict_colour(row),
        }
        for row in rows
        for seed, value in row.ahead_runs.items()
    ]


def _ahead_estimates(rows: Sequence[Row]) -> Records:
    return [
        {
            "agent": name_with_cost(row),
            "points": 100 * row.ahead.value,
            "low": 100 * (row.ahead.value if row.ahead.low is None else row.ahead.low),
            "high": 100 * (row.ahead.value if row.ahead.high is None else row.ahead.high),
            "interval": "–"
            if row.ahead.low is None or row.ahead.high is None
            else f"{100 * row.ahead.low:+.2f} to {100 * row.ahead.high:+.2f}",
            "cost": row.cost,
            "accuracy": 100 * row.last.value,
            "colour": _verdict_colour(row),
        }
        for row in rows
        if row.ahead and row.last
    ]


def _verdict_colour(row: Row) -> str:
    if not row.complete or row.ahead is None:
        return LEVEL
    return {1: AHEAD, 0: LEVEL, -1: BEHIND}[row.sign]
