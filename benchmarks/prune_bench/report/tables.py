"""Tables of a board: for the terminal, for Markdown, for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from prune_bench.report.terminal import Fitted, Prose
from prune_bench.run.result import PHASES, Clock
from prune_bench.standings.model import Comparison, Row, Standings, distinct
from prune_bench.standings.statistics import Estimate
from prune_bench.standings.verdict import caution, headline, judge, notes, percent, points
from prune_env.text import cell, sentence
from prune_env.text import markdown as escape

HEADINGS = {
    "agent": "Agent",
    "accuracy": "Test accuracy, %",
    "ahead": "vs full_short",
    "ahead_random": "vs random_dynamic",
    "cost": "Cost",
    "regret": "Regret",
    "seconds": "Seconds",
    "runs": "Runs",
}
"""The columns that a reader sees at once."""

TERMINAL = ("agent", "accuracy", "ahead", "cost", "regret", "seconds", "runs")
"""Those of them that a terminal shows."""

FIRST_TO_GO = ("seconds", "runs", "cost", "regret", "accuracy")
"""Those that go first where it is narrow."""

LEGEND = (
    "Test accuracy of the last epoch: mean [95 % t-interval, variance pooled over the agents]. vs "
    "full_short: points, at equal cost in sample passes. Cost: passes relative to all data for all "
    "epochs. Seconds: CPU time, on a GPU wall-clock, without evaluation. Beats, coloured: certain "
    "among all that end ahead, with 5 % false ones expected."
)


def terminal_table(standings: Standings) -> Group:
    """The standings for a terminal: what `prune-env board` and `report` print."""
    parts: list[RenderableType] = []
    for comparison in standings.comparisons:
        leader = judge(comparison).leader
        for rule, rows in comparison.tables.items():
            title = f"{comparison.setting.title}, keep {percent(comparison.keep_ratio)}"
            titled = title if rule == "fixed keep ratio" else f"{title}: {rule}"
            parts += [
                fitted(rows, titled, leader),
                *(Prose(note, "dim") for note in notes(rows)),
                "",
            ]
    if standings.note:
        parts += [Prose(standings.note, "yellow"), ""]
    return Group(*parts, Prose(LEGEND, "dim"))


def fitted(rows: Sequence[Row], title: str, leader: Row | None = None) -> Fitted:
    """A table of these rows that fits the terminal."""
    names = columns(rows, TERMINAL)
    return Fitted(
        [HEADINGS[name] for name in names],
        [terminal_cells(row, names) for row in rows],
        [HEADINGS[name] for name in FIRST_TO_GO],
        title,
        [_style(row, leader) for row in rows],
    )


def terminal_cells(row: Row, names: Sequence[str]) -> list[Text]:
    """The cells of a row under these of `HEADINGS`: coloured where the agent is ahead or behind."""
    cells = row_cells(row)
    certain = {1: "green", 0: "", -1: "red"}[row.sign if row.complete and row.ahead else 0]
    return [Text(cells[name], certain if name == "ahead" else "") for name in names]


def columns(rows: Iterable[Row], names: Iterable[str]) -> list[str]:
    """Those of `HEADINGS` that rows have: regret only where an environment tells it."""
    tells = any(row.regret is not None for row in rows)
    return [name for name in names if name != "regret" or tells]


def _style(row: Row, leader: Row | None) -> str:
    """Unfinished rows are faint, references and controls slanted, the leader stands out."""
    if not row.complete:
        return "dim"
    if leader is not None and row.agent == leader.agent:
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


def row_cells(row: Row) -> dict[str, str]:
    """A row as text, one entry for each of `HEADINGS`."""
    runs = f"{len(row.runs)}" if row.complete else f"{len(row.runs)}/{row.expected}"
    failed = f", {row.failed} failed" if row.failed else ""
    if not row.runs:
        empty = dict.fromkeys(HEADINGS, "–")
        return empty | {"agent": row.label, "runs": runs + failed}
    return {
        "agent": row.label,
        "accuracy": points(row.last),
        "ahead": points(row.ahead, signed=True),
        "ahead_random": points(row.ahead_random, signed=True),
        "cost": f"{row.cost:.2f}",
        "regret": "–" if row.regret is None else f"{row.regret:.3g}",
        "seconds": seconds(row.seconds),
        "runs": runs + failed,
    }


def markdown(all_standings: Standings) -> str:
    """The standings as Markdown."""
    lines = ["# Leaderboard", ""]
    for setting in all_standings.settings:
        comparisons = all_standings.of(setting)
        lines += [f"## {escape(setting.title)}", "", f"**{escape(answer(comparisons))}**", ""]
        for comparison in comparisons:
            for rule, rows in comparison.tables.items():
                names = columns(rows, HEADINGS)
                lines += [
                    f"### Keep {percent(comparison.keep_ratio)}, {rule}",
                    "",
                    f"| {' | '.join(HEADINGS[name] for name in names)} |",
                    f"|---|{'---:|' * (len(names) - 1)}",
                ]
                for row in rows:
                    cells = row_cells(row)
                    lines.append(f"| {' | '.join(escape(cells[name]) for name in names)} |")
                if said := notes(rows):
                    lines += ["", *(f"* {escape(note)}" for note in said)]
                lines.append("")
    lines += [LEGEND, ""]
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
    record: dict[str, Any] = {
        "agent": row.agent,
        "rule": row.rule,
        "runs": len(row.runs),
        "expected": row.expected,
        "failed": row.failed,
        "same_runs_as": " ".join(row.twins),
        "cannot_differ_from_full_short": row.cannot_differ,
        "certain": row.sign,
    }
    if not row.runs:
        return record
    estimates: dict[str, Estimate | None] = {
        "last_test_accuracy": row.last,
        "ahead_of_full_short_for_equal_passes": row.ahead,
        "ahead_of_full_short_for_equal_seconds": row.ahead_seconds,
    }
    if not row.is_everywhere:  # these are another number at every keep ratio
        estimates |= {
            "ahead_of_random_dynamic": row.ahead_random,
            "test_accuracy_at_passes_of_full_short": row.at_passes,
            "test_accuracy_at_seconds_of_full_short": row.at_seconds,
            "normalised_score": row.normalised,
        }
    for name, estimate in estimates.items():
        if estimate is not None:
            record[name] = _rounded(estimate.value)
            record[f"{name}_low"] = _rounded(estimate.low)
            record[f"{name}_high"] = _rounded(estimate.high)
    record |= {
        "best_test_accuracy": _rounded(row.best),
        "cost": _rounded(row.cost),
        "regret": _rounded(row.regret),
        "charged_seconds": _rounded(row.seconds),
    }
    clocks: tuple[Clock, ...] = ("seconds", "cpu_seconds")
    for clock in clocks:
        for phase in PHASES:
            values = [run.seconds(clock)[phase] for run in row.runs]
            record[f"{clock}_{phase}"] = _rounded(sum(values) / len(values))
    return record


def seconds(value: float) -> str:
    """Seconds with about three digits."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
