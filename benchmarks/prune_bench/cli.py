"""The command `prune-env`.

Every subcommand is a frozen dataclass of options with a `main` method; tyro makes the parser. Heavy
packages are imported by the subcommand that uses them, so that `--help` answers at once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

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

        with RunProgress(console, self.run) as progress:
            result = runner.run(self.run, self.place, progress.on_round)
        progress.print_summary(result)


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


Command = (
    Annotated[Run, tyro.conf.subcommand("run")]
    | Annotated[Agents, tyro.conf.subcommand("agents")]
    | Annotated[Envs, tyro.conf.subcommand("envs")]
)


def main(arguments: list[str] | None = None) -> None:
    """Entry point. Bad input ends with one clear line and exit status 2."""
    command = tyro.cli(Command, prog="prune-env", description=__doc__, args=arguments)  # type: ignore[call-overload]
    try:
        command.main(Console())
    except (ValueError, FileNotFoundError, ImportError) as error:
        Console(stderr=True).print(f"[bold red]prune-env:[/bold red] {error}", highlight=False)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
