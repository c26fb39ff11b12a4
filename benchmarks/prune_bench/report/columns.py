"""The columns of a board's tables.

A further column is an entry of `COLUMNS`, and its name in those of the lists below it that show it.
The page, the terminal, Markdown, CSV and README read them here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from prune_bench.report.column import (
    Column,
    Runs,
    Saved,
    percent_rounded,
    score,
    seconds,
    signed_points,
    tenths,
    whole,
)
from prune_bench.run.result import PHASES, Clock
from prune_bench.standings.model import Row
from prune_bench.standings.verdict import points


def _mean_seconds(clock: Clock, phase: str) -> Callable[[Row], float]:
    """Of a row, the seconds of a phase."""
    return lambda row: sum(run.seconds(clock)[phase] for run in row.runs) / len(row.runs)


_CLOCKS: tuple[Clock, ...] = ("seconds", "cpu_seconds")

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
        "chooses_nothing",
        read=lambda row: row.chooses_nothing,
        record="chooses_nothing",
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
        "saved",
        read=lambda row: Saved(row.passes_saved, row.seconds_saved, row.saving_promised),
        show=Saved.shown,
        heading="Saved, %",
        hint="passes of all data for all epochs / seconds of full (–: none); of: by keep_ratio",
    ),
    Column(
        "saving_promised",
        read=lambda row: row.saving_promised,
        show=whole,
        heading="Saves by its word",
        unit="%",
        hint="1 minus the keep ratio; none of agents that do not read it",
        record="saving_promised",
    ),
    Column(
        "passes_saved",
        read=lambda row: row.passes_saved,
        show=whole,
        show_on_page=tenths,
        heading="Saved",
        unit="% of passes",
        hint="of those of all data for all epochs, as charged: prior runs and looks at arms count",
        record="passes_saved",
    ),
    Column(
        "seconds_saved",
        read=lambda row: row.seconds_saved,
        show=whole,
        show_on_page=tenths,
        heading="Saved",
        unit="% of seconds",
        hint="of those of full, as measured; none where full was not run or its machine was faster",
        record="seconds_saved",
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
        "wrong_kept",
        read=lambda row: row.wrong_kept,
        show=tenths,
        heading="Wrong labels",
        unit="% of the kept",
        hint="share of the arms that it kept whose label is wrong, over all rounds",
        text_heading="Wrong, %",
        record="wrong_kept",
        where_told=True,
    ),
    Column(
        "wrong_found",
        read=lambda row: row.wrong_found,
        show="{:.3f}".format,
        heading="Wrong found",
        unit="AUC",
        hint="area under the curve for finding wrong labels by the mean loss of each arm",
        record="wrong_found",
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
    "agent", "accuracy", "ahead", "ahead_seconds", "ahead_random", "saved", "cost", "seconds",
    "overhead", "wrong_kept", "wrong_found", "best", "at_passes", "at_seconds", "never_kept",
    "regret", "runs",
)  # fmt: skip
"""As many as fit 1,360 pixels. The normalised score is in the table of all settings."""
MARKDOWN = (
    "agent", "accuracy", "ahead", "ahead_random", "saved", "wrong_kept", "wrong_found", "cost",
    "regret", "seconds", "runs",
)  # fmt: skip
TERMINAL = (
    "agent", "accuracy", "ahead", "saved", "wrong_kept", "cost", "regret", "seconds", "runs",
)  # fmt: skip
LIVE = ("agent", "accuracy", "ahead", "runs")
"""Those that the live view of a board shows."""

FIRST_TO_GO = ("seconds", "cost", "runs", "regret", "wrong_kept", "saved", "accuracy")
"""Those that go first where a terminal is narrow."""

OVERALL = (
    Column("agent", read=lambda row: row.agent, heading="Agent", needs_runs=False),
    Column(
        "normalised",
        read=lambda row: row.normalised,
        show=score,
        heading="From random_dynamic, 0, to full, 1",
        needs_runs=False,
        where_told=True,
    ),
    Column(
        "beats_random",
        read=lambda row: row.beats_random,
        show=percent_rounded,
        heading="Above random_dynamic",
        needs_runs=False,
    ),
    Column(
        "beats_short",
        read=lambda row: row.beats_short,
        show=percent_rounded,
        heading="Above full_short",
        needs_runs=False,
    ),
)
"""Those of the page's table of all keep ratios together, see `Overall`."""

COLUMN = {column.name: column for column in COLUMNS}
"""The columns of the table of agents by their names."""


def columns(names: Iterable[str], rows: Iterable[Row] = ()) -> list[Column]:
    """The columns of these names, without those that no row tells."""
    return told([COLUMN[name] for name in names], list(rows))


def told(found: Iterable[Column], rows: Sequence[Any]) -> list[Column]:
    """The columns without those that are shown where told, and that no row tells."""
    return [column for column in found if not column.where_told or any(map(column.tells, rows))]
