"""`prune-env board`: agents x keep ratios x seeds, or what is missing of them."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from rich.console import Console
from rich.text import Text

from prune_bench.board import presets
from prune_bench.board.board import read_board, runs_of
from prune_bench.board.grid import Grid, as_typed
from prune_bench.commands.parsing import given_flags
from prune_bench.commands.report import show
from prune_bench.run.options import Place, RunOptions
from prune_bench.run.schema import THREADS
from prune_bench.run.sources import env_names, import_from_here
from prune_env.checks import In, check_ranges
from prune_env.text import number
from prune_env.wrappers.small_ids import plain_id

if TYPE_CHECKING:
    from prune_bench.board.board import Board as Folder
    from prune_bench.commands.board_view import BoardView

GRID = tuple(field.name for field in fields(Grid))

PRESET = f"a board by name: {', '.join(presets.names())}; options given beside it take precedence"


@dataclass(frozen=True)
class Board:
    """Run agents x keep ratios x seeds, or what is missing of them, and compare them."""

    grid: tyro.conf.OmitArgPrefixes[Grid] = field(default_factory=Grid)
    preset: Annotated[str | None, tyro.conf.arg(help=PRESET)] = None
    out: Path = Path("board")
    """folder of the board; what is there already is not run again, what is missing is added, and
    what is not said here is as in its first grid, or the first of the `env` that is said"""
    jobs: Annotated[int, In("[1, inf)")] = 1
    """runs at a time"""
    threads_per_job: Annotated[int, THREADS] | None = None
    """threads of PyTorch in each, 1 if not said: they change the last bits of what comes out, so
    all runs of a board have as many"""
    data: str | None = None
    """folder, file or hub name of the data; by default the variable PRUNE_ENV_DATA"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 ..."""
    trust: bool = False
    """import the agents and environments that the folder's board.yaml names as module:Class, which
    runs their code; those that are named here are imported anyway"""
    arms: bool = False
    """write arms/RUN.npz for every run that is done from now on, as `run --scores` does"""
    retry_failed: bool = False
    """try the runs again that failed before"""
    checkpoint_seconds: Annotated[float, In("[0, inf)")] = 60.0
    """at least so long between two checkpoints of a run"""
    engine: Literal["processes", "ray"] = "processes"
    """processes of this machine or a Ray cluster, all of whose machines must see `out`"""
    address: str | None = None
    """of the Ray cluster, such as auto; by default one is started here"""
    gpus_per_run: Annotated[float, In("[0, inf)")] | None = None
    """GPUs that Ray reserves for a run, such as 0.25; by default none on a CPU; on GPUs as much
    as lets all jobs run at once, or half of one on a cluster that is there already"""
    of_folder: tyro.conf.Suppress[tuple[str, ...]] = ()
    """fields of the grid that nobody typed and the folder's board.yaml says; see `default_of`"""

    def main(self, console: Console) -> None:
        """Run it."""
        from prune_bench.board.board import Board as Folder

        board = Folder(self.out.resolve())
        new = None if {*GRID} <= {*self.of_folder} else self.grid
        if new is not None and self.of_folder:
            said = new.unusual("env", "agents", "keep_ratios", "seeds")
            words = as_typed({n: value for n, value in said.items() if n in self.of_folder})
            if words:
                console.print(Text(f"as on {self.out}: {shlex.join(words)}"), soft_wrap=True)
            if behind := self._behind(board.grids()):
                console.print(Text(behind), soft_wrap=True)
        elif new is not None and not board.grids():
            console.print(
                Text(f"no board is in {self.out} yet; this one is of {', '.join(new.env)}"),
                soft_wrap=True,
            )
        view = self.work_off(board, new, console)
        show(console, board.folder, view.problems())
        if view.failed or view.diverged:
            sys.exit(1)

    def _behind(self, grids: Sequence[Grid]) -> str:
        """Which agents of the folder get no further seeds, as only those that are named do."""
        new, seeds = self.grid, dict[str, int]()
        for grid in grids:
            if not {*new.env}.isdisjoint(grid.env):
                seeds |= {agent: max(grid.seeds, seeds.get(agent, 0)) for agent in grid.agents}
        left = [name for name in seeds if name not in new.agents and seeds[name] < new.seeds]
        return f"not named, so not grown to {new.seeds} seeds: {', '.join(left)}" if left else ""

    def work_off(self, board: Folder, new: Grid | None, console: Console) -> BoardView:
        """Do what is missing of a board, and of a grid that is added to it."""
        from prune_bench.board import engines
        from prune_bench.board.pinning import hold
        from prune_bench.board.work import do_run
        from prune_bench.commands.board_view import BoardView
        from prune_bench.run.result import check_folder
        from prune_bench.standings.own_cost import add_bars
        from prune_env.learners.network.device import find_device, gpu_names

        check_ranges(self)
        check_folder(board.folder)
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
        if new is not None and (earlier := _earlier(board, new)):
            console.print(Text(earlier), soft_wrap=True)
        threads = place.threads or 1
        do = partial(
            do_run,
            folder=board.folder,
            place=place,
            checkpoint_seconds=self.checkpoint_seconds,
            pins=board.read()[1],
            arms=self.arms,
        )
        with BoardView(console, board, self.jobs) as view:
            if local:
                gpus = gpu_names() if place.device == "cuda" else ()
                runs = engines.processes(do, self.jobs, threads, gpus)
            else:
                share = self._gpus_of_a_run(place.device, len(gpu_names()))
                runs = engines.ray_cluster(do, self.jobs, threads, self.address, share)
            with runs as submit:
                engines.work_off(board, submit, view.tick)
                add_bars(board)
                if board.runs().keys() != view.runs.keys():  # by this board, or by another over it
                    view.plan("now full_short at what other agents cost")
                    engines.work_off(board, submit, view.tick)
        return view

    def _gpus_of_a_run(self, device: str, count: int) -> float:
        """What Ray reserves for a run, where this machine has so many GPUs.

        A run leaves most of a GPU idle, so several share one; Ray hides the GPUs from a run that
        reserves nothing.
        """
        if self.gpus_per_run is not None:
            return self.gpus_per_run
        if not device.startswith("cuda"):
            return 0.0
        if self.address is None and count:
            return min(1.0, count / self.jobs)
        return 0.5

    def on_stop(self) -> str:
        """How to go on."""
        return go_on(self.out)

    def _place(self) -> Place:
        data, device = self.data, self.device
        if data is not None and Path(data).exists():
            data = str(Path(data).resolve())  # the processes of Ray have another working directory
        if self.engine == "ray" and self.gpus_per_run and device == "auto":
            device = "cuda"
        return Place(data, device, self.threads_per_job)

    def _trusted(self) -> set[str] | None:
        """What may be imported: what was typed, or all."""
        agents = {RunOptions(agent=agent).agent for agent in self.typed.agents}
        around = {name for run in self.typed.runs() for name in env_names(vars(run))}
        return None if self.trust else agents | around

    @property
    def typed(self) -> Grid:
        """The grid without what the folder says."""
        return Grid(**{n: getattr(self.grid, n) for n in GRID if n not in self.of_folder})

    @staticmethod
    def default_of(words: Sequence[str]) -> Board | None:
        """What holds where nothing is typed: what a preset sets, or else what the folder has.

        Raises:
            ValueError: there is no such preset; the folder's board.yaml describes no board.
        """
        parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
        for flag in ("--preset", "--out"):
            parser.add_argument(flag)
        parser.add_argument("--env", nargs="+")
        try:
            given = parser.parse_known_args(words)[0]
        except argparse.ArgumentError:  # whoever parses all of it says so better
            return None
        if given.preset is not None:
            chosen = presets.read(given.preset)
            of_grid = {name: chosen.pop(name) for name in GRID if name in chosen}
            out = {"out": Path(f"board-{given.preset}")}
            return Board(Grid(**of_grid), preset=given.preset, **(out | chosen))
        path = Path(given.out or Board.out) / "board.yaml"
        grids = read_board(path)[0] if path.exists() else []
        wanted = {plain_id(env) for env in given.env or ()}
        typed = {flag.removeprefix("--").replace("-", "_") for flag in given_flags(words)}
        left = tuple(name for name in GRID if not {name, f"no_{name}"} & typed)
        fitting = [grid for grid in grids if wanted <= {*grid.env}]
        return Board(fitting[0], out=path.parent, of_folder=left) if fitting else None


def _earlier(board: Folder, new: Grid) -> str:
    """Which runs are still open that an earlier command asked for, and this one does not."""
    grids, pins = board.read()
    done, failed = board.ended()
    not_meant = runs_of([new], pins).keys() | done | failed
    agents = [run.agent for name, run in runs_of(grids, pins).items() if name not in not_meant]
    names = ", ".join(dict.fromkeys(agents))
    return f"{number(len(agents), 'run')} of earlier commands too: {names}" if agents else ""


def go_on(folder: Path) -> str:
    """How a board in this folder goes on, for somebody who has stopped it."""
    begun = (folder / "board.yaml").exists()
    return "the same command goes on where it was" if begun else "nothing had begun"
