"""How well a cheap rung, or a smaller board, predicts a board: `prune-env fidelity`.

The agents of each board are run on each rung, at the board's keep ratio and number of rounds, and
the orders are compared, see `order`. Another board that has the same agents may stand for a rung.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import prune_agents
from rich.console import Group
from rich.text import Text

from prune_bench.board.counting import counted_in
from prune_bench.report.terminal import Fitted
from prune_bench.run.episode import Episode
from prune_bench.run.options import RunOptions
from prune_bench.run.pairs import split_agent, typed_agent
from prune_bench.run.result import Result
from prune_bench.run.schema import SHARE, misfit
from prune_bench.run.sources import is_own, sources_of
from prune_bench.standings.build import row_of
from prune_bench.standings.model import Setting
from prune_bench.standings.verdict import percent
from prune_bench.studies.order import Accuracies, likeness
from prune_env.checks import In, check
from prune_env.files import Damaged, read_json, write_json
from prune_env.lookup import unknown

NO_WRONG_LABELS = {"kinds": {"mislabelled": {"share": 0.0}}}

RUNGS: dict[str, tuple[str, dict[str, Any]]] = {
    "replay": ("prune_env/Replay-v0", {}),
    "probe": ("prune_env/Probe-v0", {}),
    "synthetic": ("prune_env/Synthetic-v0", {}),
    "synthetic, no wrong labels": ("prune_env/Synthetic-v0", NO_WRONG_LABELS),
}
"""The cheap rungs: an id and options."""

ITSELF = "half of its own runs"
"""What nothing can be expected to predict much better than: every other run of each agent, by the
rest."""

CLOSE = 0.02
"""A good agent ends at most so far below `full_short`: who is hopeless is easily told."""

Runs = dict[str, dict[str, dict[str, list[float]]]]
"""By rung, by keep ratio and rounds, by agent: the last test accuracy of each run."""

Told = Callable[[str, str], None]
"""Called with a rung and an agent before its runs."""


@dataclass(frozen=True)
class FidelityOptions:
    """What to compare with what. Checked when made."""

    boards: tuple[Path, ...] = (Path("benchmarks/results/cifar10-cpu"),)
    """folders of boards of real networks, to be predicted"""
    by: tuple[str, ...] = field(default_factory=lambda: tuple(RUNGS))
    """what predicts: rungs, and folders of other boards"""
    keep_ratios: tuple[float, ...] = (0.3,)
    """only agents at these keep ratios, each for itself"""
    runs: Annotated[int, In("[1, inf)")] = 8
    """of each agent on each rung"""
    resamples: Annotated[int, In("[1, inf)")] = 1000
    """of the bootstrap"""
    seed: int = 0
    """of the first run, and of the bootstrap"""
    out: Path | None = None
    """JSON file to write. Runs on rungs that are in it already are not run again, so a comparison
    that was cut off, or a board that has grown, costs what is missing; remove it when a rung has
    changed"""
    trust: bool = False
    """run the agents of one's own that a board names too, which imports their code"""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class Side:
    """The agents of one setting of a board at one keep ratio."""

    board: str
    """name of its folder"""
    setting: Setting
    keep_ratio: float
    accuracies: Accuracies
    at_cost: frozenset[str]
    """the agents that cost what the keep ratio says, see `Row.costs_its_keep_ratio`"""

    @property
    def good(self) -> list[str]:
        """The agents that cost what the keep ratio says and end near `full_short` or above it; none
        where that was not run.

        Whoever costs more ends higher, on a rung too, whatever it chooses.
        """
        least = np.mean(self.accuracies.get("full_short", [np.inf])) - CLOSE
        found = self.accuracies.items()
        return [name for name, runs in found if name in self.at_cost and np.mean(runs) >= least]

    @property
    def epochs(self) -> int:
        """Rounds of a run."""
        assert self.setting.epochs is not None  # a result says how many there were
        return self.setting.epochs

    @property
    def title(self) -> str:
        """What it is called beside others."""
        return f"{self.board}: {self.setting.title}, keep {percent(self.keep_ratio)}"


def compare(options: FidelityOptions, told: Told = lambda rung, agent: None) -> dict[str, Any]:
    """Run what is missing on every rung, and compare the orders.

    Args:
        options: what to compare with what.
        told: see `Told`.

    Returns:
        What `options.out` has, one JSON-able dict; benchmarks/results/README.md describes it.

    Raises:
        ValueError, FileNotFoundError: a board, or the file, is not one to compare with.
    """
    sides = [side for folder in options.boards for side in read_sides(folder, options.keep_ratios)]
    others = [name for name in options.by if name not in RUNGS]
    for name in others:
        if not Path(name).is_dir():
            raise ValueError(unknown("rung", name, RUNGS, "or the folder of a board"))
    smaller = [side for name in others for side in read_sides(Path(name), options.keep_ratios)]
    rungs = OnRungs(options, {name for side in sides for name in side.accuracies}, told)
    comparisons = []
    for side in sides:
        by = {rung: rungs.accuracies(rung, side) for rung in RUNGS if rung in options.by} | {
            other.title: other.accuracies
            for other in smaller
            if other.keep_ratio == side.keep_ratio and other.title != side.title
        }
        comparisons.append(_compared(side, by, options))
    return rungs.write({"comparisons": comparisons})


def _compared(side: Side, by: dict[str, Accuracies], options: FidelityOptions) -> dict[str, Any]:
    """Kendall's tau between a board and all that predicts it: of all agents, and of good ones."""
    good = side.good
    real = {"all": side.accuracies, "good": {name: side.accuracies[name] for name in good}}

    def alike(one: Accuracies, other: Accuracies) -> dict[str, float] | None:
        return likeness(one, other, options.resamples, np.random.default_rng(options.seed))

    def of_halves(of: Accuracies) -> dict[str, float] | None:
        first, second = ({n: r[place::2] for n, r in of.items() if len(r) > 1} for place in (0, 1))
        return alike(first, second)

    return {
        "board": side.board,
        "setting": side.setting.title,
        "keep_ratio": side.keep_ratio,
        "epochs": side.epochs,
        "accuracies": dict(side.accuracies),
        "good": good,
        "tau": {
            kind: {ITSELF: of_halves(of)} | {name: alike(of, other) for name, other in by.items()}
            for kind, of in real.items()
        },
    }


def read_sides(folder: Path, keep_ratios: tuple[float, ...]) -> list[Side]:
    """The settings of a board in which three or more agents were run at a keep ratio.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: there is none.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} does not exist; expected the folder of a board")
    found: dict[tuple[Setting, float], dict[str, list[Result]]] = {}
    results, said = counted_in(folder)
    for result in results:
        options = result.options
        if options["keep_ratio"] in keep_ratios:
            key = Setting.of(result.comparable), options["keep_ratio"]
            label = typed_agent(options["agent"], options["agent_options"])
            found.setdefault(key, {}).setdefault(label, []).append(result)
    rows = {
        key: {name: row_of(name, key[1], runs) for name, runs in agents.items()}
        for key, agents in found.items()
    }
    sides = [
        Side(
            folder.resolve().name,
            *key,
            {name: [run.last for run in row.runs] for name, row in of.items()},
            frozenset(name for name, row in of.items() if row.costs_its_keep_ratio),
        )
        for key, of in rows.items()
        if len(of) >= 3
    ]
    if not sides:
        counts = [f"{len(agents)} at {key[1]:g}" for key, agents in found.items()]
        asked = ", ".join(f"{keep:g}" for keep in keep_ratios)
        raise ValueError(
            f"{folder} has {'; '.join([*counts, *said]) or 'no'} agents; expected three or more of "
            f"one setting at keep ratio {asked}"
        )
    return sorted(sides, key=lambda side: (side.setting.title, side.keep_ratio))


# -- the runs on rungs, and the file that has them ------------------------------------------------


class OnRungs:
    """The accuracies of agents on rungs, as far as a file has them and then as they are run.

    Args:
        options: of the comparison.
        agents: all that will be asked for.
        told: see `Told`.
    """

    def __init__(self, options: FidelityOptions, agents: set[str], told: Told) -> None:
        self.options, self.told = options, told
        self.settings = {
            "runs": options.runs,
            "seed": options.seed,
            "rungs": {label: list(rung) for label, rung in RUNGS.items()},
        }
        own = {name for name in agents if is_own(split_agent(name)[0])}
        self.strangers = set() if options.trust else own
        self.runs, then = _known(options.out, self.settings)
        now = {name: _version(name) for name in agents - self.strangers}
        for known in (of for kinds in self.runs.values() for of in kinds.values()):
            for name in now.keys() & known.keys():
                if now[name] != then.get(name, ""):
                    del known[name]
        self.versions = {name: version for name, version in (then | now).items() if version}
        self.left_out: dict[str, dict[str, str]] = {label: {} for label in RUNGS}

    def accuracies(self, rung: str, side: Side) -> Accuracies:
        """Those of a board's agents on a rung, run as often as the options say."""
        known = self.runs[rung].setdefault(f"keep {side.keep_ratio:g}, {side.epochs} rounds", {})
        for name in sorted(side.accuracies.keys() - known.keys()):
            if name in self.strangers:
                self.left_out[rung][name] = "it is not of this project; --trust imports it"
                continue
            self.told(rung, name)
            try:
                known[name] = list(self._run(rung, name, side))
            except ValueError as error:  # a rung has no images or gradients that an agent asks for
                self.left_out[rung][name] = str(error)
            self.write({})
        return {name: known[name] for name in side.accuracies if name in known}

    def _run(self, rung: str, name: str, side: Side) -> Iterator[float]:
        """The last test accuracy of each run of one agent."""
        for seed in range(self.options.seed, self.options.seed + self.options.runs):
            run = RunOptions(
                env=RUNGS[rung][0],
                agent=name,
                keep_ratio=side.keep_ratio,
                epochs=side.epochs,
                seed=seed,
            )
            yield last_accuracy(run, RUNGS[rung][1])

    def write(self, more: dict[str, Any]) -> dict[str, Any]:
        """Write the file, where there is to be one, with what else belongs in it."""
        content = {
            "settings": self.settings,
            "versions": self.versions,
            "runs": self.runs,
            "left_out": self.left_out,
            **more,
        }
        if self.options.out:
            write_json(self.options.out, content)
        return content


def last_accuracy(run: RunOptions, more: dict[str, Any]) -> float:
    """The last test accuracy of a run.

    Args:
        run: its options.
        more: further arguments of the environment.
    """
    episode = Episode(run, **more)
    while not episode.terminated:
        episode.step()
    return episode.test_accuracy


def _version(name: str) -> str:
    """What an agent is beside its name: the source of one's own, its file of weights, or a mended
    policy's revision.
    """
    agent, options = split_agent(name)
    revision = prune_agents.revision(agent, options)
    of = {"env": RUNGS["replay"][0], "agent": agent, "agent_options": options}
    sources = ", ".join(source for source in sources_of(of).values() if source)
    return sources or (f"revision {revision}" if revision > 1 else "")


def _known(out: Path | None, settings: dict[str, Any]) -> tuple[Runs, dict[str, str]]:
    """The runs that a file has already, and what their agents were then."""
    if out is None or not out.exists():
        return {label: {} for label in RUNGS}, {}
    found = read_json(out, "what this command wrote")
    runs = {label: {...: {...: [SHARE]}} for label in RUNGS}
    if wrong := misfit(found, {"settings": dict, "versions": {...: str}, "runs": runs}):
        raise Damaged(f"{out} is not what this command wrote: {wrong}")
    if found["settings"] != settings:
        raise ValueError(f"{out} has a comparison with other settings; name another, or remove it")
    return {label: found["runs"][label] for label in RUNGS}, found["versions"]


# -- what is shown --------------------------------------------------------------------------------


def table(comparison: dict[str, Any]) -> Group:
    """A line for all agents of each board, and one for the good ones."""
    comparisons = comparison["comparisons"]
    columns = list(dict.fromkeys(name for of in comparisons for name in of["tau"]["all"]))
    rows = []
    for of in comparisons:
        agents = {"all": of["accuracies"], "good": of["good"]}
        for kind, found in of["tau"].items():
            name = f"{of['board']}: {of['setting']}, keep {percent(of['keep_ratio'])}, {kind}"
            cells = [shown(found.get(column)) for column in columns]
            rows.append([name, f"{len(agents[kind])}", *cells])
    reasons = dict.fromkeys(
        f"left out: {name}: {reason}"
        for names in comparison["left_out"].values()
        for name, reason in names.items()
    )
    title = "Kendall's tau between orders of agents by last test accuracy, 95 % interval\n"
    title += "good: at the cost of the keep ratio, and at most 2 points below full_short\n"
    shown_table = Fitted(["board", "agents", *columns], rows)
    return Group(Text(title), shown_table, *(Text(reason, "dim") for reason in reasons))


def shown(found: dict[str, float] | None) -> str:
    """0.60 [0.05, 1.00]."""
    if not found:
        return "–"
    text = f"{found['tau']:.2f} [{found['low']:.2f}, {found['high']:.2f}]"
    return text.replace("-", "−")
