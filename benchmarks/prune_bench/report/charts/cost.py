"""Accuracy at the end of the runs, against what they cost."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from prune_bench.report.charts.shared import (
    BEST_CURVES,
    COST_TITLES,
    Chart,
    Records,
    Unit,
    agent_colour,
    agent_mark,
    begun,
    cost_title,
    data,
    focused,
    is_shown,
    not_shown,
    of_unit,
    parameters,
)
from prune_bench.report.palette import AHEAD, INK, Palette
from prune_bench.report.ranking import off_scale, ranks
from prune_bench.standings.model import Comparison, Row
from prune_bench.standings.reference import Line
from prune_bench.standings.statistics import pareto_front


def accuracy_against_cost(
    comparisons: Sequence[Comparison], palette: Palette, legend: bool = False
) -> Chart:
    """Every run a dot, every agent's middle a larger mark.

    Shown are the best of each keep ratio, and the Pareto front as a broad blue line. The dashed
    line is what `full_short` reaches for a cost.
    """
    rows = begun(comparisons)
    front, rank = _front(rows), _ranks(comparisons)
    rank |= {(record["agent"], record["keep"]): -1 for record in front}
    dots, middles = (
        [r | {"rank": rank[r["agent"], r["keep"]]} for r in _cost_records(rows, every_run)]
        for every_run in (True, False)
    )
    entries = [record["agent"] for record in middles if legend and record["rank"] < BEST_CURVES]
    of_agent = {
        "x": alt.X("cost:Q", scale=alt.Scale(type="log", nice=False, padding=14), title=None),
        "y": alt.Y("accuracy:Q", scale=alt.Scale(zero=False), title="test accuracy, last epoch, %"),
        "color": agent_colour(palette, entries),
        "shape": agent_mark(palette, entries),
    }
    tip = [
        alt.Tooltip("agent:N"),
        alt.Tooltip("keep:Q", format=".0%", title="keep ratio"),
        alt.Tooltip("accuracy:Q", format=".2f", title="test accuracy, %"),
        alt.Tooltip("cost:Q", format=".4~g"),
    ]
    shown = is_shown(BEST_CURVES, focus=True)
    wanted = f"{of_unit()} && {shown}"
    return (
        alt.layer(
            _path(_short_line(rows)).mark_line(color=INK, strokeWidth=1.2, strokeDash=[5, 4]),
            _path(front).mark_line(
                color=AHEAD, strokeWidth=7, opacity=0.16, interpolate="step-after"
            ),
            alt.Chart(data(dots))
            .transform_filter(wanted)
            .mark_point(size=16, filled=True)
            .encode(**of_agent, opacity=focused(0.4), tooltip=[*tip, alt.Tooltip("seed:Q")]),
            alt.Chart(data(middles))
            .transform_filter(wanted)
            .mark_point(size=95, filled=True)
            .encode(**of_agent, opacity=focused(1.0), tooltip=tip),
            not_shown(_best_places(middles), shown),
        )
        .add_params(*parameters("unit", "all", "chosen", "focus"))
        .properties(width="container", height=380, title=cost_title())
    )


def _ranks(comparisons: Sequence[Comparison]) -> dict[tuple[str, float], int]:
    """The place among the best, by agent and keep ratio; the best place over all comparisons."""
    found: dict[tuple[str, float], int] = {}
    for comparison in comparisons:
        places = ranks(comparison)
        places |= {agent: max(places[agent], BEST_CURVES) for agent in off_scale(comparison)}
        for row in comparison.all_rows:
            if row.runs:
                key = row.agent, row.keep_ratio
                found[key] = min(places[row.agent], found.get(key, places[row.agent]))
    return found


def _best_places(records: Records) -> Records:
    """Each agent once, at its best place."""
    best = sorted(records, key=lambda record: -record["rank"])
    return [{"agent": a, "rank": r} for a, r in {r["agent"]: r["rank"] for r in best}.items()]


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


def _short_line(rows: Sequence[Row]) -> Records:
    """The curve through the middles of `full_short` and `full` that agents are held against."""
    ends = [row for row in rows if row.is_reference]
    lines = {"passes": Line(ends), "seconds": Line(ends, "seconds")}
    return [
        {"unit": unit, "cost": cost, "accuracy": 100 * accuracy}
        for unit, line in lines.items()
        for cost, accuracy in line.drawn()
    ]


def _front(rows: Sequence[Row]) -> Records:
    """The middles that no other beats in both cost and accuracy.

    Of agents that have all their runs; where there is none yet, of those that have any.
    """
    complete = [row for row in rows if row.complete] or rows
    records: Records = []
    for unit in COST_TITLES:
        middles = [r for r in _cost_records(complete, every_run=False) if r["unit"] == unit]
        front = pareto_front([r["cost"] for r in middles], [r["accuracy"] for r in middles])
        records += [middles[place] for place in front]
    return records


def _path(records: Records) -> Chart:
    """Through points in the order of their costs."""
    chart = alt.Chart(data(records)).transform_filter(of_unit())
    return chart.encode(x="cost:Q", y="accuracy:Q", order="cost:Q")
