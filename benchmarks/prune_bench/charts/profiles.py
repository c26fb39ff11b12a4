"""Agents over all keep ratios together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np

from prune_bench.board import CONTROLS
from prune_bench.charts.shared import (
    Chart,
    agent_colour,
    begun,
    dashed_controls,
    data,
    focus_parameter,
    focused,
    looks,
)
from prune_bench.standings import Comparison
from prune_bench.statistics import performance_profile


def performance_profiles(comparisons: Sequence[Comparison]) -> Chart | None:
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
    look = looks(row.agent for row in begun(comparisons))
    records = [
        {
            "agent": agent,
            "control": agent in CONTROLS,
            "score": score,
            "share": share,
            "complete": True,
        }
        for agent, runs in strata.items()
        for score, share in zip(thresholds, performance_profile(runs, thresholds), strict=True)
    ]
    return (
        alt.Chart(data(records))
        .mark_line(strokeWidth=1.8, interpolate="step-after")
        .encode(
            x=alt.X("score:Q", title="normalised score: 0 random_dynamic, 1 full"),
            y=alt.Y("share:Q", title="runs above it", axis=alt.Axis(format="%")),
            color=agent_colour(look),
            detail="agent:N",
            strokeDash=dashed_controls(),
            opacity=focused(0.9),
            tooltip=[
                alt.Tooltip("agent:N"),
                alt.Tooltip("score:Q", format=".2f"),
                alt.Tooltip("share:Q", format=".0%", title="runs above it"),
            ],
        )
        .add_params(focus_parameter())
        .properties(width="container", height=300)
    )
