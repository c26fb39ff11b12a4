"""Standings: the runs of a board as comparisons, one row an agent. `build` fills them.

A `Comparison` is what may be compared: one setting (environment, epochs, network ...) at one keep
ratio. Its rows are agents; a row holds the runs of its seeds and what follows from them. Runs that
are missing or failed are counted, never dropped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from prune_bench.board.grid import CONTROLS, Grid
from prune_bench.run.options import USUAL, as_compared
from prune_bench.run.pairs import short_name
from prune_bench.run.result import PHASES, Failure, Result
from prune_bench.run.run_id import named_network
from prune_bench.standings.statistics import NO_NOISE, Estimate, Noise, Scores
from prune_env.text import number

Rule = Literal["all data", "fixed keep ratio", "total budget", "own amount"]
"""What bounds the cost of a run. Agents under different rules are never in one table; `full` and
`full_short`, the references, are in each."""

REFERENCES = ("full", "full_short")

MIN_SEEDS = 5
"""With fewer, an interval says little."""

EXTRA_COST = 0.02
"""Agents whose cost differs by less from their keep ratio may be averaged over keep ratios."""

SAME_COST = 0.01
"""Costs that differ by less than this share are the same. A rounded number of arms is no advantage:
what `Row.rounding` says, much of few arms, is added."""

HALF_AN_ARM = 0.5
"""By which a whole number of arms is off at most."""

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
        options = as_compared(options) | {"network": named_network(options)}
        others = sorted(
            (name, _text(value))
            for name, value in options.items()
            if name not in (*_VARYING, "env", "epochs") and value != USUAL.get(name)
        )
        return Setting(options["env"], options["epochs"], tuple(others))

    @property
    def title(self) -> str:
        """CIFAR10, 8 epochs, network small."""
        name = short_name(self.env)
        epochs = [] if self.epochs is None else [number(self.epochs, "epoch")]
        others = [f"{name.replace('_', ' ')} {value}" for name, value in self.others]
        return ", ".join([name, *epochs, *others])


def _text(value: Any) -> str:
    """An option as a title shows it: 0.2; precision bf16 of a recipe."""
    if isinstance(value, Mapping):
        return ", ".join(
            f"{name.replace('_', ' ')} {_text(of)}" for name, of in sorted(value.items())
        )
    return json.dumps(value, sort_keys=True).strip('"')


@dataclass(frozen=True)
class Row:
    """One agent in one comparison. Accuracies and differences are in [0, 1]."""

    agent: str
    """its name, and the options that were given"""
    keep_ratio: float
    rule: Rule
    runs: tuple[Result, ...] = ()
    """finished runs by seed"""
    expected: int = 0
    """runs that the board asks for, or that there are"""
    failed: int = 0
    """runs that ended in an error"""
    is_everywhere: bool = False
    """whether the agent does not read its keep ratio and so belongs to the comparison of each"""
    noise: Noise = NO_NOISE
    """how a run of it scatters, pooled with those of the other agents that scatter alike"""
    same_runs_as: tuple[str, ...] = ()
    """the agents whose runs are, arm by arm, the same as its own"""
    is_repeat: bool = False
    """whether an earlier row has these runs already, under another name"""
    chooses_nothing: bool = False
    """whether it keeps every arm as often as `full_short` does, and nothing measured decided which:
    no choice puts it ahead or behind, but chance, or that rounds end batches and the schedule
    elsewhere"""
    last: Estimate | None = None
    """mean of the last test accuracy"""
    ahead: Estimate | None = None
    """that minus what `full_short` reaches for as many sample passes; None where that is not known,
    see `prune_bench.standings.reference`"""
    from_curve: bool = False
    """whether that was read between two runs of `full_short`, for lack of one at that cost"""
    ahead_runs: Mapping[int, float] = field(default_factory=dict)
    """by seed, the same of every run"""
    sign: int = 0
    """1 where that is certainly ahead among all agents compared, -1 behind, else 0"""
    ahead_seconds: Estimate | None = None
    """last test accuracy minus what `full_short` reaches in as many seconds"""
    at_passes: Estimate | None = None
    """test accuracy when the run had cost as many passes as `full_short` at this keep ratio"""
    at_seconds: Estimate | None = None
    """test accuracy after as many seconds as `full_short` takes at this keep ratio"""
    ahead_random: Estimate | None = None
    """last test accuracy minus that of `random_dynamic`"""
    normalised: Estimate | None = None
    """last test accuracy on a scale where `random_dynamic` is 0 and `full` is 1"""
    normalised_runs: Scores | None = None
    """(n,) the same of every run"""
    seconds_saved: float | None = None
    """share of the charged seconds of `full` that it did not take; None where that was not run, or
    was run by a slower machine"""

    @property
    def label(self) -> str:
        """The agent, and those that it cannot be told from: "ucb = ucb1"."""
        return " = ".join((self.agent, *self.same_runs_as))

    @property
    def family(self) -> float | None:
        """A key of the rows that are judged together: the keep ratio, or None for rows of their own
        amount, which are one family.
        """
        return None if self.rule == "own amount" else self.keep_ratio

    @property
    def is_control(self) -> bool:
        """Whether it is one of the agents that every board has, to judge the others by."""
        return self.agent in CONTROLS

    @property
    def is_reference(self) -> bool:
        """Whether it belongs into every table."""
        return self.agent in REFERENCES

    @property
    def complete(self) -> bool:
        """Whether all runs are there; what is not complete is shown in grey and wins nothing."""
        return bool(self.runs) and len(self.runs) >= self.expected

    @property
    def best(self) -> float:
        """Mean of the best test accuracy."""
        return float(np.mean([run.best for run in self.runs]))

    @property
    def cost(self) -> float:
        """Mean charge relative to all data for all epochs; runs that ended early, as they diverged,
        count only where all did.
        """
        whole = [run for run in self.runs if not run.diverged] or self.runs
        return float(np.mean([run.cost for run in whole]))

    @property
    def passes_saved(self) -> float:
        """Share of the passes of all data for all epochs that it was not charged; below 0 it cost
        more.
        """
        return 1 - self.cost

    @property
    def saving_promised(self) -> float | None:
        """What its keep ratio says that it saves; None of an agent that does not read it."""
        return None if self.is_everywhere else 1 - self.keep_ratio

    @property
    def rounding(self) -> float:
        """Share of its cost that half an arm a round makes, since it keeps a whole number; 0 of an
        agent that does not read its keep ratio.
        """
        bound = self.runs and not self.is_everywhere
        return HALF_AN_ARM / (self.keep_ratio * self.runs[0].num_arms) if bound else 0.0

    @property
    def costs_its_keep_ratio(self) -> bool:
        """Whether it is charged what training on its keep ratio costs, and nothing beside that.
        Not, where it does not read that.
        """
        bound = self.runs and not self.is_everywhere
        off = abs(self.cost / self.keep_ratio - 1) if bound else np.inf
        return off < EXTRA_COST + self.rounding

    @property
    def cost_tolerance(self) -> float:
        """By what share another cost may differ from its own and still be the same."""
        return SAME_COST + self.rounding

    @property
    def seconds(self) -> float:
        """Mean charged seconds."""
        return float(np.mean([run.charged_seconds for run in self.runs]))

    @property
    def regret(self) -> float | None:
        """Mean regret at the end; None where the environment does not tell it."""
        ends = [run.regret for run in self.runs]
        told = [end for end in ends if end is not None]
        return float(np.mean(told)) if told and len(told) == len(ends) else None

    @property
    def wrong_kept(self) -> float | None:
        """Mean share of wrong labels among all arms that were kept; None where none are known."""
        told = [(run.wrong_kept, run.kept_shares) for run in self.runs]
        shares = [np.average(w, weights=kept) for w, kept in told if w is not None]
        return float(np.mean(shares)) if shares and len(shares) == len(told) else None

    @property
    def wrong_found(self) -> float | None:
        """Mean area under the curve for finding wrong labels by the mean loss, at the end."""
        found = [run.wrong_found for run in self.runs]
        areas = [of["mean_loss"] for of in found if "mean_loss" in of]
        return float(np.mean(areas)) if areas and len(areas) == len(found) else None

    @property
    def pace(self) -> float:
        """Mean seconds of training for a sample pass."""
        return float(np.mean([run.pace for run in self.runs]))

    @property
    def phases(self) -> dict[str, float]:
        """Mean seconds in each phase."""
        return {name: float(np.mean([run.phases[name] for run in self.runs])) for name in PHASES}

    @property
    def scores(self) -> Scores:
        """(n,) last test accuracy, by seed."""
        return np.array([run.last for run in self.runs])


@dataclass(frozen=True)
class Comparison:
    """One setting at one keep ratio: rows that may be compared, best first."""

    setting: Setting
    keep_ratio: float
    rows: tuple[Row, ...]
    bar: tuple[Row, ...] = ()
    """`full_short` at further keep ratios: the bar of agents that cost another share than they
    keep, or decide it"""

    @property
    def all_rows(self) -> tuple[Row, ...]:
        """The rows and the bar."""
        return self.rows + self.bar

    @property
    def shown(self) -> list[Row]:
        """The rows, of those that are the same only the first."""
        return [row for row in self.rows if not row.is_repeat]

    @property
    def tables(self) -> dict[Rule, list[Row]]:
        """The rows under each rule, together with the references and what bars they have."""
        rules: tuple[Rule, ...] = ("fixed keep ratio", "total budget", "own amount")
        tables = {
            rule: [row for row in self.shown if row.is_reference or row.rule == rule]
            for rule in rules
            if any(row.rule == rule and not row.is_reference for row in self.shown)
        } or {"fixed keep ratio": self.shown}
        return {
            rule: best_first([*rows, *_bars_of(rows, self.bar)]) for rule, rows in tables.items()
        }

    def row(self, agent: str) -> Row | None:
        """The row of an agent, where it has finished runs."""
        return next((row for row in self.rows if row.agent == agent and row.runs), None)


def _bars_of(rows: Sequence[Row], bars: Sequence[Row]) -> list[Row]:
    """The bars that judge agents of a table: those at the cost of one, where that is not what it
    keeps, or on both sides of one that is held against the curve between them.
    """
    found: dict[float, Row] = {}
    bars = sorted(bars, key=lambda bar: bar.keep_ratio)
    for row in rows:
        if not row.runs or row.is_reference or row.costs_its_keep_ratio:
            continue
        judges = [b for b in bars if abs(b.keep_ratio / row.cost - 1) < row.cost_tolerance]
        if row.from_curve and not judges:
            judges = [b for b in bars if b.keep_ratio > row.cost][:1]
            judges += [b for b in bars if b.keep_ratio < row.cost][-1:]
        found |= {bar.keep_ratio: bar for bar in judges}
    return list(found.values())


def best_first(rows: Sequence[Row]) -> list[Row]:
    """By accuracy; rows without runs at the end."""
    return sorted(rows, key=lambda row: -row.last.value if row.last else 0.0)


def distinct(comparisons: Sequence[Comparison]) -> list[Row]:
    """The rows of comparisons of one setting, those that belong to several only once."""
    rows = [row for comparison in comparisons for row in comparison.all_rows]
    return list({(row.agent, row.keep_ratio): row for row in rows}.values())


@dataclass(frozen=True)
class Standings:
    """Everything that a board's folder says."""

    comparisons: tuple[Comparison, ...]
    failures: tuple[Failure, ...] = ()
    note: str = ""
    """what could not be read, and what does not count"""
    grids: tuple[Grid, ...] = ()
    """of the board, as far as they are known"""

    @property
    def settings(self) -> list[Setting]:
        """The settings, in order, each once."""
        return list(dict.fromkeys(comparison.setting for comparison in self.comparisons))

    def of(self, setting: Setting) -> list[Comparison]:
        """The comparisons of one setting, smallest keep ratio first."""
        return [comparison for comparison in self.comparisons if comparison.setting == setting]

    @property
    def runs(self) -> list[Result]:
        """All finished runs, each once."""
        runs = {
            id(run): run
            for comparison in self.comparisons
            for row in comparison.all_rows
            for run in row.runs
        }
        return list(runs.values())

    @property
    def missing(self) -> int:
        """How many runs are expected and not there."""
        return sum(
            row.expected - len(row.runs)
            for setting in self.settings
            for row in distinct(self.of(setting))
        )
