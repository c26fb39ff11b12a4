"""Who keeps wrong labels, where they are known."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np

from prune_bench.report.charts.shared import (
    BEST_CURVES,
    MAX_ROUNDS,
    Chart,
    Records,
    agent_colour,
    agent_mark,
    dashed_controls,
    data,
    focused,
    is_shown,
    not_shown,
    of_keep,
    parameters,
)
from prune_bench.report.palette import Palette
from prune_bench.report.ranking import ranks
from prune_bench.standings.model import Comparison, Row


def wrong_labels(comparisons: Sequence[Comparison], palette: Palette) -> Chart | None:
    """Share of wrong labels among the kept arms of each round, the mean of the runs.

    None where no run knows any.
    """
    records = [record for comparison in comparisons for record in _of(comparison)]
    if not records:
        return None
    shown = is_shown(BEST_CURVES, focus=True)
    chart = alt.Chart(data(records)).transform_filter(f"{of_keep()} && {shown}")
    of_agent = {
        "x": alt.X("round:Q", axis=alt.Axis(format="d", tickMinStep=1)),
        "y": alt.Y("wrong:Q", scale=alt.Scale(zero=True), title="wrong labels, % of the kept"),
        "color": agent_colour(palette),
        "opacity": focused(0.9),
    }
    line = chart.mark_line(strokeWidth=1.8).encode(
        **of_agent, detail="agent:N", strokeDash=dashed_controls()
    )
    points = chart.mark_point(filled=True, size=34).encode(
        **of_agent,
        shape=agent_mark(palette),
        tooltip=[
            alt.Tooltip("agent:N"),
            alt.Tooltip("round:Q"),
            alt.Tooltip("wrong:Q", format=".1f", title="wrong labels, % of the kept"),
        ],
    )
    return (
        alt.layer(line, points, not_shown(records, shown, of_keep()))
        .add_params(*parameters("keep", "all", "chosen", "focus", comparisons=comparisons))
        .properties(width="container", height=300)
    )


def _of(comparison: Comparison) -> Records:
    places = ranks(comparison)
    return [
        {
            "agent": row.agent,
            "rank": places[row.agent],
            "keep": comparison.keep_ratio,
            "complete": row.complete,
            "round": number,
            "wrong": 100 * share,
        }
        for row in comparison.rows
        for number, share in _curve(row)
    ]


def _curve(row: Row) -> list[tuple[int, float]]:
    """(round, share) of the rounds that all runs of a row have, at most `MAX_ROUNDS` of them."""
    told = [run.wrong_kept for run in row.runs if run.wrong_kept is not None]
    if not told or len(told) < len(row.runs):
        return []
    length = min(map(len, told))
    places = np.unique(np.linspace(0, length - 1, min(length, MAX_ROUNDS)).astype(int))
    mean = np.mean([curve[places] for curve in told], axis=0)
    return [(int(place) + 1, float(share)) for place, share in zip(places, mean, strict=True)]
