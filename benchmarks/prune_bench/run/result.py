"""A result: the file of a finished run, and the one reader of it.

A folder of results has one JSON file a run, named by what determines the run, see `run_id`. It can
be copied, merged with another and put in git.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from prune_bench.run import schema
from prune_bench.run.options import RunOptions
from prune_bench.run.provenance import Provenance
from prune_bench.run.schema import SCHEMA
from prune_env.core.signals import TRAIN
from prune_env.files import Damaged, read_json

Clock = Literal["cpu_seconds", "seconds"]
Split = Literal["test", "val"]
End = Literal["last", "best"]

PHASES = ("train", "select", "observe", "evaluate", "prior", "test")
"""What the time of a run is split into."""

CHOICE_FREE = {"seen", "age", "pulls", "progress", "budget_left"}
"""Signals that say nothing about what an arm is worth."""
OF_ONE_ARM = {"loss", "confidence", "margin", "correct", "error_norm"}
"""Signals that say something about an arm once it was kept, and about no other."""


@dataclass(frozen=True)
class Result:
    """What a finished run was and how it went."""

    content: Mapping[str, Any] = field(repr=False)
    """the file, see `schema.RESULT`"""
    id: str = ""
    """the run's name; "" where it is in no folder"""

    # -- what was run -----------------------------------------------------------------------------

    @property
    def options(self) -> dict[str, Any]:
        """The `RunOptions` by their names, with the epochs that there were."""
        return self.content["options"]

    @property
    def seed(self) -> int:
        """What decided everything random in it."""
        return self.options["seed"]

    @property
    def agent_options(self) -> dict[str, Any]:
        """The options of its agent, those as usual too, and what that wanted of the environment."""
        own = self.content["agent_options"].items()
        under = self.content["env_options"]
        wanted = ("budget", "feedback", "refresh") if self._is_full_feedback else ("budget",)
        return {name: value for name, value in own if name not in ("keep_ratio", "seed")} | {
            name: under[name] for name in wanted if under.get(name) is not None
        }

    @property
    def reads_keep_ratio(self) -> bool:
        """Whether its agent is another one at another keep ratio."""
        return self.content.get("reads_keep_ratio", True)

    @property
    def budget(self) -> float | None:
        """What it was allowed to cost, in epochs of the whole data."""
        return self.content["env_options"]["budget"]

    @property
    def has_prior(self) -> bool:
        """Whether its agent had a prior run."""
        return bool(self.content.get("prior"))

    @property
    def num_arms(self) -> int:
        """N, the training samples."""
        return self.content["num_arms"]

    @property
    def classes(self) -> int:
        """How many there are."""
        return len(self.content["kept"]["arms_by_class"])

    @property
    def trained(self) -> dict[str, Any]:
        """What was trained on what; early results do not say it."""
        return self.content.get("trained", {})

    @cached_property
    def provenance(self) -> Provenance:
        """What it comes from beside its options; early results were of known data and sources."""
        sources = self.content.get("sources", {})
        trained, place = self.trained, (self.threads, self.device)
        processes = self.content["place"].get("processes", 1)
        precision, network = trained.get("precision"), trained.get("network")
        return Provenance.of(
            self.options, trained.get("data"), sources, *place, precision, processes, network
        )

    @property
    def comparable(self) -> dict[str, Any]:
        """Its options, and what is unusual of where it was run: what a `Setting` is made of."""
        return self.options | self.provenance.of_setting()

    # -- where ------------------------------------------------------------------------------------

    @property
    def device(self) -> str:
        """Such as cpu, or cuda:1."""
        return self.content["place"]["device"]

    @property
    def threads(self) -> int:
        """Those of PyTorch."""
        return self.content["place"]["threads"]

    @property
    def hardware(self) -> str:
        """The GPU or the processor, and how much of it, in words."""
        place = self.content["place"]
        name = place["gpu"] or f"{place['processor']} {place.get('instructions', '')}".rstrip()
        return f"{name}; cores {place['cores']}, threads of a run {self.threads}"

    @property
    def versions(self) -> dict[str, str]:
        """Of Python and of the packages."""
        return {"python": self.content["place"]["python"], **self.content["place"]["versions"]}

    # -- how it went ------------------------------------------------------------------------------

    @property
    def splits(self) -> tuple[Split, ...]:
        """What accuracies there are of; validation is there unless every image was trained on."""
        return ("test", "val") if "val_accuracy" in self.content else ("test",)

    def accuracy(self, split: Split, which: End) -> float:
        """In [0, 1], after the last round or the highest on the way."""
        return self.content[f"{split}_accuracy"][which]

    @property
    def last(self) -> float:
        """Test accuracy at the end, in [0, 1]. It decides."""
        return self.accuracy("test", "last")

    @property
    def best(self) -> float:
        """Highest test accuracy on the way, in [0, 1]. For comparison only."""
        return self.accuracy("test", "best")

    @property
    def diverged(self) -> bool:
        """Whether its loss became infinite or NaN."""
        return self.content["diverged"]

    @property
    def last_loss(self) -> float:
        """Mean loss of the arms that its last round trained on, nats."""
        return self.content["history"][-1]["kept_loss"]

    @property
    def regret(self) -> float | None:
        """At the end; None where the environment does not tell it."""
        return self.content["history"][-1].get("regret")

    @property
    def pace(self) -> float:
        """Seconds of training for a sample pass."""
        return self.phases["train"] / self.content["passes"]["train"]

    @property
    def wrong_kept(self) -> NDArray[np.float64] | None:
        """(R,) share of wrong labels among the kept arms; None where none are known."""
        told = [row.get("wrong_kept") for row in self.content["history"]]
        return None if None in told else np.array(told, np.float64)

    @property
    def wrong_found(self) -> dict[str, float]:
        """At the end, the area under the curve for finding wrong labels, by what finds them."""
        return self.content["history"][-1].get("wrong_auc", {})

    @property
    def rounds(self) -> int:
        """R, how many there were."""
        return len(self.content["history"])

    @cached_property
    def curve(self) -> dict[str, NDArray[np.float64]]:
        """The evaluated rounds: `round`, `passes` (relative to all data for all epochs),
        `seconds` (charged ones) and `accuracy` (on the test split), each (R,). Costs begin with
        that of the prior run.
        """
        rows = [row for row in self.content["history"] if "test_accuracy" in row]
        free = 0.0 if self.pays_evaluation else 1.0
        seconds = [row[self.clock] - free * row[f"{self.clock}_evaluate"] for row in rows]
        prior = self.content["passes"].get("prior", 0)
        return {
            "round": np.array([row["round"] for row in rows], np.float64),
            "passes": (prior + np.array([row["passes"] for row in rows])) / self.full_passes,
            "seconds": self.phases["prior"] + np.array(seconds),
            "accuracy": np.array([row["test_accuracy"] for row in rows]),
        }

    @cached_property
    def fingerprint(self) -> str:
        """Equal where two runs kept the same arms and came to the same."""
        measured = [
            tuple(row.get(name) for name in ("kept", "kept_loss", "val_loss", "test_accuracy"))
            for row in self.content["history"]
        ]
        kept = self.content["kept"]
        pulls = (*kept["arms_by_pulls"], *kept["pulls_by_class"])
        said = repr((self.seed, self.last, self.charged, measured, pulls))  # as text nan equals nan
        return hashlib.sha256(said.encode()).hexdigest()

    # -- what it cost -----------------------------------------------------------------------------

    @property
    def charged(self) -> int:
        """What the agent is charged, in sample passes."""
        return self.content["passes"]["charged"]

    @property
    def full_passes(self) -> int:
        """What training on all data for all epochs costs, in sample passes."""
        return TRAIN * self.num_arms * self.options["epochs"]

    @property
    def cost(self) -> float:
        """What the agent is charged, relative to training on all data for all epochs."""
        return self.charged / self.full_passes

    @property
    def pays_evaluation(self) -> bool:
        """Whether the agent sees the validation split and so is charged for evaluating it."""
        passes = self.content["passes"]
        return self.charged > passes["train"] + passes["refresh"] + passes.get("prior", 0)

    def seconds(self, clock: Clock) -> dict[str, float]:
        """Seconds in each phase. Where a result has no `test`, its `evaluate` contains that."""
        return {phase: self.content[clock].get(phase, 0.0) for phase in PHASES}

    @property
    def clock(self) -> Clock:
        """CPU seconds on a processor, where other work disturbs the wall clock; else wall-clock."""
        return "cpu_seconds" if self.device == "cpu" else "seconds"

    @property
    def phases(self) -> dict[str, float]:
        """Seconds in each phase, by the clock that counts."""
        return self.seconds(self.clock)

    @property
    def charged_seconds(self) -> float:
        """Seconds without the test split, and without evaluation unless the agent sees it."""
        free = ("test",) if self.pays_evaluation else ("test", "evaluate")
        return sum(seconds for phase, seconds in self.phases.items() if phase not in free)

    @property
    def wall(self) -> float:
        """Wall-clock seconds of all of it."""
        return sum(self.content["seconds"].values())

    # -- what it kept -----------------------------------------------------------------------------

    @property
    def kept_shares(self) -> NDArray[np.float64]:
        """(R,) share of the arms that each round kept."""
        return np.array([row["kept"] / self.num_arms for row in self.content["history"]])

    @property
    def arms_by_pulls(self) -> NDArray[np.int64]:
        """How many arms were kept 0, 1, 2 ... times."""
        return np.array(self.content["kept"]["arms_by_pulls"])

    def pulls_by(self, group: Literal["difficulty", "class"]) -> NDArray[np.float64]:
        """How often an arm was kept, mean of each class, or of each tenth from easy to hard."""
        kept = self.content["kept"]
        if group == "difficulty":
            return np.array(kept["pulls_by_difficulty"], np.float64)
        return np.array(kept["pulls_by_class"]) / np.maximum(kept["arms_by_class"], 1)

    @property
    def never_kept(self) -> float:
        """Share of the arms that were not trained on at all."""
        return self.content["kept"]["arms_by_pulls"][0] / self.num_arms

    @property
    def is_even(self) -> bool:
        """Whether every arm was kept as often as any other, or once more."""
        return bool(np.ptp(np.flatnonzero(self.arms_by_pulls)) <= 1)

    @property
    def is_one_subset(self) -> bool:
        """Whether every arm was kept in each round or in none."""
        return not self.arms_by_pulls[1 : self.rounds].any()

    @property
    def is_uninformed(self) -> bool:
        """Whether nothing that was measured can have decided which arms were kept.

        Either the agent was shown no measurement, or those of single arms only and no arm was kept
        twice, so that none was decided on after its measurement.
        """
        shown = set(self.content["env_options"].get("signals", ("unknown",))) - CHOICE_FREE
        if shown <= OF_ONE_ARM and not self.arms_by_pulls[2:].any():
            shown = set()
        return not shown and not self.has_prior and not self._is_full_feedback

    @property
    def _is_full_feedback(self) -> bool:
        return self.content["env_options"].get("feedback") == "full"


@dataclass(frozen=True)
class Failure:
    """A run that ended in an error."""

    options: dict[str, Any]
    """the `RunOptions` by their names"""
    error: str
    id: str = ""
    """the run's name"""


def read_results(folder: Path) -> Iterator[Result]:
    """All results in a folder, in the order of their names.

    Raises:
        Damaged: a file is not a result of this schema; the message names it.
    """
    return map(read_result, sorted((folder / "runs").glob("*.json")))


def check_folder(folder: Path) -> None:
    """Refuse a folder with a file that is broken, before any work is done.

    Raises:
        Damaged: the message names the file and what is wrong.
    """
    for _ in read_results(folder):
        pass
    for path in sorted((folder / "failed").glob("*.json")):
        read_failure(path)


def read_result(path: Path) -> Result:
    """A result, whole.

    Raises:
        Damaged: the file is not a result of this schema; the message names it and what is wrong.
    """
    content = read_json(path, "a result")
    if content.get("schema") != SCHEMA:
        raise Damaged(f"{path} is not a result of schema {SCHEMA}")
    _check(path, "a result", content, schema.misfit_of_result(content))
    return Result(content, path.stem)


def read_failure(path: Path) -> Failure:
    """Why a run failed.

    Raises:
        Damaged: the file is not that; the message names it and what is wrong.
    """
    content = read_json(path, "the failure of a run")
    _check(path, "the failure of a run", content, schema.misfit(content, schema.FAILURE))
    return Failure(content["options"], content["error"], path.stem)


def _check(path: Path, kind: str, content: dict[str, Any], wrong: str) -> None:
    """Refuse a file in which something is wrong, or that names options that there are not."""
    try:
        if not wrong:
            RunOptions(**content["options"])
    except (TypeError, ValueError) as error:
        wrong = str(error)
    if wrong:
        raise Damaged(f"{path} is not {kind}: {wrong}")


def without_times(content: Any) -> Any:
    """What a result's file says whatever the machine: the same for every run of one id."""
    if isinstance(content, dict):
        return {
            name: without_times(value)
            for name, value in content.items()
            if name != "place" and "seconds" not in name
        }
    return [without_times(value) for value in content] if isinstance(content, list) else content
