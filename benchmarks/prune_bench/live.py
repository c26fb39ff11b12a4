"""What a terminal shows of a board: how far it is while it runs, and its table."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from statistics import mean, median, stdev
from types import TracebackType

from rich.console import Console, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from prune_bench import claims
from prune_bench.board import CONTROLS, Board
from prune_bench.compare import read_standings
from prune_bench.runner import RunOptions
from prune_bench.standings import Setting
from prune_bench.tables import terminal_table
from prune_env.files import read_json

TOP = 3
"""How many agents the live view shows of each keep ratio."""


@dataclass(frozen=True)
class Finished:
    """What the views need of a result."""

    options: RunOptions
    accuracy: float
    """on the test split, after the last round"""
    seconds: float
    """of the whole run"""
    passes: float
    """charged, as a share of what training on everything costs"""


class BoardView:
    """A live display of a board; plain lines where the output is no terminal.

    Args:
        console: where to.
        board: of what.
        jobs: how many runs go on at a time.
    """

    def __init__(self, console: Console, board: Board, jobs: int) -> None:
        self.console, self.board, self.jobs = console, board, jobs
        self.runs = board.runs()
        self.finished: dict[str, Finished] = {}
        self.failed: dict[str, str] = {}
        """The errors by run."""
        self.pause = ""
        """What the board waits for."""
        self.live = Live(console=console, auto_refresh=False, transient=True)
        self.refresh()

    def __enter__(self) -> BoardView:
        self.console.print(
            f"[bold]{self.board.folder}[/bold]: {len(self.runs)} runs, "
            f"{len(self.finished)} of them done",
            highlight=False,
            soft_wrap=True,
        )
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

    def tick(self, pause: str = "") -> None:
        """Show what has happened since the last tick, and what the board waits for."""
        news = self.refresh()
        said, self.pause = self.pause, pause
        if self.console.is_terminal:
            self.live.update(self.picture(), refresh=True)
            return
        if pause and pause != said:
            self.console.print(f"waiting for the disk: {pause}", markup=False, soft_wrap=True)
        before = len(self.finished) + len(self.failed) - len(news)
        for number, name in enumerate(news, before + 1):
            line = f"{number}/{len(self.runs)} {label(self.runs[name])}: "
            if name in self.finished:
                run = self.finished[name]
                line += f"{run.accuracy:.2%} in {run.seconds:.1f} s, {self.time_left()} left"
            else:
                line += f"FAILED, {self.failed[name]}"
            self.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def refresh(self) -> list[str]:
        """Read what is new in the folder; the runs that have ended since."""
        news = []
        for name, options in self.runs.items():
            if name in self.finished or name in self.failed:
                continue
            if (path := self.board.result_path(name)).exists():
                result = read_json(path, "a result")
                full = 3 * result["num_arms"] * result["options"]["epochs"]
                self.finished[name] = Finished(
                    options,
                    result["test_accuracy"]["last"],
                    sum(result["seconds"].values()),
                    result["passes"]["charged"] / full,
                )
                news.append(name)
            elif (path := self.board.failure_path(name)).exists():
                self.failed[name] = read_json(path, "the failure of a run")["error"]
                news.append(name)
        return news

    # -- what is shown ----------------------------------------------------------------------------

    def picture(self) -> RenderableType:
        """The live view."""
        running = claims.held(self.board.work)
        done, failed = len(self.finished), len(self.failed)
        line = Text.assemble(
            (f"{done}", "bold green"),
            f" of {len(self.runs)} done   {len(running)} running   ",
            (f"{failed} failed", "bold red" if failed else ""),
            f"   about {self.time_left()} left",
        )
        rows = Table.grid()
        rows.add_row(ProgressBar(len(self.runs), done + failed, width=60))
        rows.add_row(line)
        if self.pause:
            rows.add_row(Text(f"waiting for the disk: {self.pause}", style="bold yellow"))
        for name, since in sorted(running.items(), key=lambda item: item[1]):
            if name in self.runs:
                text = f"  {label(self.runs[name])}  {duration(time.time() - since)}"
                rows.add_row(Text(text, style="dim"))
        if self.finished:
            rows.add_row("")
            rows.add_row(self.table(TOP))
        return rows

    def time_left(self) -> str:
        """An estimate in words, from the runs so far; those of the same agent and ratio first."""
        if not self.finished:
            return "unknown time"
        known = defaultdict(list)
        for run in self.finished.values():
            known[_kind(run.options)].append(run.seconds)
        share = median(run.seconds / run.options.keep_ratio for run in self.finished.values())
        seconds = 0.0
        for name, options in self.runs.items():
            if name not in self.finished and name not in self.failed:
                same = known.get(_kind(options))
                seconds += mean(same) if same else share * options.keep_ratio
        return duration(seconds / self.jobs)

    def table(self, top: int | None = None) -> Table:
        """The agents by test accuracy, best first; `top`: only so many of each keep ratio."""
        table = Table(box=None, header_style="bold", pad_edge=False)
        table.add_column("keep")
        table.add_column("agent")
        for title in ("test accuracy", "seeds", "passes", "seconds"):
            table.add_column(title, justify="right")
        groups: dict[tuple[str, float], dict[str, list[Finished]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for run in self.finished.values():
            setting, agent, keep_ratio = _kind(run.options)
            groups[setting.title, keep_ratio][agent].append(run)
        settings = {title for title, _ in groups}
        for (title, keep_ratio), agents in sorted(groups.items()):
            ranked = sorted(agents, key=lambda a: -mean(run.accuracy for run in agents[a]))
            for place, agent in enumerate(ranked[:top]):
                runs = agents[agent]
                accuracies = [run.accuracy for run in runs]
                spread = f" ± {stdev(accuracies):.2%}" if len(runs) > 1 else ""
                group = f"{keep_ratio:g}" + (f" {title}" if len(settings) > 1 else "")
                table.add_row(
                    group if place == 0 else "",
                    escape(agent),
                    f"{mean(accuracies):.2%}{spread}",
                    str(len(runs)),
                    f"{mean(run.passes for run in runs):.0%}",
                    f"{mean(run.seconds for run in runs):.1f}",
                    style="dim" if agent in CONTROLS else None,
                    end_section=place + 1 == len(ranked[:top]),
                )
        return table

    def print_end(self) -> None:
        """The table and, where there are any, the failures, each error once."""
        self.refresh()
        self.console.print(terminal_table(read_standings(self.board.folder)))
        alike = defaultdict(list)
        for name, error in self.failed.items():
            alike[error].append(label(self.runs[name]))
        for error, labels in alike.items():
            more = f" and {len(labels) - 1} more" if len(labels) > 1 else ""
            self.console.print(
                f"[bold red]failed[/bold red] {escape(labels[0])}{more}: {escape(error)}",
                highlight=False,
            )
        if self.failed:
            self.console.print("try these again with --retry-failed")


def _kind(options: RunOptions) -> tuple[Setting, str, float]:
    """What runs have in common that may be averaged."""
    return Setting.of(vars(options)), options.agent, options.keep_ratio


def label(options: RunOptions) -> str:
    """A run in a few words."""
    return f"{options.agent} keep {options.keep_ratio:g} seed {options.seed}"


def duration(seconds: float) -> str:
    """75 -> "1 min 15 s"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
