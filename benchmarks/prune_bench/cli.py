"""The command `prune-env`.

Every subcommand is a frozen dataclass of options with a `main` method; tyro makes the parser. Heavy
packages are imported by the subcommand that uses them, so that `--help` answers at once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import gymnasium as gym
import tyro
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from prune_bench.board import Grid
from prune_bench.runner import Place, RunOptions


@dataclass(frozen=True)
class Run:
    """Run one agent once, with a live progress display and a summary."""

    run: tyro.conf.OmitArgPrefixes[RunOptions] = field(default_factory=RunOptions)
    place: tyro.conf.OmitArgPrefixes[Place] = field(default_factory=Place)
    json: bool = False
    """print one JSON object and nothing else"""

    def main(self, console: Console) -> None:
        """Run it."""
        from prune_bench import runner

        if self.json:
            print(json.dumps(runner.run(self.run, self.place), sort_keys=True))
            return
        from prune_bench.progress import RunProgress

        with console.status(f"making {self.run.env}"):
            episode = runner.Episode(self.run, self.place)
        with RunProgress(console, self.run) as progress:
            while not episode.terminated:
                progress.on_round(episode.env, episode.step())
        progress.print_summary(episode.result())


@dataclass(frozen=True)
class Agents:
    """List the selection policies, one line each."""

    def main(self, console: Console) -> None:
        """List them."""
        import prune_agents

        lines = {name: prune_agents.describe(name) for name in prune_agents.names()}
        console.print(two_columns(lines))


@dataclass(frozen=True)
class Envs:
    """List the environments, one line each."""

    def main(self, console: Console) -> None:
        """List them."""
        from prune_env import ENVIRONMENTS

        console.print(two_columns(ENVIRONMENTS))


def two_columns(lines: Mapping[str, str]) -> Table:
    """Names beside what they mean."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for name, line in lines.items():
        table.add_row(name, line)
    return table


@dataclass(frozen=True)
class Board:
    """Run agents x keep ratios x seeds, or what is missing of them, and compare them."""

    grid: tyro.conf.OmitArgPrefixes[Grid] = field(default_factory=Grid)
    out: Path = Path("board")
    """folder of the board; what is there already is not run again"""
    jobs: int = 1
    """runs at a time"""
    threads_per_job: int | None = None
    """threads of PyTorch in each; by default a fair share of the cores"""
    data: str | None = None
    """folder, file or hub name of the data; by default the variable PRUNE_ENV_DATA"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 ..."""
    retry_failed: bool = False
    """try the runs again that failed before"""

    def main(self, console: Console) -> None:
        """Run it."""
        from prune_bench import board, engine
        from prune_bench.live import BoardView

        place = Place(self.data, self.device, self.threads_per_job)
        this = board.Board(self.out)
        this.add([self.grid])
        if self.retry_failed:
            this.forget_failures()
        with (
            BoardView(console, this, self.jobs) as view,
            engine.processes(this, place, self.jobs) as submit,
        ):
            engine.work_off(this, submit, view.tick)
        view.print_end()
        if view.failed:
            sys.exit(1)


Command = (
    Annotated[Run, tyro.conf.subcommand("run")]
    | Annotated[Board, tyro.conf.subcommand("board")]
    | Annotated[Agents, tyro.conf.subcommand("agents")]
    | Annotated[Envs, tyro.conf.subcommand("envs")]
)


def main(arguments: list[str] | None = None) -> None:
    """Entry point. Bad input ends with one clear line and exit status 2."""
    sys.path.append(str(Path.cwd()))  # one's own agents and environments are often just there
    command = tyro.cli(Command, prog="prune-env", description=__doc__, args=arguments)
    try:
        command.main(Console())
    except (ValueError, FileNotFoundError, ImportError, gym.error.Error) as error:
        Console(stderr=True).print("[bold red]prune-env:[/bold red]", escape(str(error)))
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
