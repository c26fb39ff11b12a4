"""What a terminal shows of a single run: a live line for each round, then a summary."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from prune_bench.runner import RunOptions
from prune_env.env import PruneEnv


class RunProgress:
    """A live display of one run, for `prune_bench.runner.run(on_round=...)`."""

    def __init__(self, console: Console, options: RunOptions) -> None:
        self.console, self.options = console, options
        self.bar = Progress(
            TextColumn(f"[bold]{options.agent}[/bold] on {options.env}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            console=console,
        )
        self.task = self.bar.add_task("", total=1.0)
        self.rounds = Table(box=None, header_style="bold", pad_edge=False)
        for title in ("round", "kept", "kept loss", "val loss", "val accuracy", "passes", "s"):
            self.rounds.add_column(title, justify="right")
        self.live = Live(Group(self.rounds, self.bar), console=console, refresh_per_second=4)
        self.begun = time.perf_counter()

    def __enter__(self) -> RunProgress:
        self.live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.live.stop()
        if not self.console.is_terminal:  # there the last line is left without its end
            self.console.print()

    def on_round(self, env: PruneEnv, row: dict[str, Any]) -> None:
        """Show a finished round."""
        self.rounds.add_row(
            str(row["round"]),
            f"{row['kept']:,} ({row['kept'] / env.learner.num_arms:.0%})",
            f"{row['kept_loss']:.3f}",
            f"{row['val_loss']:.3f}",
            f"{row['val_accuracy']:.2%}",
            f"{row['passes']:,}",
            f"{time.perf_counter() - self.begun:.1f}",
        )
        self.bar.update(self.task, completed=float(env.rounds.ledger.progress[0]))

    def print_summary(self, result: dict[str, Any]) -> None:
        """The table at the end."""
        table = Table(title="Summary", title_style="bold", title_justify="left", box=None)
        table.add_column(style="dim")
        table.add_column("last", justify="right")
        table.add_column("best", justify="right")
        for split in ("test", "val"):
            accuracy = result[f"{split}_accuracy"]
            name = {"test": "test accuracy", "val": "validation accuracy"}[split]
            table.add_row(name, f"[bold]{accuracy['last']:.2%}[/bold]", f"{accuracy['best']:.2%}")
        self.console.print(table)

        passes, full = result["passes"], 3 * result["num_arms"] * self.epochs(result)
        seconds = ", ".join(f"{name} {s:.2f}" for name, s in result["seconds"].items())
        self.console.print(
            f"cost {passes['charged']:,} sample passes, {passes['charged'] / full:.1%} of training "
            f"on everything\nseconds: {seconds}\n"
            f"device {result['place']['device']}, {result['place']['threads']} threads, "
            f"seed {self.options.seed}",
            highlight=False,
        )
        if result["diverged"]:
            self.console.print("[bold red]the run diverged[/bold red]: its loss is not finite")

    @staticmethod
    def epochs(result: dict[str, Any]) -> int:
        """How many epochs a run on everything would have."""
        return int(result["options"]["epochs"])
