"""How a study that is no subcommand is called: `python -m prune_bench.studies.NAME`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import tyro
from rich.console import Console, RenderableType

Options = TypeVar("Options")
Found = TypeVar("Found")


def show_study(
    kind: type[Options],
    description: str | None,
    study: Callable[[Options, Callable[[str, int], Any]], Found],
    table: Callable[[Found], RenderableType],
    arguments: list[str] | None,
) -> None:
    """Read the options, make the runs, saying which is under way, and print the table.

    Args:
        kind: dataclass of the options.
        description: of the study, for `--help`.
        study: makes the runs; it calls its second argument with a name and a seed before each.
        table: of what came out.
        arguments: of the command line; None: those that Python was called with.
    """
    options = tyro.cli(kind, description=description, args=arguments)
    console = Console()
    with console.status("") as status:
        found = study(options, lambda name, seed: status.update(f"{name}, seed {seed}"))
    console.print(table(found))
