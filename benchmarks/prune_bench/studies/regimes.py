"""When does choosing pay? The map of hardest-first, easiest-first and random choice.

A cell of the map is a small setting: a data set, a number of arms and of epochs, a network, a share
of wrong labels. In each the policies are compared with `full_short` at equal cost. Underneath is a
board, one grid a cell, worked off cell by cell; the cell's numbers are those of its standings.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress, product
from operator import not_
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from rich.console import Group
from rich.text import Text

from prune_bench.board.board import Board, runs_of
from prune_bench.board.grid import Grid
from prune_bench.board.pinning import make_learner
from prune_bench.report.terminal import Fitted
from prune_bench.run.options import Place, RunOptions
from prune_bench.run.pairs import short_name
from prune_bench.standings.build import read_standings
from prune_bench.standings.model import Comparison
from prune_bench.standings.statistics import Estimate
from prune_bench.standings.verdict import points
from prune_env.checks import In, check

POLICIES = {
    "uncertainty": "hardest first",
    "easiest": "easiest first",
    "random_dynamic": "random",
}
"""What is compared with `full_short`."""

ALL_ARMS: dict[str, Any] = {"num_validation": 0}
"""Of the environment: nothing is set aside."""


@dataclass(frozen=True)
class RegimesOptions:
    """The cells of the map: all combinations that are not too large. Checked when made.

    They are run in the order in which the options name them, of each network and label noise the
    cheapest first.
    """

    env: tuple[str, ...] = ("prune_env/CIFAR10-v0", "prune_env/CIFAR100-v0")
    """registered ids of environments"""
    image_size: int | None = 16
    """pixels of a side"""
    arms: tuple[int, ...] = (5_000, 15_000, 50_000)
    """numbers of arms; of those above what a data set has, the smallest, which stands for all"""
    epochs: tuple[int, ...] = (10, 33, 100)
    """rounds of a run; a policy trains on an arm keep_ratio times as often, on average"""
    networks: tuple[str, ...] = ("small", "small_quarter")
    """names of networks"""
    label_noise: tuple[float, ...] = (0.0, 0.2)
    """shares of wrong labels"""
    most_passes: Annotated[int, In("[1, inf)")] = 500_000
    """cells with more arms times epochs are left out"""
    keep_ratio: float = 0.3
    """share of the arms to keep each round"""
    seeds: int = 5
    """runs of a policy in a cell"""

    def __post_init__(self) -> None:
        check(self)
        for name in ("env", "arms", "epochs", "networks", "label_noise"):
            if not (listed := getattr(self, name)):
                raise ValueError(f"{name} is empty; name at least one")
            if name in ("arms", "epochs") and min(listed) < 1:
                raise ValueError(f"{name} has {min(listed)}; allowed are whole numbers from 1")
        if (smallest := min(self.arms) * min(self.epochs)) > self.most_passes:
            raise ValueError(
                f"most_passes is {self.most_passes:,}; the smallest of these cells has {smallest:,}"
            )


def sizes_of(options: RegimesOptions, data: str | None) -> dict[str, int]:
    """How many arms each environment has where it may have as many as the largest cell.

    Args:
        options: the cells.
        data: folder of the data, see `Place`.

    Raises:
        ValueError, FileNotFoundError: the data are not there.
    """
    place, most = Place(data=data, device="cpu"), max(options.arms)
    of_one = partial(RunOptions, limit=most, image_size=options.image_size, env_kwargs=ALL_ARMS)
    return {env: make_learner(of_one(env=env), place).num_arms for env in options.env}


def grids(options: RegimesOptions, sizes: Mapping[str, int]) -> Iterator[Grid]:
    """The cells, the data sets of one side by side; all arms are trained on, none is set aside.

    Args:
        options: the cells.
        sizes: how many arms each environment has, see `sizes_of`.
    """
    cells: dict[tuple[int, int], list[str]] = {}
    descending = sorted(options.arms, reverse=True)
    for env, epochs in product(options.env, options.epochs):
        # of those that are the same arms, the smallest comes last and stays
        for arms in {min(arms, sizes[env]): arms for arms in descending}.values():
            if arms * epochs <= options.most_passes:
                cells.setdefault((arms, epochs), []).append(env)
    by_cost = sorted(cells, key=lambda size: (size[0] * size[1], size))
    for noise, network, (arms, epochs) in product(options.label_noise, options.networks, by_cost):
        yield Grid(
            env=tuple(cells[arms, epochs]),
            agents=tuple(POLICIES),
            keep_ratios=(options.keep_ratio,),
            controls=("full_short", "random_dynamic"),
            seeds=options.seeds,
            epochs=epochs,
            network=network,
            limit=arms,
            evaluate_every=epochs,
            image_size=options.image_size,
            label_noise=noise,
            env_kwargs=ALL_ARMS,
        )


class Map(Board):
    """A board that is worked off grid by grid, so that whole cells are there early."""

    def runs(self) -> dict[str, RunOptions]:
        """All runs by their id."""
        grids, pins = self.read()
        return {name: run for grid in grids for name, run in runs_of([grid], pins).items()}


# -- what came out --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """One setting, and how far the policies are ahead of `full_short` there."""

    env: str
    arms: int
    epochs: int
    network: str
    label_noise: float
    image_size: int | None
    keep_ratio: float
    bar: float
    """mean accuracy of `full_short`, in [0, 1]"""
    bar_loss: float
    """mean training loss of `full_short` in its last round, nats"""
    classes: int
    ahead: Mapping[str, Estimate]
    """of each policy that has runs; in [-1, 1]"""
    signs: Mapping[str, int]
    """1 where that is certainly above 0, -1 where it is below, else 0"""

    @property
    def loss_share(self) -> float:
        """That loss as a share of a uniform guess's: 1 knows nothing, 0 knows all by heart."""
        return self.bar_loss / math.log(self.classes)

    @property
    def key(self) -> tuple[Any, ...]:
        """What decides its runs."""
        of_run = (self.env, self.arms, self.epochs, self.network, self.label_noise)
        return (*of_run, self.image_size, self.keep_ratio)

    @property
    def parts(self) -> tuple[str, ...]:
        """What its name is made of, as many of every cell; a part may be empty."""
        size = f" at {self.image_size} pixels" if self.image_size else ""
        return (
            short_name(self.env) + size,
            f"{self.arms:,} arms",
            f"{self.epochs} epochs",
            self.network,
            f"noise {self.label_noise:g}" if self.label_noise else "",
        )


def read_cells(folder: Path) -> list[Cell]:
    """The cells of a board that have runs of `full_short` and of a policy, each once: of several
    numbers of arms above what the data have, all runs are the same.

    Raises:
        FileNotFoundError, ValueError: as for `read_standings`.
    """
    found = map(_cell, read_standings(folder).comparisons)
    cells: dict[tuple[Any, ...], Cell] = {}
    for cell in found:
        if cell is not None:
            cells.setdefault(cell.key, cell)
    return list(cells.values())


def _cell(comparison: Comparison) -> Cell | None:
    bar = comparison.row("full_short")
    rows = {agent: row for agent in POLICIES if (row := comparison.row(agent)) and row.ahead}
    if bar is None or not rows:
        return None
    run = bar.runs[0]
    return Cell(
        env=run.options["env"],
        arms=run.num_arms,
        epochs=run.options["epochs"],
        network=run.trained.get("network") or run.options["network"],
        label_noise=run.options["label_noise"],
        image_size=run.options["image_size"],
        keep_ratio=comparison.keep_ratio,
        bar=float(bar.scores.mean()),
        bar_loss=float(np.mean([run.last_loss for run in bar.runs])),
        classes=run.classes,
        ahead={agent: row.ahead for agent, row in rows.items() if row.ahead},
        signs={agent: row.sign for agent, row in rows.items()},
    )


def table(cells: Sequence[Cell]) -> Group:
    """The cells, and how far each policy is ahead, in points; what is certain has a star."""
    parts = [cell.parts for cell in cells]
    is_shared = [len(set(of_all)) == 1 for of_all in zip(*parts, strict=True)]
    is_shared[1:2] = [False]  # a cell is called by its arms at least
    rows = []
    for cell in cells:
        own = ", ".join(filter(None, compress(cell.parts, map(not_, is_shared))))
        ahead = [_ahead(cell.ahead.get(name), cell.signs.get(name, 0)) for name in POLICIES]
        rows.append([own, f"{100 * cell.bar:.1f}", *ahead])
    same = ", ".join(filter(None, compress(parts[0], is_shared))) if parts else ""
    title = f"{same}: " * bool(same) + (
        "points ahead of full_short at equal cost, ±95 %; * certain within its cell\n"
    )
    headings = ["cell", "full_short", *POLICIES.values()]
    return Group(Text(title), Fitted(headings, rows))


def _ahead(estimate: Estimate | None, sign: int) -> str:
    """+1.2 ±0.8*: points, half of their interval, and whether that is certain."""
    text = points(estimate, signed=True, interval=False)
    half = "" if estimate is None or estimate.low is None else f" ±{100 * estimate.half:.1f}"
    return text + half + "*" * bool(sign)
