"""The report of a board: one page that needs nothing else, and tables and pictures beside it.

report.html    open it anywhere, also without a network
board.md       the tables
board.csv      all numbers
ahead.png, cost.png, curves-keep0.1.png ...
"""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prune_bench.board.grid import Grid
from prune_bench.report.tables import comma_separated, markdown, row_cells, seconds
from prune_bench.standings.build import read_standings
from prune_bench.standings.model import Comparison, Row, Standings
from prune_bench.standings.overall import overall
from prune_bench.standings.statistics import Estimate
from prune_bench.standings.verdict import caution, headline, judge, notes, percent, points
from prune_env.files import replacing, write_text
from prune_env.text import plain

if TYPE_CHECKING:
    from prune_bench.report.palette import Palette

RULES = {
    "fixed keep ratio": "A fixed keep ratio, every round",
    "total budget": "A total budget, spent freely",
    "own amount": "The agent decides how much it keeps",
}
BADGES = {
    "beats": ("▲", "beats full_short"),
    "level": ("=", "level"),
    "behind": ("▼", "nothing beats full_short"),
    "open": ("…", "not finished"),
}


def write_report(folder: Path) -> Path:
    """Make the report of a board, or make it anew.

    Returns:
        The page.

    Raises:
        FileNotFoundError, ValueError: the folder has no results, or what it has is not one.
        ImportError: the extra `report` is not installed.
    """
    try:
        import altair  # noqa: F401
        import vl_convert  # noqa: F401
    except ImportError as error:
        raise ImportError("a report needs: pip install 'prune_env[report]'") from error
    standings = read_standings(folder)
    write_text(folder / "board.md", markdown(standings))
    write_text(folder / "board.csv", comma_separated(standings))
    page = folder / "report.html"
    write_text(
        page,
        html(standings, folder.resolve().name, standings.grids),
    )
    write_pictures(standings, folder)
    return page


# -- the page -------------------------------------------------------------------------------------


def html(standings: Standings, name: str, grids: Sequence[Grid] = ()) -> str:
    """The page as text.

    Args:
        standings: what it shows.
        name: of the board.
        grids: of the board, for the command that made it.
    """
    import jinja2
    import vl_convert

    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=_harmless,
    )
    from prune_bench.report.palette import palette

    charts: dict[str, Any] = {}
    looks = palette(standings.comparisons)
    sections = [
        _section(place, standings.of(setting), looks, charts)
        for place, setting in enumerate(standings.settings)
    ]
    runs = standings.runs
    return environment.from_string(_asset("report.html.j2")).render(
        name=name,
        made=datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC"),
        finished=len(runs),
        missing=standings.missing,
        sections=sections,
        failures=standings.failures,
        note=standings.note,
        commands=[command(grid, name) for grid in grids],
        places=_count(run.hardware for run in runs),
        versions=_count(_assignments(run.versions) for run in runs),
        style=_asset("report.css"),
        script=_asset("report.js"),
        vega=vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"),
        # In JSON inside of a script element only "<" could end it.
        charts=json.dumps(charts, separators=(",", ":")).replace("<", "\\u003c"),
    )


def _harmless(value: Any) -> Any:
    """What the page prints: text in which nothing acts; what is marked safe is ours."""
    return plain(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _asset(name: str) -> str:
    return (files("prune_bench.report") / "assets" / name).read_text(encoding="utf-8")


def _section(
    place: int, comparisons: Sequence[Comparison], palette: Palette, charts: dict[str, Any]
) -> Any:
    """What the page shows of one setting. Its charts are added to `charts` by their id."""
    from prune_bench.report import charts as chart

    def add(name: str, made: chart.Chart | None) -> str | None:
        if made is None:
            return None
        charts[f"{name}-{place}"] = made.to_dict()
        return f"{name}-{place}"

    verdicts = [judge(comparison) for comparison in comparisons]
    agents = {row.agent for comparison in comparisons for row in comparison.rows if row.runs}
    panels = [
        {
            "title": f"Keep {percent(comparison.keep_ratio)}",
            "kind": verdict.kind,
            "badge": ("▲", "ahead, few seeds") if verdict.is_weak else BADGES[verdict.kind],
            "sentence": verdict.sentence,
            "chart": add(f"ahead{i}", chart.ahead(comparison)),
            "hides_some": chart.hides_some(comparison),
        }
        for i, (comparison, verdict) in enumerate(zip(comparisons, verdicts, strict=True))
    ]
    return {
        "id": f"setting-{place}",
        "title": comparisons[0].setting.title,
        "headline": headline(verdicts),
        "caution": caution(comparisons),
        "panels": panels,
        "keep_ratios": [(c.keep_ratio, percent(c.keep_ratio)) for c in comparisons],
        "legend": [
            {"agent": agent, "colour": look.colour, "mark": look.mark}
            for agent, look in palette.items()
            if agent in agents
        ],
        "charts": {n: add(n, c) for n, c in _charts(comparisons, palette).items()}
        if agents
        else {},
        "tables": _tables(comparisons),
        "overall": [
            {
                "agent": row.agent,
                "normalised": _number(row.normalised),
                "beats_random": _share(row.beats_random),
                "beats_short": _share(row.beats_short),
            }
            for row in overall(comparisons)
        ],
        "settings": _settings(comparisons),
    }


def _charts(comparisons: Sequence[Comparison], palette: Palette) -> dict[str, Any]:
    from prune_bench.report import charts

    return {
        "cost": charts.accuracy_against_cost(comparisons, palette),
        "curves": charts.learning_curves(comparisons, palette),
        "profiles": charts.performance_profiles(comparisons, palette),
        "time": charts.time_split(comparisons),
        "difficulty": charts.kept(comparisons, "difficulty"),
        "class": charts.kept(comparisons, "class"),
        "pulls": charts.pulls(comparisons),
    }


def _tables(comparisons: Sequence[Comparison]) -> list[Any]:
    """One table for each rule, with the rows of all keep ratios."""
    tables: dict[str, list[Any]] = {}
    said: dict[str, list[Any]] = {}
    told = any(row.regret is not None for comparison in comparisons for row in comparison.rows)
    for comparison in comparisons:
        leader = judge(comparison).leader
        for rule, rows in comparison.tables.items():
            said.setdefault(rule, []).extend(
                {"keep": comparison.keep_ratio, "text": text} for text in notes(rows)
            )
            tables.setdefault(rule, []).extend(
                _table_row(row, comparison.keep_ratio, leader is row, told) for row in rows
            )
    return [
        {"title": RULES[rule], "rows": rows, "notes": said[rule], "regret": told}
        for rule, rows in tables.items()
    ]


def _table_row(row: Row, keep_ratio: float, leads: bool, told: bool) -> Any:
    """A row of the page; with its regret where an environment has told one."""
    runs = str(len(row.runs)) if row.complete else f"{len(row.runs)} of {row.expected}"
    kind = "reference" if row.is_reference else "control" if row.is_control else "agent"
    shown = {
        "agent": row.label,
        "keep": keep_ratio,
        "kind": kind,
        "complete": row.complete,
        "leads": leads,
        "runs": runs + (f", {row.failed} failed" if row.failed else ""),
        "finished": len(row.runs),
    }
    if not row.runs:
        return shown | {"cells": None}
    aside = row.phases["select"] + row.phases["observe"]
    never = [run.never_kept for run in row.runs]
    return shown | {
        "cells": [
            _points(row.last),
            _points(row.ahead, signed=True, sign=row.sign),
            _points(row.ahead_seconds, signed=True),
            _points(row.ahead_random, signed=True),
            _plain(row.cost, f"{row.cost:.3f}"),
            _plain(row.seconds, seconds(row.seconds)),
            _plain(aside / row.seconds, f"{100 * aside / row.seconds:.1f}"),
            _number(row.normalised),
            _plain(row.best, f"{100 * row.best:.1f}"),
            _points(row.at_passes),
            _points(row.at_seconds),
            _plain(sum(never) / len(never), f"{100 * sum(never) / len(never):.1f}"),
            *([] if not told else [_plain(row.regret, row_cells(row)["regret"])]),
        ]
    }


def _points(estimate: Estimate | None, signed: bool = False, sign: int = 0) -> Any:
    if estimate is None:
        return {"value": None, "text": "–", "interval": "", "sign": 0}
    text = points(estimate, signed)
    value, _, interval = text.partition(" ")
    return {
        "value": estimate.value,
        "text": value,
        "interval": interval,
        "sign": sign,
    }


def _number(estimate: Estimate | None) -> Any:
    """A score without a unit."""
    if estimate is None:
        return _plain(None, "–")
    shown = _plain(estimate.value, f"{estimate.value:.2f}".replace("-", "−"))
    if estimate.low is not None and estimate.high is not None:
        shown["interval"] = f"[{estimate.low:.2f}, {estimate.high:.2f}]".replace("-", "−")
    return shown


def _share(share: float | None) -> Any:
    """A probability."""
    return _plain(None, "–") if share is None else _plain(share, f"{100 * share:.0f} %")


def _plain(value: float | None, text: str) -> dict[str, Any]:
    return {"value": value, "text": text, "interval": "", "sign": 0}


# -- how it was measured --------------------------------------------------------------------------


def _settings(comparisons: Sequence[Comparison]) -> Any:
    """All options: of the environment, and of each agent with its usual ones."""
    rows = {row.agent: row for c in comparisons for row in c.rows if row.runs}
    if not rows:
        return {"env": [], "agents": []}
    first = next(iter(rows.values())).runs[0]
    hidden = ("agent", "agent_options", "keep_ratio", "seed")
    env = {k: v for k, v in first.options.items() if k not in hidden and v not in (None, {})}
    env |= {"training images": first.num_arms}
    agents = [(agent, _assignments(row.runs[0].agent_options)) for agent, row in rows.items()]
    return {"env": list(env.items()), "agents": agents}


def command(grid: Grid, name: str) -> str:
    """What to type to do the runs of a grid again."""
    usual = Grid()
    words = ["prune-env", "board"]
    own_first = sorted(asdict(grid).items(), key=lambda item: item[0] not in Grid.__annotations__)
    for field, value in own_first:
        if value == getattr(usual, field) and field not in ("env", "agents", "keep_ratios"):
            continue
        words.append("--" + field.replace("_", "-"))
        if isinstance(value, dict):
            words += [f"{key}={json.dumps(item)}" for key, item in value.items()]
        elif isinstance(value, list | tuple):
            words += [str(item) for item in value]
        else:
            words.append(str(value))
    return shlex.join([*words, "--out", name])


def _assignments(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in options.items())


def _count(texts: Iterable[str]) -> list[tuple[str, int]]:
    return Counter(texts).most_common()


# -- pictures -------------------------------------------------------------------------------------


def write_pictures(standings: Standings, folder: Path) -> None:
    """The main charts as PNG files; with several settings, one file for each."""
    from prune_bench.report.charts import png
    from prune_bench.report.charts.pictures import pictures

    for name, spec in pictures(standings).items():
        with replacing(folder / f"{name}.png") as temporary:
            temporary.write_bytes(png(spec))
