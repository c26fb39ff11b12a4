"""What a terminal shows of a board: how far it is while it runs, and its table."""

from __future__ import annotations

import time
from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Mapping
from types import TracebackType
from typing import NamedTuple

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from prune_bench.board import claims
from prune_bench.board.board import Board
from prune_bench.report.columns import COLUMN, LIVE, columns
from prune_bench.report.tables import terminal_cells
from prune_bench.report.terminal import Fitted, bar, shortened
from prune_bench.run.options import RunOptions
from prune_bench.run.result import Result, read_failure, read_result
from prune_bench.standings.build import standings
from prune_bench.standings.model import Setting
from prune_bench.standings.verdict import percent
from prune_env.text import number, plain, sentence

TOP = 3
"""How many agents the live view shows of each keep ratio."""

PATIENCE = 20
"""Its table is not made anew before so many times as long as it took have passed. The first one
waits for imports: of a board of a minute it would stay, with its one row, to the end."""

BAR = 60
"""Columns of its bar, where there is room."""


class BoardView:
    """A live display of a board; plain lines where the output is no terminal.

    Args:
        console: where to.
        board: of what.
        jobs: how many runs go on at a time.
    """

    def __init__(self, console: Console, board: Board, jobs: int) -> None:
        self.console, self.board, self.jobs = console, board, jobs
        self.runs: dict[str, RunOptions] = {}
        self.finished: dict[str, Result] = {}
        self.failed: dict[str, str] = {}
        """The errors by run."""
        self.pause = ""
        """What the board waits for."""
        self._kinds: dict[str, _Kind] = {}
        self._open = Counter[_Kind]()
        """How many runs of each kind have not ended."""
        self._walls = defaultdict[_Kind, list[float]](list)
        """Seconds of the finished ones of each kind, sorted."""
        self._paces: list[float] = []
        """Seconds of all finished runs, by what they keep, sorted."""
        self._left: float | None = None
        """Seconds until all are done, as far as that is known."""
        self._said_setting: Setting | None = None
        self._table: RenderableType = ""
        self._is_old, self._next_table = True, 0.0
        self.live = Live(console=console, auto_refresh=False, transient=True)
        self.plan()
        self.refresh()

    def __enter__(self) -> BoardView:
        so_far = f": {number(len(self.runs), 'run')}, {len(self.finished)} of them done"
        line = Text.assemble((plain(self.board.folder), "bold"), so_far)
        self.console.print(line, soft_wrap=True)
        if self.console.is_terminal:
            self.live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.live.stop()

    def plan(self, said: str = "") -> None:
        """Take in the runs that belong to the board now, and say why there are more."""
        self.runs, self.pins = self.board.runs(), self.board.read()[1]
        self._kinds = {name: _kind(options) for name, options in self.runs.items()}
        ended = self.finished.keys() | self.failed.keys()
        self._open = Counter(kind for name, kind in self._kinds.items() if name not in ended)
        if said:
            self.console.print(Text(said), soft_wrap=True)

    def tick(self, pause: str = "") -> None:
        """Show what has happened since the last tick, and what the board waits for."""
        news = self.refresh()
        said, self.pause = self.pause, pause
        if self.console.is_terminal:
            self.live.update(self.picture(), refresh=True)
            return
        if pause and pause != said:
            self.console.print(Text(f"waiting for {sentence(pause)}"), soft_wrap=True)
        before = len(self.finished) + len(self.failed) - len(news)
        for place, name in enumerate(news, before + 1):
            self._say_setting(name)
            line = f"{place}/{len(self.runs)} {label(self.runs[name])}: "
            if name in self.finished:
                run = self.finished[name]
                line += f"{100 * run.last:.1f} % in {run.wall:.1f} s, {self.time_left()}"
                line += ", DIVERGED" * run.diverged
            else:
                line += f"FAILED, {sentence(self.failed[name])}"
            self.console.print(Text(line), soft_wrap=True)

    def _say_setting(self, name: str) -> None:
        """Name the setting of a run where the one before it had another."""
        setting = self._kinds[name].setting
        several = len({kind.setting for kind in self._kinds.values()}) > 1
        if several and setting != self._said_setting:
            self.console.print(Text(f"{setting.title}:"), soft_wrap=True)
        self._said_setting = setting

    def refresh(self) -> list[str]:
        """Read what is new in the folder; the runs that have ended since."""
        done, failed = self.board.ended()
        known = self.finished.keys() | self.failed.keys()
        news = [n for n in self.runs if n not in known and (n in done or n in failed)]
        for name in news:
            kind = self._kinds[name]
            self._open[kind] -= 1
            if name in done:
                run = self.finished[name] = read_result(self.board.result_path(name))
                insort(self._walls[kind], run.wall)
                insort(self._paces, run.wall / kind.keep_ratio)
            else:
                self.failed[name] = read_failure(self.board.failure_path(name)).error
        if news and self.finished:
            self._left, self._is_old = self._seconds_left(), True
        return news

    @property
    def diverged(self) -> list[str]:
        """The runs whose loss is not finite."""
        return [name for name, run in self.finished.items() if run.diverged]

    # -- what is shown ----------------------------------------------------------------------------

    def picture(self) -> RenderableType:
        """The live view: a bar, what is running, and the best so far."""
        running = claims.held(self.board.work)
        done, failed = len(self.finished), len(self.failed)
        line = Text.assemble(
            (f"{done}", "bold green"),
            f" of {len(self.runs)} done, {len(running)} running, ",
            (f"{failed} failed", "bold red" if failed else ""),
            f", {self.time_left()}",
        )
        width = self.console.width
        rows: list[RenderableType] = [bar(done + failed, len(self.runs), min(BAR, width)), line]
        if self.pause:
            rows.append(Text(f"waiting for {sentence(self.pause)}", style="bold yellow"))
        for name, since in sorted(running.items(), key=lambda item: item[1]):
            if name in self.runs:
                spent = duration(time.time() - since)
                run = shortened(label(self.runs[name]), width - len(spent) - 4)
                rows.append(Text(f"  {run}  {spent}", style="dim"))
        return Group(*rows, "", self._newest_table())

    def time_left(self) -> str:
        """An estimate in words."""
        if self._left is None:
            return "time left not known yet"
        return f"about {duration(self._left)} left"

    def _seconds_left(self) -> float:
        """From the runs so far; those of the same agent and ratio first."""
        left = 0.0
        for kind, count in self._open.items():
            alike = self._walls.get(kind)
            each = _middle(alike) if alike else _middle(self._paces) * kind.keep_ratio
            left += count * each
        return left / self.jobs

    def _newest_table(self) -> RenderableType:
        """The table, made anew where runs have ended since and it is not too soon: with 10,000
        results that takes seconds, and a run may end in each.
        """
        begun = time.perf_counter()
        if self.finished and self._is_old and begun >= self._next_table:
            is_first = not self._table
            self._table, self._is_old = self.table(), False
            ended = time.perf_counter()
            self._next_table = ended if is_first else ended + PATIENCE * (ended - begun)
        return self._table

    def table(self) -> Fitted:
        """The best so far at each keep ratio, in the numbers that the board ends with.

        Of several settings that of the run which has ended last. A run of full_short at what others
        cost is in no row; where there is no other yet, nor is anything in the table.
        """
        found = standings(self.finished.values(), self.runs, pins=self.pins)
        setting = next(
            (
                comparison.setting
                for run in reversed(self.finished.values())
                for comparison in found.comparisons
                if any(run in row.runs for row in comparison.rows)
            ),
            None,
        )
        shown = columns(LIVE)
        rows: list[list[str | Text]] = []
        styles = []
        for comparison in found.comparisons:
            best = [row for row in comparison.shown if row.runs and comparison.setting == setting]
            for place, row in enumerate(best[:TOP]):
                keep = percent(comparison.keep_ratio) if place == 0 else ""
                rows.append([*terminal_cells(row, shown), keep])
                styles.append("italic" if row.is_control else "")
        headings = [*(column.title for column in shown), "Keep"]
        title = setting.title if setting and len(found.settings) > 1 else ""
        return Fitted(headings, rows, [COLUMN["accuracy"].title], title, styles)

    def problems(self) -> list[Text]:
        """What went wrong, each error once."""
        self.refresh()
        failed = self._alike("failed", self.failed)
        loss = "its loss is not finite; it counts with the accuracy it ended at"
        diverged = self._alike("diverged", dict.fromkeys(self.diverged, loss))
        again = [Text("try the failed ones again with --retry-failed")] if failed else []
        return [*failed, *again, *diverged]

    def _alike(self, what: str, reasons: Mapping[str, str]) -> list[Text]:
        """One line for all runs with the same reason."""
        alike = defaultdict(list)
        for name, reason in reasons.items():
            alike[reason].append(label(self.runs[name]))
        return [
            Text.assemble(
                (what, "bold red"),
                f" {labels[0]}" + f" and {len(labels) - 1} more" * (len(labels) > 1),
                f": {sentence(reason)}",
            )
            for reason, labels in alike.items()
        ]


class _Kind(NamedTuple):
    """What runs have in common that may be averaged."""

    setting: Setting
    agent: str
    keep_ratio: float


def _kind(options: RunOptions) -> _Kind:
    return _Kind(Setting.of(vars(options)), options.label, options.keep_ratio)


def _middle(values: list[float]) -> float:
    """The median of what is sorted."""
    return (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2


def label(options: RunOptions) -> str:
    """A run in a few words; a board has those that do not read their keep ratio at 1."""
    keep = "" if options.keep_ratio == 1 else f" keep {options.keep_ratio:g}"
    return f"{options.label}{keep} seed {options.seed}"


def duration(seconds: float) -> str:
    """75 -> "1 min 15 s"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
