"""Some runs of a board again, and whether they come to the same.

On the same processor, threads and versions a run repeats bit for bit. Elsewhere sums are added in
another order and a training takes another path: there the accuracy has to lie where another seed of
the same agent would. So has the cost where the agent decides it; where its options do, it is equal.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from prune_bench.run.options import Place, RunOptions
from prune_bench.run.result import Result, without_times
from prune_bench.run.sources import env_names, is_code, sources_of
from prune_bench.submission.amount import planned
from prune_bench.submission.check import without_seed

SURE = 0.05
"""How often an honest board has a run outside its interval, all runs that are drawn together."""

LEAST_SEEDS = 3
"""With fewer an interval says nothing."""

LEAST_WIDTH = 0.01
"""Of a cost, to each side: seeds of an agent that decides it scatter by up to as much, and counts
that are rounded may be the same in all of them."""

Found = Literal[
    "the same bits",
    "within",
    "outside",
    "another cost",
    "other bits on the same machine",
    "unknown",
]

MEASURED = ("num_arms", "history", "kept", "passes", "test_accuracy", "val_accuracy", "diverged")
"""The parts of a result that a run decides; times are not among them."""


@dataclass(frozen=True)
class Again:
    """A run of a board beside the same run here."""

    there: Result
    here: Result
    found: Found
    interval: tuple[float, float] | None
    """where another seed would end, in [0, 1]; None where the board has too few or all are equal"""
    said: str = ""
    """what of the cost differs, in words"""

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against the run of the board."""
        return self.found in ("the same bits", "within", "unknown")


def code_of(result: Result) -> list[str]:
    """The names in a result whose import would run code."""
    return [n for n in (result.options["agent"], *env_names(result.options)) if is_code(n)]


def absent(result: Result) -> str:
    """What a run needs that is not here as it was there, in words; "" where all is.

    Nothing is imported. Older results say nothing of their sources.
    """
    try:
        here = sources_of(result.options)
    except FileNotFoundError as error:
        return f"there is no {error.filename}" if error.filename else str(error)
    there = result.content.get("sources", here)
    others = [name for name, digest in here.items() if there.get(name) != digest]
    return f"the source of {', '.join(others)} is another one" if others else ""


def draw(names: Collection[str], sample: int, seed: int) -> list[str]:
    """So many of the names, the same for a seed in whatever order they come."""
    drawn = np.random.default_rng(seed).choice(len(names), min(sample, len(names)), replace=False)
    return [sorted(names)[place] for place in drawn]


def threads_for(there: Result) -> int:
    """Those of the run there, but no more than there are cores here.

    Other threads are another machine: they add in another order.
    """
    return min(there.threads, os.cpu_count() or 1)


def run_again(there: Result, place: Place) -> Result:
    """The same run here, on `threads_for` it.

    Args:
        there: the result of a board. What it names is imported.
        place: where its data and the device are.

    Raises:
        ValueError: it would be another run, or its options are not allowed here.
    """
    from prune_bench.run.episode import Episode

    options = RunOptions(**there.options)
    episode = Episode(options, replace(place, threads=threads_for(there)))
    here, expected = episode.provenance, there.provenance
    where = {name: getattr(expected, name) for name in ("device", "precision", "threads")}
    anywhere = replace(here, **where)
    if other := anywhere.differences(expected):
        raise ValueError(f"{there.id} cannot be run again here: {', '.join(other)}")
    while not episode.terminated:
        episode.step()
    return Result(episode.result(), there.id)


def compare(
    there: Result,
    here: Result,
    seeds: Sequence[float],
    drawn: int = 1,
    costs: Sequence[float] = (),
) -> Again:
    """What a run again says of the one of the board.

    Args:
        there: of the board.
        here: of the same options, run again.
        seeds: test accuracies on the board of the runs that differ in their seed alone.
        drawn: how many runs are compared, for all of which `SURE` holds together.
        costs: relative ones of the runs of `seeds`.
    """
    is_planned = planned(there) is not None
    sure = SURE / drawn if is_planned else SURE / drawn / 2  # of two intervals
    interval, said = _of_accuracy(seeds, sure), ""
    found: Found = "unknown"
    if _same_bits(there, here):
        found = "the same bits"
    elif _machine(there) == _machine(here):
        found = "other bits on the same machine"
    elif said := _other_cost(there, here, is_planned, costs, sure):
        found = "another cost"
    elif interval is not None:
        found = "within" if interval[0] <= here.last <= interval[1] else "outside"
    return Again(there, here, found, interval, said)


def seeds_of(result: Result, results: Iterable[Result]) -> list[float]:
    """The test accuracies of the runs that differ from this one in their seed alone."""
    return [other.last for other in _alike(result, results)]


def costs_of(result: Result, results: Iterable[Result]) -> list[float]:
    """The relative costs of the same runs."""
    return [other.cost for other in _alike(result, results)]


def _alike(result: Result, results: Iterable[Result]) -> Iterator[Result]:
    return (other for other in results if without_seed(other) == without_seed(result))


def _other_cost(
    there: Result, here: Result, is_planned: bool, costs: Sequence[float], sure: float
) -> str:
    """What of the cost is other than a run has anywhere, or than another seed has; "" if nothing.

    What the options decide has to be equal. What the agent decides has its seeds' interval.
    """
    passes, again = there.content["passes"], here.content["passes"]
    owed = {"passes of its prior run": (passes.get("prior", 0), again.get("prior", 0))}
    diverged = there.diverged or here.diverged  # in which round that ends a run is chance
    if is_planned and not diverged:
        owed["arms kept"] = _kept(there), _kept(here)
        owed |= {f"passes {n}": (passes[n], again[n]) for n in ("train", "refresh", "evaluate")}
    for what, (one, other) in owed.items():
        if one != other:
            return f"{what}: {one} there, {other} here"
    interval = None if is_planned or diverged else _interval(costs, sure, LEAST_WIDTH)
    if interval is None or interval[0] <= here.cost <= interval[1]:
        return ""
    ends = "[{:.3f}, {:.3f}]".format(*interval)
    return f"cost: {there.cost:.3f} there, {here.cost:.3f} here, its seeds {ends}"


def _kept(result: Result) -> list[int]:
    return [row["kept"] for row in result.content["history"]]


def _interval(
    seeds: Sequence[float], sure: float, least: float = 0.0
) -> tuple[float, float] | None:
    """Where one more seed ends with probability 1 - sure, by Student's t.

    Args:
        seeds: of the runs that there are.
        sure: how often it ends elsewhere.
        least: share of the mean by which each side differs at least.
    """
    if (count := len(seeds)) < LEAST_SEEDS:
        return None
    from scipy.stats import t

    mean, deviation = float(np.mean(seeds)), float(np.std(seeds, ddof=1))
    half = float(t.ppf(1 - sure / 2, count - 1)) * deviation * (1 + 1 / count) ** 0.5
    half = max(half, least * mean)
    return mean - half, mean + half


def _of_accuracy(seeds: Sequence[float], sure: float) -> tuple[float, float] | None:
    """The same in [0, 1]; None of equal ones, which say as little as too few."""
    interval = _interval(seeds, sure) if len(set(seeds)) > 1 else None
    return interval and (max(0.0, interval[0]), min(1.0, interval[1]))


def _machine(result: Result) -> tuple[Any, ...]:
    """What the bits of floating-point sums depend on; older results do not know all of it."""
    place, versions = result.content["place"], result.versions
    parts = (*map(place.get, ("processor", "instructions", "gpu")), result.device, result.threads)
    return (*parts, versions.get("torch"), versions.get("numpy"))


def _same_bits(there: Result, here: Result) -> bool:
    """Whether all that both results measured is equal; later ones say more than older ones did."""
    parts = ({name: r.content.get(name) for name in MEASURED} for r in (there, here))
    return _agree(*map(without_times, parts))


def _agree(one: Any, other: Any) -> bool:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return all(_agree(one[name], other[name]) for name in one.keys() & other.keys())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_agree, one, other))
    return repr(one) == repr(other)  # as text NaN equals NaN
