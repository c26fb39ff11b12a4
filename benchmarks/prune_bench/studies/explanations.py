"""What rules the sign on the map: by one number of a cell, how far is a policy ahead there?

Each explanation is a number that is known of a cell without the policy. Along it a straight line is
fitted to how far the policy is ahead. A good explanation predicts a cell that was left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.console import Group
from rich.text import Text

from prune_bench.report.terminal import Fitted
from prune_bench.studies.regimes import POLICIES, Cell

EXPLANATIONS: dict[str, Callable[[Cell], float]] = {
    "passes an arm": lambda cell: math.log2(cell.keep_ratio * cell.epochs),
    "arms": lambda cell: math.log2(cell.arms),
    "passes": lambda cell: math.log2(cell.keep_ratio * cell.epochs * cell.arms),
    "label noise": lambda cell: cell.label_noise,
    "accuracy of full_short": lambda cell: cell.bar,
    "training loss of full_short": lambda cell: cell.bar_loss,
    "training loss of full_short, of a guess": lambda cell: cell.bar_loss / math.log(cell.classes),
}
"""Numbers of a cell; passes and arms as powers of 2, losses in nats of its last round."""


@dataclass(frozen=True)
class Line:
    """A straight line through cells: how far ahead, in points, by one number."""

    explanation: str
    slope: float
    intercept: float
    correlation: float
    """of Pearson"""
    left_out: float
    """root of the mean squared error, points, of each cell by the line through the others"""

    def at(self, cell: Cell) -> float:
        """Points ahead in a cell, by its number."""
        return self.intercept + self.slope * EXPLANATIONS[self.explanation](cell)

    @property
    def zero(self) -> float:
        """The number at which the sign changes."""
        return -self.intercept / self.slope if self.slope else math.nan


def lines(cells: Sequence[Cell], policy: str) -> list[Line]:
    """A line for each explanation that differs between the cells, the best predictor first."""
    known = [cell for cell in cells if policy in cell.ahead]
    y = np.array([100 * cell.ahead[policy].value for cell in known])
    found = []
    for name, number in EXPLANATIONS.items():
        x = np.array([number(cell) for cell in known])
        if len(known) > 3 and np.ptp(x) > 0 and np.ptp(y) > 0:
            slope, intercept = np.polyfit(x, y, 1)
            correlation = float(np.corrcoef(x, y)[0, 1])
            error = float(np.sqrt(np.mean(left_out(x, y) ** 2)))
            found.append(Line(name, float(slope), float(intercept), correlation, error))
    return sorted(found, key=lambda line: line.left_out)


def left_out(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) by how much the line through the others is above each point.

    By the leverage h of a point in the line through all: residual / (1 - h).
    """
    matrix = np.stack([np.ones_like(x), x], axis=1)
    projection = matrix @ np.linalg.pinv(matrix)
    return (projection @ y - y) / (1 - np.diag(projection))


def spread(cells: Sequence[Cell], policy: str) -> float:
    """What a line has to be better than: the error of the mean of the other cells, in points."""
    y = np.array([100 * cell.ahead[policy].value for cell in cells if policy in cell.ahead])
    return float(np.std(y) * len(y) / (len(y) - 1)) if len(y) > 1 else math.nan


def explained(cells: Sequence[Cell]) -> Group:
    """How well each number of a cell predicts how far each policy is ahead."""
    rows = []
    for policy, name in POLICIES.items():
        for line in lines(cells, policy):
            rows.append(
                [
                    f"{name}, by {line.explanation}",
                    f"{line.correlation:+.2f}",
                    f"{line.left_out:.1f}",
                    f"{line.slope:+.2f}",
                    f"{line.zero:.2f}",
                ]
            )
        rows.append([f"{name}, by nothing", "", f"{spread(cells, policy):.1f}", "", ""])
    title = "what predicts how far ahead: a line by one number of a cell\n"
    headings = ["explanation", "correlation", "error, cell left out", "slope", "zero at"]
    return Group(Text(title), Fitted(headings, rows))
