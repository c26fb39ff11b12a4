"""Charts of single policies, a column for each: which arms they keep, in which round, how often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np
from numpy.typing import NDArray

from prune_bench.report.charts.shared import Chart, Records, data, few_labels
from prune_bench.report.palette import AHEAD, BEHIND, COLOURS
from prune_bench.studies.inspect import TENTHS, Watched, share_kept
from prune_env.text import plain

EVEN = "#eef0f3"
"""The colour of what is kept as often as usual; it fades into the page."""
LEFT = 44
"""Pixels that an axis takes on the left, so that the columns stand one below the other."""
FEW_ROUNDS, MAX_BARS = 12, 20
"""Rounds up to which each has its mark or number; bars of the histogram of pulls."""


def by_kind(runs: Sequence[Watched], width: int) -> Chart:
    """Lines: the share kept of each kind of arm."""
    kinds = list(runs[0].groups)
    records: Records = [
        {"agent": run.agent, "round": r, "kind": kind, "share": float(share)}
        for run in runs
        for kind, group in run.groups.items()
        for r, share in enumerate(share_kept(run.kept, group), start=1)
    ]
    colour = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=kinds, range=list(COLOURS[: len(kinds)])),
        legend=alt.Legend(title=None, symbolType="circle"),
    )
    top = alt.Scale(domain=[0, max(record["share"] for record in records)], nice=4)
    point = alt.OverlayMarkDef(size=24) if longest(runs) <= FEW_ROUNDS else False
    return _columns(
        "By kind of arm",
        "share of the arms of a kind that a round keeps",
        runs,
        width,
        120,
        records,
        alt.Chart()
        .mark_line(strokeWidth=2, point=point)
        .encode(x=rounds(), y=_share().scale(top), color=colour),
    )


def by_loss(runs: Sequence[Watched], width: int) -> Chart:
    """Rectangles: the share kept of each tenth of the arms by their loss."""
    shares = {run.agent: run.kept_by_loss for run in runs}
    labels = ["hardest", *(f"{tenth}" for tenth in range(2, TENTHS)), "easiest"]
    shown = alt.Axis(labelExpr="test(/est$/, datum.value) ? datum.value : ''", minExtent=LEFT)
    return _rectangles(
        "By loss",
        "share kept of each tenth of the arms, by the loss that they have just before the round",
        runs,
        width,
        shares,
        labels,
        shown,
    )


def by_class(runs: Sequence[Watched], width: int) -> Chart:
    """Rectangles: the share kept of each class."""
    classes = np.unique(runs[0].labels)
    shares = {
        run.agent: np.stack([share_kept(run.kept, run.labels == c) for c in classes], axis=1)
        for run in runs
    }
    labels = [_class_name(c, runs[0].classes) for c in classes]
    axis = alt.Axis(minExtent=LEFT, labelOverlap=True)
    return _rectangles("By class", "share kept of each class", runs, width, shares, labels, axis)


def _class_name(number: int, names: Sequence[str]) -> str:
    """A class by its name, or by its number where that says as much."""
    name = names[number] if names else str(number)
    return f"class {number}" if name == str(number) else plain(name)


def _rectangles(
    title: str,
    subtitle: str,
    runs: Sequence[Watched],
    width: int,
    shares: Mapping[str, NDArray[np.float64]],
    labels: Sequence[str],
    axis: alt.Axis,
) -> Chart:
    """Shares, (R, groups) of each agent, as colours: grey as usual, blue more, orange less."""
    middle = usual_share(runs)
    low = float(min(share.min() for share in shares.values()))
    high = float(max(share.max() for share in shares.values()))
    scale = alt.Scale(domain=[low, middle, high], range=[BEHIND, EVEN, AHEAD], interpolate="lab")
    records = [
        {"agent": agent, "round": r, "group": labels[g], "share": float(share[r - 1, g])}
        for agent, share in shares.items()
        for r in range(1, len(share) + 1)
        for g in range(len(labels))
    ]
    bars = alt.Chart().transform_calculate(from_="datum.round - 0.5", to="datum.round + 0.5")
    return _columns(
        title,
        subtitle,
        runs,
        width,
        min(160, 14 * len(labels)),
        records,
        bars.mark_rect().encode(
            x=rounds("from_"),
            x2="to:Q",
            y=alt.Y("group:N", sort=list(labels), title=None, axis=axis),
            color=alt.Color(
                "share:Q",
                scale=scale,
                legend=alt.Legend(title="kept", format=".0%", gradientLength=100, tickCount=4),
            ),
        ),
    )


def how_often(runs: Sequence[Watched], width: int) -> Chart:
    """Bars: which share of the arms was kept how often."""
    pulls = {run.agent: run.kept.sum(axis=0) for run in runs}
    highest = int(max(times.max() for times in pulls.values()))
    step = -(-highest // MAX_BARS)
    starts = range(1, highest + 1, step)
    labels = ["0", *(f"{a}" if step == 1 else f"{a}–{a + step - 1}" for a in starts)]
    records: Records = [
        {"agent": agent, "times": labels[group], "share": float(share)}
        for agent, times in pulls.items()
        for group, share in enumerate(np.bincount(-(-times // step)) / len(times))
    ]
    top = alt.Scale(domain=[0, max(record["share"] for record in records)], nice=4)
    times = alt.X("times:N", scale=alt.Scale(domain=labels), title="times kept", axis=few_labels())
    return _columns(
        "How often",
        "share of the arms that were kept so many times in the whole run",
        runs,
        width,
        100,
        records,
        alt.Chart()
        .mark_bar(color=AHEAD, cornerRadiusEnd=1.5)
        .encode(x=times, y=_share().scale(top)),
    )


def _columns(
    title: str,
    subtitle: str,
    runs: Sequence[Watched],
    width: int,
    height: int,
    records: Records,
    chart: Chart,
) -> Chart:
    """The same chart once for each agent, side by side."""
    panels = []
    for run in runs:
        panel = chart.copy()
        panel.data = data([record for record in records if record["agent"] == run.agent])
        heading = alt.TitleParams(run.agent, fontSize=12, fontWeight="normal", offset=5)
        panels.append(panel.properties(width=width, height=height, title=heading))
    heading = alt.TitleParams(title, subtitle=subtitle, offset=10)
    return alt.hconcat(*panels, title=heading, spacing=24)


def longest(runs: Sequence[Watched]) -> int:
    """Rounds of the longest run."""
    return max(len(run.kept) for run in runs)


def usual_share(runs: Sequence[Watched]) -> float:
    """The share of the arms that half of the agents keep at most, on average over their rounds."""
    return float(np.quantile([run.kept.mean() for run in runs], 0.5, method="lower"))


def rounds(field: str = "round") -> alt.X:
    """The axis of the rounds."""
    axis = alt.Axis(format="d", tickMinStep=1, grid=False)
    return alt.X(f"{field}:Q", title="round", axis=axis, scale=alt.Scale(zero=False, nice=False))


def _share() -> alt.Y:
    axis = alt.Axis(minExtent=LEFT, format=".0%", tickCount=4)
    return alt.Y("share:Q", title=None, axis=axis)
