"""The command `prune-env`.

Every subcommand is a frozen dataclass of options with a `main` method; tyro makes the parser. Heavy
packages are imported by the subcommand that uses them, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import gymnasium as gym
import tyro
from rich.console import Console
from rich.text import Text

from prune_bench.board import presets
from prune_bench.board.claims import Held
from prune_bench.board.grid import Grid
from prune_bench.commands.catalogue import Agents, Envs
from prune_bench.commands.parsing import flags, given_flags, parse
from prune_bench.commands.study import Branch, Fidelity, Inspect, Record
from prune_bench.report.terminal import Terminal, spell_out
from prune_bench.run import stopping
from prune_bench.run.options import Place, RunOptions
from prune_bench.run.provenance import env_names, import_from_here, is_code
from prune_bench.training.options import TrainOptions
from prune_env import notices
from prune_env.checks import In, check_ranges
from prune_env.lookup import near, unknown
from prune_env.text import sentence


@dataclass(frozen=True)
class Run:
    """Run one agent once, with a live progress display and a summary."""

    run: tyro.conf.OmitArgPrefixes[RunOptions] = field(default_factory=RunOptions)
    place: tyro.conf.OmitArgPrefixes[Place] = field(default_factory=Place)
    checkpoint: Path | None = None
    """file that keeps the run until it is over; after any end the same command goes on from it"""
    save: Path | None = None
    """file for the trained network: weights, recipe and class names; docs/networks.md loads it"""
    json: bool = False
    """print one JSON object and nothing else"""

    def main(self, console: Console) -> None:
        """Run it."""
        from prune_bench.commands.run_view import RunProgress
        from prune_bench.run import single

        shown = Terminal(quiet=True) if self.json else console
        progress = RunProgress(shown, self.run)

        def on_end(result: dict[str, Any]) -> None:
            if self.json:
                print(json.dumps(result, sort_keys=True))
            progress.print_summary(result)

        single.run(self.run, self.place, self.checkpoint, self.save, progress, on_end)
        if progress.diverged:
            sys.exit(1)

    def on_stop(self) -> str:
        """How to go on."""
        if self.checkpoint is None:
            return "nothing of the run is kept; with --checkpoint FILE it could go on"
        return f"the same command goes on from {self.checkpoint}"


@dataclass(frozen=True)
class Train:
    """Train an agent of Stable-Baselines3 to choose the data, and compare it with random choice."""

    train: tyro.conf.OmitArgPrefixes[TrainOptions] = field(default_factory=TrainOptions)
    threads: Annotated[int, In("[1, inf)")] = 1
    """threads of PyTorch; small networks are fastest on one"""
    json: bool = False
    """print the scores as one JSON object and nothing else"""

    def main(self, console: Console) -> None:
        """Train it."""
        import torch

        from prune_bench.commands.train_view import TrainProgress
        from prune_bench.training import train

        check_ranges(self)
        torch.set_num_threads(self.threads)
        if self.json:
            print(json.dumps(train.train(self.train), sort_keys=True))
            return
        with TrainProgress(console, self.train) as progress:
            scores = train.train(self.train, progress.on_progress)
        progress.print_scores(scores)

    def on_stop(self) -> str:
        """How to go on."""
        if (self.train.out / "model.zip").exists():
            return f"--resume goes on from the last checkpoint in {self.train.out}"
        return "nothing of the training is kept yet"


@dataclass(frozen=True)
class Board:
    """Run agents x keep ratios x seeds, or what is missing of them, and compare them."""

    grid: tyro.conf.OmitArgPrefixes[Grid] = field(default_factory=Grid)
    preset: str | None = None
    """a board by name: demo, digits-policies, cifar10-cpu, cifar10-policies or paper; options given
    beside it take precedence"""
    out: Path = Path("board")
    """folder of the board; what is there already is not run again, what is missing is added"""
    jobs: Annotated[int, In("[1, inf)")] = 1
    """runs at a time"""
    threads_per_job: Annotated[int, In("[1, inf)")] | None = None
    """threads of PyTorch in each, 1 if not said: they change the last bits of what comes out, so
    all runs of a board have as many"""
    data: str | None = None
    """folder, file or hub name of the data; by default the variable PRUNE_ENV_DATA"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 ..."""
    trust: bool = False
    """import the agents and environments that the folder's board.yaml names as module:Class, which
    runs their code; those that are named here are imported anyway"""
    retry_failed: bool = False
    """try the runs again that failed before"""
    checkpoint_seconds: Annotated[float, In("[0, inf)")] = 60.0
    """at least so long between two checkpoints of a run"""
    engine: Literal["processes", "ray"] = "processes"
    """processes of this machine or a Ray cluster, all of whose machines must see `out`"""
    address: str | None = None
    """of the Ray cluster, such as auto; by default one is started here"""
    gpus_per_run: Annotated[float, In("[0, inf)")] = 0.0
    """GPUs that Ray reserves for a run, such as 0.25"""

    def main(self, console: Console) -> None:
        """Run it."""
        from prune_bench.board import engines
        from prune_bench.board.board import Board as Folder
        from prune_bench.board.pinning import hold
        from prune_bench.board.work import do_run
        from prune_bench.commands.board_view import BoardView
        from prune_bench.run.result import check_folder
        from prune_env.learners.network.device import find_device

        check_ranges(self)
        board = Folder(self.out.resolve())
        check_folder(board.folder)
        new = self.grid if self.grid != Grid() or not board.grids() else None
        if self.trust:
            import_from_here()
        local = self.engine == "processes"  # on a cluster, other machines have the devices
        if local:
            find_device(self.device)
        place, said = hold(board, new, self._place(), self._trusted(), self.retry_failed)
        if local and any(map(board.is_open, board.runs())):
            find_device(place.device)
        for line in said:
            console.print(Text(line), soft_wrap=True)
        if self.retry_failed:
            board.forget_failures()
        threads = place.threads or 1
        do = partial(
            do_run,
            folder=board.folder,
            place=place,
            checkpoint_seconds=self.checkpoint_seconds,
            pins=board.read()[1],
        )
        with BoardView(console, board, self.jobs) as view:
            if local:
                runs = engines.processes(do, self.jobs, threads)
            else:
                runs = engines.ray_cluster(do, self.jobs, threads, self.address, self.gpus_per_run)
            with runs as submit:
                engines.work_off(board, submit, view.tick)
        show(console, board.folder, view.problems())
        if view.failed or view.diverged:
            sys.exit(1)

    def on_stop(self) -> str:
        """How to go on."""
        return "the same command goes on where it was"

    def _place(self) -> Place:
        data, device = self.data, self.device
        if data is not None and Path(data).exists():
            data = str(Path(data).resolve())  # the processes of Ray have another working directory
        if self.engine == "ray" and self.gpus_per_run and device == "auto":
            device = "cuda"
        return Place(data, device, self.threads_per_job)

    def _trusted(self) -> set[str] | None:
        """What may be imported: what was typed, or all."""
        typed = {RunOptions(agent=agent).agent for agent in self.grid.agents}
        around = {name for run in self.grid.runs() for name in env_names(vars(run))}
        return None if self.trust else typed | around

    @staticmethod
    def preset_of(arguments: list[str]) -> Board | None:
        """The defaults that a preset among the words of a command line sets."""
        parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        parser.add_argument("--preset")
        name = parser.parse_known_args(arguments)[0].preset
        if name is None:
            return None
        chosen = presets.read(name)
        of_grid = {f.name: chosen.pop(f.name) for f in fields(Grid) if f.name in chosen}
        return Board(Grid(**of_grid), preset=name, **({"out": Path(f"board-{name}")} | chosen))


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
    from prune_bench.report.page import write_report
    from prune_bench.report.tables import terminal_table, verdict
    from prune_bench.standings.build import read_standings

    standings = read_standings(folder)
    console.print(terminal_table(standings))
    for problem in problems:
        console.print(problem)
    try:
        console.print(f"report: {write_report(folder).resolve().as_uri()}", soft_wrap=True)
    except ImportError as error:
        console.print(str(error))
    console.print(verdict(standings))


def require_board(folder: Path) -> None:
    """Refuse a folder that is no board, which is often a mistyped one.

    Raises:
        FileNotFoundError: with what may be meant, and how to begin one.
    """
    if (folder / "board.yaml").exists():
        return
    beside = [path.parent.name for path in folder.absolute().parent.glob("*/board.yaml")]
    hint = f" (did you mean {' or '.join(close)}?)" if (close := near(folder.name, beside)) else ""
    raise FileNotFoundError(
        f"{folder} is no board: there is no {folder / 'board.yaml'}{hint}; `prune-env board` with "
        "--preset, or with --agents and the like, begins one"
    )


DESCRIPTION = "Train on some of the samples, and let an agent choose which. See README.md."

COMMANDS: dict[str, Any] = {
    "run": Run,
    "train": Train,
    "board": Board,
    "report": Report,
    "record": Record,
    "branch": Branch,
    "inspect": Inspect,
    "fidelity": Fidelity,
    "agents": Agents,
    "envs": Envs,
}


def _parse(arguments: list[str]) -> Any:
    """The subcommand with its options.

    Raises:
        ValueError: a mistake in the words, in one line.
    """
    name, *words = arguments or ["--help"]
    if name not in COMMANDS:
        if name not in ("-h", "--help") and not name.startswith("--tyro-"):  # completion of shells
            raise ValueError(unknown("command", name, COMMANDS))
        return tyro.extras.subcommand_cli_from_dict(
            COMMANDS, prog="prune-env", description=DESCRIPTION, args=[name, *words]
        )
    default = Board.preset_of(words) if name == "board" else None
    chosen = parse(COMMANDS[name], f"prune-env {name}", words, default)
    if name == "board" and not default and flags(Grid).isdisjoint(given_flags(words)):
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
        with stopping.listening():
            command = _parse(arguments)
            if any(map(is_code, _texts(command))):
                import_from_here()
            command.main(Terminal())
    except stopping.Stopped:
        how = f"; {command.on_stop()}" if hasattr(command, "on_stop") else ""
        Terminal(stderr=True).print(f"prune-env: stopped{how}", soft_wrap=True)
        raise
    except (ValueError, OSError, ImportError, gym.error.Error, Held) as error:
        line = Text.assemble(("prune-env: ", "bold red"), sentence(error))
        Terminal(stderr=True).print(line, soft_wrap=True)
        sys.exit(2)
