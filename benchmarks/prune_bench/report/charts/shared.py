"""What the charts of a report share: data, axes, and the parameters.

Each chart shows one setting. The page sets the parameters in all charts at once: `keep` (a keep
ratio), `unit` ("passes" or "seconds"), `all` (whether all agents are shown), `chosen` (agents that
are shown beside the best) and `focus` (an agent that the reader points at, or null).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import altair as alt

from prune_bench.report.palette import GREY, Palette
from prune_bench.report.ranking import REPEATED
from prune_bench.standings.model import Comparison, Row, distinct

Chart = Any
"""What Altair makes; its own types say a union where only one can come."""
Records = list[dict[str, Any]]
Unit = Literal["passes", "seconds"]

BEST_ROWS, BEST_CURVES = 12, 6
"""So many of the best agents of a keep ratio have a row or a point, and a curve; more are shown
where the reader chooses them."""
ROW = 23
"""Pixels of a row."""
MAX_ROUNDS = 60
"""A curve shows at most so many of its rounds, evenly spread."""

COST_TITLES: dict[Unit, str] = {
    "passes": "sample passes, share of all data for all epochs",
    "seconds": "seconds, evaluation left out",
}


def data(records: Records) -> alt.Data:
    # Altair copies lists with every change of a chart that has them, and no tuples.
    return alt.Data(values=tuple({k: _short(v) for k, v in r.items()} for r in records))


def spec(chart: Chart) -> dict[str, Any]:
    """The Vega-Lite specification of a chart. Tests check those of a whole page; here that would
    take longer than to make them.
    """
    return chart.to_dict(validate=False)


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


# -- colours and marks ----------------------------------------------------------------------------


def agent_colour(palette: Palette, legend: Iterable[str] = ()) -> Any:
    """The colour of an agent, grey where runs are missing."""
    scale = alt.Scale(domain=list(palette), range=[look.colour for look in palette.values()])
    colour = alt.Color("agent:N", scale=scale, legend=_legend(palette, legend))
    return alt.condition("datum.complete", colour, alt.value(GREY))


def agent_mark(palette: Palette, legend: Iterable[str] = ()) -> alt.Shape:
    """The mark of an agent."""
    scale = alt.Scale(domain=list(palette), range=[look.mark for look in palette.values()])
    return alt.Shape("agent:N", scale=scale, legend=_legend(palette, legend))


def _legend(palette: Palette, agents: Iterable[str]) -> alt.Legend | None:
    """The page has a legend of its own for all charts together; a picture, of what it shows."""
    entries = [agent for agent in palette if agent in set(agents)]
    if not entries:
        return None
    columns = 1 + len(entries) // 24
    return alt.Legend(
        title=None, values=entries, symbolLimit=0, symbolOpacity=1, symbolSize=80, columns=columns
    )


def dashed_controls() -> Any:
    """Of lines: controls are dashed."""
    return alt.condition("datum.rank < 0", alt.value([4, 3]), alt.value([1, 0]))


# -- parameters -----------------------------------------------------------------------------------


def parameters(*names: str, comparisons: Sequence[Comparison] = ()) -> list[alt.Parameter]:
    """The parameters of these names, as a picture has them and a page begins."""
    values: dict[str, Any] = {"unit": "passes", "all": False, "chosen": [], "focus": None}
    if comparisons:
        values["keep"] = comparisons[0].keep_ratio
    return [alt.param(name=name, value=values[name]) for name in names]


def of_unit() -> str:
    return "datum.unit === unit"


def of_keep() -> str:
    return "datum.keep === keep"


def is_shown(best: int, focus: bool = False) -> str:
    """Of the best so many, the controls, and what the reader has chosen or points at."""
    pointed_at = " || datum.agent === focus" if focus else ""
    ranked = f"datum.rank < (all ? {REPEATED} : {best})"
    return f"({ranked} || indexof(chosen, datum.agent) >= 0{pointed_at})"


def not_shown(records: Records, shown: str, where: str = "true") -> Chart:
    """A text above the chart: how many agents are not shown.

    Args:
        records: with `agent`, `rank` and what else the two tests read.
        shown: the test of what is shown.
        where: the test of what there is to show.
    """
    fields = ("agent", "rank", "keep")
    agents = {tuple(record.get(field) for field in fields) for record in records}
    rows = [dict(zip(fields, agent, strict=True)) for agent in sorted(agents, key=str)]
    return (
        alt.Chart(data(rows))
        .transform_filter(f"datum.rank < {REPEATED} && {where} && !{shown}")
        .transform_aggregate(count="distinct(agent)")
        .transform_filter("datum.count > 0")
        .transform_calculate(
            text="datum.count + (datum.count === 1 ? ' agent' : ' agents') + ' not shown'"
        )
        .mark_text(align="right", baseline="bottom", fontSize=11.5, color=GREY)
        .encode(x=alt.value("width"), y=alt.value(-5), text="text:N")
    )


def focused(opacity: float) -> Any:
    """What the reader points at stands out, else what was chosen."""
    lit = (
        "focus === null ? length(chosen) === 0 || indexof(chosen, datum.agent) >= 0"
        " : datum.agent === focus"
    )
    return {
        "condition": [
            {"test": lit, "value": opacity},
            {"test": "focus === null", "value": 0.45 * opacity},
        ],
        "value": 0.06,
    }


# -- axes -----------------------------------------------------------------------------------------


def cost_title() -> alt.TitleParams:
    """The title of the axis of costs. Vega-Lite lets a parameter decide that of a chart only."""
    passes, seconds = COST_TITLES["passes"], COST_TITLES["seconds"]
    text = alt.ExprRef(f"unit === 'passes' ? '{passes}' : '{seconds}'")
    return alt.TitleParams(
        text, orient="bottom", anchor="middle", fontSize=12, fontWeight="normal", offset=4
    )


def agent_rows(**more: Any) -> alt.Y:
    """The axis of the agents."""
    return alt.Y("label:N", title=None, axis=alt.Axis(labelLimit=220, labelPadding=8), **more)


def signed_axis() -> alt.Axis:
    text = "datum.value ? format(datum.value, '+~f') : '0'"
    return alt.Axis(labelExpr=text, grid=True, tickCount=5, labelOverlap=True, labelSeparation=6)


def few_labels() -> alt.Axis:
    return alt.Axis(labelAngle=0, labelOverlap=True)
