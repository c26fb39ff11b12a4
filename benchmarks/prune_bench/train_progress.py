"""What a terminal shows of a training: one line that is alive, then how the agent compares."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from prune_bench.train import CONTROLS
from prune_bench.train_options import TrainOptions


class TrainProgress:
    """A live display of a training, for `prune_bench.train.train(on_progress=...)`."""

    def __init__(self, console: Console, options: TrainOptions) -> None:
        self.console, self.options = console, options
        self.bar = Progress(
            TextColumn(f"[bold]{options.algo}[/bold]"),
            BarColumn(bar_width=12),
            TextColumn("{task.fields[known]}"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=console,
        )
        self.task = self.bar.add_task("", total=None, known="starting")

    def __enter__(self) -> TrainProgress:
        self.bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.stop()

    def on_progress(self, row: dict[str, Any]) -> None:
        """Show what is known after a round."""
        shown = {"return": "return", "val_accuracy": "val", "eval_return": "held out"}
        known = f"{row['rounds']:,} of {row['total']:,} rounds" + "".join(
            f", {title} {row[name]:.3f}" for name, title in shown.items() if name in row
        )
        self.bar.update(self.task, completed=row["rounds"], total=row["total"], known=known)

    def print_scores(self, scores: dict[str, Any]) -> None:
        """A table of the trained agent and the controls, and where the agent is."""
        table = Table(box=None, header_style="bold", pad_edge=False)
        for title in ("agent", "val loss", "test accuracy", "trained minus this, 95 % interval"):
            table.add_column(title, justify="left" if title == "agent" else "right")
        for name in ("trained", *CONTROLS):
            loss, accuracy = scores["val_loss"][name], scores["test_accuracy"][name]
            interval = scores["test_accuracy"].get(f"minus_{name}")
            gap = "" if interval is None else "{:+.2%} [{:+.2%}, {:+.2%}]".format(*interval)
            table.add_row(name, f"{loss:.4f}", f"{accuracy:.2%}", gap)
        self.console.print(table)
        self.console.print(
            f"n = {scores['n']} seeds that training never saw, keep ratio {scores['keep_ratio']}\n"
            f"prune-env run --agent {self.options.out.resolve()} --env prune_env/CIFAR10-v0",
            soft_wrap=True,
            highlight=False,
        )
