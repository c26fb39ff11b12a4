"""What a board must be before others are shown it: whole, with controls, without contradictions.

Nothing that it names is imported.
"""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prune_bench.board.board import Board
from prune_bench.board.counting import counted
from prune_bench.board.grid import CONTROLS, Grid, as_typed
from prune_bench.run.options import RunOptions
from prune_bench.run.provenance import has_network
from prune_bench.run.result import Failure, Result, read_failure
from prune_bench.run.run_id import run_id
from prune_bench.run.sources import env_names, is_code
from prune_bench.submission.amount import planned, prior_passes, train_price
from prune_env.core.signals import TRAIN
from prune_env.files import read_text
from prune_env.text import number

LEAST_SEEDS = 5
"""Fewer know a mean, but hardly how it scatters."""

MEASURED = ("kept", "val", "test")
"""What a round has a loss of."""

GROWING = ("passes_refresh", "passes_evaluate", "seconds", "cpu_seconds")
"""What a history counts from its beginning, beside the passes of training."""

SHOWN = 4
"""Of many problems of one kind, so many are named."""


class Unfit(ValueError):
    """A board cannot be submitted; the message says all that stands against it."""


@dataclass(frozen=True)
class Checked:
    """A board that may be submitted."""

    results: Mapping[str, Result]
    """of the runs that belong to it, by their names"""
    failures: Mapping[str, Failure]
    """of the runs that failed"""
    notes: tuple[str, ...]
    """what a reader has to know"""


def check(folder: Path) -> Checked:
    """What of a board is submitted, and what has to be said of it.

    Raises:
        Unfit: with all that stands against it.
        Damaged: a file in it is broken.
        ValueError: board.yaml does not describe a board.
    """
    board = Board(folder)
    grids, pins = board.read()
    expected = board.runs()
    if not expected:
        raise Unfit(f"{folder} has no board.yaml with runs")
    results, notes = counted(folder, pins)
    done = {result.id: result for result in results if result.id in expected}
    failures = {path.stem: read_failure(path) for path in sorted(folder.glob("failed/*.json"))}
    failed = {n: found for n, found in failures.items() if n in expected and n not in done}
    problems = list(_of_few_seeds(grids, expected.values(), pins.own_amount))
    problems += _several(
        "run is missing", "runs are missing", [n for n in expected if n not in done | failed]
    )
    lost = [name for name in failed if expected[name].agent in CONTROLS]
    problems += _several("control failed", "controls failed", lost)
    wrong = {name: found for name, result in done.items() if (found := contradiction(result))}
    said = [f"{name} ({what})" for name, what in wrong.items()]
    problems += _several("result contradicts itself", "results contradict themselves", said)
    copies, alike = of_copies(done)
    problems += copies
    if problems:
        raise Unfit(f"{folder} is not fit to be submitted or verified: {'; '.join(problems)}")
    agents = [{run.agent for run in grid.runs()} for grid in grids]
    absent = {name for name in CONTROLS if not all(name in of_grid for of_grid in agents)}
    diverged = [name for name, result in done.items() if result.diverged]
    others = {result.id for result in results} - done.keys()
    notes += _several("control was not run", "controls were not run", absent)
    notes += _several("run failed", "runs failed", failed)
    notes += _several("run diverged", "runs diverged", diverged)
    notes += alike
    notes += _several(
        "result is of no run of the board", "results are of no run of the board", others
    )
    notes += _several(
        "source of one's own, which the file has not, is needed to run it again",
        "sources of one's own, which the file has not, are needed to run them again",
        {
            name
            for of in done.values()
            for name, digest in of.content.get("sources", {}).items()
            if digest
        },
    )
    notes += _origins(folder, done)
    return Checked(done, failed, tuple(notes))


def _of_few_seeds(
    grids: Iterable[Grid], expected: Iterable[RunOptions], own_amount: Collection[str]
) -> Iterator[str]:
    """The grids of whose runs one has too few seeds, whichever grids of the board they are from.

    A board that was tried with few seeds first keeps that grid beside the one that has enough.
    """
    seeds = Counter(run_id(replace(run, seed=0)) for run in expected)
    for grid in grids:
        least = min(seeds[run_id(run)] for run in grid.runs(own_amount) if run.seed == 0)
        if least < LEAST_SEEDS:
            said = f"the grid {_typed(grid)} has {number(least, 'seed')}"
            yield f"{said}; allowed are {LEAST_SEEDS} or more"


def of_copies(done: Mapping[str, Result]) -> tuple[list[str], list[str]]:
    """What stands against the runs that are copied, and what has to be said of them.

    Networks of different seeds begin with other weights, so no two have the same losses. A rung, or
    an environment of one's own, may be one whose seed decides nothing.
    """
    trained: list[str] = []
    others: list[str] = []
    for name in copied(done):
        options = done[name].options
        is_sure = has_network(options["env"]) and not any(map(is_code, env_names(options)))
        (trained if is_sure else others).append(name)
    one, many = "run has the losses of another seed", "runs have the losses of other seeds"
    return _several(one, many, trained), _several(one, many, others)


def copied(done: Mapping[str, Result]) -> Iterator[str]:
    """The runs whose losses are those of the same run with another seed, but for the first."""
    first: dict[str, str] = {}
    for name, result in sorted(done.items()):
        if result.diverged:  # such losses are cut to the same number
            continue
        rows = [[row.get(f"{of}_loss") for of in MEASURED] for row in result.content["history"]]
        same = json.dumps([without_seed(result), rows], sort_keys=True)
        if first.setdefault(same, name) != name:
            yield name


def without_seed(result: Result) -> dict[str, Any]:
    """What runs have in common that differ in their seed alone."""
    return {name: value for name, value in result.comparable.items() if name != "seed"}


def contradiction(result: Result) -> str:
    """In what a result contradicts itself, in words; "" where all that it says fits together."""
    content, rows = result.content, result.content["history"]
    kept, passes, last = content["kept"], content["passes"], rows[-1]
    pulls = sum(times * arms for times, arms in enumerate(kept["arms_by_pulls"]))
    owed = last["passes_train"] + last["passes_refresh"]
    pays_evaluation = last["passes"] > owed
    try:
        prior = prior_passes(result)
    except ValueError as error:
        return f"prior run: {error}"
    plan = planned(result)
    found: list[tuple[str, Any, Any]] = [
        ("rounds", [row["round"] for row in rows], list(range(1, len(rows) + 1))),
        ("diverged", result.diverged, any(row["diverged"] for row in rows)),
        ("arms by class", sum(kept["arms_by_class"]), result.num_arms),
        ("arms by pulls", sum(kept["arms_by_pulls"]), result.num_arms),
        ("pulls by class", sum(kept["pulls_by_class"]), pulls),
        ("arms kept in all rounds", sum(row["kept"] for row in rows), pulls),
        ("passes of the prior run", passes.get("prior", 0), prior),
        ("passes charged", result.charged, last["passes"] + passes.get("prior", 0)),
        *((f"passes {name}", passes[name], last[f"passes_{name}"]) for name in _PARTS),
        # what a cost rests on: a sample that is trained costs TRAIN passes, or more
        ("passes of the arms kept", passes["train"], max(passes["train"], TRAIN * pulls)),
        ("passes owed", last["passes"], owed + pays_evaluation * last["passes_evaluate"]),
    ]
    if not result.diverged:
        due = (
            result.options["epochs"]
            if result.budget is None
            else len(rows if plan is None else plan)
        )
        found.append(("rounds", result.rounds, due))
    kept_and_due = zip((row["kept"] for row in rows), plan or (), strict=False)
    found += [(f"arms kept in round {n}", *two) for n, two in enumerate(kept_and_due, 1)]
    found += _course(result)
    for split in result.splits:
        measured = [row[f"{split}_accuracy"] for row in rows if f"{split}_accuracy" in row]
        said = [result.accuracy(split, "last"), result.accuracy(split, "best")]
        found.append((f"{split} accuracy", said, [measured[-1], max(measured)] if measured else []))
    return next((f"{what}: {a} is not {b}" for what, a, b in found if a != b), "")


def _course(result: Result) -> Iterator[tuple[str, Any, Any]]:
    """What each round of a history says of the run so far, and what it has to say."""
    rows, price, trained = result.content["history"], train_price(result), 0
    before: Mapping[str, Any] = dict.fromkeys(GROWING, 0)
    for round_, row in enumerate(rows, 1):
        trained += price * row["kept"]
        owed = trained + row["passes_refresh"] + result.pays_evaluation * row["passes_evaluate"]
        said = [row["passes_train"], row["passes"]]
        yield f"passes in round {round_}", said, [trained, owed]
        for name in GROWING:
            what = name.replace("_", " ")
            yield f"{what} in round {round_}", row[name], max(before[name], row[name])
        before = row


_PARTS = ("train", "refresh", "evaluate")


def _origins(folder: Path, done: Mapping[str, Result]) -> Iterator[str]:
    """What the results do not say of themselves, or say of changed code."""
    paths = (folder / "runs" / f"{name}.json" for name in done)
    unsealed = [path.stem for path in paths if '"checksum"' not in read_text(path)]
    yield from _several(
        "result is older than checksums", "results are older than checksums", unsealed
    )
    commits = Counter(result.content["place"].get("commit") for result in done.values())
    changed = [commit for commit in commits if commit and commit.endswith("+")]
    yield from _several(
        "commit had uncommitted changes", "commits had uncommitted changes", changed
    )


def _typed(grid: Grid) -> str:
    """What tells a grid from the others of its board, as it is typed."""
    said = grid.unusual("agents")
    return shlex.join(as_typed({n: said[n] for n in ("env", "agents", "epochs") if said.get(n)}))


def _several(one: str, many: str, names: Iterable[str]) -> list[str]:
    """One line, such as "2 runs failed: a, b", or none where there are no names."""
    found = sorted(names)
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    said = f"{number(len(found), one, many)}: {', '.join(found[:SHOWN])}{more}"
    return [said] if found else []
