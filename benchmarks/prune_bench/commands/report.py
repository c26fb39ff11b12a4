"""`prune-env report`: the tables of a board, its page and its pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console
from rich.text import Text

from prune_env.lookup import meant
from prune_env.text import number


@dataclass(frozen=True)
class Report:
    """Make the report of a board: report.html, board.md, board.csv and pictures."""

    folder: tyro.conf.Positional[Path]
    """folder of the board"""

    def main(self, console: Console) -> None:
        """Make it and print the standings."""
        if not (self.folder / "runs").is_dir():
            require_board(self.folder)
        show(console, self.folder)


def show(console: Console, folder: Path, problems: Sequence[Text] = ()) -> None:
    """Print the tables of a board, make its report, and end with the verdict."""
    from prune_bench.report.page import FILE, write_pictures, write_report
    from prune_bench.report.tables import terminal_table, verdict
    from prune_bench.standings.build import read_standings

    standings = read_standings(folder)
    console.print(terminal_table(standings))
    if standings.failures and not problems:
        failed = [failure.options["agent"] for failure in standings.failures]
        agents = ", ".join(dict.fromkeys(failed))
        said = f"{number(len(failed), 'run')} failed: {agents}; {folder / 'failed'} says why"
        problems = [Text(said, "red")]
    for problem in problems:
        console.print(problem)
    closing = verdict(standings)
    try:
        pictures = write_report(folder, standings)
    except ImportError as error:
        console.print(str(error))
    else:
        del standings  # before the renderer of pictures takes as much memory
        write_pictures(pictures, folder)
        console.print(f"report: {(folder / FILE).resolve().as_uri()}", soft_wrap=True)
    console.print(closing)


def require_board(folder: Path) -> None:
    """Refuse a folder that is no board, which is often a mistyped one.

    Raises:
        FileNotFoundError: with what may be meant, and how to begin one.
    """
    if (folder / "board.yaml").exists():
        return
    beside = [path.parent.name for path in folder.absolute().parent.glob("*/board.yaml")]
    hint = meant(folder.name, beside)
    raise FileNotFoundError(
        f"{folder} is no board: there is no {folder / 'board.yaml'}{hint}; `prune-env board` with "
        "--preset, or with --agents and the like, begins one"
    )
