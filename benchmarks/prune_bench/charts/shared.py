"""What the charts of a report share: colours, shapes, data, and the three parameters.

Each chart shows one setting. The page sets the parameters in all charts at once: `keep` (a keep
ratio), `unit` ("passes" or "seconds") and `focus` (an agent, or null).

Ink is "currentColor", so that one chart does for a light and a dark page. Colours are Okabe and
Ito's, told apart by all, the blue lighter for dark pages; an agent has a colour and a shape, a
control is grey.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import altair as alt

from prune_bench.board import CONTROLS
from prune_bench.standings import Comparison, Row, distinct

Chart = Any
"""What Altair makes; its own types say a union where only one can come."""
Records = list[dict[str, Any]]
Unit = Literal["passes", "seconds"]

INK, GREY = "currentColor", "#8c929b"
AHEAD, LEVEL, BEHIND = "#1a7fc1", "#8c929b", "#d55e00"
COLOURS = (AHEAD, BEHIND, "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
SHAPES = (
    *("circle", "square", "triangle-up", "diamond", "triangle-down", "cross"),
    *("triangle-right", "triangle-left", "wedge"),
)

COST_TITLES: dict[Unit, str] = {
    "passes": "sample passes, share of all data for all epochs",
    "seconds": "seconds, evaluation left out",
}


def looks(agents: Iterable[str]) -> dict[str, tuple[str, str]]:
    """A colour and a shape for each agent, the same in every chart.

    Controls are grey, in the order of `CONTROLS`; others walk through the colours, then go on to
    the next shape.
    """
    chosen = {}
    others = [agent for agent in agents if agent not in CONTROLS]
    for place, shape in enumerate(SHAPES[: len(CONTROLS)]):
        chosen[CONTROLS[place]] = (INK if place < 2 else GREY, shape)
    for place, agent in enumerate(others):
        round_trip, colour = divmod(place, len(COLOURS))
        chosen[agent] = (COLOURS[colour], SHAPES[(colour + round_trip) % len(SHAPES)])
    return chosen


def data(records: Records) -> alt.Data:
    return alt.Data(values=[{k: _short(v) for k, v in record.items()} for record in records])


def _short(value: Any) -> Any:
    """Six digits are more than any chart shows."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


def name(row: Row) -> str:
    """The agent, and how many of its runs are there where some are missing."""
    return row.label if row.complete else f"{row.label} ({len(row.runs)}/{row.expected})"


def name_with_cost(row: Row) -> str:
    """The name, and the cost where that is not the keep ratio."""
    return name(row) if row.costs_its_keep_ratio else f"{name(row)}, cost {row.cost:.2f}"


def begun(comparisons: Sequence[Comparison]) -> list[Row]:
    """The rows that have runs, those that belong to several comparisons only once."""
    return [row for row in distinct(comparisons) if row.runs]


def agent_colour(look: dict[str, tuple[str, str]], legend: bool = False) -> Any:
    scale = alt.Scale(domain=list(look), range=[colour for colour, _ in look.values()])
    colour = alt.Color("agent:N", scale=scale, legend=_legend(legend, len(look)))
    return alt.condition("datum.complete", colour, alt.value(GREY))


def agent_shape(look: dict[str, tuple[str, str]], legend: bool = False) -> alt.Shape:
    scale = alt.Scale(domain=list(look), range=[shape for _, shape in look.values()])
    return alt.Shape("agent:N", scale=scale, legend=_legend(legend, len(look)))


def _legend(shown: bool, entries: int) -> alt.Legend | None:
    """The page has a legend of its own for all charts together; a picture needs one, of all."""
    return alt.Legend(title=None, symbolLimit=0, columns=1 + entries // 24) if shown else None


def focused(opacity: float) -> Any:
    return alt.condition(
        "focus === null || datum.agent === focus", alt.value(opacity), alt.value(0.06)
    )


def focus_parameter() -> alt.Parameter:
    return alt.param(name="focus", value=None)


def unit_parameter() -> alt.Parameter:
    return alt.param(name="unit", value="passes")


def keep_parameter(comparisons: Sequence[Comparison]) -> alt.Parameter:
    return alt.param(name="keep", value=comparisons[0].keep_ratio)


def of_unit() -> str:
    return "datum.unit === unit"


def of_keep() -> str:
    return "datum.keep === keep"


def cost_title() -> alt.TitleParams:
    """The title of the axis of costs. Vega-Lite lets a parameter decide that of a chart only."""
    passes, seconds = COST_TITLES["passes"], COST_TITLES["seconds"]
    text = alt.ExprRef(f"unit === 'passes' ? '{passes}' : '{seconds}'")
    return alt.TitleParams(text, orient="bottom", fontSize=12, fontWeight="normal", offset=4)


def height(records: Records) -> int:
    """Enough for the keep ratio with the most agents."""
    agents: dict[float, set[str]] = {}
    for record in records:
        agents.setdefault(record["keep"], set()).add(record["agent"])
    return 23 * max(map(len, agents.values()), default=1)


def signed_axis() -> alt.Axis:
    return alt.Axis(format="+~f", grid=True, tickCount=5, labelOverlap=True)


def few_labels() -> alt.Axis:
    return alt.Axis(labelAngle=0, labelOverlap=True)


def dashed_controls() -> Any:
    """Of lines: controls are dashed."""
    return alt.condition("datum.control", alt.value([4, 3]), alt.value([1, 0]))
