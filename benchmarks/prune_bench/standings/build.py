"""From the results of a board to its standings. `read_standings(folder)` is the way in.

An agent is compared with `full_short` at the agent's own cost, see `reference`, by the means of
their runs and the pooled variance, see `statistics`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from prune_bench.board.board import Board, runs_of
from prune_bench.board.counting import counted
from prune_bench.board.grid import Grid, reads_keep_ratio
from prune_bench.board.pins import Pins
from prune_bench.run.options import RunOptions
from prune_bench.run.pairs import agent_label
from prune_bench.run.result import Failure, Result, read_failure
from prune_bench.standings.model import (
    HALF_AN_ARM,
    Comparison,
    Row,
    Rule,
    Setting,
    Standings,
    best_first,
)
from prune_bench.standings.reference import Line
from prune_bench.standings.statistics import (
    Estimate,
    accuracy_at,
    certain_signs,
    estimate,
    mean_of,
    normalise,
    pool,
)

SAME_MACHINE = 0.95
"""Of the seconds a pass of `full`: who trained faster was run elsewhere. On CIFAR-10 the lowest of
the same machine is 0.96, and 0.54 to 0.59 that of a newer one."""


def read_standings(folder: Path) -> Standings:
    """The standings of a board's folder.

    Raises:
        FileNotFoundError: there is no result in it.
        ValueError: a file in it is not what it should be.
    """
    notes, grids, pins, expected = list[str](), list[Grid](), None, {}
    try:
        if (folder / "board.yaml").exists():
            grids, pins = Board(folder).read()
            expected = runs_of(grids, pins)
    except ValueError as error:
        # Somebody else's board, with agents that are not installed here: its results are good.
        notes.append(f"Which runs are missing is not known: {error}")
    results, left_out = counted(folder, pins)
    if not results and not expected:
        raise FileNotFoundError(f"no results in {folder}/runs and no runs in {folder}/board.yaml")
    if (kinds := len({result.hardware for result in results})) > 1:
        notes.append(
            f"Runs were done on {kinds} kinds of machine: what compares seconds, compares them too."
        )
    failures = [
        read_failure(path)
        for path in sorted((folder / "failed").glob("*.json"))
        if path.stem in expected or not expected
    ]
    return replace(
        standings(results, expected, failures, pins),
        note=" ".join([*left_out, *notes]),
        grids=tuple(grids),
    )


def standings(
    results: Iterable[Result],
    expected: Mapping[str, RunOptions] | None = None,
    failures: Iterable[Failure] = (),
    pins: Pins | None = None,
) -> Standings:
    """The standings of these results. Nothing that they name is imported.

    Args:
        results: of runs that are over.
        expected: the runs of the board by their id; by default there are none but the results.
        failures: of runs that ended in an error.
        pins: of the board.
    """
    pins = pins or Pins()
    found = {result.id or position: result for position, result in enumerate(results)}
    failed = {why.id: why for why in failures if why.id not in found}
    own = {r.options["agent"] for r in found.values() if not r.reads_keep_ratio}
    own |= set(pins.own_amount)
    options = _with_settings(found, failed, expected or {}, pins)
    labels = _labels(options, found)
    cells: dict[tuple[Setting, float, str], list[Any]] = defaultdict(list)
    for name, chosen in options.items():
        keep_ratio = chosen["keep_ratio"] if reads_keep_ratio(chosen["agent"], own) else 1.0
        cells[Setting.of(chosen), keep_ratio, labels[name]].append(name)

    rows: dict[Setting, list[Row]] = defaultdict(list)
    for (setting, keep_ratio, agent), names in cells.items():
        own_amount = not reads_keep_ratio(options[names[0]]["agent"], own)
        runs = [found[name] for name in names if name in found]
        row = row_of(agent, keep_ratio, runs, own_amount)
        expected_runs = len({options[name]["seed"] for name in names})
        failures_of_it = sum(name in failed for name in names)
        rows[setting].append(replace(row, expected=expected_runs, failed=failures_of_it))
    judged = {setting: _judged(of) for setting, of in rows.items()}
    return Standings(
        tuple(
            _compare(setting, keep_ratio, judged[setting])
            for setting in sorted(judged, key=lambda setting: setting.title)
            for keep_ratio in _keep_ratios(judged[setting])
        ),
        tuple(failed.values()),
    )


def _with_settings(
    found: Mapping[Any, Result],
    failed: Mapping[str, Failure],
    expected: Mapping[str, RunOptions],
    pins: Pins,
) -> dict[Any, dict[str, Any]]:
    """The options of all runs by id, with what is unusual about the place of each."""
    finished = {name: result.comparable for name, result in found.items()}
    planned = {name: failure.options for name, failure in failed.items()}
    planned |= {n: vars(chosen) | pins.of(chosen).of_setting() for n, chosen in expected.items()}
    named_none = [n for n in finished if n not in expected or expected[n].epochs is None]
    known_last = sorted(named_none, key=lambda name: name in expected)
    epochs = {_recipe(finished[name]): finished[name]["epochs"] for name in known_last}
    return finished | {
        name: _with_epochs(chosen, epochs) for name, chosen in planned.items() if name not in found
    }


def _labels(
    options: Mapping[Any, Mapping[str, Any]], found: Mapping[Any, Result]
) -> dict[Any, str]:
    """The agents as they are shown, by id. One with several sources has its source in its label."""
    of = {name: result.provenance.agent for name, result in found.items()}
    sources = defaultdict(set)
    for name, source in of.items():
        sources[options[name]["agent"]].add(source)
    return {
        name: agent_label(chosen["agent"], chosen["agent_options"])
        + (f" {of[name]}" if name in of and len(sources[chosen["agent"]]) > 1 else "")
        for name, chosen in options.items()
    }


def _keep_ratios(rows: Sequence[Row]) -> list[float]:
    """The keep ratios of comparisons: those of agents that read theirs, other than `full_short`.

    Where none reads it, there is one comparison, and the other `full_short` are its bar.
    """
    bound = [row for row in rows if not row.is_everywhere]
    compared = [row for row in bound if not row.is_reference]
    found = sorted({row.keep_ratio for row in compared or bound or rows})
    others = any(row.is_everywhere and not row.is_reference for row in rows)
    return found[:1] if others and not compared else found


# -- what is said of a row whatever it is beside --------------------------------------------------


def _judged(rows: Sequence[Row]) -> list[Row]:
    """The rows of one setting: how they scatter, how far ahead they are, which of that is certain.

    A row belongs to one family, so that one thing is said of it in all comparisons.
    """
    rows = _with_seconds_saved(_with_noise(_with_same_runs(rows)))
    references = [row for row in rows if row.is_reference]
    if not any(row.runs and row.agent == "full_short" for row in references):
        return rows
    line, clock = Line(references), Line(references, "seconds")
    rows = [
        _against_short(row, line, clock) if row.runs and not row.is_reference else row
        for row in rows
    ]

    def judge(family: list[Row]) -> list[Row]:
        can_win = (row.complete and not (row.is_repeat or row.chooses_nothing) for row in family)
        tested = [row.ahead if can else None for row, can in zip(family, can_win, strict=True)]
        signs = certain_signs(tested)
        return [replace(row, sign=sign) for row, sign in zip(family, signs, strict=True)]

    rows = _by(lambda row: row.family, judge, rows)
    signs = {(row.agent, row.keep_ratio): row.sign for row in rows}

    def of_same_runs(row: Row) -> int:
        names = (row.agent, *row.same_runs_as)
        return max((signs[name, row.keep_ratio] for name in names), key=abs)

    return [replace(row, sign=of_same_runs(row)) for row in rows]


def _by(
    key: Callable[[Row], Any], change: Callable[[list[Row]], list[Row]], rows: Iterable[Row]
) -> list[Row]:
    """Rows, changed together with those that have the same key."""
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return [row for group in groups.values() for row in change(group)]


def _with_same_runs(rows: Sequence[Row]) -> list[Row]:
    """Mark rows with the same runs. A reference comes first, else the first name."""

    def say(same: list[Row]) -> list[Row]:
        if len(same) == 1 or not same[0].runs:
            return same
        same.sort(key=lambda row: (not row.is_reference, row.agent))
        names = [row.agent for row in same]
        return [
            replace(
                row, same_runs_as=tuple(n for n in names if n != row.agent), is_repeat=place > 0
            )
            for place, row in enumerate(same)
        ]

    def key(row: Row) -> tuple[Any, ...]:  # the ratio of who reads none is no ratio
        return row.is_everywhere, row.keep_ratio, *(run.fingerprint for run in row.runs)

    return _by(key, say, rows)


def _with_noise(rows: Sequence[Row]) -> list[Row]:
    """Pool the noise of the rows at each keep ratio; all rows without a comparison are one pool."""
    compared = _keep_ratios(rows)

    def scatter(alike: list[Row]) -> list[Row]:
        runs = {tuple(row.scores): row.scores for row in alike if row.runs}  # equal runs count once
        noises = dict(zip(runs, pool(list(runs.values())), strict=True))
        known = [
            replace(row, noise=noises[tuple(row.scores)]) if row.runs else row for row in alike
        ]
        return [
            replace(row, last=mean_of(row.scores, row.noise).within(0, 1)) if row.runs else row
            for row in known
        ]

    def place(row: Row) -> float | None:
        return None if row.is_everywhere or row.keep_ratio not in compared else row.keep_ratio

    return _by(place, scatter, rows)


def _with_seconds_saved(rows: Sequence[Row]) -> list[Row]:
    """Beside `full` on the same machine, as far as that shows: rounds of few arms may be trained
    slower than those of all, not faster.
    """
    full = next((row for row in rows if row.agent == "full" and row.runs), None)
    if full is None or not full.seconds:
        return list(rows)

    def machines(row: Row) -> set[str]:
        return {run.hardware for run in row.runs}

    return [
        replace(row, seconds_saved=1 - row.seconds / full.seconds)
        if row.runs and machines(row) == machines(full) and row.pace > SAME_MACHINE * full.pace
        else row
        for row in rows
    ]


def _against_short(row: Row, line: Line, clock: Line) -> Row:
    bar = line.bar(row)
    runs = {} if bar is None else {run.seed: run.last - bar.accuracy for run in row.runs}
    return replace(
        row,
        ahead=bar.difference(row) if bar else None,
        from_curve=bar is not None and bar.is_curve,
        ahead_runs=runs,
        ahead_seconds=clock.curve(row).difference(row),
        chooses_nothing=row.rule == "fixed keep ratio"
        and all(run.is_uninformed and run.is_even and not run.diverged for run in row.runs),
    )


# -- what is said of a row beside others at its keep ratio ----------------------------------------


def _compare(setting: Setting, keep_ratio: float, rows: Sequence[Row]) -> Comparison:
    elsewhere = {row.keep_ratio for row in rows} - set(_keep_ratios(rows))
    bar = [row for row in rows if not row.is_everywhere and row.keep_ratio in elsewhere]
    rows = [row for row in rows if row.keep_ratio == keep_ratio or row.is_everywhere]
    by_agent = {row.agent: row for row in rows if row.runs}
    short, random, full = map(by_agent.get, ("full_short", "random_dynamic", "full"))
    rows = [_against_random(row, random, full) if row.runs else row for row in rows]
    if short:
        rows = [
            _on_the_way(row, short) if row.runs and not row.is_reference else row for row in rows
        ]
    return Comparison(setting, keep_ratio, tuple(best_first(rows)), tuple(bar))


def _on_the_way(row: Row, short: Row) -> Row:
    at = {
        unit: [accuracy_at(run.curve[unit], run.curve["accuracy"], cost) for run in row.runs]
        for unit, cost in (("passes", short.cost), ("seconds", short.seconds))
    }
    known = {
        unit: None if np.isnan(values).any() else mean_of(values).within(0, 1)
        for unit, values in at.items()
    }
    return replace(row, at_passes=known["passes"], at_seconds=known["seconds"])


def _against_random(row: Row, random: Row | None, full: Row | None) -> Row:
    if random and row.agent != random.agent:
        row = replace(row, ahead_random=difference(row, random))
    if random and full and difference(full, random).sign > 0:  # else the scale is made of noise
        zero, one = (float(end.scores.mean()) for end in (random, full))
        runs = normalise(row.scores, zero, one)
        noise = replace(row.noise, variance=row.noise.variance / (one - zero) ** 2)
        row = replace(row, normalised=mean_of(runs, noise), normalised_runs=runs)
    return row


def difference(ours: Row, theirs: Row) -> Estimate:
    """The mean accuracy of one row minus that of another."""
    value = float(ours.scores.mean() - theirs.scores.mean())
    return estimate(value, [(1 / len(row.runs), row.noise) for row in (ours, theirs)])


# -- what the runs were ---------------------------------------------------------------------------


def row_of(agent: str, keep_ratio: float, runs: Iterable[Result], own_amount: bool = False) -> Row:
    """The row of an agent, with nothing said yet of how it did.

    Args:
        agent: its label.
        keep_ratio: that the runs were asked for.
        runs: that are over, in any order.
        own_amount: whether the agent is known not to read its keep ratio.
    """
    runs = tuple({run.seed: run for run in sorted(runs, key=lambda run: run.seed)}.values())
    rule = _rule(agent, keep_ratio, runs, own_amount)
    return Row(agent, keep_ratio, rule, runs, is_everywhere=own_amount)


def _rule(agent: str, keep_ratio: float, runs: Sequence[Result], own_amount: bool) -> Rule:
    """The rule that the runs were under, as far as they tell."""
    if agent == "full":
        return "all data"
    if own_amount:
        return "own amount"
    if agent == "full_short" or (runs and runs[0].budget):
        return "total budget"
    fixed = all(
        np.allclose(run.kept_shares, keep_ratio, rtol=0.02, atol=HALF_AN_ARM / run.num_arms)
        for run in runs
    )
    return "fixed keep ratio" if fixed else "own amount"


def _with_epochs(planned: dict[str, Any], epochs: Mapping[Any, int]) -> dict[str, Any]:
    """A planned run with the epochs that its recipe gives, as far as a finished run tells."""
    if planned["epochs"] is not None:
        return planned
    return planned | {"epochs": epochs.get(_recipe(planned))}


def _recipe(options: Mapping[str, Any]) -> tuple[Any, ...]:
    """What decides how many epochs a run has that names none."""
    setting = Setting.of(options)
    return setting.env, setting.others
