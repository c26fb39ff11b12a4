"""The charts that a board has as PNG files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import altair as alt

from prune_bench.report.charts.cost import accuracy_against_cost
from prune_bench.report.charts.curves import learning_curves
from prune_bench.report.charts.lead import ahead
from prune_bench.report.charts.shared import BEST_CURVES, BEST_ROWS, spec
from prune_bench.report.palette import Palette, palette
from prune_bench.standings.model import Comparison, Setting, Standings
from prune_bench.standings.verdict import percent


def pictures(standings: Standings) -> dict[str, dict[str, Any]]:
    """The main charts of every setting as Vega-Lite specifications, by the names of their files."""
    looks, made = palette(standings.comparisons), {}
    for setting in standings.settings:
        comparisons = standings.of(setting)
        if any(row.runs for comparison in comparisons for row in comparison.rows):
            suffix = f"-{_slug(setting)}" if len(standings.settings) > 1 else ""
            for name, chart in _pictures(comparisons, looks).items():
                best = BEST_ROWS if name == "ahead" else BEST_CURVES
                made[f"{name}{suffix}"] = without_hidden(spec(chart), best)
    return made


def without_hidden(part: Any, best: int) -> Any:
    """A part of a specification without the records that a picture never shows.

    With 10,000 runs that is three quarters of them, and 100 MB of the renderer's memory.

    Args:
        part: of a chart whose parameters stay as they begin.
        best: how many agents it shows.
    """
    if isinstance(part, dict):
        return {name: without_hidden(inside, best) for name, inside in part.items()}
    if not isinstance(part, list | tuple):
        return part
    return [without_hidden(inside, best) for inside in part if not _is_hidden(inside, best)]


def _is_hidden(record: Any, best: int) -> bool:
    """Whether it is a record of what is not shown; what counts agents has nothing else of them."""
    if not isinstance(record, dict) or record.keys() <= {"agent", "rank", "keep"}:
        return False
    rank = record.get("rank", -1)
    return record.get("unit") == "seconds" or (isinstance(rank, int) and rank >= best)


def _pictures(comparisons: Sequence[Comparison], looks: Palette) -> dict[str, Any]:
    title = comparisons[0].setting.title

    def titled(chart: Any, text: str) -> Any:
        # Around the chart: its own title is that of an axis.
        return alt.vconcat(chart, title=alt.TitleParams(text, fontSize=15, offset=14))

    panels = [
        panel.properties(width=460, title=f"Keep {percent(comparison.keep_ratio)}")
        for comparison in comparisons
        if (panel := ahead(comparison)) is not None
    ]
    heading = alt.TitleParams(title, fontSize=15, offset=14)
    made = {"ahead": alt.vconcat(*panels, title=heading, spacing=30)} if panels else {}
    cost = accuracy_against_cost(comparisons, looks, legend=True)
    made["cost"] = titled(cost.properties(width=620, height=420), title)
    for comparison in comparisons:
        curves = learning_curves([comparison], looks, legend=True)
        made[f"curves-keep{comparison.keep_ratio:g}"] = titled(
            curves.properties(width=560), f"{title}, keep {percent(comparison.keep_ratio)}"
        )
    return made


def _slug(setting: Setting) -> str:
    return re.sub(r"[^a-z0-9]+", "-", setting.title.lower()).strip("-")
