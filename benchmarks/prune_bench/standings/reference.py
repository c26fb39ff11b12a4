"""The bar: what accuracy `full_short`, all data for fewer epochs, reaches for a cost.

Its runs at all keep ratios and `full` are points of accuracy against cost, of runs that have ended
their schedules; through them goes a monotone curve in log cost. How far the curve may be wrong
between two of them is measured by leaving out each point that has one on both sides; for CIFAR-10
docs/evidence.md has these errors. With fewer than three points nothing can be left out. Then, and
outside of the points, only the points themselves are known.

Seconds are less sure than passes: a machine may have been busier when some of the points were run.
By how much is seen from what a pass took in each, which should be the same in all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

import numpy as np

from prune_bench.standings.model import SAME_COST, Row
from prune_bench.standings.statistics import NO_NOISE, Estimate, Noise, Scores, estimate

Unit = Literal["cost", "seconds"]


@dataclass(frozen=True)
class Bar:
    """What `full_short` reaches for some cost."""

    accuracy: float
    parts: tuple[tuple[float, Noise], ...]
    """its variance, see `prune_bench.standings.statistics.estimate`"""

    @property
    def is_curve(self) -> bool:
        """Whether it is read between runs, and not known from one."""
        return len(self.parts) > 1

    def difference(self, row: Row) -> Estimate:
        """The mean accuracy of a row minus this."""
        ours = (1 / len(row.runs), row.noise)
        return estimate(float(row.scores.mean()) - self.accuracy, [ours, *self.parts])


class Line:
    """What `full_short` reaches for every cost.

    Args:
        rows: of `full_short` and `full`, with their noise; at least one with runs.
        unit: of the cost.
    """

    def __init__(self, rows: Sequence[Row], unit: Unit = "cost") -> None:
        ends: list[Row] = []
        begun = [row for row in rows if row.runs]
        # of runs that all diverged nobody knows the cost at which they would have ended
        whole = [row for row in begun if not all(run.diverged for run in row.runs)]
        for row in sorted(whole or begun, key=lambda row: getattr(row, unit)):
            if not ends or getattr(row, unit) > (1 + SAME_COST) * getattr(ends[-1], unit):
                ends.append(row)
        self.unit, self.ends = unit, ends
        self.logs = np.array([self._log(row) for row in ends])
        self.accuracies = np.array([row.scores.mean() for row in ends])
        errors = leave_one_out(self.logs, self.accuracies)
        gaps = np.diff(self.logs)
        bend = float(np.mean((errors / (gaps[:-1] * gaps[1:])) ** 2)) if len(errors) else 0.0
        self.bend = Noise(bend, len(errors))
        """Of the error of the curve, in units of the distance to the point before times the
        distance to the point after."""
        self.drift = _drift(ends) if unit == "seconds" else NO_NOISE
        """Of the logarithm of the cost, beside that of the runs: 0 of passes."""

    def bar(self, row: Row) -> Bar | None:
        """What is known to be reached for the cost of a row; None where nothing is.

        Where the curve is not known, a point: the next dearer one for a row that ends above it, so
        that the row is ahead by no less; the next cheaper one for a row that ends below it.
        """
        at = self._log(row)
        nearest = int(np.abs(self.logs - at).argmin())
        if abs(self.logs[nearest] - at) < max(
            row.cost_tolerance, self.ends[nearest].cost_tolerance
        ):
            return self._end(nearest)
        after = int(np.searchsorted(self.logs, at))
        if 0 < after < len(self.ends) and self.bend.dof:
            return self.curve(row)
        ours = row.scores.mean()
        if after < len(self.ends) and ours > self.accuracies[after]:
            return self._end(after)
        if after > 0 and ours < self.accuracies[after - 1]:
            return self._end(after - 1)
        return None

    def curve(self, row: Row) -> Bar:
        """The curve at the cost of a row, and the nearest end where it is cheaper or dearer."""
        at = float(np.clip(self._log(row), self.logs[0], self.logs[-1]))
        after = int(np.searchsorted(self.logs, at))
        if self.logs[after] == at:
            parts = list(self._end(after).parts)
        else:
            low, high = self.logs[after - 1], self.logs[after]
            share = (at - low) / (high - low)
            parts = [*self._end(after - 1, 1 - share).parts, *self._end(after, share).parts]
            if self.bend.dof:
                parts.append((((at - low) * (high - at)) ** 2, self.bend))
        if self.drift.dof:
            parts.append((_on_curve(self.logs, self.accuracies, at, 1) ** 2, self.drift))
        return Bar(_on_curve(self.logs, self.accuracies, at), tuple(parts))

    def drawn(self, steps: int = 8) -> list[tuple[float, float]]:
        """(cost, accuracy) along the curve: its points, and so many steps from each to the next."""
        parts = zip(self.logs[:-1], self.logs[1:], strict=True)
        between = [np.linspace(low, high, steps, endpoint=False) for low, high in parts]
        on_the_way = [(at, _on_curve(self.logs, self.accuracies, at)) for at in chain(*between)]
        ends = zip(self.logs[-1:], self.accuracies[-1:], strict=True)
        return [(float(np.exp(at)), float(accuracy)) for at, accuracy in (*on_the_way, *ends)]

    def _log(self, row: Row) -> float:
        return float(np.log(max(getattr(row, self.unit), 1e-9)))

    def _end(self, place: int, share: float = 1.0) -> Bar:
        row = self.ends[place]
        return Bar(float(self.accuracies[place]), ((share**2 / len(row.runs), row.noise),))


def leave_one_out(logs: Scores, accuracies: Scores) -> Scores:
    """(E - 2,) by how much the curve through the other points is above each inner one."""
    inner = range(1, len(logs) - 1)
    others = [np.arange(len(logs)) != place for place in inner]
    found = [
        _on_curve(logs[rest], accuracies[rest], logs[place]) - accuracies[place]
        for place, rest in zip(inner, others, strict=True)
    ]
    return np.array(found)


def _drift(rows: Sequence[Row]) -> Noise:
    """How the logarithm of the seconds of a pass scatters over rows that should have the same."""
    paces = np.log([max(row.pace, 1e-12) for row in rows])
    return Noise(float(paces.var(ddof=1)), len(rows) - 1) if len(rows) > 1 else NO_NOISE


def _on_curve(logs: Scores, accuracies: Scores, at: float, derivative: int = 0) -> float:
    """The monotone curve through these points, or its slope, at one place between them."""
    from scipy.interpolate import PchipInterpolator  # takes half a second to import

    if len(logs) == 1:
        return 0.0 if derivative else float(accuracies[0])
    return float(PchipInterpolator(logs, accuracies)(at, derivative))
