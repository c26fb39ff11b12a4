"""From a chart to a PNG, in the style of the page."""

from __future__ import annotations

import json
from typing import Any

import vl_convert

from prune_bench.report.palette import INK

PRINTED_INK, FAINT = "#1f2933", "#566270"

CONFIG = {
    "background": "white",
    "padding": 20,
    "view": {"stroke": None},
    "title": {"anchor": "start", "color": PRINTED_INK, "fontSize": 13, "subtitleColor": FAINT},
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


def png(spec: dict[str, Any]) -> bytes:
    """The picture of a Vega-Lite specification, on white."""
    text = json.dumps(spec).replace(json.dumps(INK), json.dumps(PRINTED_INK))
    return vl_convert.vegalite_to_png(text, scale=2, config=CONFIG)
