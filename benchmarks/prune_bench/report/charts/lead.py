"""Ahead of `full_short` or behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import altair as alt

from prune_bench.report.charts.shared import (
    BEST_ROWS,
    ROW,
    Chart,
    Records,
    agent_rows,
    data,
    is_shown,
    name_with_cost,
    not_shown,
    parameters,
    signed_axis,
)
from prune_bench.report.palette import COLOUR_OF_SIGN, INK, LEVEL
from prune_bench.report.ranking import REPEATED, left_end, ranks
from prune_bench.standings.model import Comparison, Row


def ahead(comparison: Comparison) -> Chart | None:
    """How far each agent ends above or below `full_short` at equal cost; every run a dot.

    Agents that are off the scale of the others, see `left_end`, are numbers at its edge, and an
    arrow is there where runs or the interval of an agent go on. None where nothing can be compared
    yet.
    """
    rows = [row for row in comparison.shown if row.ahead is not None]
    if not rows:
        return None
    rows.sort(key=lambda row: -row.ahead.value if row.ahead else 0.0)
    rank = ranks(comparison)
    estimates, runs = _estimates(rows, rank), _runs(rows, rank)
    left = left_end([(record["low"], record["high"]) for record in estimates])
    off = [record for record in estimates if record["points"] < left]
    near = [
        record | {"low": max(left, record["low"])}
        for record in estimates
        if record["points"] >= left
    ]
    dots = [record for record in runs if record["points"] >= left]
    beyond = {record["agent"] for record in runs if record["points"] < left}
    beyond |= {record["agent"] for record in estimates if record["low"] < left}
    cut = [record | {"off": "←"} for record in near if record["agent"] in beyond]
    scale = _scale(near, dots) if off or cut else alt.Undefined
    shown = is_shown(BEST_ROWS)
    x = alt.X("points:Q", title="points, full_short = 0", axis=signed_axis(), scale=scale)
    y = agent_rows(sort=[name_with_cost(row) for row in rows])
    of_agent = {"y": y, "color": alt.Color("colour:N", scale=None)}
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
    marks = alt.Chart(data(near)).transform_filter(shown)
    return (
        alt.layer(
            alt.Chart(data([{"zero": 0}]))
            .mark_rule(color=INK, strokeWidth=1.2)
            .encode(x=alt.X("zero:Q")),
            marks.mark_rule(strokeWidth=6, opacity=0.28, strokeCap="round").encode(
                **of_agent, x=alt.X("low:Q"), x2="high:Q"
            ),
            alt.Chart(data(dots))
            .transform_filter(shown)
            .mark_circle(size=26, opacity=0.55)
            .encode(**of_agent, x=x, tooltip=[*tip, alt.Tooltip("seed:Q")]),
            marks.mark_tick(thickness=3, size=16).encode(**of_agent, x=x, tooltip=details),
            alt.Chart(data(off + cut))
            .transform_filter(shown)
            .mark_text(align="left", fontWeight="bold")
            .encode(**of_agent, x=alt.value(2), text="off:N", tooltip=details),
            not_shown(estimates, shown),
        )
        .add_params(*parameters("all", "chosen"))
        .properties(width="container", height=alt.Step(ROW))
    )


def hides_some(comparison: Comparison) -> bool:
    """Whether there are agents that `ahead` shows only where the reader asks for them."""
    return any(BEST_ROWS <= rank < REPEATED for rank in ranks(comparison).values())


def _scale(near: Records, dots: Records) -> alt.Scale:
    """A scale as wide as what is shown, for charts in which something lies off the left end."""
    ends = [(r["rank"], r[end]) for r in near for end in ("low", "high")]
    ends += [(r["rank"], r["points"]) for r in dots]
    every = [end for _, end in ends]
    best = [end for rank, end in ends if rank < BEST_ROWS] or every

    def end(of: Callable[[Sequence[float]], float]) -> alt.ExprRef:
        return alt.ExprRef(f"all || length(chosen) > 0 ? {of(every):.6g} : {of(best):.6g}")

    return alt.Scale(domainMin=end(min), domainMax=end(max))


def _runs(rows: Sequence[Row], rank: Mapping[str, int]) -> Records:
    return [
        {
            "agent": row.agent,
            "label": name_with_cost(row),
            "rank": rank[row.agent],
            "points": 100 * value,
            "seed": seed,
            "colour": _verdict_colour(row),
        }
        for row in rows
        for seed, value in row.ahead_runs.items()
    ]


def _estimates(rows: Sequence[Row], rank: Mapping[str, int]) -> Records:
    return [
        {
            "agent": row.agent,
            "label": name_with_cost(row),
            "rank": rank[row.agent],
            "points": 100 * row.ahead.value,
            "low": 100 * row.ahead.ends[0],
            "high": 100 * row.ahead.ends[1],
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
    return COLOUR_OF_SIGN[row.sign]
