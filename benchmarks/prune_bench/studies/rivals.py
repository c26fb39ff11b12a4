"""What else could explain the lead of hardest-first? Each rival explanation as one treatment.

* Its timing: hardest-first in the last quarter of the run alone, or in all but the last quarter,
  and random choice in the rest.
* Its classes: random choice within the classes, of each as many as hardest-first would keep.
* Its rate: random choice at a higher learning rate, as hard arms have larger gradients.
* Label smoothing: both without it, where the recipe has any.
* BatchNorm: every run is tested a second time with statistics taken again on random arms, since
  those of the last batches are of the arms that were kept.

    python -m prune_bench.studies.rivals --env prune_env/Digits-v0 --seeds 20 --out rivals.json

Every run is kept in the file as it ends; called again, the command makes what is missing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from prune_agents.agent import Observation, State
from prune_agents.policies.uncertainty import Uncertainty
from prune_agents.tools.groups import rank_within
from rich.text import Text
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import update_bn

from prune_bench.report.terminal import Fitted
from prune_bench.run.episode import Episode
from prune_bench.run.options import Place, RunOptions
from prune_bench.standings.statistics import mean_of, paired_differences
from prune_bench.standings.verdict import plus_minus
from prune_bench.studies.script import show_study
from prune_env.checks import In, check, difference
from prune_env.core.selection import best_k
from prune_env.files import read_json, write_json
from prune_env.learners.network.learner import NetworkLearner
from prune_env.lookup import path_of, unknown
from prune_env.networks import Recipe

Found = dict[str, dict[str, dict[str, float]]]
"""By treatment and seed: `test`, the accuracy at the end in [0, 1], and `retaken`, the same with
other statistics of BatchNorm, where the network has any."""

TESTED = {"test": "test, %", "retaken": "BatchNorm again, %"}
"""Headings of what `Found` has."""

RETAKEN = 5_000
"""Arms, at most, on which the statistics of BatchNorm are taken again."""


@dataclass(frozen=True, kw_only=True)
class HardestInPart(Uncertainty):
    """The highest moving averages of the loss in one part of the run, random choice in the rest."""

    since: Annotated[float, In("[0, 1]")] = 0.0
    """progress from which on the hardest are kept"""
    until: Annotated[float, In("[0, 1]")] = 1.0
    """and before which"""

    signals: ClassVar[tuple[str, ...]] = ("loss", "progress")

    def scores(
        self, state: State, observation: Observation, rng: np.random.Generator
    ) -> NDArray[np.floating[Any]]:
        progress = observation["progress"].reshape(-1, 1) + 1e-6  # rounds are sums of floats
        hardest = (self.since <= progress) & (progress < self.until)
        return np.where(hardest, state["mean"], rng.random(state["mean"].shape))


@dataclass(frozen=True, kw_only=True)
class RandomOfItsClasses(Uncertainty):
    """Random arms, of each class as many as the highest moving averages of the loss would be."""

    signals: ClassVar[tuple[str, ...]] = ("loss", "label")

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[np.bool_]:
        hardest = best_k(state["mean"], k, rng)
        kept = np.zeros_like(hardest, bool)
        for row, hard, label in zip(kept, hardest, observation["label"].astype(int), strict=True):
            quota = np.bincount(label[hard], minlength=label.max() + 1)
            row[:] = rank_within(rng.random(len(label)), label, rng) < quota[label]
        return kept


@dataclass(frozen=True)
class RivalsOptions:
    """Which runs. Checked when made."""

    run: tyro.conf.OmitArgPrefixes[RunOptions] = field(default_factory=RunOptions)
    """of all treatments, but for the agent"""
    seeds: Annotated[int, In("[2, inf)")] = 5
    """runs of each, from seed 0"""
    rate: Annotated[float, In("(0, inf)")] = 1.5
    """by what the peak learning rate is multiplied where random choice has a higher one"""
    treatments: tuple[str, ...] = ()
    """by default all"""
    place: tyro.conf.OmitArgPrefixes[Place] = field(default_factory=Place)
    out: Path | None = None
    """JSON file of the results; what is there is not run again"""

    def __post_init__(self) -> None:
        check(self)

    def in_common(self) -> dict[str, Any]:
        """What all runs of a file have in common, as JSON gives it back."""
        run = asdict(replace(self.run, agent="", agent_options={}, seed=0))
        return json.loads(json.dumps(run | {"rate": self.rate}))


def treatments(run: RunOptions, recipe: Recipe, rate: float) -> dict[str, RunOptions]:
    """What is run, by what it is called; the first is what the others are compared with.

    Args:
        run: what all have in common.
        recipe: of their network.
        rate: see `RivalsOptions`.
    """

    def of(agent: str, **changed: float) -> RunOptions:
        return replace(run, agent=agent, agent_options={}, recipe=run.recipe | changed)

    def part(**options: float) -> RunOptions:
        return replace(run, agent=path_of(HardestInPart), agent_options=options)

    smoothed = ("full_short", "uncertainty") if recipe.label_smoothing else ()
    return {
        "full_short": of("full_short"),
        "random_dynamic": of("random_dynamic"),
        "uncertainty": of("uncertainty"),
        "hardest in the last quarter": part(since=0.75),
        "random in the last quarter": part(until=0.75),
        "random, its classes": of(path_of(RandomOfItsClasses)),
        "random, higher rate": of("random_dynamic", peak_lr=rate * recipe.peak_lr),
        **{f"{agent}, no smoothing": of(agent, label_smoothing=0.0) for agent in smoothed},
    }


def rivals(
    options: RivalsOptions, on_run: Callable[[str, int], None] = lambda treatment, seed: None
) -> Found:
    """Run all treatments, seed by seed.

    Args:
        options: which.
        on_run: called with the treatment and the seed before each run.

    Raises:
        ValueError: a treatment that does not exist, or results that are of other runs.
    """
    first = Episode(options.run, options.place)
    of = options.in_common() | {"provenance": asdict(first.provenance)}
    found = before(options.out, of)
    learner = first.env.learner
    if not isinstance(learner, NetworkLearner):
        raise ValueError(f"{options.run.env} trains no network; the rivals are ways to train one")
    known = treatments(options.run, learner.recipe, options.rate)
    for name in options.treatments:
        if name not in known:
            raise ValueError(unknown("treatment", name, known))
    for seed in range(options.seeds):
        for name in options.treatments or known:
            done = found.setdefault(name, {})
            if str(seed) in done:
                continue
            on_run(name, seed)
            done[str(seed)] = run_and_test(Episode(replace(known[name], seed=seed), options.place))
            if options.out:
                write_json(options.out, {"run": of, "found": found})
    return found


def before(out: Path | None, run: Mapping[str, Any]) -> Found:
    """What the file of the results has already.

    Args:
        out: the file; None where there is none.
        run: what all of its runs have in common.

    Raises:
        ValueError: it is of other runs.
    """
    if out is None or not out.exists():
        return {}
    content = read_json(out, "results of rivals")
    if differing := difference(content["run"], run):
        raise ValueError(f"{out} has {differing}")
    return content["found"]


def run_and_test(episode: Episode) -> dict[str, float]:
    """Run an episode to its end: its test accuracies, as `Found` has them."""
    while not episode.terminated:
        episode.step()
    learner = episode.env.learner
    assert isinstance(learner, NetworkLearner)
    as_it_is = {"test": episode.test_accuracy}
    model = learner.make_model().to(learner.device)
    if not any(isinstance(layer, _BatchNorm) for layer in model.modules()):
        return as_it_is
    state = learner.state_dict()
    model.load_state_dict(state["model"])
    rng = np.random.default_rng(episode.options.seed)
    arms = rng.permutation(learner.num_arms)[:RETAKEN]
    parts = torch.from_numpy(arms).to(learner.device).split(learner.recipe.batch_size)
    with learner.autocast():
        update_bn(map(learner.arm_inputs.plain, parts), model)
    learner.load_state_dict(state | {"model": model.state_dict()})
    return as_it_is | {"retaken": float(learner.evaluate("test").accuracy[0])}


def compared(found: Found) -> list[list[str]]:
    """A heading, then by treatment, best first: the accuracy, and how far that is ahead of
    `full_short`, paired by seed; then both with the statistics taken again, where that was done.
    """
    kinds = [k for k in TESTED if any(k in of for runs in found.values() for of in runs.values())]
    lines = [["treatment", "runs", *(title for k in kinds for title in (TESTED[k], "ahead"))]]
    best_first = sorted(found, key=lambda name: -np.mean([r["test"] for r in found[name].values()]))
    for name in best_first:
        line = [name, str(len(found[name]))]
        for kind in kinds:
            mine, first = (
                {int(seed): of[kind] for seed, of in found.get(who, {}).items()}
                for who in (name, "full_short")
            )
            line.append(f"{100 * np.mean(list(mine.values())):.2f}")
            is_compared = name != "full_short" and len(mine.keys() & first.keys()) > 1
            ahead = paired_differences(mine, first)
            line.append(plus_minus(mean_of(100 * ahead)) if is_compared else "")
        lines.append(line)
    return lines


def table(found: Found) -> Fitted:
    """The same for a terminal."""
    title = "points ahead of full_short with half of the 95 % interval, paired by seed\n"
    headings, *lines = compared(found)
    return Fitted(headings, [[Text(cell) for cell in line] for line in lines], title=title)


def main(arguments: list[str] | None = None) -> None:
    """Run what is missing and print the table."""
    show_study(RivalsOptions, __doc__, rivals, table, arguments)


if __name__ == "__main__":
    main()
