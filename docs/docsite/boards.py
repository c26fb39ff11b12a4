"""The table of all boards, and a page for each board, from benchmarks/results/*."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path

from prune_agents.policies import GROUPS, POLICIES
from prune_bench.report.column import Cell
from prune_bench.report.columns import COLUMN
from prune_bench.run.pairs import short_name
from prune_bench.standings.build import read_standings
from prune_bench.standings.model import Comparison, Row, Setting, Standings
from prune_bench.standings.verdict import headline, judge, percent

from docsite.markdown import table
from docsite.places import boards

SHOWN = ("accuracy", "ahead", "cost", "seconds_saved", "seconds", "runs")
"""Columns of the table of all boards behind the agent, its family and where it ran."""
OWN = "own"
"""The keep ratio of an agent that decides itself how much it keeps."""


@dataclass(frozen=True)
class Place:
    """A row of a board, and where it stands."""

    board: str
    setting: Setting
    comparison: Comparison
    row: Row

    @property
    def data(self) -> str:
        """What was trained on, with what was made wrong in it."""
        name = short_name(self.setting.env)
        dirt = [
            f"{key.replace('_', ' ')} {value}"
            for key, value in self.setting.others
            if key in ("label_noise", "imbalance")
        ]
        return ", ".join([name, *dirt])

    @property
    def keep(self) -> str:
        """The keep ratio as text."""
        return OWN if self.row.is_everywhere else percent(self.row.keep_ratio)


@cache
def standings() -> dict[str, Standings]:
    """What every board says, by its name."""
    return {folder.name: read_standings(folder) for folder in boards()}


@cache
def places() -> tuple[Place, ...]:
    """Every row of every board once; one of all keep ratios where it comes first."""
    return tuple(_places())


def _places() -> Iterator[Place]:
    for board, found in standings().items():
        for setting in found.settings:
            told = set()
            for comparison in found.of(setting):
                for row in comparison.rows:
                    if row.runs and (key := (row.agent, row.keep_ratio)) not in told:
                        told.add(key)
                        yield Place(board, setting, comparison, row)


def family(agent: str) -> str:
    """The group of a policy; "own" where it is none of this project."""
    name = name_of(agent)
    return next((group for group, names in GROUPS.items() if name in names), "own")


def name_of(agent: str) -> str:
    """The name of an agent that is shown with its options: "ucb" of "ucb c=2"."""
    return agent.partition(" ")[0]


def of_agent(name: str) -> list[Place]:
    """Where a policy, with whatever options, stands on the boards."""
    return [place for place in places() if name_of(place.row.agent) == name]


# -- the table of all boards ----------------------------------------------------------------------


def leaderboard() -> str:
    """The page of all boards: a table that a script sorts and filters."""
    families = [
        group for group in (*GROUPS, "own") if any(family(p.row.agent) == group for p in places())
    ]
    filters = {
        "data": list(dict.fromkeys(place.data for place in places())),
        "keep": list(dict.fromkeys(place.keep for place in sorted(places(), key=_keep_order))),
        "family": families,
    }
    labels = {"data": "Data", "keep": "Keep ratio", "family": "Family"}
    menus = "\n".join(
        f'<label>{labels[name]} <select data-filter="{name}"><option value="">all</option>'
        + "".join(f"<option>{escape(value)}</option>" for value in values)
        + "</select></label>"
        for name, values in filters.items()
    )
    head = "".join(
        f'<th scope="col"{_hint(title[2])}><button type="button">{title[0]}'
        f"<small>{title[1]}</small></button></th>"
        for title in _titles()
    )
    body = "\n".join(_html_row(place) for place in places())
    return f"""---
hide-toc: true
---

# All boards

Every agent on every board that is committed: {len(places())} rows, {len(standings())} boards.
A click on a heading sorts; ▲ ahead and ▼ behind, where that is certain,
[which takes more than an interval without 0](intervals.md). *vs full_short* is the difference from
training on all data for fewer epochs at [equal cost](concepts.md#equal-cost), in points. Compare
seconds within one board only. Slanted: the controls. Keep *own*: the
agent decides itself how much it keeps. To add a row: [boards](boards.md).

```{{raw}} html
<div class="leaderboard">
<p class="filters">
{menus}
<label>Agent <input type="search" data-filter="agent" placeholder="any"></label>
<output></output>
</p>
<div class="scrolls"><table class="sortable">
<thead><tr>{head}</tr></thead>
<tbody>
{body}
</tbody>
</table></div>
</div>
<script>{SCRIPT}</script>
```
"""


def _keep_order(place: Place) -> float:
    return 2.0 if place.row.is_everywhere else place.row.keep_ratio


def _titles() -> list[tuple[str, str, str]]:
    """Heading, unit and hint of every column."""
    first = [
        ("Agent", "", ""),
        ("Family", "", ""),
        ("Data", "", ""),
        ("Keep", "", "share of the arms that is kept each round"),
    ]
    rest = [(c.heading, c.unit, c.hint) for c in map(COLUMN.__getitem__, SHOWN)]
    return [*first, *rest, ("Board", "", "")]


def _hint(text: str) -> str:
    return f' title="{escape(text)}"' if text else ""


def _html_row(place: Place) -> str:
    row, of = place.row, family(place.row.agent)
    shown = "control" if row.is_control else "agent"
    name = name_of(row.agent)
    label = escape(row.agent)
    linked = f'<a href="policies/{name}.html">{label}</a>' if name in POLICIES else label
    told = place.data, place.keep
    cells = [
        f'<th scope="row" data-value="{label}">{linked}</th>',
        _text_cell(of),
        _text_cell(told[0]),
        f'<td data-value="{_keep_order(place)}">{escape(told[1])}</td>',
        *(_number_cell(COLUMN[column].cell(row)) for column in SHOWN),
        f'<td data-value="{place.board}"><a href="boards/{place.board}.html">'
        f"{place.board}</a></td>",
    ]
    data = {"data": told[0], "keep": told[1], "family": of, "agent": row.agent}
    attributes = "".join(f' data-{key}="{escape(value)}"' for key, value in data.items())
    return f'<tr class="{shown}"{attributes}>{"".join(cells)}</tr>'


def _text_cell(text: str) -> str:
    return f'<td data-value="{escape(text)}">{escape(text)}</td>'


def _number_cell(cell: Cell) -> str:
    sign = {1: " ahead", -1: " behind"}.get(cell.sign or 0, "")
    value = "" if cell.value is None else cell.value
    interval = f"<small>{escape(cell.interval)}</small>" if cell.interval else ""
    return f'<td class="number{sign}" data-value="{value}">{escape(cell.text)}{interval}</td>'


SCRIPT = (Path(__file__).parents[1] / "static" / "boards.js").read_text(encoding="utf-8")


# -- a page for each board ------------------------------------------------------------------------


def pages() -> dict[str, str]:
    """Name -> text of the pages of boards."""
    made = {f"boards/{folder.name}": _page(folder) for folder in boards()}
    return {"leaderboard": leaderboard()} | made


def _page(folder: Path) -> str:
    found = standings()[folder.name]
    parts = [f"# The board {folder.name}"]
    for setting in found.settings:
        comparisons = found.of(setting)
        parts += [f"## {setting.title}", headline([judge(c) for c in comparisons])]
        parts += [_verdicts(comparisons)]
    if found.note:
        parts.append(f":::{{note}}\n{found.note}\n:::")
    parts.append(_embedded(folder.name))
    return "\n\n".join(parts)


def _verdicts(comparisons: Sequence[Comparison]) -> str:
    rows = [
        (percent(c.keep_ratio), f"{len(c.shown)}", judge(c).sentence.replace("_", r"\_"))
        for c in comparisons
    ]
    return table(("keep", "rows", "what it says"), rows)


def _embedded(name: str) -> str:
    """The page of the board itself, in a frame and to be opened."""
    return f"""## Its page

```{{raw}} html
<p><a href="../reports/{name}.html">Open the page of this board by itself</a>: tables, charts and
how it was measured, in one file.</p>
<iframe class="report" src="../reports/{name}.html" title="The page of {name}" loading="lazy">
</iframe>
```
"""
