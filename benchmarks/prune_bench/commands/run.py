"""`prune-env run`: one agent, once."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import Any

import tyro
from rich.console import Console

from prune_bench.report.terminal import Terminal
from prune_bench.run import processes
from prune_bench.run.options import Place, RunOptions
from prune_env.core.export import check_name


@dataclass(frozen=True)
class Run:
    """Run one agent once, with a live progress display and a summary."""

    run: tyro.conf.OmitArgPrefixes[RunOptions] = field(default_factory=RunOptions)
    place: tyro.conf.OmitArgPrefixes[Place] = field(default_factory=Place)
    checkpoint: Path | None = None
    """file that keeps the run until it is over; after any end the same command goes on from it"""
    save: Path | None = None
    """file for the trained network: weights, recipe and class names; docs/networks.md loads it"""
    scores: Path | None = None
    """file, .csv or .npz, for what was measured of every arm: pulls, losses, the agent's scores;
    docs/studies.md explains it"""
    json: bool = False
    """print one JSON object and nothing else"""

    @cached_property
    def _begun(self) -> Event:
        """Set once this command has read or written its checkpoint."""
        return Event()

    def __post_init__(self) -> None:
        if self.scores is not None:
            check_name("scores", self.scores)

    def main(self, console: Console) -> None:
        """Run it."""
        from prune_bench.commands import single_run
        from prune_bench.commands.run_view import RunProgress
        from prune_bench.run.result import Result
        from prune_env.learners.ranks import Ranks

        with processes.joined(self.place) as place:
            first = Ranks.here().rank == 0
            shown = console if first and not self.json else Terminal(quiet=True)
            progress = RunProgress(shown, self.run)

            def on_end(result: dict[str, Any]) -> None:
                if self.json and first:
                    print(json.dumps(result, sort_keys=True))
                progress.print_summary(Result(result))

            files = self.checkpoint, self.save, self.scores
            single_run.run(self.run, place, *files, progress, on_end, self._begun.set)
        if progress.diverged:
            sys.exit(1)

    def on_stop(self) -> str:
        """How to go on."""
        if self.checkpoint is None:
            return "nothing of the run is kept; with --checkpoint FILE it could go on"
        begun = self._begun.is_set()  # else the file may be damaged, or of another run
        return f"the same command goes on from {self.checkpoint}" if begun else "nothing had begun"
