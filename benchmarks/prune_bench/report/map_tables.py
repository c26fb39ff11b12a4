"""The map of when choosing pays, as docs/regimes.md has it: its cells, and what they foretell."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

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
    lines = ["| cell | loss share | `full_short`, % | hardest first | easiest first | random |"]
    lines += ["|---" * (3 + len(POLICIES)) + "|"]
    lines += [_row(cell) for cell in cells]
    return "\n".join(lines)


def _row(cell: Cell) -> str:
    leads = []
    for agent in POLICIES:
        text = points(cell.ahead.get(agent), signed=True)
        leads.append(f"**{text}**" if cell.signs.get(agent) else text)
    noise = f", noise {cell.label_noise:g}" if cell.label_noise else ""
    name = f"{cell.arms:,} arms, {cell.epochs} epochs, `{cell.network}`{noise}"
    bar = f"{100 * cell.bar:.1f}"
    return f"| {' | '.join([name, f'{cell.loss_share:.2f}', bar, *leads])} |"


def foretelling(maps: Iterable[Path], boards: dict[str, Path]) -> str:
    """How well each number of a cell foretells hardest-first: on the map, and on real boards.

    Args:
        maps: boards of the map.
        boards: those that are foretold from all cells of the map, by title.
    """
    cells = [cell for folder in maps for cell in read_cells(folder)]
    real = {title: read_cells(folder)[0] for title, folder in boards.items()}
    lines = [f"| by | mean error, points | signs | {' | '.join(real)} |"]
    lines += ["|---" * (3 + len(real)) + "|"]
    for found in successes(cells, HARDEST):
        number = EXPLANATIONS[found.explanation]
        guesses = [
            points(Estimate(foretold(cells, HARDEST, found.explanation, number(cell))), signed=True)
            for cell in real.values()
        ]
        signs = f"{found.right} of {found.certain}"
        lines.append(
            f"| {found.explanation} | {found.error:.1f} | {signs} | {' | '.join(guesses)} |"
        )
    came = [points(cell.ahead[HARDEST], signed=True) for cell in real.values()]
    lines.append(f"| what came | | | {' | '.join(came)} |")
    return "\n".join(lines)
