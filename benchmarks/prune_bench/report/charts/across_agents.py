"""Charts of several policies together: how long arms wait, the regret, how alike they choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import altair as alt
import numpy as np
from numpy.typing import NDArray

from prune_bench.report.charts.per_agent import EVEN, FEW_ROUNDS, LEFT, longest, rounds, usual_share
from prune_bench.report.charts.shared import Chart, data
from prune_bench.report.palette import AHEAD, INK, looks
from prune_bench.studies.inspect import Watched, overlap


def curves(runs: Sequence[Watched]) -> Chart:
    """Lines over the rounds: the age of the arms, and what is known of regret and wrong labels."""
    curves = [
        (
            "How long arms wait",
            "mean rounds since an arm was last observed",
            {run.agent: run.age for run in runs},
        )
    ]
    told = {
        "regret": ("Regret", "what the best choices of each round would have added"),
        "wrong": ("Wrong labels kept", "share of wrong labels among the arms that a round keeps"),
        "found": (
            "Wrong labels found",
            "area under the curve, by the mean loss of each arm so far",
        ),
    }
    for field, (title, subtitle) in told.items():
        rows = {run.agent: row for run in runs if (row := getattr(run, field)) is not None}
        if rows:
            curves.append((title, subtitle, rows))
    charts = [_lines(runs, *curve) for curve in curves]
    pairs = [alt.hconcat(*charts[i : i + 2], spacing=70) for i in range(0, len(charts), 2)]
    return alt.vconcat(*pairs, spacing=30)


def _lines(
    runs: Sequence[Watched], title: str, subtitle: str, values: Mapping[str, NDArray[np.float64]]
) -> Chart:
    look = looks(run.agent for run in runs)
    agents = [run.agent for run in runs]
    colours, shapes = zip(*(look[agent] for agent in agents), strict=True)
    legend = alt.Legend(title=None, symbolSize=70)
    records = [
        {"agent": agent, "round": r, "value": float(value)}
        for agent, row in values.items()
        for r, value in enumerate(row, start=1)
    ]
    chart = alt.Chart(data(records)).encode(
        x=rounds(),
        y=alt.Y(
            "value:Q",
            title=None,
            axis=alt.Axis(minExtent=LEFT, tickCount=4),
            scale=alt.Scale(nice=4),
        ),
        color=alt.Color(
            "agent:N", scale=alt.Scale(domain=agents, range=list(colours)), legend=legend
        ),
    )
    marks = alt.Shape("agent:N", scale=alt.Scale(domain=agents, range=list(shapes)), legend=legend)
    heading = alt.TitleParams(title, subtitle=subtitle, offset=10)
    points = chart.mark_point(filled=True, size=40, opacity=1).encode(shape=marks)
    if longest(runs) > FEW_ROUNDS:
        points = points.transform_filter(f"datum.round % {longest(runs) // FEW_ROUNDS} === 0")
    return alt.layer(chart.mark_line(strokeWidth=2), points).properties(
        width=330, height=130, title=heading
    )


def overlaps(runs: Sequence[Watched]) -> Chart:
    """Rectangles: how alike two choices are, of successive rounds and of two agents."""
    rows = {f"{run.agent}, as the round before": (run.kept[1:], run.kept[:-1], 2) for run in runs}
    rows |= {f"{a.agent} and {b.agent}": (a.kept, b.kept, 1) for a, b in combinations(runs, 2)}
    records = [
        {"pair": pair, "round": r, "share": float(share)}
        for pair, (one, other, first) in rows.items()
        for r, share in enumerate(overlap(one, other), start=first)
    ]
    names = alt.Axis(orient="right", labelLimit=400)
    chart = (
        alt.Chart(data(records))
        .transform_calculate(from_="datum.round - 0.5", to="datum.round + 0.5")
        .encode(y=alt.Y("pair:N", sort=list(rows), title=None, axis=names))
    )
    colour = alt.Color(
        "share:Q",
        scale=alt.Scale(domain=[0, 1], range=[EVEN, AHEAD], interpolate="lab"),
        legend=None,
    )
    layers = [chart.mark_rect().encode(x=rounds("from_"), x2="to:Q", color=colour)]
    if longest(runs) <= FEW_ROUNDS:
        ink = alt.condition("datum.share > 0.6", alt.value("white"), alt.value(INK))
        numbers = chart.mark_text(fontSize=11)
        layers.append(
            numbers.encode(x="round:Q", text=alt.Text("share:Q", format=".0%"), color=ink)
        )
    share = usual_share(runs)
    heading = alt.TitleParams(
        "How alike",
        subtitle="arms that are in both of two choices, as a share of those in either; "
        f"two random choices that keep {share:.0%} have {share / (2 - share):.0%}",
        offset=10,
        dx=-LEFT,
    )
    return alt.layer(*layers).properties(width=500, height=24 * len(rows), title=heading)
