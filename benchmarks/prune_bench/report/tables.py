"""Tables of a board: for the terminal, for Markdown, for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from prune_bench.report.columns import (
    COLUMNS,
    FIRST_TO_GO,
    MARKDOWN,
    TERMINAL,
    Column,
    columns,
)
from prune_bench.report.terminal import Fitted, Prose
from prune_bench.standings.model import Comparison, Row, Standings, distinct
from prune_bench.standings.verdict import caution, headline, judge, notes, percent
from prune_env.text import cell, sentence
from prune_env.text import markdown as escape

STYLES = {1: "green", -1: "red"}
"""Of what is certainly ahead or behind."""

LEGEND = (
    "Test accuracy of the last epoch: mean [95 % t-interval, variance pooled over the agents that "
    "scatter alike]. vs full_short: points, at equal cost in sample passes. Saved, %: passes of "
    "all data for all epochs / seconds of full, as measured, of what the keep ratio promises; – "
    "where full was not run, or trained a pass slower, as a busier or another machine does. Cost: "
    "passes relative to all data for all epochs. Seconds: CPU time, on a GPU wall-clock, without "
    "evaluation. ▲ ahead, ▼ behind: certain among all that are compared, with 5 % false ones "
    "expected of those called ahead."
)

WRONG = " Wrong, %: the share of what was kept that has a wrong label."
"""What it says besides where that is known."""


def legend(standings: Standings) -> str:
    """What the columns are."""
    rows = [row for comparison in standings.comparisons for row in comparison.rows]
    return LEGEND + WRONG * bool(columns(["wrong_kept"], rows))


def terminal_table(standings: Standings) -> Group:
    """The standings for a terminal: what `prune-env board` and `report` print."""
    parts: list[RenderableType] = []
    for comparison in standings.comparisons:
        winner = judge(comparison).winner
        for rule, rows in comparison.tables.items():
            title = f"{comparison.setting.title}, keep {percent(comparison.keep_ratio)}"
            titled = title if rule == "fixed keep ratio" else f"{title}: {rule}"
            parts += [
                fitted(rows, titled, winner),
                *(Prose(note, "dim") for note in notes(rows)),
                "",
            ]
    if standings.note:
        parts += [Prose(standings.note, "yellow"), ""]
    return Group(*parts, Prose(legend(standings), "dim"))


def fitted(rows: Sequence[Row], title: str, winner: Row | None = None) -> Fitted:
    """A table of these rows that fits the terminal."""
    shown = columns(TERMINAL, rows)
    goes = columns(FIRST_TO_GO, rows)
    if len({row.agent for row in rows}) < len(rows):  # of full_short at several costs
        goes.sort(key=lambda column: column.name == "cost")
    return Fitted(
        [column.title for column in shown],
        [terminal_cells(row, shown) for row in rows],
        [column.title for column in goes],
        title,
        [_style(row, winner) for row in rows],
    )


def terminal_cells(row: Row, shown: Iterable[Column]) -> list[Text]:
    """The cells of a row in these columns: coloured where the agent is ahead or behind."""
    return [
        Text(column.text(row), STYLES.get(column.cell(row).sign or 0, "") if row.complete else "")
        for column in shown
    ]


def _style(row: Row, winner: Row | None) -> str:
    """Unfinished rows are faint, references and controls slanted, the winner stands out."""
    if not row.complete:
        return "dim"
    if winner is not None and row.agent == winner.agent:
        return "bold"
    return "italic" if row.is_control else ""


def verdict(standings: Standings) -> Group:
    """The verdict on each setting: what a terminal shows last."""
    several = len(standings.settings) > 1
    return Group(
        *(
            Prose(f"{setting.title}: " * several + answer(standings.of(setting)), "bold")
            for setting in standings.settings
        )
    )


def answer(comparisons: Sequence[Comparison]) -> str:
    """The verdict on one setting, with what a reader must keep in mind."""
    warning = caution(comparisons)
    text = headline([judge(comparison) for comparison in comparisons])
    return f"{text} ({warning})" if warning else text


def markdown(all_standings: Standings) -> str:
    """The standings as Markdown."""
    lines = ["# Leaderboard", ""]
    for setting in all_standings.settings:
        comparisons = all_standings.of(setting)
        lines += [f"## {escape(setting.title)}", "", f"**{escape(answer(comparisons))}**", ""]
        for comparison in comparisons:
            for rule, rows in comparison.tables.items():
                shown = columns(MARKDOWN, rows)
                lines += [
                    f"### Keep {percent(comparison.keep_ratio)}, {rule}",
                    "",
                    f"| {' | '.join(column.title for column in shown)} |",
                    f"|---|{'---:|' * (len(shown) - 1)}",
                ]
                lines += [
                    f"| {' | '.join(escape(column.text(row)) for column in shown)} |"
                    for row in rows
                ]
                if said := notes(rows):
                    lines += ["", *(f"* {escape(note)}" for note in said)]
                lines.append("")
    lines += [legend(all_standings), ""]
    if all_standings.note:
        lines += [escape(all_standings.note), ""]
    if all_standings.failures:
        lines += ["## Failed runs", ""]
        lines += [
            f"* {escape(run.id)}: {escape(sentence(run.error))}" for run in all_standings.failures
        ]
        lines.append("")
    return "\n".join(lines)


def comma_separated(all_standings: Standings) -> str:
    """The standings as CSV, all columns, one line for an agent at its own keep ratio: 1 where it
    reads none. Accuracies and differences are in [0, 1].
    """
    text = io.StringIO()
    records = [
        {
            "env": setting.env,
            "epochs": setting.epochs,
            "setting": setting.title,
            "keep_ratio": row.keep_ratio,
        }
        | _record(row)
        for setting in all_standings.settings
        for row in distinct(all_standings.of(setting))
    ]
    titles = dict.fromkeys(name for record in records for name in record)
    writer = csv.DictWriter(text, titles, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: cell(value) for name, value in record.items()} for record in records)
    return text.getvalue()


def _record(row: Row) -> dict[str, Any]:
    """A row as plain values; nothing where nothing has finished."""
    return {
        name: value
        for column in COLUMNS
        if column.record
        and (row.runs or not column.needs_runs)
        and not (column.of_keep_ratio and row.is_everywhere)
        for name, value in column.values(row).items()
    }
