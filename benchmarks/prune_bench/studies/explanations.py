"""What rules the sign on the map: by which one number of a cell can it be foretold?

Each explanation is a number that is known of a cell without the policy. A cell is foretold by the
cells that are nearest to it in that number: no shape is assumed, since there is none that fits all.
A good explanation foretells the cells that were left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
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
    "training loss of full_short": lambda cell: cell.loss_share,
    "nothing": lambda cell: 0.0,
}
"""Numbers of a cell; passes and arms as powers of 2. Nothing, which is alike in all, has to be
beaten."""

NEAREST = 3
"""Cells that foretell another one."""

FLOOR = 0.005
"""What cells differ by though their numbers are alike; beside it, their intervals weigh them."""


@dataclass(frozen=True)
class Success:
    """How well an explanation foretells cells that were left out."""

    explanation: str
    error: float
    """mean distance between what was foretold and what came, in points"""
    right: int
    """cells whose sign is certain and was foretold"""
    certain: int
    """cells whose sign is certain"""


def foretold(cells: Sequence[Cell], policy: str, explanation: str, number: float) -> float:
    """By how much a policy is ahead where the explanation has this number, in [-1, 1].

    The mean of the `NEAREST` cells, and of all that are as near, the more certain ones weighing
    more.
    """
    known = [cell for cell in cells if policy in cell.ahead]
    distance = [abs(EXPLANATIONS[explanation](cell) - number) for cell in known]
    far = sorted(distance)[:NEAREST][-1] + 1e-9
    ahead = [cell.ahead[policy] for cell, d in zip(known, distance, strict=True) if d <= far]
    weights = [1 / (FLOOR**2 + np.nan_to_num(found.half, nan=1.0) ** 2) for found in ahead]
    return float(np.average([found.value for found in ahead], weights=weights))


def successes(cells: Sequence[Cell], policy: str) -> list[Success]:
    """Of each explanation that differs between the cells, the best first."""
    known = [cell for cell in cells if policy in cell.ahead]
    found = []
    for name, number in EXPLANATIONS.items():
        if len(known) <= NEAREST or (name != "nothing" and len(set(map(number, known))) < 2):
            continue
        guesses = [
            foretold([other for other in known if other is not cell], policy, name, number(cell))
            for cell in known
        ]
        came = [cell.ahead[policy].value for cell in known]
        sure = [cell.signs[policy] for cell in known]
        error = float(np.mean(np.abs(np.subtract(guesses, came))))
        right = sum(
            sign != 0 and sign * guess > 0 for sign, guess in zip(sure, guesses, strict=True)
        )
        found.append(Success(name, 100 * error, right, sum(sign != 0 for sign in sure)))
    return sorted(found, key=lambda success: success.error)


def explained(cells: Sequence[Cell]) -> Group:
    """How well each number of a cell foretells how far each policy is ahead."""
    rows = [
        [f"{name}, by {of.explanation}", f"{of.error:.1f}", f"{of.right} of {of.certain}"]
        for policy, name in POLICIES.items()
        for of in successes(cells, policy)
    ]
    if not rows:
        return Group(Text(f"too few cells to foretell each by {NEAREST} others"))
    title = (
        f"each cell foretold by the {NEAREST} others that are nearest in one number: how far off, "
        "in points, and the signs that are right, of those that are certain\n"
    )
    headings = ["explanation", "mean error", "signs"]
    return Group(Text(title), Fitted(headings, rows))
