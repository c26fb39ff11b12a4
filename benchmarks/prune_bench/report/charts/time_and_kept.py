"""Inside the runs: where the time went, and what was kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import altair as alt
import numpy as np

from prune_bench.report.charts.shared import (
    BEST_ROWS,
    ROW,
    Chart,
    Records,
    agent_rows,
    data,
    few_labels,
    is_shown,
    name,
    not_shown,
    of_keep,
    parameters,
)
from prune_bench.report.palette import AHEAD, BEHIND
from prune_bench.report.ranking import ranks
from prune_bench.run.result import PHASES
from prune_bench.standings.model import REFERENCES, Comparison, Row

PHASE_COLOURS = dict(
    zip(PHASES, (AHEAD, "#E69F00", "#009E73", "#b8bdc4", "#CC79A7", "#dfe2e6"), strict=True)
)
MAX_BINS = 20
"""A histogram of pulls has at most so many bars."""


def time_split(comparisons: Sequence[Comparison]) -> Chart:
    """Seconds of a run in each phase."""
    records = [
        record | {"phase": phase, "order": place, "seconds": row.phases[phase], "total": total}
        for record, row in _rows(comparisons, ("full",))
        if (total := sum(row.phases.values()))
        for place, phase in enumerate(PHASES)
        if row.phases[phase]
    ]
    present = [phase for phase in PHASES if any(record["phase"] == phase for record in records)]
    scale = alt.Scale(domain=present, range=[PHASE_COLOURS[phase] for phase in present])
    legend = alt.Legend(orient="top", title=None, symbolType="square", columns=2, offset=22)
    bars = alt.Chart().mark_bar(height={"band": 0.72})
    return _of_agents(
        comparisons,
        records,
        bars.encode(
            y=agent_rows(sort=alt.EncodingSortField("total", "max", "ascending")),
            x=alt.X("seconds:Q", title="seconds of a run"),
            color=alt.Color("phase:N", scale=scale, legend=legend),
            order=alt.Order("order:Q"),
            tooltip=[
                alt.Tooltip("agent:N"),
                alt.Tooltip("phase:N"),
                alt.Tooltip("seconds:Q", format=".3~s"),
                alt.Tooltip("total:Q", format=".3~s"),
            ],
        ),
    )


def kept(comparisons: Sequence[Comparison], by: Literal["difficulty", "class"]) -> Chart:
    """How much more often than evenly each group of arms was kept: blue more, orange less."""
    records = [
        record | of_group
        for record, row in _rows(comparisons, REFERENCES)
        for of_group in _kept_records(row, by)
    ]
    titles = {"difficulty": "easiest tenth  →  hardest tenth", "class": "class"}
    strength = alt.Opacity(
        "strength:Q", scale=alt.Scale(domain=[0, 0.6], range=[0.03, 1], clamp=True), legend=None
    )
    rectangles = alt.Chart().transform_calculate(strength="abs(datum.ratio - 1)")
    return _of_agents(
        comparisons,
        records,
        rectangles.mark_rect(cornerRadius=1.5).encode(
            x=alt.X("group:O", title=titles[by], axis=few_labels()),
            y=agent_rows(),
            color=alt.condition("datum.ratio > 1", alt.value(AHEAD), alt.value(BEHIND)),
            opacity=strength,
            tooltip=[
                alt.Tooltip("agent:N"),
                alt.Tooltip("group:O", title=by),
                alt.Tooltip("ratio:Q", format=".2f", title="times as often as evenly"),
            ],
        ),
    )


def pulls(comparisons: Sequence[Comparison]) -> Chart:
    """Which share of the arms was kept so many times."""
    records = [
        record | {"times": times, "share": share}
        for record, row in _rows(comparisons, REFERENCES)
        for times, share in _pull_shares(row)
    ]
    scale = alt.Scale(type="sqrt", range=[0.03, 1])
    return _of_agents(
        comparisons,
        records,
        alt.Chart()
        .mark_rect(cornerRadius=1.5, color=AHEAD)
        .encode(
            x=alt.X("times:O", title="times kept", sort=None, axis=few_labels()),
            y=agent_rows(),
            opacity=alt.Opacity("share:Q", scale=scale, legend=None),
            tooltip=[
                alt.Tooltip("agent:N"),
                alt.Tooltip("times:O", title="times kept"),
                alt.Tooltip("share:Q", format=".1%", title="of all arms"),
            ],
        ),
    )


def _rows(
    comparisons: Sequence[Comparison], without: Sequence[str]
) -> Iterator[tuple[dict[str, Any], Row]]:
    """What every record of a row begins with, and the row."""
    for comparison in comparisons:
        places = ranks(comparison)
        for row in comparison.rows:
            if row.runs and row.agent not in without:
                record = {"agent": row.agent, "label": name(row), "rank": places[row.agent]}
                yield record | {"keep": comparison.keep_ratio}, row


def _of_agents(comparisons: Sequence[Comparison], records: Records, chart: Chart) -> Chart:
    """A row for each agent that is shown at one keep ratio, and how many are not."""
    chart.data = data(records)
    shown = is_shown(BEST_ROWS)
    return (
        alt.layer(
            chart.transform_filter(f"{of_keep()} && {shown}"),
            not_shown(records, shown, of_keep()),
        )
        .add_params(*parameters("keep", "all", "chosen", comparisons=comparisons))
        .properties(width="container", height=alt.Step(ROW))
    )


def _kept_records(row: Row, by: Literal["difficulty", "class"]) -> Records:
    shares = []
    for run in row.runs:
        frequency = run.pulls_by(by)
        sizes = run.content["kept"]["arms_by_class"] if by == "class" else None  # tenths are equal
        shares.append(frequency / (np.average(frequency, weights=sizes) or 1.0))
    return [
        {"group": group, "ratio": float(ratio)}
        for group, ratio in enumerate(np.mean(shares, axis=0), start=by == "difficulty")
    ]


def _pull_shares(row: Row) -> list[tuple[str, float]]:
    """(how often, share of the arms), pooled over the runs, in at most `MAX_BINS` steps."""
    rounds = max(run.rounds for run in row.runs)
    counts = np.zeros(rounds + 1)
    for run in row.runs:
        found = run.arms_by_pulls
        counts[: len(found)] += found
    counts /= counts.sum()
    width = -(-rounds // MAX_BINS)  # never kept is a step of its own
    steps = [("0", float(counts[0]))]
    for low in range(1, rounds + 1, width):
        high = min(low + width - 1, rounds)
        label = str(low) if low == high else f"{low}–{high}"
        steps.append((label, float(counts[low : high + 1].sum())))
    return steps
