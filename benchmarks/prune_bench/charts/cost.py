"""Accuracy against what it costs: at the end of the runs, and on the way."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np

from prune_bench.charts.shared import (
    AHEAD,
    COST_TITLES,
    INK,
    Chart,
    Records,
    Unit,
    agent_colour,
    agent_shape,
    begun,
    cost_title,
    dashed_controls,
    data,
    focus_parameter,
    focused,
    keep_parameter,
    looks,
    of_keep,
    of_unit,
    unit_parameter,
)
from prune_bench.standings import Comparison, Row
from prune_bench.statistics import pareto_front

MAX_ROUNDS = 60
"""A curve shows at most so many of its rounds, evenly spread."""


def accuracy_against_cost(comparisons: Sequence[Comparison], legend: bool = False) -> Chart:
    """Every run a dot, every agent's middle a larger mark.

    Blue and broad: the Pareto front. Dashed: what `full_short` reaches for a cost.
    """
    rows = begun(comparisons)
    look = looks(row.agent for row in rows)
    of_agent = {
        "x": alt.X("cost:Q", scale=alt.Scale(type="log", nice=False, padding=14), title=None),
        "y": alt.Y("accuracy:Q", scale=alt.Scale(zero=False), title="test accuracy, last epoch, %"),
        "color": agent_colour(look, legend),
        "shape": agent_shape(look, legend),
    }
    runs = alt.Chart(data(_cost_records(rows, every_run=True))).transform_filter(of_unit())
    middles = alt.Chart(data(_cost_records(rows, every_run=False))).transform_filter(of_unit())
    tip = [
        alt.Tooltip("agent:N"),
        alt.Tooltip("keep:Q", format=".0%", title="keep ratio"),
        alt.Tooltip("accuracy:Q", format=".2f", title="test accuracy, %"),
        alt.Tooltip("cost:Q", format=".4~g"),
    ]
    return (
        alt.layer(
            _line(rows, "full_short").mark_line(color=INK, strokeWidth=1.2, strokeDash=[5, 4]),
            _front(rows).mark_line(
                color=AHEAD, strokeWidth=7, opacity=0.16, interpolate="step-after"
            ),
            runs.mark_point(size=16, filled=True).encode(
                **of_agent, opacity=focused(0.4), tooltip=[*tip, alt.Tooltip("seed:Q")]
            ),
            middles.mark_point(size=95, filled=True).encode(
                **of_agent, opacity=focused(1.0), tooltip=tip
            ),
        )
        .add_params(unit_parameter(), focus_parameter())
        .properties(width="container", height=380, title=cost_title())
    )


def _cost_records(rows: Sequence[Row], every_run: bool) -> Records:
    records: Records = []
    found: list[tuple[float, dict[Unit, float], int | None]]
    for row in rows:
        if every_run:
            found = [
                (100 * run.last, {"passes": run.cost, "seconds": run.charged_seconds}, run.seed)
                for run in row.runs
            ]
        else:
            assert row.last is not None
            middle: dict[Unit, float] = {"passes": row.cost, "seconds": row.seconds}
            found = [(100 * row.last.value, middle, None)]
        records += [
            {
                "agent": row.agent,
                "keep": row.keep_ratio,
                "unit": unit,
                "cost": cost,
                "accuracy": accuracy,
                "seed": seed,
                "complete": row.complete,
            }
            for accuracy, costs, seed in found
            for unit, cost in costs.items()
        ]
    return records


def _line(rows: Sequence[Row], agent: str) -> Chart:
    """Through the middles of one agent and `full`, from cheap to dear."""
    ends = [row for row in rows if row.agent in (agent, "full")]
    records = _cost_records(ends, every_run=False)
    chart = alt.Chart(data(sorted(records, key=lambda record: record["cost"])))
    return chart.transform_filter(of_unit()).encode(x="cost:Q", y="accuracy:Q", order="cost:Q")


def _front(rows: Sequence[Row]) -> Chart:
    """Through the middles that no other beats in both cost and accuracy.

    Of agents that have all their runs; where there is none yet, of those that have any.
    """
    complete = [row for row in rows if row.complete] or rows
    records: Records = []
    for unit in COST_TITLES:
        middles = [r for r in _cost_records(complete, every_run=False) if r["unit"] == unit]
        front = pareto_front([r["cost"] for r in middles], [r["accuracy"] for r in middles])
        records += [middles[place] for place in front]
    chart = alt.Chart(data(records)).transform_filter(of_unit())
    return chart.encode(x="cost:Q", y="accuracy:Q", order="cost:Q")


def learning_curves(comparisons: Sequence[Comparison], legend: bool = False) -> Chart:
    """Test accuracy on the way, the mean of the runs, against what it had cost."""
    rows = begun(comparisons)
    look = looks(row.agent for row in rows)
    records = [
        record
        for comparison in comparisons
        for row in comparison.rows
        if row.runs
        for record in _curve_records(row, comparison.keep_ratio)
    ]
    chart = alt.Chart(data(records)).transform_filter(f"{of_unit()} && {of_keep()}")
    x = alt.X("cost:Q", title=None)
    y = alt.Y("accuracy:Q", scale=alt.Scale(zero=False), title="test accuracy, %")
    line = chart.mark_line(strokeWidth=1.8).encode(
        x=x,
        y=y,
        color=agent_colour(look, legend),
        detail="agent:N",
        strokeDash=dashed_controls(),
        opacity=focused(0.9),
    )
    points = chart.mark_point(filled=True, size=34).encode(
        x=x,
        y=y,
        color=agent_colour(look, legend),
        shape=agent_shape(look, legend),
        opacity=focused(0.9),
        tooltip=[
            alt.Tooltip("agent:N"),
            alt.Tooltip("round:Q"),
            alt.Tooltip("accuracy:Q", format=".2f", title="test accuracy, %"),
            alt.Tooltip("cost:Q", format=".4~g"),
        ],
    )
    return (
        alt.layer(line, points)
        .add_params(keep_parameter(comparisons), unit_parameter(), focus_parameter())
        .properties(width="container", height=380, title=cost_title())
    )


def _curve_records(row: Row, keep_ratio: float) -> Records:
    """The rounds that all runs of a row have evaluated.

    Of an agent that is not bound to this keep ratio, as `full`: the cheap beginning.
    """
    length = min(len(run.curve["round"]) for run in row.runs)
    places = np.unique(np.linspace(0, length - 1, min(length, MAX_ROUNDS)).astype(int))
    accuracy = np.mean([run.curve["accuracy"][places] for run in row.runs], axis=0)
    records: Records = []
    for unit in COST_TITLES:
        cost = np.mean([run.curve[unit][places] for run in row.runs], axis=0)
        beginning = 2 * keep_ratio / row.cost if row.is_everywhere else 1.0
        records += [
            {
                "agent": row.agent,
                "control": row.is_control,
                "keep": keep_ratio,
                "unit": unit,
                "round": int(row.runs[0].curve["round"][place]),
                "cost": float(cost[i]),
                "accuracy": 100 * float(accuracy[i]),
                "complete": row.complete,
            }
            for i, place in enumerate(places)
            if cost[i] <= beginning * cost[-1]
        ]
    return records
