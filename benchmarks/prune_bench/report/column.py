"""A column of a table: how it is called, read off a row, and shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from prune_bench.standings.statistics import Estimate
from prune_bench.standings.verdict import points

MARKS = {1: "▲", -1: "▼"}
"""What stands before a value that is certainly ahead or behind."""

NOTHING = "–"
"""What stands where there is no value."""


class Runs(NamedTuple):
    """How many runs of a row there are."""

    finished: int
    expected: int
    failed: int

    def shown(self, of: str) -> str:
        """5, or 4/5, 1 failed."""
        missing = f"{of}{self.expected}" if self.finished < max(1, self.expected) else ""
        return f"{self.finished}{missing}" + (f", {self.failed} failed" if self.failed else "")


class Saved(NamedTuple):
    """Shares that a row saves."""

    passes: float
    seconds: float | None
    promised: float | None

    def shown(self) -> str:
        """28/25 of 70."""
        parts = (self.passes, self.seconds)
        really = "/".join(NOTHING if part is None else whole(part) for part in parts)
        return really if self.promised is None else f"{really} of {whole(self.promised)}"


@dataclass(frozen=True)
class Cell:
    """What the page shows in a cell."""

    value: float | str | None
    """by which it is sorted"""
    text: str
    interval: str = ""
    sign: int | None = 0
    """1 where it is certainly ahead, -1 behind; None where it could not be"""
    span: int = 1
    """columns that it is wide; those of a row without runs are one"""

    @property
    def mark(self) -> str:
        """What stands before its text."""
        return MARKS.get(self.sign or 0, "")


@dataclass(frozen=True)
class Column:
    """A column of a table. Its rows are `Row`s, of the second table `Overall`s."""

    name: str
    read: Callable[[Any], Any]
    """its value in a row that has runs; None where there is none"""
    show: Callable[[Any], str] = str
    """a value as text: "1.2", or "1.2 [0.3, 2.0]" where it has an interval"""
    heading: str = ""
    unit: str = ""
    """on the page, below the heading"""
    hint: str = ""
    """on the page, where the reader points at the heading"""
    text_heading: str = ""
    """where there is no unit; by default the heading"""
    show_on_page: Callable[[Any], str] | None = None
    """where the page shows it otherwise"""
    sign: Callable[[Any], int | None] = field(default=lambda row: 0)
    """see `Cell`"""
    record: str = ""
    """its name in CSV; "" where it is not there. An estimate has its interval beside it."""
    needs_runs: bool = True
    where_told: bool = False
    """whether tables have it only where a row has a value"""
    of_keep_ratio: bool = False
    """whether it is another number at every keep ratio, also of an agent that does not read it"""

    @property
    def title(self) -> str:
        """The heading in text."""
        return self.text_heading or self.heading

    def tells(self, row: Any) -> bool:
        """Whether a row has a value."""
        return self._value(row) is not None

    def text(self, row: Any) -> str:
        """The cell of a row in text."""
        value = self._value(row)
        return NOTHING if value is None else self.cell(row).mark + self.show(value)

    def cell(self, row: Any) -> Cell:
        """The cell of a row on the page."""
        value = self._value(row)
        if value is None:
            return Cell(None, NOTHING)
        text = (self.show_on_page or self.show)(value)
        if isinstance(value, Estimate):
            text, _, interval = text.partition(" ")
            return Cell(value.value, text, interval, self.sign(row))
        if isinstance(value, Runs | Saved):
            return Cell(value[0], text, sign=self.sign(row))
        return Cell(value, text, sign=self.sign(row))

    def values(self, row: Any) -> dict[str, Any]:
        """What CSV has of a row, by name."""
        value = self._value(row)
        if value is None and not self.where_told:
            return {}
        if isinstance(value, Runs):
            return {self.record: value.finished}
        if isinstance(value, Estimate):
            ends = {"": value.value, "_low": value.low, "_high": value.high}
            return {f"{self.record}{end}": _rounded(of) for end, of in ends.items()}
        return {self.record: _rounded(value)}

    def _value(self, row: Any) -> Any:
        return None if self.needs_runs and not row.runs else self.read(row)


def _rounded(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value


# -- how values are shown -------------------------------------------------------------------------


def seconds(value: float) -> str:
    """Seconds with about three digits."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def signed_points(estimate: Estimate) -> str:
    """A difference in percentage points: "+1.2 [0.3, 2.0]"."""
    return points(estimate, signed=True)


def score(estimate: Estimate) -> str:
    """A number without a unit: "0.93 [0.90, 0.95]"."""
    text = f"{estimate.value:.2f}"
    if estimate.low is not None and estimate.high is not None:
        text += f" [{estimate.low:.2f}, {estimate.high:.2f}]"
    return text.replace("-", "−")


def tenths(share: float) -> str:
    """A share in percent, without the sign."""
    return f"{100 * share:.1f}".replace("-", "−")


def whole(share: float) -> str:
    """A share in percent without the sign, with no digits behind the point."""
    return f"{100 * share:.0f}".replace("-", "−")


def percent_rounded(share: float) -> str:
    """A probability."""
    return f"{100 * share:.0f} %"
