"""A board: a folder of runs, and the list of those that belong to it.

board.yaml     the grids of runs that belong to the board, and its pins, see `pins`
runs/          one JSON result a run, see results/README.md
arms/          one .npz a run, where the board was told to write them, see `ArmScores`
failed/        one JSON file with the traceback for each run that failed
priors/        recordings of prior runs, see `prune_bench.run.priors`; no result needs them
work/          claims and checkpoints of runs in flight; empty when the board is done
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import yaml

from prune_bench.board import claims
from prune_bench.board.grid import CONTROLS, Grid, added, check_number
from prune_bench.board.pins import Pins
from prune_bench.run.options import RunOptions
from prune_bench.run.run_id import run_id
from prune_bench.run.schema import misfit
from prune_env.files import read_yaml, sweep, try_disk, write_text
from prune_env.lookup import known

ALWAYS = ("env", "agents", "keep_ratios", "seeds", "epochs", "evaluate_every")
"""The options of a grid that board.yaml shows also where they are as usual."""

UNNAMED = {"evaluate_every": 1}
"""What a board.yaml means that does not name it: the usual when the first boards were written."""


class Board:
    """The folder of a board.

    Args:
        folder: where it is; made by `add`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.work, self.priors = folder / "work", folder / "priors"

    # -- what belongs to it -----------------------------------------------------------------------

    def read(self) -> tuple[list[Grid], Pins]:
        """What board.yaml says. Nothing that it names is imported.

        Raises:
            ValueError: it says something else than grids of known agents and environments.
        """
        path = self.folder / "board.yaml"
        return read_board(path) if path.exists() else ([], Pins())

    def write(self, grids: Sequence[Grid], pins: Pins) -> None:
        """Write board.yaml."""
        content: dict[str, Any] = {"grids": [_listed(grid.unusual(*ALWAYS)) for grid in grids]}
        usual = asdict(Pins())
        if pinned := {name: of for name, of in asdict(pins).items() if of != usual[name]}:
            content["pins"] = _listed(pinned)
        text = yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=100)
        write_text(self.folder / "board.yaml", text)
        write_text(self.folder / ".gitignore", "priors/\nwork/\n")

    def grids(self) -> list[Grid]:
        """The grids of board.yaml, see `read`."""
        return self.read()[0]

    def add(self, new: Grid) -> None:
        """Make these runs belong to the board, beside those that already do."""
        with claims.wait_for(self.work, "board.yaml"):
            grids, pins = self.read()
            self.write(added(grids, new), pins)

    def runs(self) -> dict[str, RunOptions]:
        """All runs by their id, in the order in which they are worth doing: seed by seed."""
        return runs_of(*self.read())

    def name(self, options: RunOptions) -> str:
        """The id of a run on this board."""
        return run_id(options, self.read()[1].of(options))

    def forget_failures(self) -> None:
        """Let the runs that failed count as not yet begun."""
        for name in self.runs():
            self.failure_path(name).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what runs that are done, and writers that were killed, have left behind."""
        held = claims.held(self.work)
        for name in self.runs():
            if self.result_path(name).exists():
                self.checkpoint_path(name).unlink(missing_ok=True)
            if not self.is_open(name) and name not in held:
                claims.discard(self.work, name)
        for folder in (self.folder, *filter(Path.is_dir, self.folder.iterdir())):
            sweep(folder, claims.STALE)

    def try_disk(self) -> None:
        """Write some kilobytes and remove them; see `prune_env.files.try_disk`."""
        try_disk(self.work)

    # -- where things are -------------------------------------------------------------------------

    def result_path(self, name: str) -> Path:
        """The result of a run; it is there exactly when the run is done."""
        return self.folder / "runs" / f"{name}.json"

    def arms_path(self, name: str) -> Path:
        """What a run has measured of every arm, where that is kept."""
        return self.folder / "arms" / f"{name}.npz"

    def failure_path(self, name: str) -> Path:
        """Why a run failed."""
        return self.folder / "failed" / f"{name}.json"

    def checkpoint_path(self, name: str) -> Path:
        """From where a run that was cut off goes on."""
        return self.work / f"{name}.pt"

    def is_open(self, name: str) -> bool:
        """Whether a run is neither done nor failed."""
        return not (self.result_path(name).exists() or self.failure_path(name).exists())

    def ended(self) -> tuple[set[str], set[str]]:
        """The runs that are done and those that failed, by one look at each folder."""
        folders = (self.folder / "runs", self.folder / "failed")
        done, failed = (set(os.listdir(of)) if of.exists() else set[str]() for of in folders)
        return {f.removesuffix(".json") for f in done}, {f.removesuffix(".json") for f in failed}


def runs_of(grids: Iterable[Grid], pins: Pins) -> dict[str, RunOptions]:
    """All runs by their id, seed by seed and controls first.

    Raises:
        ValueError: there are more than a board has.
    """
    check_number(grids := list(grids))
    runs = [options for grid in grids for options in grid.runs(pins.own_amount)]
    runs.sort(key=lambda options: (options.seed, options.agent not in CONTROLS))
    return {run_id(options, pins.of(options)): options for options in runs}


def read_board(path: Path) -> tuple[list[Grid], Pins]:
    """What a board.yaml says.

    Raises:
        ValueError: the file is not of that form; the message names it.
    """
    try:
        content = read_yaml(path)
        if wrong := misfit(content, {"grids": list, "pins?": dict}):
            raise ValueError(wrong)
        _refuse_strange("key", content, ("grids", "pins"))
        for place, grid in enumerate(content["grids"]):
            if wrong := misfit(grid, dict, f"grids[{place}]"):
                raise ValueError(wrong)
            _refuse_strange("option of a grid", grid, [option.name for option in fields(Grid)])
        pins = content.get("pins", {})
        _refuse_strange("pin", pins, [pin.name for pin in fields(Pins)])
        return [Grid(**UNNAMED | grid) for grid in content["grids"]], Pins(**pins)
    except ValueError as error:
        raise ValueError(f"{path} does not describe a board: {error}") from error


def _refuse_strange(what: str, given: Iterable[object], allowed: Sequence[str]) -> None:
    for name in given:
        known(what, name, allowed)


def _listed(options: dict[str, Any]) -> dict[str, Any]:
    """Options as YAML shows them."""
    return {n: list(value) if isinstance(value, tuple) else value for n, value in options.items()}
