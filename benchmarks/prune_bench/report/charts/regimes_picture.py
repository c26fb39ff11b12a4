"""The picture of `prune-env regimes`: by how much each choice is ahead of fewer epochs, and where.

A column of squares for each data set, size of its images and label noise, a row for each network
and way to choose, and one for the accuracy of the bar. In a square, passes an arm grow to the right
and arms upwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from prune_bench.report.charts.shared import data
from prune_bench.report.charts.to_png import PRINTED_INK, png
from prune_bench.report.palette import AHEAD, BEHIND
from prune_bench.run.pairs import short_name
from prune_bench.standings.verdict import percent, points
from prune_bench.studies.regimes import POLICIES, Cell

WIDTH, HEIGHT = 46, 26
"""Pixels of a cell."""
FULL_COLOUR = 3.0
"""Points at which the colour is full."""


def picture(cells: Sequence[Cell]) -> bytes:
    """The picture."""
    networks = list(dict.fromkeys(cell.network for cell in cells))
    cells = sorted(cells, key=lambda cell: cell.label_noise)
    blocks = [_block([cell for cell in cells if cell.network == name]) for name in networks]
    title = alt.TitleParams(
        "When does choosing pay?",
        subtitle=[
            "Points of test accuracy ahead of full_short, all data for fewer epochs, at one cost;",
            "bold: certain among the three of its cell. Rows full_short: its accuracy, %.",
            "To the right there are more passes an arm, upwards more arms.",
        ],
        fontSize=17,
        offset=14,
    )
    return png(alt.vconcat(*blocks, title=title, spacing=24).to_dict())


def _block(cells: Sequence[Cell]) -> alt.FacetChart:
    """The squares of one network, whose cells have arms, passes and data sets of their own."""
    records = [record for cell in cells for record in _records(cell)]
    arms, passes, rows, columns = (
        list(dict.fromkeys(record[name] for record in records))
        for name in ("arms", "passes", "row", "column")
    )
    arms.sort(key=lambda text: -int(text.replace(",", "")))
    passes.sort(key=float)
    there = {(record["row"], record["column"]) for record in records}
    # Vega puts squares one after the other: one that is missing would move all that follow.
    records += [
        {"row": row, "column": column, "arms": arms[0], "passes": passes[0], "sure": False}
        for row in rows
        for column in columns
        if (row, column) not in there
    ]
    base = (
        alt.Chart()
        .transform_filter("isValid(datum.text)")
        .encode(
            x=alt.X("passes:O", sort=passes, title="passes an arm", axis=alt.Axis(labelAngle=0)),
            y=alt.Y("arms:O", sort=arms, title=None),
        )
    )
    scale = alt.Scale(
        domain=[-FULL_COLOUR, 0, FULL_COLOUR],
        range=[BEHIND, "white", AHEAD],
        clamp=True,
        interpolate="rgb",
    )
    square = base.mark_rect(stroke="#d5d9df", invalid=None).encode(
        color=alt.condition(
            "isValid(datum.ahead)",
            alt.Color(
                "ahead:Q", scale=scale, title="points ahead", legend=alt.Legend(orient="top")
            ),
            alt.value("#eef0f3"),
        )
    )
    sure = base.transform_filter("datum.sure").mark_text(fontWeight="bold", color=PRINTED_INK)
    unsure = base.transform_filter("!datum.sure").mark_text(color=PRINTED_INK)
    shown = alt.layer(square, sure.encode(text="text:N"), unsure.encode(text="text:N"))
    lines: dict[str, Any] = {
        "title": None,
        "labelFontSize": 12,
        "labelExpr": "split(datum.label, ': ')",
    }
    beside = alt.Header(**lines, labelAngle=0, labelAlign="left", labelPadding=4)
    return shown.properties(
        width=WIDTH * len(passes), height=HEIGHT * len(arms), data=data(records)
    ).facet(
        row=alt.Row("row:N", sort=rows, header=beside),
        column=alt.Column("column:N", sort=columns, header=alt.Header(**lines)),
        spacing={"row": 10, "column": 14},
    )


def _records(cell: Cell) -> Iterator[dict[str, Any]]:
    """A record for the bar, and one for each policy."""
    name = short_name(cell.env)
    size = f": at {cell.image_size} pixels" if cell.image_size else ""
    noise = f": {percent(cell.label_noise)} wrong labels" if cell.label_noise else ""
    place = {
        "passes": f"{cell.keep_ratio * cell.epochs:.3g}",
        "arms": f"{cell.arms:,}",
        "column": f"{name}{size}{noise}",
    }
    bar = f"{100 * cell.bar:.0f}"
    yield place | {"row": f"{cell.network}: full_short", "text": bar, "sure": False}
    for agent, ahead in cell.ahead.items():
        yield place | {
            "row": f"{cell.network}: {POLICIES[agent]}",
            "ahead": 100 * ahead.value,
            "text": points(ahead, signed=True, interval=False),
            "sure": bool(cell.signs[agent]),
        }
