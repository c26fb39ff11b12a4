"""A board: a folder of runs, and the list of those that belong to it.

board.yaml     the grids of runs that belong to the board, and its pins, see `prune_bench.pins`
runs/          one JSON result a run, see results/README.md
failed/        one JSON file with the traceback for each run that failed
priors/        recordings of prior runs, see `prune_bench.priors`; no result needs them
work/          claims and checkpoints of runs in flight; empty when the board is done
"""

from __future__ import annotations

import importlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import gymnasium as gym
import prune_agents
import yaml

from prune_bench import claims
from prune_bench.options import Pairs
from prune_bench.pins import Pins
from prune_bench.provenance import is_code, is_own
from prune_bench.results import run_id
from prune_bench.runner import RunOptions
from prune_env.files import read_yaml, replacing, sweep, write_text
from prune_env.lookup import unknown
from prune_env.options import check_types
from prune_env.twins import plain_id

CONTROLS = ("full", "full_short", "static_random", "random_dynamic", "rs2")
"""On every board: what an agent has to beat before its number means something."""

AXES = ("env", "agents", "keep_ratios", "full_short_at")
"""The fields of a grid that are lists."""

ALWAYS = ("env", "agents", "keep_ratios", "seeds", "epochs")
"""The fields of a grid that board.yaml always shows."""

BASIC_AGENTS = ("uncertainty", "epsilon_greedy", "ucb", "ucb1")
"""The agents of a board that names none."""


@dataclass(frozen=True)
class Grid:
    """Environments x agents x keep ratios x seeds. Checked when made."""

    env: tuple[str, ...] = ("prune_env/Digits-v0",)
    """registered ids of environments"""
    agents: tuple[str, ...] = BASIC_AGENTS
    """names of selection policies, or import paths module:Class, each with options where they
    follow (ucb:c=0.5 ucb:c=2); the controls are always there"""
    keep_ratios: tuple[float, ...] = (0.1, 0.3, 0.5)
    """shares of the arms to keep each round, in (0, 1]"""
    full_short_at: tuple[float, ...] = ()
    """keep ratios at which full_short is run as well, so that agents which decide themselves how
    much to keep are compared with it at about their cost"""
    seeds: int = 5
    """how many; they are 0, 1, 2 ..."""
    epochs: int | None = None
    """rounds of a run; by default the recipe's"""
    network: str | None = None
    """name of the network; by default one that suits the images and the device"""
    recipe: Pairs = field(default_factory=dict)
    """fields of the network's recipe to change, such as peak_lr=0.1"""
    feedback: Literal["semi", "full"] = "semi"
    """observe kept arms only, or also pay for a forward pass over the rest"""
    refresh: int = 1
    """with full feedback: rounds between two passes over the rest"""
    limit: int | None = None
    """use only so many training images, and at most as many test images"""
    evaluate_every: int = 1
    """rounds between two evaluations"""
    image_size: int | None = None
    """resize images that come encoded to a square of so many pixels"""
    skip_broken: bool = False
    """go on without images that cannot be decoded"""
    env_kwargs: Pairs = field(default_factory=dict)
    """further arguments of the environment, such as num_validation=500 or label_column=breed"""

    def __post_init__(self) -> None:
        check_types(self)
        for name in AXES:
            if not getattr(self, name) and name not in ("agents", "full_short_at"):
                raise ValueError(f"{name} is empty; name at least one")
        object.__setattr__(self, "env", tuple(map(plain_id, self.env)))
        for env in self.env:
            if not is_code(env):
                _check_registered(env)
        if self.seeds < 1:
            raise ValueError(f"seeds is {self.seeds!r}; allowed is a whole number from 1")
        self._make(agent for agent in self.agents if not is_own(RunOptions(agent=agent).agent))

    def check(self) -> None:
        """Make the agents of one's own too, and import the environments. That runs their code.

        Raises:
            ValueError, ImportError: one is not there, or takes no such options.
        """
        self._make(self.agents)
        for env in filter(is_code, self.env):  # as in gym.make: "module:id" imports the module
            importlib.import_module(env.rpartition(":")[0])
            _check_registered(env)

    def _make(self, agents: Iterable[str]) -> None:
        for agent in (*agents, "full_short"):
            for keep_ratio in self._ratios_of(agent):
                run = RunOptions(agent=agent)
                prune_agents.make_for_run(run.agent, keep_ratio=keep_ratio, **run.agent_options)

    def runs(self, own_amount: Collection[str] = ()) -> list[RunOptions]:
        """The runs, seed by seed and controls first, so that a board is useful early.

        An agent that does not read its keep ratio, as `full`, is there once and at 1; `own_amount`
        says which of one's own do not.
        """
        others = [agent for agent in self.agents if agent not in CONTROLS]
        settings = {n: v for n, v in asdict(self).items() if n not in (*AXES, "seeds")}
        return [
            RunOptions(env=env, agent=agent, keep_ratio=keep_ratio, seed=seed, **settings)
            for seed in range(self.seeds)
            for env in self.env
            for agent in (*CONTROLS, *others)
            for keep_ratio in self._ratios_of(agent, own_amount)
        ]

    def _ratios_of(self, agent: str, own_amount: Collection[str] = ()) -> tuple[float, ...]:
        if not reads_keep_ratio(RunOptions(agent=agent).agent, own_amount):
            return (1.0,)
        further = self.full_short_at if agent == "full_short" else ()
        return tuple(dict.fromkeys((*self.keep_ratios, *further)))

    def merged(self, other: Grid) -> Grid | None:
        """One grid with the runs of both and no others; None where there is no such grid."""
        differing = {name for name in asdict(self) if getattr(self, name) != getattr(other, name)}
        if len(differing) > 1 or not differing <= {*AXES, "seeds"}:
            return None
        union: dict[str, Any] = {
            name: tuple(dict.fromkeys(getattr(self, name) + getattr(other, name))) for name in AXES
        }
        return replace(self, **union, seeds=max(self.seeds, other.seeds))


def _check_registered(env: str) -> None:
    if env.rpartition(":")[2] not in gym.registry:
        more = "`prune-env envs` lists them"
        raise ValueError(unknown("environment", env, gym.registry, more))


def reads_keep_ratio(agent: str, own_amount: Collection[str] = ()) -> bool:
    """Whether an agent is another one at another keep ratio. Nothing is imported.

    Args:
        agent: its name; one that is not known here is.
        own_amount: the agents of one's own that are not.
    """
    if agent in own_amount:
        return False
    try:
        return is_own(agent) or prune_agents.reads_keep_ratio(agent)
    except ValueError:
        return True


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
        content: dict[str, Any] = {"grids": [_shortest(grid, Grid(), ALWAYS) for grid in grids]}
        if pinned := _shortest(pins, Pins(), ()):
            content["pins"] = pinned
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
        """Write some kilobytes and remove them.

        Raises:
            OSError: the disk is full or refuses.
        """
        path = self.work / "disk"
        with replacing(path) as temporary:
            temporary.write_bytes(bytes(1 << 18))
        path.unlink()

    # -- where things are -------------------------------------------------------------------------

    def result_path(self, name: str) -> Path:
        """The result of a run; it is there exactly when the run is done."""
        return self.folder / "runs" / f"{name}.json"

    def failure_path(self, name: str) -> Path:
        """Why a run failed."""
        return self.folder / "failed" / f"{name}.json"

    def checkpoint_path(self, name: str) -> Path:
        """From where a run that was cut off goes on."""
        return self.work / f"{name}.pt"

    def is_open(self, name: str) -> bool:
        """Whether a run is neither done nor failed."""
        return not (self.result_path(name).exists() or self.failure_path(name).exists())


def added(grids: Sequence[Grid], new: Grid) -> list[Grid]:
    """These grids with the runs of another one, and no others."""
    for place, old in enumerate(grids):
        if (merged := old.merged(new)) is not None:
            return [*grids[:place], merged, *grids[place + 1 :]]
    return [*grids, new]


def runs_of(grids: Iterable[Grid], pins: Pins) -> dict[str, RunOptions]:
    """All runs by their id, seed by seed and controls first."""
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
        if unknown := sorted(set(content) - {"grids", "pins"}):
            raise ValueError(f"unknown keys {', '.join(map(str, unknown))}")
        return [Grid(**grid) for grid in content["grids"]], Pins(**content.get("pins", {}))
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"{path} does not describe a board: {error}") from error


def _shortest(options: Any, usual: Any, always: Collection[str]) -> dict[str, Any]:
    """Options as YAML shows them: without the ones that are as usual."""
    chosen = {
        name: value
        for name, value in asdict(options).items()
        if name in always or value != getattr(usual, name)
    }
    return {n: list(v) if isinstance(v, tuple) else v for n, v in chosen.items()}
