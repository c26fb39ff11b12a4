"""The columns of a board's tables: how each is called, read off a row, and shown.

A further column is an entry of `COLUMNS`, and its name in those of the lists below it that show it.
The page, the terminal, Markdown, CSV and README read them here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from prune_bench.run.result import PHASES, Clock
from prune_bench.standings.model import Row
from prune_bench.standings.statistics import Estimate
from prune_bench.standings.verdict import points

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
        return NOTHING if value is None else self.show(value)

    def cell(self, row: Any) -> Cell:
        """The cell of a row on the page."""
        value = self._value(row)
        if value is None:
            return Cell(None, NOTHING)
        text = (self.show_on_page or self.show)(value)
        if isinstance(value, Estimate):
            text, _, interval = text.partition(" ")
            return Cell(value.value, text, interval, self.sign(row))
        if isinstance(value, Runs):
            return Cell(value.finished, text, sign=self.sign(row))
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
    return f"{100 * share:.1f}"


def percent_rounded(share: float) -> str:
    """A probability."""
    return f"{100 * share:.0f} %"


def _mean_seconds(clock: Clock, phase: str) -> Callable[[Row], float]:
    """Of a row, the seconds of a phase."""
    return lambda row: sum(run.seconds(clock)[phase] for run in row.runs) / len(row.runs)


_CLOCKS: tuple[Clock, ...] = ("seconds", "cpu_seconds")

# -- the columns ----------------------------------------------------------------------------------

COLUMNS = (
    Column(
        "agent",
        read=lambda row: row.label,
        heading="Agent",
        hint="full and full_short are references; slanted names are controls",
        needs_runs=False,
    ),
    Column("name", read=lambda row: row.agent, record="agent", needs_runs=False),
    Column("rule", read=lambda row: row.rule, record="rule", needs_runs=False),
    Column(
        "runs",
        read=lambda row: Runs(len(row.runs), row.expected, row.failed),
        show=lambda runs: runs.shown("/"),
        show_on_page=lambda runs: runs.shown(" of "),
        heading="Runs",
        hint="finished",
        sign=lambda row: None,
        record="runs",
        needs_runs=False,
    ),
    Column("expected", read=lambda row: row.expected, record="expected", needs_runs=False),
    Column("failed", read=lambda row: row.failed, record="failed", needs_runs=False),
    Column(
        "same_runs_as",
        read=lambda row: " ".join(row.same_runs_as),
        record="same_runs_as",
        needs_runs=False,
    ),
    Column(
        "cannot_differ",
        read=lambda row: row.cannot_differ,
        record="cannot_differ_from_full_short",
        needs_runs=False,
    ),
    Column("sign", read=lambda row: row.sign, record="certain", needs_runs=False),
    Column(
        "accuracy",
        read=lambda row: row.last,
        show=points,
        heading="Test accuracy",
        unit="%",
        hint="last epoch, mean and 95 % interval; this decides",
        text_heading="Test accuracy, %",
        record="last_test_accuracy",
    ),
    Column(
        "ahead",
        read=lambda row: row.ahead,
        show=signed_points,
        heading="vs full_short",
        unit="equal passes",
        hint="points, mean minus mean",
        sign=lambda row: row.sign,
        record="ahead_of_full_short_for_equal_passes",
    ),
    Column(
        "ahead_seconds",
        read=lambda row: row.ahead_seconds,
        show=signed_points,
        heading="vs full_short",
        unit="equal seconds",
        hint="points, mean minus mean",
        record="ahead_of_full_short_for_equal_seconds",
    ),
    Column(
        "ahead_random",
        read=lambda row: row.ahead_random,
        show=signed_points,
        heading="vs random_dynamic",
        unit="points",
        hint="mean minus mean",
        record="ahead_of_random_dynamic",
        of_keep_ratio=True,
    ),
    Column(
        "at_passes",
        read=lambda row: row.at_passes,
        show=points,
        heading="At passes",
        unit="%",
        hint="accuracy on the way, when it had cost as many passes as full_short",
        record="test_accuracy_at_passes_of_full_short",
        of_keep_ratio=True,
    ),
    Column(
        "at_seconds",
        read=lambda row: row.at_seconds,
        show=points,
        heading="At seconds",
        unit="%",
        hint="accuracy on the way, after as many seconds as full_short takes",
        record="test_accuracy_at_seconds_of_full_short",
        of_keep_ratio=True,
    ),
    Column(
        "normalised",
        read=lambda row: row.normalised,
        show=score,
        heading="Normalised",
        unit="score",
        hint="random_dynamic is 0, full is 1; none where these two are level",
        record="normalised_score",
        of_keep_ratio=True,
    ),
    Column(
        "best",
        read=lambda row: row.best,
        show=tenths,
        heading="Best epoch",
        unit="%",
        hint="highest test accuracy on the way, for comparison only",
        record="best_test_accuracy",
    ),
    Column(
        "cost",
        read=lambda row: row.cost,
        show="{:.2f}".format,
        show_on_page="{:.3f}".format,
        heading="Cost",
        unit="of full",
        hint="sample passes relative to all data for all epochs; forward 1, backward 2",
        record="cost",
    ),
    Column(
        "regret",
        read=lambda row: row.regret,
        show="{:.3g}".format,
        heading="Regret",
        hint="at the end, where the environment tells it",
        record="regret",
        where_told=True,
    ),
    Column(
        "seconds",
        read=lambda row: row.seconds,
        show=seconds,
        heading="Time",
        unit="s",
        hint="a run without evaluation: CPU seconds, on a GPU wall-clock",
        text_heading="Seconds",
        record="charged_seconds",
    ),
    Column(
        "overhead",
        read=lambda row: (row.phases["select"] + row.phases["observe"]) / row.seconds,
        show=tenths,
        heading="Overhead",
        unit="%",
        hint="share of the time for selecting and observing",
    ),
    Column(
        "never_kept",
        read=lambda row: sum(run.never_kept for run in row.runs) / len(row.runs),
        show=tenths,
        heading="Never kept",
        unit="%",
        hint="arms that were not trained on at all",
    ),
    *(
        Column(f"{clock}_{phase}", _mean_seconds(clock, phase), record=f"{clock}_{phase}")
        for clock in _CLOCKS
        for phase in PHASES
    ),
)
"""Every column of the table of agents, in the order of CSV."""

PAGE = (
    "agent", "accuracy", "ahead", "ahead_seconds", "ahead_random", "cost", "seconds", "overhead",
    "normalised", "best", "at_passes", "at_seconds", "never_kept", "regret", "runs",
)  # fmt: skip
MARKDOWN = ("agent", "accuracy", "ahead", "ahead_random", "cost", "regret", "seconds", "runs")
TERMINAL = ("agent", "accuracy", "ahead", "cost", "regret", "seconds", "runs")
LIVE = ("agent", "accuracy", "ahead", "runs")
"""Those that the live view of a board shows."""

FIRST_TO_GO = ("seconds", "runs", "cost", "regret", "accuracy")
"""Those that go first where a terminal is narrow."""

OVERALL = (
    Column("agent", read=lambda row: row.agent, heading="Agent", needs_runs=False),
    Column(
        "normalised",
        read=lambda row: row.normalised,
        show=score,
        heading="Normalised",
        needs_runs=False,
    ),
    Column(
        "beats_random",
        read=lambda row: row.beats_random,
        show=percent_rounded,
        heading="above random_dynamic",
        needs_runs=False,
    ),
    Column(
        "beats_short",
        read=lambda row: row.beats_short,
        show=percent_rounded,
        heading="above full_short",
        needs_runs=False,
    ),
)
"""Those of the page's table of all keep ratios together, see `Overall`."""

COLUMN = {column.name: column for column in COLUMNS}
"""The columns of the table of agents by their names."""


def columns(names: Iterable[str], rows: Iterable[Row] = ()) -> list[Column]:
    """The columns of these names, without those that no row tells."""
    rows, found = list(rows), [COLUMN[name] for name in names]
    return [column for column in found if not column.where_told or any(map(column.tells, rows))]
