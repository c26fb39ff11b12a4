"""The report of a board: one page that needs nothing else, and tables and pictures beside it.

report.html    open it anywhere, also without a network
board.md       the tables
board.csv      all numbers
ahead.png, cost.png, curves-keep0.1.png ...
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prune_bench.board.grid import Grid, as_typed
from prune_bench.report.column import Cell, Column
from prune_bench.report.columns import OVERALL, PAGE, columns, told
from prune_bench.report.tables import comma_separated, markdown
from prune_bench.standings.model import Comparison, Row, Standings
from prune_bench.standings.overall import overall
from prune_bench.standings.verdict import caution, headline, judge, notes, percent
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


FILE = "report.html"
"""The name of the page in the folder of a board."""


def write_report(folder: Path, standings: Standings) -> dict[str, Any]:
    """Make the report of a board, or make it anew, but for its pictures.

    Args:
        folder: of the board.
        standings: what its results say.

    Returns:
        What `write_pictures` takes. To draw takes as much memory as 10,000 results, which can be
        forgotten by then.

    Raises:
        ImportError: the extra `report` is not installed.
    """
    try:
        import vl_convert  # noqa: F401
        from altair.utils.schemapi import debug_mode
    except ImportError as error:
        raise ImportError("a report needs: pip install 'prune_env[report]'") from error
    write_text(folder / "board.md", markdown(standings))
    write_text(folder / "board.csv", comma_separated(standings))
    from prune_bench.report.charts.board_pictures import pictures

    with debug_mode(False):  # no chart is checked while it is made: half of the time; tests do that
        write_text(folder / FILE, html(standings, folder.resolve().name, standings.grids))
        return pictures(standings)


# -- the page -------------------------------------------------------------------------------------


def html(standings: Standings, name: str, grids: Sequence[Grid] = ()) -> str:
    """The page as text.

    Args:
        standings: what it shows.
        name: of the board.
        grids: of the board, for the command that made it.
    """
    import jinja2

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
        vega=_vega(),
        # In JSON inside of a script element only "<" could end it.
        charts=json.dumps(charts, separators=(",", ":")).replace("<", "\\u003c"),
    )


@cache
def _vega() -> str:
    """The script that draws charts. A process of its own makes it: the 85 MB end with that."""
    code = "import sys, vl_convert; sys.stdout.buffer.write(vl_convert.javascript_bundle("
    code += "'window.vegaEmbed = vegaEmbed;').encode())"
    # -P: whatever lies in the working directory is not imported
    made = subprocess.run([sys.executable, "-P", "-c", code], check=True, stdout=subprocess.PIPE)
    return made.stdout.decode()


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
        charts[f"{name}-{place}"] = chart.spec(made)
        return f"{name}-{place}"

    verdicts = [judge(comparison) for comparison in comparisons]
    agents = {row.agent for comparison in comparisons for row in comparison.rows if row.runs}
    together = overall(comparisons)
    shown = told(OVERALL, together)
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
        "overall": {
            "columns": shown,
            "rows": [[column.cell(row) for column in shown] for row in together],
        },
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
        "wrong": charts.wrong_labels(comparisons, palette),
    }


def _tables(comparisons: Sequence[Comparison]) -> list[Any]:
    """One table for each rule, with the rows of all keep ratios."""
    shown = columns(PAGE, (row for comparison in comparisons for row in comparison.rows))
    tables: dict[str, Any] = {}
    for comparison in comparisons:
        winner = judge(comparison).winner
        for rule, rows in comparison.tables.items():
            table = {"title": RULES[rule], "columns": shown, "rows": [], "notes": []}
            table = tables.setdefault(rule, table)
            keep = {"keep": comparison.keep_ratio}
            table["notes"] += [keep | {"text": text} for text in notes(rows)]
            table["rows"] += [keep | _table_row(row, shown, winner is row) for row in rows]
    return list(tables.values())


def _table_row(row: Row, shown: Sequence[Column], leads: bool) -> dict[str, Any]:
    return {
        "kind": "reference" if row.is_reference else "control" if row.is_control else "agent",
        "complete": row.complete,
        "leads": leads,
        "cells": _cells(row, shown),
    }


def _cells(row: Row, shown: Sequence[Column]) -> list[Cell]:
    """The cells of a row; those that need runs are one where there are none."""
    cells: list[Cell] = []
    for needed, group in groupby(shown, lambda column: column.needs_runs and not row.runs):
        alike = list(group)
        empty = [Cell(None, "no run has finished", span=len(alike))]
        cells += empty if needed else [column.cell(row) for column in alike]
    return cells


# -- how it was measured --------------------------------------------------------------------------


def _settings(comparisons: Sequence[Comparison]) -> Any:
    """All options: of the environment, and of each agent with its usual ones."""
    rows = [row for comparison in comparisons for row in comparison.rows if row.runs]
    if not rows:
        return {"env": [], "agents": []}
    first = rows[0].runs[0]
    hidden = ("agent", "agent_options", "keep_ratio", "seed")
    env = {k: v for k, v in first.options.items() if k not in hidden and v not in (None, {})}
    env |= {"training images": first.num_arms}
    agents: dict[str, dict[str, None]] = {}  # some options follow from the keep ratio
    for row in rows:
        agents.setdefault(row.agent, {})[_assignments(row.runs[0].agent_options)] = None
    return {
        "env": list(env.items()),
        "agents": [(agent, "; ".join(found)) for agent, found in agents.items()],
    }


def command(grid: Grid, name: str) -> str:
    """What to type to do the runs of a grid again."""
    words = as_typed(grid.unusual("env", "agents", "keep_ratios"))
    return shlex.join(["prune-env", "board", *words, "--out", name])


def _assignments(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in options.items())


def _count(texts: Iterable[str]) -> list[tuple[str, int]]:
    return Counter(texts).most_common()


# -- pictures -------------------------------------------------------------------------------------


def write_pictures(pictures: Mapping[str, Any], folder: Path) -> None:
    """The main charts as PNG files; with several settings, one file for each.

    Args:
        pictures: Vega-Lite specifications by the names of their files.
        folder: of the board.
    """
    from prune_bench.report.charts import png

    for name, spec in pictures.items():
        with replacing(folder / f"{name}.png") as temporary:
            temporary.write_bytes(png(spec))
