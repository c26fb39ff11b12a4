"""What a terminal shows of a single run: its last rounds, then all of them and a summary."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from prune_bench.commands.board_view import duration
from prune_bench.report.terminal import Fitted, Listed, shortened
from prune_bench.run.options import RunOptions
from prune_bench.run.result import End, Result
from prune_env.env import PruneEnv

ROUNDS = (
    "round", "kept", "wrong", "kept loss", "val loss", "val accuracy", "passes", "regret",
    "seconds",
)  # fmt: skip
"""The columns of the table of rounds; regret only where the environment tells it, and wrong, the
share of wrong labels among the kept arms, where they are known."""

FIRST_TO_GO = ("seconds", "kept loss", "passes", "val loss")
"""Those that go first where it is narrow."""

AROUND = 6
"""Lines of a terminal that the live view leaves to other things than rounds."""


class RunProgress:
    """A live display of one run, for `prune_bench.commands.single_run.run`."""

    def __init__(self, console: Console, options: RunOptions) -> None:
        self.console, self.options = console, options
        self.rounds: list[dict[str, str]] = []
        self.share = 0.0
        """of the run that is done, in [0, 1]"""
        self.first: tuple[float, float] | None = None
        """When the first round was done, and the share then; a run may go on from a checkpoint."""
        self.diverged = False
        """whether it has ended with a loss that is not finite"""
        self.live = Live(console=console, auto_refresh=False, transient=True)
        self.begun = time.perf_counter()

    def __enter__(self) -> RunProgress:
        self.begun = time.perf_counter()
        if self.console.is_terminal:
            self.live.start()
            self._refresh()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.live.stop()
        if self.rounds:
            self.console.print(self.table(self.rounds))

    def on_round(self, env: PruneEnv, row: dict[str, Any]) -> None:
        """Show a finished round."""
        cells = {
            "round": str(row["round"]),
            "kept": f"{row['kept']:,} ({row['kept'] / env.learner.num_arms:.0%})",
            "kept loss": f"{row['kept_loss']:.3f}",
            "passes": f"{row['passes']:,}",
            "seconds": f"{time.perf_counter() - self.begun:.1f}",
        }
        if "val_loss" in row:
            is_new = "test_accuracy" in row  # measured where validation is
            cells["val loss"] = f"{row['val_loss']:.3f}" if is_new else ""
            cells["val accuracy"] = f"{100 * row['val_accuracy']:.1f} %" if is_new else ""
        if "regret" in row:
            cells["regret"] = f"{row['regret']:.3g}"
        if "wrong_kept" in row:
            cells["wrong"] = f"{100 * row['wrong_kept']:.1f} %"
        self.rounds.append(cells)
        self.share = float(env.rounds.ledger.progress[0])
        self.first = self.first or (time.perf_counter(), self.share)
        if self.console.is_terminal:
            self._refresh()

    def _refresh(self) -> None:
        last = self.rounds[-max(1, self.console.height - AROUND) :]
        self.live.update(Group(self.table(last), self.line()), refresh=True)

    def line(self) -> Text:
        """Which agent runs where, and how long it will take."""
        since, first = self.first or (0.0, self.share)
        left = "time left not known yet"
        if self.share > first:
            pace = (time.perf_counter() - since) / (self.share - first)
            left = f"about {duration(pace * (1 - self.share))} left"
        how_far = f"{self.share:.0%}, {left}"
        who = f"{self.options.label} on {self.options.env}"
        return Text.assemble(
            (shortened(who, max(1, self.console.width - len(how_far) - 2)), "bold"), f"  {how_far}"
        )

    @staticmethod
    def table(rounds: list[dict[str, str]]) -> Fitted:
        """A row for each round."""
        told = [name for name in ROUNDS if not rounds or name in rounds[0]]
        rows = [[row[name] for name in told] for row in rounds]
        return Fitted(told, rows, FIRST_TO_GO)

    def print_summary(self, result: Result) -> None:
        """The table at the end, and last what a reader must not miss."""
        names = {"test": "test accuracy", "val": "validation accuracy"}
        rows = [
            [names[split], *(f"{100 * result.accuracy(split, which):.2f} %" for which in ENDS)]
            for split in result.splits
        ]
        self.console.print("", Fitted(["Summary", *ENDS], rows), sep="\n")
        areas = result.wrong_found.items()
        found = ", ".join(f"{name.replace('_', ' ')} {area:.3f}" for name, area in areas)
        spent, regret = result.seconds("seconds"), result.regret
        share = f"{result.cost:.1%} of training on everything"
        lines = {
            "cost": f"{result.charged:,} sample passes, {share}",
            "with": beside_training(result),
            "regret": "" if regret is None else f"{regret:.3g}",
            "wrong labels": found and f"area under the curve for finding them by {found}",
            "seconds": ", ".join(f"{name} {s:.2f}" for name, s in spent.items() if s),
            "place": f"device {result.device}, threads {result.threads}",
            "seed": str(self.options.seed),
        }
        self.console.print(Listed({name: line for name, line in lines.items() if line}))
        self.diverged = result.diverged
        if result.diverged:
            self.console.print(Text("the run diverged: its loss is not finite", "bold red"))


def beside_training(result: Result) -> str:
    """What an agent pays for beside training, as shares of training on everything."""
    passes = result.content["passes"]
    spent = {
        "the run before": passes.get("prior", 0),
        "losses of what is not kept": passes["refresh"],
        "the validation that the agent reads": passes["evaluate"] * result.pays_evaluation,
    }
    parts = [f"{part / result.full_passes:.1%} for {name}" for name, part in spent.items() if part]
    return ", ".join(parts)


ENDS: tuple[End, ...] = ("last", "best")
"""Accuracies of a summary: that of the last round, which decides, and the highest."""
