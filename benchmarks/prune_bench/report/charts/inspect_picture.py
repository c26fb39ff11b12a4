"""A picture of policies alone: which arms they keep when, how often, and how alike.

A column for each agent, a row for each way to look at it; below, what compares the agents.
"""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from prune_bench.report.charts.across_agents import curves, overlaps
from prune_bench.report.charts.per_agent import by_class, by_kind, by_loss, how_often
from prune_bench.report.charts.to_png import png
from prune_bench.studies.inspect import Watched


def picture(runs: Sequence[Watched], title: str) -> bytes:
    """The picture."""
    width = max(150, min(300, 840 // len(runs)))
    rows = [by_kind(runs, width)] if runs[0].groups else []
    rows += [by_loss(runs, width), by_class(runs, width), how_often(runs, width)]
    rows += [curves(runs), overlaps(runs)]
    chart = alt.vconcat(*rows, spacing=30, title=alt.TitleParams(title, fontSize=17, offset=18))
    return png(chart.resolve_scale(color="independent", shape="independent").to_dict())
