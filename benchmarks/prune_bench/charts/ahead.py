"""Ahead of `full_short` or behind it."""

from __future__ import annotations

import math
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

    Agents that are off the scale of the others, see `left_end`, are numbers at its edge. None where
    nothing can be compared yet.
    """
    rows = [row for row in comparison.shown if row.ahead is not None]
    if not rows:
        return None
    rows.sort(key=lambda row: -row.ahead.value if row.ahead else 0.0)
    order = [name_with_cost(row) for row in rows]
    y = alt.Y("agent:N", sort=order, title=None, axis=alt.Axis(labelLimit=220, labelPadding=8))
    colour = alt.Color("colour:N", scale=None)
    estimates, runs = _ahead_estimates(rows), _ahead_runs(rows)
    left = left_end([(record["low"], record["high"]) for record in estimates])
    off = [record for record in estimates if record["points"] < left]
    near = [
        record | {"low": max(left, record["low"])}
        for record in estimates
        if record["points"] >= left
    ]
    right = max(record["points"] for record in (*estimates, *runs))
    scale = alt.Scale(domainMin=left, domainMax=right) if off else alt.Undefined
    x = alt.X("points:Q", title="points, full_short = 0", axis=signed_axis(), scale=scale)
    dots = alt.Chart(data([record for record in runs if record["points"] >= left]))
    marks = alt.Chart(data(near))
    tip = [
        alt.Tooltip("agent:N", title="agent"),
        alt.Tooltip("points:Q", format="+.2f", title="points ahead"),
    ]
    details = [
        *tip,
        alt.Tooltip("interval:N", title="95 % interval"),
        alt.Tooltip("cost:Q", format=".3f"),
        alt.Tooltip("accuracy:Q", format=".2f", title="test accuracy, %"),
    ]
    return alt.layer(
        alt.Chart(data([{"zero": 0}]))
        .mark_rule(color=INK, strokeWidth=1.2)
        .encode(x=alt.X("zero:Q")),
        marks.mark_rule(strokeWidth=6, opacity=0.28, strokeCap="round").encode(
            x=alt.X("low:Q"), x2="high:Q", y=y, color=colour
        ),
        dots.mark_circle(size=26, opacity=0.55).encode(
            x=x, y=y, color=colour, tooltip=[*tip, alt.Tooltip("seed:Q")]
        ),
        marks.mark_tick(thickness=3, size=16).encode(x=x, y=y, color=colour, tooltip=details),
        alt.Chart(data(off))
        .mark_text(align="left", fontWeight="bold")
        .encode(x=alt.value(2), y=y, text="off:N", color=colour, tooltip=details),
    ).properties(width="container", height=25 * len(rows))


def left_end(intervals: Sequence[tuple[float, float]]) -> float:
    """Where the scale begins: -inf, or what is left of a few hopeless agents that would squeeze it.

    Four times as far below 0 as the best interval is above it, and at least 4 points; but only
    where the worst is more than twice as far away as that.

    >>> left_end([(0.9, 1.5), (-2.5, -0.5), (-60.0, -55.0)])
    -6.0
    >>> left_end([(0.9, 1.5), (-9.0, -7.0)])
    -inf
    """
    left = -4 * max(1.0, *(high for _, high in intervals))
    return left if min(low for low, _ in intervals) < 2 * left else -math.inf


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
            "off": f"← {100 * row.ahead.value:.1f}".replace("-", "−"),
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
