"""The charts of a report, as Altair charts.

Each shows one setting. Three parameters, which the page sets in all charts at once, say what is
looked at: `keep` (a keep ratio), `unit` ("passes" or "seconds") and `focus` (an agent, or null).

Ink is "currentColor", so that one chart does for a light and a dark page. Colours are Okabe and
Ito's, told apart by all, the blue lighter for dark pages; an agent has a colour and a shape, a
control is grey.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import altair as alt
import numpy as np

from prune_bench.board import CONTROLS
from prune_bench.standings import PHASES, Comparison, Row
from prune_bench.statistics import iqm, pareto_front, performance_profile

Chart = Any
"""What Altair makes; its own types say a union where only one can come."""
Records = list[dict[str, Any]]
Unit = Literal["passes", "seconds"]

INK, GREY = "currentColor", "#8c929b"
AHEAD, LEVEL, BEHIND = "#1a7fc1", "#8c929b", "#d55e00"
COLOURS = (AHEAD, BEHIND, "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross")
PHASE_COLOURS = dict(zip(PHASES, (AHEAD, "#E69F00", "#009E73", "#b8bdc4", "#CC79A7"), strict=True))

COST_TITLES: dict[Unit, str] = {
    "passes": "sample passes, share of all data for all epochs",
    "seconds": "seconds, evaluation left out",
}
MAX_ROUNDS = 60
"""A curve shows at most so many of its rounds, evenly spread."""
MAX_BINS = 20
"""A histogram of pulls has at most so many bars."""


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


# -- ahead or behind ------------------------------------------------------------------------------


def ahead(comparison: Comparison) -> Chart | None:
    """How far each agent ends above or below `full_short` at equal cost; every run a dot.

    None where nothing can be compared yet.
    """
    rows = [row for row in comparison.rows if row.ahead is not None]
    if not rows:
        return None
    rows.sort(key=lambda row: -row.ahead.value if row.ahead else 0.0)
    order = [_name_with_cost(row) for row in rows]
    y = alt.Y("agent:N", sort=order, title=None, axis=alt.Axis(labelLimit=220, labelPadding=8))
    x = alt.X("points:Q", title="points, full_short = 0", axis=_signed_axis())
    colour = alt.Color("colour:N", scale=None)
    runs = alt.Chart(_data(_ahead_runs(rows)))
    estimates = alt.Chart(_data(_ahead_estimates(rows)))
    tip = [
        alt.Tooltip("agent:N", title="agent"),
        alt.Tooltip("points:Q", format="+.2f", title="points ahead"),
    ]
    return alt.layer(
        alt.Chart(_data([{"zero": 0}]))
        .mark_rule(color=INK, strokeWidth=1.2)
        .encode(x=alt.X("zero:Q")),
        estimates.mark_rule(strokeWidth=6, opacity=0.28, strokeCap="round").encode(
            x=alt.X("low:Q"), x2="high:Q", y=y, color=colour
        ),
        runs.mark_circle(size=26, opacity=0.55).encode(
            x=x, y=y, color=colour, tooltip=[*tip, alt.Tooltip("seed:Q")]
        ),
        estimates.mark_tick(thickness=3, size=16).encode(
            x=x,
            y=y,
            color=colour,
            tooltip=[
                *tip,
                alt.Tooltip("interval:N", title="95 % interval"),
                alt.Tooltip("cost:Q", format=".3f"),
                alt.Tooltip("accuracy:Q", format=".2f", title="test accuracy, %"),
            ],
        ),
    ).properties(width="container", height=25 * len(rows))


def _ahead_runs(rows: Sequence[Row]) -> Records:
    return [
        {
            "agent": _name_with_cost(row),
            "points": 100 * value,
            "seed": seed,
            "colour": _verdict_colour(row),
        }
        for row in rows
        for seed, value in row.ahead_runs.items()
    ]


def _ahead_estimates(rows: Sequence[Row]) -> Records:
    return [
        {
            "agent": _name_with_cost(row),
            "points": 100 * row.ahead.value,
            "low": 100 * (row.ahead.value if row.ahead.low is None else row.ahead.low),
            "high": 100 * (row.ahead.value if row.ahead.high is None else row.ahead.high),
            "interval": "–"
            if row.ahead.low is None or row.ahead.high is None
            else f"{100 * row.ahead.low:+.2f} to {100 * row.ahead.high:+.2f}",
            "cost": row.cost,
            "accuracy": 100 * row.last.value,
            "colour": _verdict_colour(row),
        }
        for row in rows
        if row.ahead and row.last
    ]


def _verdict_colour(row: Row) -> str:
    if not row.complete or row.ahead is None:
        return LEVEL
    return {1: AHEAD, 0: LEVEL, -1: BEHIND}[row.ahead.sign]


# -- accuracy against cost ------------------------------------------------------------------------


def accuracy_against_cost(comparisons: Sequence[Comparison], legend: bool = False) -> Chart:
    """Every run a dot, every agent's middle a larger mark.

    Blue and broad: the Pareto front. Dashed: what `full_short` reaches for a cost.
    """
    rows = _distinct(comparisons)
    look = looks(row.agent for row in rows)
    x = alt.X("cost:Q", scale=alt.Scale(type="log", nice=False, padding=14), title=None)
    y = alt.Y("accuracy:Q", scale=alt.Scale(zero=False), title="test accuracy, last epoch, %")
    runs = alt.Chart(_data(_cost_records(rows, every_run=True))).transform_filter(_of_unit())
    middles = alt.Chart(_data(_cost_records(rows, every_run=False))).transform_filter(_of_unit())
    tip = [
        alt.Tooltip("agent:N"),
        alt.Tooltip("keep:Q", format=".0%", title="keep ratio"),
        alt.Tooltip("accuracy:Q", format=".2f", title="test accuracy, %"),
        alt.Tooltip("cost:Q", format=".4~g"),
    ]
    return (
        alt.layer(
            _line(rows, "full_short").mark_line(color=INK, strokeWidth=1.2, strokeDash=[5, 4]),
            _front(rows).mark_line(
                color=AHEAD, strokeWidth=7, opacity=0.16, interpolate="step-after"
            ),
            runs.mark_point(size=16, filled=True).encode(
                x=x,
                y=y,
                color=_agent_colour(look, legend),
                shape=_agent_shape(look, legend),
                opacity=_focused(0.4),
                tooltip=[*tip, alt.Tooltip("seed:Q")],
            ),
            middles.mark_point(size=95, filled=True).encode(
                x=x,
                y=y,
                color=_agent_colour(look, legend),
                shape=_agent_shape(look, legend),
                opacity=_focused(1.0),
                tooltip=tip,
            ),
        )
        .add_params(_unit_parameter(), _focus_parameter())
        .properties(width="container", height=380, title=_cost_title())
    )


def _cost_records(rows: Sequence[Row], every_run: bool) -> Records:
    records: Records = []
    found: list[tuple[float, dict[Unit, float], int | None]]
    for row in rows:
        if every_run:
            found = [
                (100 * run.last, {"passes": run.cost, "seconds": run.charged_seconds}, run.seed)
                for run in row.runs
            ]
        else:
            assert row.last is not None
            middle: dict[Unit, float] = {"passes": row.cost, "seconds": row.seconds}
            found = [(100 * row.last.value, middle, None)]
        records += [
            {
                "agent": row.agent,
                "keep": row.keep_ratio,
                "unit": unit,
                "cost": cost,
                "accuracy": accuracy,
                "seed": seed,
                "complete": row.complete,
            }
            for accuracy, costs, seed in found
            for unit, cost in costs.items()
        ]
    return records


def _line(rows: Sequence[Row], agent: str) -> Chart:
    """Through the middles of one agent and `full`, from cheap to dear."""
    ends = [row for row in rows if row.agent in (agent, "full")]
    records = _cost_records(ends, every_run=False)
    chart = alt.Chart(_data(sorted(records, key=lambda record: record["cost"])))
    return chart.transform_filter(_of_unit()).encode(x="cost:Q", y="accuracy:Q", order="cost:Q")


def _front(rows: Sequence[Row]) -> Chart:
    """Through the middles that no other beats in both cost and accuracy.

    Of agents that have all their runs; where there is none yet, of those that have any.
    """
    complete = [row for row in rows if row.complete] or rows
    records: Records = []
    for unit in COST_TITLES:
        middles = [r for r in _cost_records(complete, every_run=False) if r["unit"] == unit]
        front = pareto_front([r["cost"] for r in middles], [r["accuracy"] for r in middles])
        records += [middles[place] for place in front]
    chart = alt.Chart(_data(records)).transform_filter(_of_unit())
    return chart.encode(x="cost:Q", y="accuracy:Q", order="cost:Q")


# -- on the way -----------------------------------------------------------------------------------


def learning_curves(comparisons: Sequence[Comparison], legend: bool = False) -> Chart:
    """Test accuracy on the way, the interquartile mean of the runs, against what it had cost."""
    rows = _distinct(comparisons)
    look = looks(row.agent for row in rows)
    records = [
        record
        for comparison in comparisons
        for row in comparison.rows
        if row.runs
        for record in _curve_records(row, comparison.keep_ratio)
    ]
    chart = alt.Chart(_data(records)).transform_filter(f"{_of_unit()} && {_of_keep()}")
    x = alt.X("cost:Q", title=None)
    y = alt.Y("accuracy:Q", scale=alt.Scale(zero=False), title="test accuracy, %")
    line = chart.mark_line(strokeWidth=1.8).encode(
        x=x,
        y=y,
        color=_agent_colour(look, legend),
        detail="agent:N",
        strokeDash=alt.condition(
            "datum.control",
            alt.value([4, 3]),
            alt.value([1, 0]),
        ),
        opacity=_focused(0.9),
    )
    points = chart.mark_point(filled=True, size=34).encode(
        x=x,
        y=y,
        color=_agent_colour(look, legend),
        shape=_agent_shape(look, legend),
        opacity=_focused(0.9),
        tooltip=[
            alt.Tooltip("agent:N"),
            alt.Tooltip("round:Q"),
            alt.Tooltip("accuracy:Q", format=".2f", title="test accuracy, %"),
            alt.Tooltip("cost:Q", format=".4~g"),
        ],
    )
    return (
        alt.layer(line, points)
        .add_params(_keep_parameter(comparisons), _unit_parameter(), _focus_parameter())
        .properties(width="container", height=380, title=_cost_title())
    )


def _curve_records(row: Row, keep_ratio: float) -> Records:
    """The rounds that all runs of a row have evaluated; of `full`, the cheap beginning."""
    length = min(len(run.curve["round"]) for run in row.runs)
    places = np.unique(np.linspace(0, length - 1, min(length, MAX_ROUNDS)).astype(int))
    accuracy = iqm(np.stack([run.curve["accuracy"][places] for run in row.runs], axis=-1))
    records: Records = []
    for unit in COST_TITLES:
        cost = np.mean([run.curve[unit][places] for run in row.runs], axis=0)
        affordable = 2 * keep_ratio * cost[-1] if row.agent == "full" else cost[-1]
        records += [
            {
                "agent": row.agent,
                "control": row.is_control,
                "keep": keep_ratio,
                "unit": unit,
                "round": int(row.runs[0].curve["round"][place]),
                "cost": float(cost[i]),
                "accuracy": 100 * float(accuracy[i]),
                "complete": row.complete,
            }
            for i, place in enumerate(places)
            if cost[i] <= affordable
        ]
    return records


# -- over all keep ratios -------------------------------------------------------------------------


def performance_profiles(comparisons: Sequence[Comparison]) -> Chart | None:
    """Which share of the runs ends above a normalised score.

    None where the scale is not known, or fewer than two agents have all their runs.
    """
    strata: dict[str, list[Any]] = {}
    for comparison in comparisons:
        for row in comparison.rows:
            allowed = row.rule == "fixed keep ratio" or row.agent == "full_short"
            if allowed and row.complete and row.normalised_runs is not None:
                strata.setdefault(row.agent, []).append(row.normalised_runs)
    known = max((len(runs) for runs in strata.values()), default=0)
    strata = {agent: runs for agent, runs in strata.items() if len(runs) == known}
    if len(strata) < 2:
        return None
    scores = np.concatenate([runs for agent in strata.values() for runs in agent])
    low, high = max(-1.0, scores.min()), min(2.0, scores.max())
    thresholds = np.linspace(low, high, 121)
    look = looks(row.agent for row in _distinct(comparisons))
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
        alt.Chart(_data(records))
        .mark_line(strokeWidth=1.8, interpolate="step-after")
        .encode(
            x=alt.X("score:Q", title="normalised score: 0 random_dynamic, 1 full"),
            y=alt.Y("share:Q", title="runs above it", axis=alt.Axis(format="%")),
            color=_agent_colour(look),
            detail="agent:N",
            strokeDash=alt.condition(
                "datum.control",
                alt.value([4, 3]),
                alt.value([1, 0]),
            ),
            opacity=_focused(0.9),
            tooltip=[
                alt.Tooltip("agent:N"),
                alt.Tooltip("score:Q", format=".2f"),
                alt.Tooltip("share:Q", format=".0%", title="runs above it"),
            ],
        )
        .add_params(_focus_parameter())
        .properties(width="container", height=300)
    )


# -- where the time went, and what was kept -------------------------------------------------------


def time_split(comparisons: Sequence[Comparison]) -> Chart:
    """Seconds of a run in each phase."""
    records = [
        {
            "agent": _name(row),
            "keep": comparison.keep_ratio,
            "phase": phase,
            "order": place,
            "seconds": row.phases[phase],
            "total": sum(row.phases.values()),
        }
        for comparison in comparisons
        for row in comparison.rows
        if row.runs and row.agent != "full"
        for place, phase in enumerate(PHASES)
        if row.phases[phase]
    ]
    present = [phase for phase in PHASES if any(record["phase"] == phase for record in records)]
    return (
        alt.Chart(_data(records))
        .transform_filter(_of_keep())
        .mark_bar(height={"band": 0.72})
        .encode(
            y=alt.Y(
                "agent:N",
                sort=alt.EncodingSortField("total", "max", "ascending"),
                title=None,
                axis=alt.Axis(labelLimit=220),
            ),
            x=alt.X("seconds:Q", title="seconds of a run"),
            color=alt.Color(
                "phase:N",
                scale=alt.Scale(domain=present, range=[PHASE_COLOURS[phase] for phase in present]),
                legend=alt.Legend(orient="top", title=None, symbolType="square", columns=3),
            ),
            order=alt.Order("order:Q"),
            tooltip=[
                alt.Tooltip("agent:N"),
                alt.Tooltip("phase:N"),
                alt.Tooltip("seconds:Q", format=".3~s"),
                alt.Tooltip("total:Q", format=".3~s"),
            ],
        )
        .add_params(_keep_parameter(comparisons))
        .properties(width="container", height=_height(records))
    )


def kept(comparisons: Sequence[Comparison], by: Literal["difficulty", "class"]) -> Chart:
    """How much more often than evenly each group of arms was kept: blue more, orange less."""
    records = [
        record | {"keep": comparison.keep_ratio}
        for comparison in comparisons
        for row in comparison.rows
        if row.runs and row.agent not in ("full", "full_short")
        for record in _kept_records(row, by)
    ]
    titles = {"difficulty": "easiest tenth  →  hardest tenth", "class": "class"}
    strength = alt.Opacity(
        "strength:Q", scale=alt.Scale(domain=[0, 0.6], range=[0.03, 1], clamp=True), legend=None
    )
    return (
        alt.Chart(_data(records))
        .transform_filter(_of_keep())
        .transform_calculate(strength="abs(datum.ratio - 1)")
        .mark_rect(cornerRadius=1.5)
        .encode(
            x=alt.X("group:O", title=titles[by], axis=_few_labels()),
            y=alt.Y("agent:N", title=None, axis=alt.Axis(labelLimit=220)),
            color=alt.condition("datum.ratio > 1", alt.value(AHEAD), alt.value(BEHIND)),
            opacity=strength,
            tooltip=[
                alt.Tooltip("agent:N"),
                alt.Tooltip("group:O", title=by),
                alt.Tooltip("ratio:Q", format=".2f", title="times as often as evenly"),
            ],
        )
        .add_params(_keep_parameter(comparisons))
        .properties(width="container", height=_height(records))
    )


def pulls(comparisons: Sequence[Comparison]) -> Chart:
    """Which share of the arms was kept so many times."""
    records = [
        {
            "agent": _name(row),
            "keep": comparison.keep_ratio,
            "times": times,
            "share": share,
        }
        for comparison in comparisons
        for row in comparison.rows
        if row.runs and row.agent not in ("full", "full_short")
        for times, share in _pull_shares(row)
    ]
    return (
        alt.Chart(_data(records))
        .transform_filter(_of_keep())
        .mark_rect(cornerRadius=1.5, color=AHEAD)
        .encode(
            x=alt.X("times:O", title="times kept", sort=None, axis=_few_labels()),
            y=alt.Y("agent:N", title=None, axis=alt.Axis(labelLimit=220)),
            opacity=alt.Opacity(
                "share:Q", scale=alt.Scale(type="sqrt", range=[0.03, 1]), legend=None
            ),
            tooltip=[
                alt.Tooltip("agent:N"),
                alt.Tooltip("times:O", title="times kept"),
                alt.Tooltip("share:Q", format=".1%", title="of all arms"),
            ],
        )
        .add_params(_keep_parameter(comparisons))
        .properties(width="container", height=_height(records))
    )


def _kept_records(row: Row, by: Literal["difficulty", "class"]) -> Records:
    shares = []
    for run in row.runs:
        counts = run.result["kept"]
        if by == "difficulty":
            frequency = np.array(counts["pulls_by_difficulty"], np.float64)
        else:
            arms = np.maximum(counts["arms_by_class"], 1)
            frequency = np.array(counts["pulls_by_class"]) / arms
        shares.append(frequency / (frequency.mean() or 1.0))
    return [
        {"agent": _name(row), "group": group, "ratio": float(ratio)}
        for group, ratio in enumerate(np.mean(shares, axis=0), start=by == "difficulty")
    ]


def _pull_shares(row: Row) -> list[tuple[str, float]]:
    """(how often, share of the arms), pooled over the runs, in at most `MAX_BINS` steps."""
    rounds = max(len(run.result["history"]) for run in row.runs)
    counts = np.zeros(rounds + 1)
    for run in row.runs:
        found = run.result["kept"]["arms_by_pulls"]
        counts[: len(found)] += found
    counts /= counts.sum()
    width = -(-rounds // MAX_BINS)  # never kept is a step of its own
    steps = [("0", float(counts[0]))]
    for low in range(1, rounds + 1, width):
        high = min(low + width - 1, rounds)
        label = str(low) if low == high else f"{low}–{high}"
        steps.append((label, float(counts[low : high + 1].sum())))
    return steps


# -- what the charts share ------------------------------------------------------------------------


def _data(records: Records) -> alt.Data:
    return alt.Data(values=[{k: _short(v) for k, v in record.items()} for record in records])


def _short(value: Any) -> Any:
    """Six digits are more than any chart shows."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _name(row: Row) -> str:
    """The agent, and how many of its runs are there where some are missing."""
    return row.agent if row.complete else f"{row.agent} ({len(row.runs)}/{row.expected})"


def _name_with_cost(row: Row) -> str:
    """The name, and the cost where that is not the keep ratio."""
    usual = abs(row.cost / row.keep_ratio - 1) < 0.05
    return _name(row) if usual else f"{_name(row)}, cost {row.cost:.2f}"


def _distinct(comparisons: Sequence[Comparison]) -> list[Row]:
    """The rows with runs, `full` once."""
    rows = [row for comparison in comparisons for row in comparison.rows if row.runs]
    return list({(row.agent, row.keep_ratio): row for row in rows}.values())


def _agent_colour(look: dict[str, tuple[str, str]], legend: bool = False) -> Any:
    scale = alt.Scale(domain=list(look), range=[colour for colour, _ in look.values()])
    colour = alt.Color("agent:N", scale=scale, legend=_legend(legend))
    return alt.condition("datum.complete", colour, alt.value(GREY))


def _agent_shape(look: dict[str, tuple[str, str]], legend: bool = False) -> alt.Shape:
    scale = alt.Scale(domain=list(look), range=[shape for _, shape in look.values()])
    return alt.Shape("agent:N", scale=scale, legend=_legend(legend))


def _legend(shown: bool) -> alt.Legend | None:
    """The page has a legend of its own for all charts together; a picture needs one."""
    return alt.Legend(title=None) if shown else None


def _focused(opacity: float) -> Any:
    return alt.condition(
        "focus === null || datum.agent === focus", alt.value(opacity), alt.value(0.06)
    )


def _focus_parameter() -> alt.Parameter:
    return alt.param(name="focus", value=None)


def _unit_parameter() -> alt.Parameter:
    return alt.param(name="unit", value="passes")


def _keep_parameter(comparisons: Sequence[Comparison]) -> alt.Parameter:
    return alt.param(name="keep", value=comparisons[0].keep_ratio)


def _of_unit() -> str:
    return "datum.unit === unit"


def _of_keep() -> str:
    return "datum.keep === keep"


def _cost_title() -> alt.TitleParams:
    """The title of the axis of costs. Vega-Lite lets a parameter decide that of a chart only."""
    passes, seconds = COST_TITLES["passes"], COST_TITLES["seconds"]
    text = alt.ExprRef(f"unit === 'passes' ? '{passes}' : '{seconds}'")
    return alt.TitleParams(text, orient="bottom", fontSize=12, fontWeight="normal", offset=4)


def _height(records: Records) -> int:
    """Enough for the keep ratio with the most agents."""
    agents: dict[float, set[str]] = {}
    for record in records:
        agents.setdefault(record["keep"], set()).add(record["agent"])
    return 23 * max(map(len, agents.values()), default=1)


def _signed_axis() -> alt.Axis:
    return alt.Axis(format="+~g", grid=True, tickCount=5, labelOverlap=True)


def _few_labels() -> alt.Axis:
    return alt.Axis(labelAngle=0, labelOverlap=True)
