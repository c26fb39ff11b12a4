"""Agents over all keep ratios together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np

from prune_bench.board.grid import CONTROLS
from prune_bench.report.charts.shared import (
    BEST_CURVES,
    Chart,
    agent_colour,
    dashed_controls,
    data,
    focused,
    is_shown,
    not_shown,
    parameters,
)
from prune_bench.report.palette import Palette
from prune_bench.standings.model import Comparison
from prune_bench.standings.statistics import performance_profile


def performance_profiles(comparisons: Sequence[Comparison], palette: Palette) -> Chart | None:
    """Which share of the runs ends above a normalised score.

    None where the scale is not known at every keep ratio, or fewer than two agents have all their
    runs at each.
    """
    strata: dict[str, list[Any]] = {}
    for comparison in comparisons:
        for row in comparison.rows:
            allowed = row.costs_its_keep_ratio and row.agent != "full" and row.complete
            if allowed and row.normalised_runs is not None:
                strata.setdefault(row.agent, []).append(row.normalised_runs)
    strata = {agent: runs for agent, runs in strata.items() if len(runs) == len(comparisons)}
    if len(strata) < 2:
        return None
    scores = np.concatenate([runs for agent in strata.values() for runs in agent])
    low, high = max(-1.0, scores.min()), min(2.0, scores.max())
    thresholds = np.linspace(low, high, 121)
    others = [agent for agent in strata if agent not in CONTROLS]
    best_first = sorted(others, key=lambda agent: -np.mean(np.concatenate(strata[agent])))
    rank = dict.fromkeys(CONTROLS, -1) | {agent: i for i, agent in enumerate(best_first)}
    records = [
        {"agent": agent, "rank": rank[agent], "score": score, "share": share, "complete": True}
        for agent, runs in strata.items()
        for score, share in zip(thresholds, performance_profile(runs, thresholds), strict=True)
    ]
    shown = is_shown(BEST_CURVES, focus=True)
    lines = (
        alt.Chart(data(records))
        .transform_filter(shown)
        .mark_line(strokeWidth=1.8, interpolate="step-after")
        .encode(
            x=alt.X("score:Q", title="normalised score: 0 random_dynamic, 1 full"),
            y=alt.Y("share:Q", title="runs above it", axis=alt.Axis(format="%")),
            color=agent_colour(palette),
            detail="agent:N",
            strokeDash=dashed_controls(),
            opacity=focused(0.9),
            tooltip=[
                alt.Tooltip("agent:N"),
                alt.Tooltip("score:Q", format=".2f"),
                alt.Tooltip("share:Q", format=".0%", title="runs above it"),
            ],
        )
    )
    return (
        alt.layer(lines, not_shown(records, shown))
        .add_params(*parameters("all", "chosen", "focus"))
        .properties(width="container", height=300)
    )
