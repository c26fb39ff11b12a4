"""The picture of README: who is ahead of fewer epochs, on one board beside the other."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt

from prune_bench.report.charts.shared import ROW, Chart, Records, data, signed_axis
from prune_bench.report.charts.to_png import PRINTED_INK, png
from prune_bench.report.palette import COLOUR_OF_SIGN, INK
from prune_bench.report.side_by_side import Lead
from prune_bench.standings.verdict import points

WIDTH = 150
"""Pixels of a board."""
LOOSE = 0.12
"""Of a board's width that stays free at both ends, so that no number is cut."""


def picture(boards: Mapping[str, Mapping[str, Lead]]) -> bytes:
    """The picture: a panel for each board, each with a scale of its own.

    Args:
        boards: by title; its parts between commas are lines. Agents of the first board, from above.
    """
    agents = list(next(iter(boards.values())))
    panels = [
        _panel(title, leads, agents, first=number == 0)
        for number, (title, leads) in enumerate(boards.items())
    ]
    title = alt.TitleParams(
        "Who is ahead of fewer epochs at equal cost?",
        subtitle="Points of test accuracy ahead of full_short, all data for fewer epochs; "
        "95 % intervals, coloured where certain.",
        fontSize=17,
        offset=14,
    )
    return png(alt.hconcat(*panels, title=title, spacing=18).to_dict())


def _panel(title: str, leads: Mapping[str, Lead], agents: list[str], first: bool) -> Chart:
    records: Records = [
        {
            "agent": agent,
            "points": 100 * lead.value,
            "low": 100 * lead.ends[0],
            "high": 100 * lead.ends[1],
            "text": points(lead, signed=True, interval=False),
            "colour": COLOUR_OF_SIGN[sign],
        }
        for agent, (lead, sign) in leads.items()
    ]
    low, high = (of(0.0, *(of(r["low"], r["high"]) for r in records)) for of in (min, max))
    loose = LOOSE * (high - low)
    scale = alt.Scale(domain=[low - loose, high + loose], nice=False)
    labels = alt.Axis(labelLimit=220, labelPadding=8, labelFontSize=12) if first else None
    loosely = alt.Scale(paddingOuter=0.5)  # the number above the first row
    rows = alt.Y("agent:N", sort=agents, title=None, axis=labels, scale=loosely)
    x = alt.X("points:Q", scale=scale, title=None, axis=signed_axis())
    colour = alt.Color("colour:N", scale=None)
    chart = alt.Chart(data(records)).encode(y=rows)
    return alt.layer(
        alt.Chart(data([{"points": 0}])).mark_rule(color=INK, strokeWidth=1.2).encode(x=x),
        chart.mark_rule(strokeWidth=6, opacity=0.35, strokeCap="round").encode(
            x=alt.X("low:Q", scale=scale), x2="high:Q", color=colour
        ),
        chart.mark_tick(thickness=3, size=12).encode(x=x, color=colour),
        chart.mark_text(dy=-13, fontSize=10.5, color=PRINTED_INK).encode(x=x, text="text:N"),
    ).properties(
        width=WIDTH,
        height=alt.Step(ROW + 11),
        title=alt.TitleParams(title.split(", "), anchor="middle", fontSize=12),
    )
