"""`prune-env --help`: what there is."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console

from prune_bench.report.terminal import Listed, Prose

OTHERS = {
    "prune-env COMMAND --help": "its options",
    "prune-env --version": "which version this is",
    "prune-env --tyro-print-completion bash": "what lets a shell (or zsh) complete words",
}


@dataclass(frozen=True)
class Help:
    """Say what each command does."""

    commands: Mapping[str, type]
    """by their names"""

    def main(self, console: Console) -> None:
        """Print a line about each."""
        console.print("usage: prune-env COMMAND [OPTIONS]\n")
        console.print(Prose("Train on some of the samples, and let an agent choose which."), "")
        lines = {name: inspect.getdoc(command) or "" for name, command in self.commands.items()}
        console.print(Listed({name: " ".join(line.split()) for name, line in lines.items()}))
        console.print("", Listed(OTHERS), sep="\n")
