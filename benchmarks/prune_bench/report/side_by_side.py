"""Who is ahead of fewer epochs on several boards: the table of it; settings_picture.py draws it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from prune_bench.report.markdown import bold_if_certain, markdown_table
from prune_bench.standings.build import read_standings
from prune_bench.standings.model import Comparison
from prune_bench.standings.statistics import Estimate, estimate
from prune_bench.standings.verdict import points

Lead = tuple[Estimate, int]
"""How far ahead of `full_short`, in [-1, 1], and the sign of that; 0 where it is not certain."""


def leads(boards: Mapping[str, Comparison]) -> dict[str, dict[str, Lead]]:
    """By board and agent, of the agents that are on all of them; the best on average come first."""
    found = {
        title: {row.label: (row.ahead, row.sign) for row in of.shown if row.ahead}
        for title, of in boards.items()
    }
    everywhere = set.intersection(*(set(of) for of in found.values()))
    means = {label: mean_lead([of[label] for of in found.values()]) for label in everywhere}
    best_first = sorted(everywhere, key=lambda label: -means[label].value)
    return {title: {label: of[label] for label in best_first} for title, of in found.items()}


def mean_lead(of: Sequence[Lead]) -> Estimate:
    """The mean of the leads on several boards, whose runs are independent."""
    parts = [(weight / len(of) ** 2, noise) for lead, _ in of for weight, noise in lead.parts]
    return estimate(float(np.mean([lead.value for lead, _ in of])), parts)


def side_by_side(boards: Mapping[str, Path]) -> str:
    """The leads and their mean as a table, in points, and the accuracy of both bars below.

    Args:
        boards: folders, each with one setting at one keep ratio, by title.
    """
    comparisons = only(boards)
    found = leads(comparisons)
    lines = []
    for label in next(iter(found.values())):
        of = [leads_there[label] for leads_there in found.values()]
        cells = [bold_if_certain(*lead) for lead in of]
        lines.append([f"`{label}`", *cells, points(mean_lead(of), signed=True)])
    for bar in ("full_short", "full"):
        rows = [comparison.row(bar) for comparison in comparisons.values()]
        cells = [points(row.last, interval=False) if row else "–" for row in rows]
        lines.append([f"`{bar}`, test accuracy, %", *cells, ""])
    return markdown_table(("agent", *found, "mean"), lines)


def only(boards: Mapping[str, Path]) -> dict[str, Comparison]:
    """The one comparison of each board."""
    found = {title: read_standings(folder).comparisons for title, folder in boards.items()}
    return {title: comparison for title, (comparison,) in found.items()}
