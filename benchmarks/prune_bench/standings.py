"""Standings: the runs of a board as comparisons, one row an agent.

`read_standings(folder)` is the way in. A `Comparison` is what may stand in one table: one setting
(environment, epochs, network ...) at one keep ratio. Its rows are agents; a row holds the runs of
its seeds and what follows from them. Runs that are missing or failed are counted, never dropped.

Equal cost means the cost of `full_short`, which trains on all data for keep_ratio of the epochs.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from prune_bench.results import read_results
from prune_bench.runner import RunOptions
from prune_bench.statistics import (
    Estimate,
    Scores,
    accuracy_at,
    estimate,
    iqm,
    normalise,
    paired_differences,
)

Rule = Literal["all data", "fixed keep ratio", "total budget"]
"""How the cost of a run is bounded. The last two are never compared in one table, except that
`full_short`, the bar that everything has to clear, is shown in both."""

CONTROLS = ("full", "full_short", "static_random", "random_dynamic", "rs2")
PHASES = ("train", "select", "observe", "evaluate")
TRAIN_PASSES = 3
"""A sample that is trained costs a forward pass, 1, and a backward pass, 2."""
MIN_SEEDS = 5
"""With fewer, an interval says little."""

_VARYING = ("agent", "agent_options", "keep_ratio", "seed")
"""Options in which the runs of one setting differ."""


@dataclass(frozen=True)
class Setting:
    """What all runs have in common that may be compared."""

    env: str
    epochs: int | None
    """None where the recipe decides and no run has finished yet"""
    others: tuple[tuple[str, str], ...] = ()
    """the other options that differ from the usual ones, as text"""

    @staticmethod
    def of(options: Mapping[str, Any]) -> Setting:
        """The setting of a run with these `RunOptions`."""
        usual = {field.name: getattr(RunOptions(), field.name) for field in fields(RunOptions)}
        others = {
            name: value
            for name, value in options.items()
            if name not in (*_VARYING, "env", "epochs") and value != usual.get(name)
        }
        text = tuple((name, json.dumps(value).strip('"')) for name, value in others.items())
        return Setting(options["env"], options["epochs"], text)

    @property
    def title(self) -> str:
        """CIFAR10, 8 epochs, network small."""
        name = self.env.removeprefix("prune_env/").removesuffix("-v0")
        epochs = [] if self.epochs is None else [f"{self.epochs} epochs"]
        others = [f"{name.replace('_', ' ')} {value}" for name, value in self.others]
        return ", ".join([name, *epochs, *others])


@dataclass(frozen=True)
class Run:
    """A finished run, read from its result."""

    result: Mapping[str, Any]

    @property
    def seed(self) -> int:
        return self.result["options"]["seed"]

    @property
    def last(self) -> float:
        """Test accuracy at the end, in [0, 1]. It decides."""
        return self.result["test_accuracy"]["last"]

    @property
    def best(self) -> float:
        """Highest test accuracy on the way, in [0, 1]. For comparison only."""
        return self.result["test_accuracy"]["best"]

    @property
    def full_passes(self) -> int:
        """What training on all data for all epochs costs, in sample passes."""
        return TRAIN_PASSES * self.result["num_arms"] * self.result["options"]["epochs"]

    @property
    def cost(self) -> float:
        """What the agent is charged, relative to training on all data for all epochs."""
        return self.result["passes"]["charged"] / self.full_passes

    @property
    def pays_evaluation(self) -> bool:
        """Whether the agent sees the validation split and so is charged for evaluating it."""
        passes = self.result["passes"]
        return passes["charged"] > passes["train"] + passes["refresh"]

    @property
    def clock(self) -> Literal["cpu_seconds", "seconds"]:
        """CPU seconds on a processor, where other work disturbs the wall clock; else wall-clock."""
        return "cpu_seconds" if self.result["place"]["device"] == "cpu" else "seconds"

    @property
    def phases(self) -> dict[str, float]:
        """Seconds in train, select, observe and evaluate."""
        return {phase: self.result[self.clock][phase] for phase in PHASES}

    @property
    def charged_seconds(self) -> float:
        """Seconds without evaluation, unless the agent sees it."""
        evaluation = 0.0 if self.pays_evaluation else self.phases["evaluate"]
        return sum(self.phases.values()) - evaluation

    @cached_property
    def curve(self) -> dict[str, Scores]:
        """The evaluated rounds: `round`, `passes` (relative to all data for all epochs),
        `seconds` (charged ones) and `accuracy` (on the test split), each (R,).
        """
        rows = [row for row in self.result["history"] if "test_accuracy" in row]
        free = 0.0 if self.pays_evaluation else 1.0
        seconds = [row[self.clock] - free * row[f"{self.clock}_evaluate"] for row in rows]
        return {
            "round": np.array([row["round"] for row in rows], np.float64),
            "passes": np.array([row["passes"] for row in rows]) / self.full_passes,
            "seconds": np.array(seconds),
            "accuracy": np.array([row["test_accuracy"] for row in rows]),
        }


@dataclass(frozen=True)
class Row:
    """One agent in one comparison. Accuracies and differences are in [0, 1]."""

    agent: str
    """its name, and the options that were given"""
    keep_ratio: float
    rule: Rule
    runs: tuple[Run, ...] = ()
    """finished runs by seed"""
    expected: int = 0
    """runs that the board asks for, or that there are"""
    failed: int = 0
    """runs that ended in an error"""
    last: Estimate | None = None
    """interquartile mean of the last test accuracy"""
    ahead: Estimate | None = None
    """last test accuracy minus that of `full_short`, paired by seed"""
    ahead_passes: Estimate | None = None
    """the same, but the agent's accuracy is taken when it had cost as many passes"""
    ahead_seconds: Estimate | None = None
    """the same, at as many seconds"""
    ahead_random: Estimate | None = None
    """last test accuracy minus that of `random_dynamic`, paired by seed"""
    normalised: Estimate | None = None
    """last test accuracy on a scale where `random_dynamic` is 0 and `full` is 1"""
    normalised_runs: Scores | None = None
    """(n,) the same of every run"""

    @property
    def is_control(self) -> bool:
        return self.agent in CONTROLS

    @property
    def complete(self) -> bool:
        """Whether all runs are there; what is not complete is shown in grey and wins nothing."""
        return bool(self.runs) and len(self.runs) >= self.expected

    @property
    def best(self) -> float:
        """Interquartile mean of the best test accuracy."""
        return float(iqm([run.best for run in self.runs]))

    @property
    def cost(self) -> float:
        """Mean charge relative to all data for all epochs."""
        return float(np.mean([run.cost for run in self.runs]))

    @property
    def seconds(self) -> float:
        """Mean charged seconds."""
        return float(np.mean([run.charged_seconds for run in self.runs]))

    @property
    def phases(self) -> dict[str, float]:
        """Mean seconds in each phase."""
        return {name: float(np.mean([run.phases[name] for run in self.runs])) for name in PHASES}

    def scores(self) -> dict[int, float]:
        """Last test accuracy by seed."""
        return {run.seed: run.last for run in self.runs}


@dataclass(frozen=True)
class Comparison:
    """One setting at one keep ratio: rows that may be compared, best first."""

    setting: Setting
    keep_ratio: float
    rows: tuple[Row, ...]

    def row(self, agent: str) -> Row | None:
        """The row of an agent, where it has finished runs."""
        return next((row for row in self.rows if row.agent == agent and row.runs), None)


@dataclass(frozen=True)
class Failure:
    """A run that ended in an error."""

    name: str
    error: str


@dataclass(frozen=True)
class Standings:
    """Everything that a board's folder says."""

    comparisons: tuple[Comparison, ...]
    failures: tuple[Failure, ...] = ()

    @property
    def settings(self) -> list[Setting]:
        """The settings, in order, each once."""
        return list(dict.fromkeys(comparison.setting for comparison in self.comparisons))

    def of(self, setting: Setting) -> list[Comparison]:
        """The comparisons of one setting, smallest keep ratio first."""
        return [comparison for comparison in self.comparisons if comparison.setting == setting]

    @property
    def runs(self) -> list[Run]:
        """All finished runs, each once."""
        runs = {
            id(run): run
            for comparison in self.comparisons
            for row in comparison.rows
            for run in row.runs
        }
        return list(runs.values())

    @property
    def missing(self) -> int:
        """How many runs are expected and not there."""
        return sum(
            row.expected - len(row.runs)
            for setting in self.settings
            for position, comparison in enumerate(self.of(setting))
            for row in comparison.rows
            if position == 0 or row.rule != "all data"  # `full` is in every comparison
        )


def read_standings(folder: Path) -> Standings:
    """The standings of a board's folder.

    Raises:
        FileNotFoundError: there is no result in it.
        ValueError: a file in it is not what it should be.
    """
    from prune_bench.board import Board

    results = list(read_results(folder))
    expected = Board(folder).runs()
    if not results and not expected:
        raise FileNotFoundError(f"no results in {folder}/runs and no {folder}/board.yaml")
    failures = {
        path.stem: json.loads(path.read_text())
        for path in sorted((folder / "failed").glob("*.json"))
    }
    return standings(results, expected, failures)


def standings(
    results: Iterable[Mapping[str, Any]],
    expected: Mapping[str, RunOptions] | None = None,
    failures: Mapping[str, Mapping[str, Any]] | None = None,
) -> Standings:
    """The standings of these results.

    Args:
        results: what `prune_bench.runner.run` returned.
        expected: the runs of the board by their id; by default there are none but the results.
        failures: by id of the run, objects with its `options` and the text `error`.
    """
    found = {result.get("id", position): result for position, result in enumerate(results)}
    failures = {name: why for name, why in (failures or {}).items() if name not in found}
    options = {name: dict(result["options"]) for name, result in found.items()}
    planned = {name: failure["options"] for name, failure in failures.items()}
    planned |= {name: vars(chosen) for name, chosen in (expected or {}).items()}
    finished = list(options.values())
    options |= {
        name: _with_epochs(chosen, finished)
        for name, chosen in planned.items()
        if name not in found
    }
    cells: dict[tuple[Setting, float, str], list[Any]] = defaultdict(list)
    for name, chosen in options.items():
        cells[Setting.of(chosen), chosen["keep_ratio"], _label(chosen)].append(name)

    rows: dict[Setting, list[Row]] = defaultdict(list)
    for (setting, keep_ratio, agent), names in cells.items():
        runs = sorted((Run(found[name]) for name in names if name in found), key=lambda r: r.seed)
        row = Row(
            agent=agent,
            keep_ratio=keep_ratio,
            rule=_rule(agent, runs),
            runs=tuple({run.seed: run for run in runs}.values()),
            expected=len({options[name]["seed"] for name in names}),
            failed=sum(name in failures for name in names),
        )
        rows[setting].append(row)
    return Standings(
        tuple(
            _compare(setting, keep_ratio, rows[setting])
            for setting in sorted(rows, key=lambda setting: setting.title)
            for keep_ratio in _keep_ratios(rows[setting])
        ),
        tuple(Failure(name, failure["error"]) for name, failure in failures.items()),
    )


def _keep_ratios(rows: Sequence[Row]) -> list[float]:
    """Those at which something is compared; `full` alone has none of its own."""
    ratios = {row.keep_ratio for row in rows if row.rule != "all data"}
    return sorted(ratios or {row.keep_ratio for row in rows})


def _compare(setting: Setting, keep_ratio: float, rows: Sequence[Row]) -> Comparison:
    """The rows of one keep ratio, and `full`, with all that one row says about another."""
    rows = [row for row in rows if row.keep_ratio == keep_ratio or row.rule == "all data"]
    by_agent = {row.agent: row for row in rows if row.runs}
    short, random, full = map(by_agent.get, ("full_short", "random_dynamic", "full"))
    rows = [_with_estimates(row, short, random, full) if row.runs else row for row in rows]
    rows.sort(key=lambda row: -row.last.value if row.last else 0.0)
    return Comparison(setting, keep_ratio, tuple(rows))


def _with_estimates(row: Row, short: Row | None, random: Row | None, full: Row | None) -> Row:
    scores = row.scores()
    row = replace(row, last=_estimate(list(scores.values())))
    if short and row.agent not in ("full", "full_short"):
        bar, at = short.scores(), {}
        for unit, cost in (("passes", short.cost), ("seconds", short.seconds)):
            at[unit] = {
                run.seed: accuracy_at(run.curve[unit], run.curve["accuracy"], cost)
                for run in row.runs
            }
        row = replace(
            row,
            ahead=_difference(scores, bar),
            ahead_passes=_difference(at["passes"], bar),
            ahead_seconds=_difference(at["seconds"], bar),
        )
    if random and row.agent != "random_dynamic":
        row = replace(row, ahead_random=_difference(scores, random.scores()))
    if random and full and _scale_is_known(random, full):
        zero, one = (float(iqm(list(end.scores().values()))) for end in (random, full))
        normalised = normalise(list(scores.values()), zero, one)
        row = replace(row, normalised=_estimate(normalised), normalised_runs=normalised)
    return row


def _scale_is_known(random: Row, full: Row) -> bool:
    """Whether `full` is ahead of `random_dynamic` for sure: else the scale is made of noise."""
    difference = _difference(full.scores(), random.scores())
    return difference is not None and difference.sign > 0


def _difference(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Estimate | None:
    """Ours minus theirs, paired by seed; None where a value or a common seed is missing."""
    differences = paired_differences(ours, theirs)
    if not len(differences) or np.isnan(differences).any():
        return None
    return _estimate(differences)


def _estimate(scores: Sequence[float] | Scores) -> Estimate:
    """Interquartile mean and interval; the same draws for every row, whatever else is there."""
    return estimate([np.asarray(scores)], np.random.default_rng(0))


def _label(options: Mapping[str, Any]) -> str:
    given = [f"{name}={value}" for name, value in sorted(options["agent_options"].items())]
    return " ".join([options["agent"], *given])


def _rule(agent: str, runs: Sequence[Run]) -> Rule:
    if agent == "full":
        return "all data"
    budget = runs[0].result["env_options"]["budget"] if runs else None
    return "total budget" if budget or agent == "full_short" else "fixed keep ratio"


def _with_epochs(planned: dict[str, Any], known: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A planned run with the epochs that its recipe gives, as far as a finished run tells."""
    if planned["epochs"] is not None:
        return planned
    usual = Setting.of(planned).others
    for options in known:
        if options["env"] == planned["env"] and Setting.of(options).others == usual:
            return planned | {"epochs": options["epochs"]}
    return planned
