"""The command `prune-env`.

Every subcommand is a frozen dataclass of options with a `main` method; tyro makes the parser. Heavy
packages are imported by the subcommand that uses them, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any

import gymnasium as gym
import tyro
from rich.text import Text

from prune_bench.board.claims import Held
from prune_bench.board.grid import Grid
from prune_bench.commands.agents import Agents
from prune_bench.commands.board import Board
from prune_bench.commands.branch import Branch
from prune_bench.commands.envs import Envs
from prune_bench.commands.fidelity import Fidelity
from prune_bench.commands.help import Help
from prune_bench.commands.inspect import Inspect
from prune_bench.commands.parsing import REGISTRY, flags, given_flags, of_commas, parse
from prune_bench.commands.record import Record
from prune_bench.commands.regimes import Regimes
from prune_bench.commands.report import Report, require_board
from prune_bench.commands.run import Run
from prune_bench.commands.submit import Submit
from prune_bench.commands.train import Train
from prune_bench.commands.verify import Verify
from prune_bench.commands.version import Version
from prune_bench.report.terminal import Terminal, spell_out
from prune_bench.run import processes, stopping
from prune_bench.run.sources import import_from_here, is_code, own_place
from prune_env import notices
from prune_env.lookup import unknown
from prune_env.text import sentence

COMMANDS: dict[str, Any] = {
    "run": Run,
    "train": Train,
    "board": Board,
    "report": Report,
    "submit": Submit,
    "verify": Verify,
    "record": Record,
    "branch": Branch,
    "inspect": Inspect,
    "fidelity": Fidelity,
    "regimes": Regimes,
    "agents": Agents,
    "envs": Envs,
}


def parse_command(arguments: list[str]) -> Any:
    """The subcommand with its options.

    Raises:
        ValueError: a mistake in the words, in one line.
    """
    name, *words = arguments or ["--help"]
    if name == "--version":
        return Version()
    if name in ("-h", "--help"):
        return Help(COMMANDS)
    if name.startswith("--tyro-"):  # completion of shells
        return tyro.extras.subcommand_cli_from_dict(
            COMMANDS, prog="prune-env", args=arguments, registry=REGISTRY
        )
    if name not in COMMANDS:
        raise ValueError(unknown("command", name, COMMANDS))
    default = Board.default_of(words) if name == "board" else None
    chosen = parse(COMMANDS[name], f"prune-env {name}", words, default)
    if name == "board" and not default and flags(Grid).keys().isdisjoint(given_flags(words)):
        require_board(chosen.out)  # it is to be gone on with
    return chosen


def _texts(options: Any) -> Iterator[str]:
    """All texts in nested options."""
    if isinstance(options, str):
        yield options
    elif is_dataclass(options) or isinstance(options, Mapping):
        inside = options if isinstance(options, Mapping) else vars(options)
        for name, value in inside.items():
            if name not in ("data", "device"):  # cuda:1 is no import path
                yield from _texts(value)
    elif isinstance(options, list | tuple):
        for value in options:
            yield from _texts(value)


def main(arguments: list[str] | None = None) -> None:
    """Entry point. Bad input ends with one clear line and exit status 2."""
    arguments = sys.argv[1:] if arguments is None else arguments
    command: Any = None
    spell_out()
    notices.as_lines()
    try:
        notices.log_to_stderr()
        with stopping.listening():
            command = parse_command(arguments)
            if processes.count() > 1 and not isinstance(command, Run):
                raise ValueError("torchrun is for prune-env run; boards have --jobs")
            if any(map(is_code, _texts(getattr(command, "typed", command)))):
                import_from_here()
            command.main(Terminal())
    except stopping.Stopped:
        how = f"; {command.on_stop()}" if hasattr(command, "on_stop") else ""
        Terminal(stderr=True).print(f"prune-env: stopped{how}", soft_wrap=True)
        raise
    except BrokenPipeError:  # as in `prune-env agents | head`: whoever read has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left to flush
        sys.exit(128 + 13)
    except (ValueError, OSError, ImportError, MemoryError, gym.error.Error, Held) as error:
        console = Terminal(stderr=True)
        told = _told(error)
        if arguments and arguments[0] in COMMANDS:
            told += of_commas(told, COMMANDS[arguments[0]], arguments[1:])
        line = Text.assemble(("prune-env: ", "bold red"), told)
        console.print(line, soft_wrap=not console.is_terminal)  # there no word is broken
        sys.exit(2)


def _told(error: Exception) -> str:
    """The message of an error as one plain line; what the system says, without its number."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return sentence(f"{os.fspath(error.filename)}: {error.strerror}")
    text = sentence(error) if str(error) else "there is not enough memory"
    place = own_place(error) if isinstance(error, ValueError) else None
    return text if place is None or place[0] in text else f"{text} ({place[0]}, line {place[1]})"
