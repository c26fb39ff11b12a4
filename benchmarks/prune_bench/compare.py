"""From the results of a board to its standings. `read_standings(folder)` is the way in.

The bar is `full_short`, all data for keep_ratio of the epochs. Its runs at all keep ratios and
`full` make a line, accuracy against cost, of runs that have ended their schedules: an agent is
compared with that line at the agent's own cost. Where the agent costs what `full_short` costs, this
is the plain difference. Elsewhere the line is too low, for accuracy is concave in log cost (on
CIFAR-10 by 0.4 points half way between keep 30 % and everything): there who ends below the line is
behind, but ahead is only who ends above the next dearer run of `full_short`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from prune_bench.board import Board, reads_keep_ratio
from prune_bench.options import agent_label
from prune_bench.results import read_results
from prune_bench.runner import RunOptions
from prune_bench.standings import (
    Comparison,
    Failure,
    Row,
    Rule,
    Run,
    Setting,
    Standings,
    best_first,
)
from prune_bench.statistics import (
    Estimate,
    Scores,
    accuracy_at,
    certain_signs,
    estimate,
    iqm,
    normalise,
    paired_differences,
)
from prune_env.files import read_json

Unit = Literal["cost", "charged_seconds"]

SAME_COST = 0.01
"""Costs that differ by less than this share are the same."""


def read_standings(folder: Path) -> Standings:
    """The standings of a board's folder.

    Raises:
        FileNotFoundError: there is no result in it.
        ValueError: a file in it is not what it should be.
    """
    results = list(read_results(folder))
    expected, note = {}, ""
    try:
        expected = Board(folder).runs()
    except (ValueError, ImportError) as error:
        # Somebody else's board, with agents that are not installed here: its results are good.
        note = f"Which runs are missing is not known: {error}"
    if not results and not expected:
        raise FileNotFoundError(f"no results in {folder}/runs and no {folder}/board.yaml")
    failures = {
        path.stem: read_json(path, "the failure of a run")
        for path in sorted((folder / "failed").glob("*.json"))
    }
    return replace(standings(results, expected, failures), note=note)


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
        keep_ratio = chosen["keep_ratio"] if reads_keep_ratio(chosen["agent"]) else 1.0
        cells[
            Setting.of(chosen), keep_ratio, agent_label(chosen["agent"], chosen["agent_options"])
        ].append(name)

    rows: dict[Setting, list[Row]] = defaultdict(list)
    for (setting, keep_ratio, agent), names in cells.items():
        own_amount = not reads_keep_ratio(options[names[0]]["agent"])
        runs = sorted((Run(found[name]) for name in names if name in found), key=lambda r: r.seed)
        row = Row(
            agent=agent,
            keep_ratio=keep_ratio,
            rule=_rule(agent, keep_ratio, runs, own_amount),
            runs=tuple({run.seed: run for run in runs}.values()),
            expected=len({options[name]["seed"] for name in names}),
            failed=sum(name in failures for name in names),
            is_everywhere=own_amount,
        )
        row = replace(row, last=_estimate(list(row.scores().values())))
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
    """Those at which something is compared: agents that do not read theirs have none, and
    `full_short` alone is no comparison.
    """
    bound = [row for row in rows if not row.is_everywhere]
    compared = [row for row in bound if not row.is_reference]
    return sorted({row.keep_ratio for row in compared or bound or rows})


def _compare(setting: Setting, keep_ratio: float, rows: Sequence[Row]) -> Comparison:
    """The rows of one keep ratio, with all that one row says about another."""
    line = Line.of([row for row in rows if row.is_reference])
    elsewhere = {row.keep_ratio for row in rows} - set(_keep_ratios(rows))
    bar = [row for row in rows if not row.is_everywhere and row.keep_ratio in elsewhere]
    rows = [row for row in rows if row.keep_ratio == keep_ratio or row.is_everywhere]
    by_agent = {row.agent: row for row in rows if row.runs}
    short, random, full = map(by_agent.get, ("full_short", "random_dynamic", "full"))
    rows = [_against_random(row, random, full) if row.runs else row for row in rows]
    if short:
        rows = [
            _against_short(row, short, line) if row.runs and not row.is_reference else row
            for row in rows
        ]
        signs = certain_signs(
            [np.empty(0) if row.is_reference else line.least_differences(row) for row in rows]
        )
        rows = [replace(row, sign=sign) for row, sign in zip(rows, signs, strict=True)]
    return Comparison(setting, keep_ratio, tuple(best_first(rows)), tuple(bar))


@dataclass(frozen=True)
class Line:
    """What accuracy `full_short` reaches for a cost, seed by seed."""

    ends: Mapping[int, tuple[Run, ...]]
    """for each seed, its runs that train on all data, from cheap to dear"""

    @staticmethod
    def of(references: Sequence[Row]) -> Line:
        """The line through the runs of these rows."""
        ends = defaultdict(list)
        for run in (run for row in references for run in row.runs):
            ends[run.seed].append(run)
        return Line(
            {seed: tuple(sorted(runs, key=lambda r: r.cost)) for seed, runs in ends.items()}
        )

    def differences(self, row: Row, unit: Unit) -> dict[int, float]:
        """By seed, how far the runs of a row end above the line.

        The line is straight in log cost. A run cheaper than all of its ends is compared with the
        cheapest, one dearer than all with the dearest. Seeds without a line are left out.
        """
        return {
            run.seed: run.last - _on_line(place, ends) for run, place, ends in self._on(row, unit)
        }

    def least_differences(self, row: Row) -> Scores:
        """(n,) how far the runs of a row are ahead of `full_short`, or behind it, at the least.

        For the cost of a run, `full_short` would reach no less than the line, and no more than its
        own next dearer run. Runs that end between these two on average are neither: all 0. So are
        those that only a dearer line could show to be ahead, or only a cheaper one behind.
        """
        places = self._on(row, "cost")
        most = [
            ends[math.ceil(at)].last if at <= len(ends) - 1 else np.inf for _, at, ends in places
        ]
        least = [_on_line(at, ends) if at >= 0 else -np.inf for _, at, ends in places]
        last = np.array([run.last for run, *_ in places])
        ahead, behind = last - most, last - least
        return ahead if ahead.sum() > 0 else behind if behind.sum() < 0 else np.zeros(len(last))

    def has_ends_at(self, row: Row) -> bool:
        """Whether the line has an end at the cost of each run of a row, where it has the seed."""
        return all(place == int(place) for _, place, _ in self._on(row, "cost"))

    def _on(self, row: Row, unit: Unit) -> list[tuple[Run, float, tuple[Run, ...]]]:
        """The runs of a row, where on the line of their seed they are, and its ends.

        1.5 is half way, in log cost, between the second end and the third. Cheaper than all ends is
        -0.5, dearer than all n of them n - 0.5. A run that costs within `SAME_COST` what an end
        costs is at that end: a rounded number of arms is no advantage.
        """
        return [
            (run, _place(getattr(run, unit), [getattr(end, unit) for end in ends]), ends)
            for run in row.runs
            if (ends := self.ends.get(run.seed))
        ]


def _place(cost: float, costs: Sequence[float]) -> float:
    """Where a cost is among those of the ends of a line, see `Line`."""
    logs, at = np.log(np.maximum.accumulate(costs)), np.log(cost)
    nearest = int(np.abs(logs - at).argmin())
    if abs(logs[nearest] - at) < SAME_COST:
        return nearest
    return float(np.interp(at, logs, np.arange(len(logs)), left=-0.5, right=len(logs) - 0.5))


def _on_line(place: float, ends: Sequence[Run]) -> float:
    """The accuracy at a place of a line."""
    return float(np.interp(place, np.arange(len(ends)), [end.last for end in ends]))


def _against_short(row: Row, short: Row, line: Line) -> Row:
    differences = line.differences(row, "cost")
    at = {
        unit: [accuracy_at(run.curve[unit], run.curve["accuracy"], cost) for run in row.runs]
        for unit, cost in (("passes", short.cost), ("seconds", short.seconds))
    }
    return replace(
        row,
        ahead=_estimate(list(differences.values())),
        ahead_runs=differences,
        at_equal_cost=line.has_ends_at(row),
        ahead_seconds=_estimate(list(line.differences(row, "charged_seconds").values())),
        at_passes=_estimate(at["passes"]),
        at_seconds=_estimate(at["seconds"]),
    )


def _against_random(row: Row, random: Row | None, full: Row | None) -> Row:
    scores = row.scores()
    if random and row.agent != random.agent:
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
    """Ours minus theirs, paired by seed."""
    return _estimate(paired_differences(ours, theirs))


def _estimate(scores: Sequence[float] | Scores) -> Estimate | None:
    """Interquartile mean and interval; None where there is no score or one is not known.

    The draws are the same for every row, whatever else is on the board.
    """
    scores = np.asarray(scores)
    if not len(scores) or np.isnan(scores).any():
        return None
    return estimate([scores], np.random.default_rng(0))


def _rule(agent: str, keep_ratio: float, runs: Sequence[Run], own_amount: bool) -> Rule:
    """The rule that the runs were under, as far as they tell."""
    if agent == "full":
        return "all data"
    if own_amount:
        return "own amount"
    if agent == "full_short" or (runs and runs[0].result["env_options"]["budget"]):
        return "total budget"
    kept = [row["kept"] / run.result["num_arms"] for run in runs for row in run.result["history"]]
    fixed = np.allclose(kept, keep_ratio, rtol=0.02, atol=0)
    return "fixed keep ratio" if fixed else "own amount"


def _with_epochs(planned: dict[str, Any], known: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A planned run with the epochs that its recipe gives, as far as a finished run tells."""
    if planned["epochs"] is not None:
        return planned
    usual = Setting.of(planned).others
    for options in known:
        if options["env"] == planned["env"] and Setting.of(options).others == usual:
            return planned | {"epochs": options["epochs"]}
    return planned
