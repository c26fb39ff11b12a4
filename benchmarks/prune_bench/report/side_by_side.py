"""Several boards side by side: who is ahead of fewer epochs, and whether it is so elsewhere too.

settings_picture.py draws the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from prune_bench.report.columns import COLUMN
from prune_bench.report.markdown import bold_if_certain, markdown_table
from prune_bench.standings.build import read_standings
from prune_bench.standings.model import Comparison, Row
from prune_bench.standings.statistics import Estimate
from prune_bench.standings.verdict import percent, points

Lead = tuple[Estimate, int]
"""How far ahead of `full_short`, in [-1, 1], and the sign of that; 0 where it is not certain."""

SAVED = "saved, %"
"""The heading of passes/seconds that are saved."""

FEW = 5
"""An agent with fewer runs than this is said to have them."""


def leads(boards: Mapping[str, Comparison]) -> dict[str, dict[str, Lead]]:
    """By board and agent, of the agents that are on all of them; the best in the middle come first.

    That is by the median: one board, of a long tail say, whose leads are ten times as large as
    those of all others would decide a mean alone. Of equal ones the first on the first board leads.
    """
    found = {
        title: {row.label: (row.ahead, row.sign) for row in of.shown if row.ahead}
        for title, of in boards.items()
    }
    first = next(iter(found.values()))
    everywhere = [label for label in first if all(label in of for of in found.values())]
    middle = {
        label: float(np.median([of[label][0].value for of in found.values()]))
        for label in everywhere
    }
    best_first = sorted(everywhere, key=lambda label: -middle[label])
    return {title: {label: of[label] for label in best_first} for title, of in found.items()}


def side_by_side(boards: Mapping[str, Path]) -> str:
    """The leads as a table, in points, what is saved, and the accuracy of both bars below.

    Args:
        boards: folders, each with one setting, by title; what is compared is keep 30 %.
    """
    comparisons = only(boards)
    found = leads(comparisons)
    lines = []
    for label in next(iter(found.values())):
        cells = [bold_if_certain(*of[label]) for of in found.values()]
        lines.append([f"`{label}`", *cells, _saved(comparisons.values(), label)])
    for bar in ("full_short", "full"):
        rows = [comparison.row(bar) for comparison in comparisons.values()]
        cells = [points(row.last, interval=False) if row else "–" for row in rows]
        lines.append([f"`{bar}`, test accuracy, %", *cells, _saved(comparisons.values(), bar)])
    return markdown_table(("agent", *found, "saved, %: passes/seconds"), lines)


def _saved(comparisons: Iterable[Comparison], label: str) -> str:
    """From the least to the most that is saved on some board: 70/62–69."""
    rows = [row for of in comparisons for row in of.rows if row.label == label]
    passes = [row.passes_saved for row in rows]
    seconds = [row.seconds_saved for row in rows if row.seconds_saved is not None]
    return "/".join(map(_from_to, (passes, seconds)))


def _from_to(shares: Sequence[float]) -> str:
    ends = dict.fromkeys(f"{100 * end:.0f}" for end in (min(shares), max(shares)))
    return "–".join(ends)


def only(boards: Mapping[str, Path], keep_ratio: float = 0.3) -> dict[str, Comparison]:
    """The one comparison of each board at this keep ratio."""
    found = {title: read_standings(folder).comparisons for title, folder in boards.items()}
    at = {
        title: [of for of in all_of if of.keep_ratio == keep_ratio]
        for title, all_of in found.items()
    }
    return {title: comparison for title, (comparison,) in at.items()}


def repeated(board: Path, again: Path) -> str:
    """All agents of a board, and of another one of the same setting.

    Args:
        board: with one setting; each keep ratio has three columns.
        again: its machine is another. Of a keep ratio that `board` has too only the leads are
            shown.
    """
    here, there = (
        {f"keep {percent(of.keep_ratio)}": of for of in read_standings(folder).comparisons}
        for folder in (board, again)
    )
    on_cpu = {title: (f"{title}, on a CPU", of) for title, of in there.items()}
    new = dict(on_cpu[title] for title in there if title not in here)
    known = dict(on_cpu[title] for title in there if title in here)
    return _in_columns({**here, **new}, known)


def by_rate(board: Path) -> str:
    """All agents of a board whose settings differ in their learning rate, by that."""
    comparisons = read_standings(board).comparisons
    rates = [next(r for row in of.rows for r in row.runs).options["recipe"] for of in comparisons]
    named = (f"`peak_lr` {rate['peak_lr']:g}" for rate in rates)
    return _in_columns(dict(sorted(zip(named, comparisons, strict=True))), {})


def _in_columns(whole: Mapping[str, Comparison], leads_of: Mapping[str, Comparison]) -> str:
    """Accuracies, leads and what is saved of the first comparisons, and leads of the others."""
    rows = [{row.label: row for row in of.shown} for of in (*whole.values(), *leads_of.values())]
    lines = []
    for label in dict.fromkeys(label for of in rows for label in of):
        found = [of.get(label) for of in rows]
        cells = [text for r in found[: len(whole)] for text in (_accuracy(r), lead_of(r), saved(r))]
        lines.append([name_of(*found), *cells, *map(lead_of, found[len(whole) :])])
    of_each = [
        (f"{title}: test accuracy, %", "ahead of `full_short`, points", SAVED) for title in whole
    ]
    return markdown_table(("agent", *chain(*of_each), *leads_of), lines)


def name_of(*rows: Row | None) -> str:
    """What a table calls an agent: its label, and its costs where they are not its keep ratios."""
    there = [row for row in rows if row]
    costs = [COLUMN["cost"].text(row) for row in there if not row.costs_its_keep_ratio]
    return f"`{there[0].label}`" + (f", cost {', '.join(dict.fromkeys(costs))}" if costs else "")


def lead_of(row: Row | None) -> str:
    """How far an agent is ahead, bold where that is certain; a dash where it was not run."""
    if row is None:
        return "–"
    return bold_if_certain(row.ahead, row.sign) if row.ahead else ""


def saved(row: Row | None) -> str:
    """The shares of passes and of seconds that an agent saves, and what its keep ratio promises."""
    return COLUMN["saved"].text(row) if row else "–"


def _accuracy(row: Row | None) -> str:
    if row is None or row.last is None:
        return "–"
    return points(row.last) + (f", {len(row.runs)} runs" if len(row.runs) < FEW else "")
