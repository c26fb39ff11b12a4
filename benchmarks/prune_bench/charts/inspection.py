"""A picture of policies alone: which arms they keep when, how often, and how alike.

A column for each agent, a row for each way to look at it; below, what compares the agents.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import altair as alt
import vl_convert

from prune_bench.charts.per_agent import by_class, by_kind, by_loss, how_often
from prune_bench.charts.together import curves, overlaps
from prune_bench.inspection import Watched

INK, FAINT = "#1f2933", "#566270"

CONFIG = {
    "background": "white",
    "padding": 20,
    "view": {"stroke": None},
    "title": {"anchor": "start", "color": INK, "fontSize": 13, "subtitleColor": FAINT},
    "axis": {
        "domain": False,
        "ticks": False,
        "gridColor": "#e3e6ea",
        "labelColor": FAINT,
        "titleColor": FAINT,
        "titleFontWeight": "normal",
        "labelPadding": 6,
    },
    "legend": {"labelColor": FAINT, "titleColor": FAINT, "titleFontWeight": "normal"},
}
"""The look of the report's charts."""


def png(runs: Sequence[Watched], title: str) -> bytes:
    """The picture."""
    width = max(150, min(300, 840 // len(runs)))
    rows = [by_kind(runs, width)] if runs[0].groups else []
    rows += [by_loss(runs, width), by_class(runs, width), how_often(runs, width)]
    rows += [curves(runs), overlaps(runs)]
    chart = alt.vconcat(*rows, spacing=30, title=alt.TitleParams(title, fontSize=17, offset=18))
    spec = json.dumps(chart.resolve_scale(color="independent", shape="independent").to_dict())
    return vl_convert.vegalite_to_png(spec.replace("currentColor", INK), scale=2, config=CONFIG)
