"""The map of when choosing pays, as docs/regimes.md has it: its cells, and what they foretell."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from prune_bench.report.markdown import bold_if_certain, markdown_table
from prune_bench.standings.statistics import Estimate
from prune_bench.standings.verdict import points
from prune_bench.studies.explanations import EXPLANATIONS, foretold, successes
from prune_bench.studies.regimes import POLICIES, Cell, read_cells

HARDEST = "uncertainty"
"""The policy whose sign is to be foretold."""


def cells_of(folder: Path) -> str:
    """All cells of one data set, a row each."""
    cells = read_cells(folder)
    cells.sort(key=lambda cell: (cell.label_noise, cell.network, cell.arms, cell.epochs))
    headings = ("cell", "loss share", "`full_short`, %", *POLICIES.values())
    return markdown_table(headings, map(_row, cells))


def _row(cell: Cell) -> list[str]:
    leads = [bold_if_certain(cell.ahead.get(name), cell.signs.get(name, 0)) for name in POLICIES]
    noise = f", noise {cell.label_noise:g}" if cell.label_noise else ""
    name = f"{cell.arms:,} arms, {cell.epochs} epochs, `{cell.network}`{noise}"
    return [name, f"{cell.loss_share:.2f}", f"{100 * cell.bar:.1f}", *leads]


def foretelling(maps: Iterable[Path], boards: dict[str, Path]) -> str:
    """How well each number of a cell foretells hardest-first: on the map, and on real boards.

    Args:
        maps: boards of the map.
        boards: those that are foretold from all cells of the map, by title.
    """
    cells = [cell for folder in maps for cell in read_cells(folder)]
    real = {title: read_cells(folder)[0] for title, folder in boards.items()}
    lines = []
    for found in successes(cells, HARDEST):
        number = EXPLANATIONS[found.explanation]
        guesses = [
            points(Estimate(foretold(cells, HARDEST, found.explanation, number(cell))), signed=True)
            for cell in real.values()
        ]
        signs = f"{found.right} of {found.certain}"
        lines.append([found.explanation, f"{found.error:.1f}", signs, *guesses])
    came = [points(cell.ahead[HARDEST], signed=True) for cell in real.values()]
    lines.append(["what came", "", "", *came])
    return markdown_table(("by", "mean error, points", "signs", *real), lines)
