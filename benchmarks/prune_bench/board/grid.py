"""Grids: environments x agents x keep ratios x seeds, the runs that belong to a board."""

from __future__ import annotations

import importlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any

import gymnasium as gym
import prune_agents

from prune_bench.run.options import RunOptions, Settings
from prune_bench.run.pairs import located
from prune_bench.run.sources import is_code, is_own
from prune_env.checks import In, check
from prune_env.lookup import unknown
from prune_env.wrappers.small_ids import plain_id

CONTROLS = ("full", "full_short", "static_random", "random_dynamic", "rs2")
"""On every board: what an agent has to beat before its number means something."""

AXES = ("env", "agents", "keep_ratios", "full_short_at")
"""The fields of a grid that are lists."""

MOST_RUNS = 50_000
"""Of a board: every command lists them, and names each by a digest."""

BASIC_AGENTS = ("uncertainty", "epsilon_greedy", "ucb", "ucb1")
"""The agents of a board that names none."""


@dataclass(frozen=True)
class Grid(Settings):
    """Environments x agents x keep ratios x seeds. Checked when made."""

    env: tuple[str, ...] = ("prune_env/Digits-v0",)
    """registered ids of environments"""
    agents: tuple[str, ...] = BASIC_AGENTS
    """names of selection policies, or import paths module:Class, each with options where they
    follow (ucb:c=0.5 ucb:c=2); the controls are always there"""
    keep_ratios: tuple[float, ...] = (0.1, 0.3, 0.5)
    """shares of the arms to keep each round, in (0, 1]"""
    full_short_at: tuple[float, ...] = ()
    """keep ratios at which full_short is run as well; those at which an agent costs another share
    than it keeps are added by the board itself, when that is known"""
    controls: tuple[str, ...] = CONTROLS
    """the controls that are run; full_short always is"""
    seeds: Annotated[int, In("[1, inf)")] = 5
    """how many; they are 0, 1, 2 ..."""

    def __post_init__(self) -> None:
        check(self)
        for name in AXES:
            if not getattr(self, name) and name not in ("agents", "full_short_at"):
                raise ValueError(f"{name} is empty; name at least one")
        check_number([self])
        object.__setattr__(self, "env", tuple(map(plain_id, self.env)))
        object.__setattr__(self, "agents", tuple(map(located, self.agents)))
        for env in self.env:
            if not is_code(env):
                _check_registered(env)
        if not {"full_short"} <= {*self.controls} <= {*CONTROLS}:
            raise ValueError(
                f"controls are {', '.join(self.controls)}; allowed are full_short, which always is "
                f"one, and others of {', '.join(CONTROLS)}"
            )
        RunOptions(**self.settings())  # as runs check them
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
                run = RunOptions(agent=agent, keep_ratio=keep_ratio)
                prune_agents.make_for_run(run.agent, keep_ratio=keep_ratio, **run.agent_options)

    def runs(self, own_amount: Collection[str] = ()) -> list[RunOptions]:
        """The runs, seed by seed and controls first, so that a board is useful early.

        An agent that does not read its keep ratio, as `full`, is there once and at 1; `own_amount`
        says which of one's own do not.
        """
        others = [agent for agent in self.agents if agent not in self.controls]
        return [
            RunOptions(env=env, agent=agent, keep_ratio=keep_ratio, seed=seed, **self.settings())
            for seed in range(self.seeds)
            for env in self.env
            for agent in (*self.controls, *others)
            for keep_ratio in self._ratios_of(agent, own_amount)
        ]

    def _ratios_of(self, agent: str, own_amount: Collection[str] = ()) -> tuple[float, ...]:
        if not reads_keep_ratio(RunOptions(agent=agent).agent, own_amount):
            return (1.0,)
        further = self.full_short_at if agent == "full_short" else ()
        return tuple(dict.fromkeys((*self.keep_ratios, *further)))

    def unusual(self, *always: str) -> dict[str, Any]:
        """The options that are not as usual, and those named; the grid's own come first."""
        values, usual = asdict(self), asdict(Grid())
        own_first = sorted(values, key=lambda name: name not in Grid.__annotations__)
        return {n: values[n] for n in own_first if n in always or values[n] != usual[n]}

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


def check_number(grids: Iterable[Grid]) -> None:
    """Refuse more runs than a board has.

    Raises:
        ValueError: how many there may be.
    """
    most = sum(
        grid.seeds
        * len(grid.env)
        * (len(grid.controls) + len(grid.agents))
        * (len(grid.keep_ratios) + len(grid.full_short_at))
        for grid in grids
    )
    if most > MOST_RUNS:
        raise ValueError(
            f"it makes up to {most:,} runs; allowed are {MOST_RUNS:,} or fewer: take fewer seeds, "
            "agents, keep ratios or environments"
        )


def reads_keep_ratio(agent: str, own_amount: Collection[str] = ()) -> bool:
    """Whether an agent is another one at another keep ratio. Nothing is imported.

    Args:
        agent: its name; an unknown agent counts as one that reads its keep ratio.
        own_amount: the agents of one's own that do not.
    """
    if agent in own_amount:
        return False
    try:
        return is_own(agent) or prune_agents.reads_keep_ratio(agent)
    except ValueError:
        return True


def as_typed(options: Mapping[str, Any]) -> list[str]:
    """Options of a grid as the words of a command line."""
    words = []
    for name, value in options.items():
        word = name.replace("_", "-")
        words.append(f"--no-{word}" if value is False else f"--{word}")
        if isinstance(value, dict):
            words += [f"{key}={json.dumps(item)}" for key, item in value.items()]
        elif isinstance(value, list | tuple):
            words += [str(item) for item in value]
        elif not isinstance(value, bool):
            words.append(str(value))
    return words


def added(grids: Sequence[Grid], new: Grid) -> list[Grid]:
    """These grids with the runs of another one, and no others."""
    for place, old in enumerate(grids):
        if (merged := old.merged(new)) is not None:
            return [*grids[:place], merged, *grids[place + 1 :]]
    return [*grids, new]
