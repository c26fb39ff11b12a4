"""What a terminal shows of a training: one line that is alive, then how the agent compares."""

from __future__ import annotations

import shlex
import time
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from prune_bench.commands.board_view import duration
from prune_bench.report.terminal import Fitted
from prune_bench.training.options import TrainOptions
from prune_bench.training.train import CONTROLS
from prune_env.text import number, plain

SHOWN = {"return": "return", "val_accuracy": "val", "eval_return": "held out"}
"""What is known of the last episodes, and how it is called: docs/train_an_agent.md explains it."""

PARTS = 20
"""Lines that a training writes to a file or a pipe, which have no live view."""


class TrainProgress:
    """A live display of a training, for `prune_bench.training.train.train(on_progress=...)`."""

    def __init__(self, console: Console, options: TrainOptions) -> None:
        self.console, self.options = console, options
        self.live = Live(console=console, refresh_per_second=4, transient=True)
        self.begun: tuple[float, int] | None = None
        """When the first round was done, and its number, which after --resume is not 1."""
        self.part = 0
        """Twentieths of the rounds that a file or a pipe has been told of."""

    def __enter__(self) -> TrainProgress:
        if self.console.is_terminal:
            self.live.start()
            self.live.update(Text(f"{self.options.algo}: beginning"))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.live.stop()

    def on_progress(self, row: dict[str, Any]) -> None:
        """Show what is known after a round."""
        now, done, total = time.perf_counter(), row["rounds"], row["total"]
        since, first = self.begun = self.begun or (now, done)
        known = f"{done:,} of {total:,} rounds"
        if done > total:
            known += " asked for, to end a rollout"
        elif done > first:
            left = (now - since) / (done - first) * (total - done)
            known += f", about {duration(left)} left"
        for name, title in SHOWN.items():
            known += f", {title} {row[name]:.3f}" if name in row else ""
        line = Text.assemble((plain(self.options.algo), "bold"), f": {known}")
        self.live.update(line)
        if not self.console.is_terminal and PARTS * done // total > self.part:
            self.part = PARTS * done // total
            self.console.print(line, soft_wrap=True)

    def print_scores(self, scores: dict[str, Any]) -> None:
        """A table of the trained agent and the controls, and where the agent is."""
        rows = []
        for name in ("trained", *CONTROLS):
            loss = f"{scores['val_loss'][name]:.4f}" if "val_loss" in scores else "-"
            accuracy = scores["test_accuracy"][name]
            interval = scores["test_accuracy"].get(f"minus_{name}")
            gap = "" if interval is None else f"{100 * interval[0]:+.2f}"
            if interval and None not in interval:  # one seed has no interval
                gap += f" [{100 * interval[1]:+.2f}, {100 * interval[2]:+.2f}]"
            rows.append([name, loss, f"{accuracy:.2%}", gap])
        headings = ("agent", "val loss", "test accuracy", "trained ahead, points, 95 % interval")
        self.console.print(Fitted(headings, rows, ["val loss", "test accuracy"]))
        folder = shlex.quote(plain(self.options.out.resolve()))
        ratio = f"{scores['keep_ratio']:.3g}"
        self.console.print(
            f"n = {number(scores['n'], 'seed')} that training never saw, keep ratio {ratio}\n"
            f"prune-env run --agent {folder} chooses by it; --env says where",
            soft_wrap=True,
        )
