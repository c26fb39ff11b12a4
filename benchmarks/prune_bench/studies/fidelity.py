"""How well a cheap rung predicts a real board: `prune-env fidelity`.

The agents of a board are run on each rung, at the board's keep ratio and number of rounds, and the
two orders are compared by Kendall's tau: 1 the same order, 0 unrelated, -1 reversed. The interval
is a bootstrap over the agents, and over the runs of every agent on both sides. What is compared is
the last test accuracy. Agents that are the same at a keep ratio, because no arm is seen twice, tie
there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import prune_agents
from numpy.typing import ArrayLike
from rich.console import Group
from rich.text import Text

from prune_bench.board.board import Board
from prune_bench.board.counting import counted
from prune_bench.report.terminal import Fitted
from prune_bench.run.episode import Episode
from prune_bench.run.options import RunOptions
from prune_bench.run.provenance import agent_source, is_own
from prune_bench.run.schema import SHARE, misfit
from prune_bench.standings.model import Setting
from prune_env.checks import check_types
from prune_env.files import Damaged, read_json, write_json

Accuracies = dict[str, list[float]]
"""For each agent the last test accuracy of each of its runs."""

NO_WRONG_LABELS = {"kinds": {"mislabelled": {"share": 0.0}}}

RUNGS: dict[str, tuple[str, dict[str, Any]]] = {
    "replay": ("prune_env/Replay-v0", {}),
    "probe": ("prune_env/Probe-v0", {}),
    "synthetic": ("prune_env/Synthetic-v0", {}),
    "synthetic, no wrong labels": ("prune_env/Synthetic-v0", NO_WRONG_LABELS),
}
"""What is compared: an id and options."""


@dataclass(frozen=True)
class FidelityOptions:
    """What to compare the rungs with. Checked when made."""

    board: Path = Path("benchmarks/results/cifar10-cpu")
    """folder of a board of a real network"""
    keep_ratio: float = 0.3
    """only agents at this keep ratio"""
    runs: int = 8
    """of each agent on each rung"""
    resamples: int = 1000
    """of the bootstrap"""
    seed: int = 0
    """of the first run, and of the bootstrap"""
    out: Path | None = None
    """JSON file to write. Runs that are in it already are not run again, so a comparison that was
    cut off, or a board that has grown, costs what is missing; remove it when a rung has changed"""
    trust: bool = False
    """run the agents of one's own that the board names too, which imports their code"""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("runs", "resamples"):
            if (value := getattr(self, name)) < 1:
                raise ValueError(f"{name} is {value}; allowed is a whole number from 1")


def compare(
    options: FidelityOptions, on_agent: Callable[[str, str], None] = lambda rung, agent: None
) -> dict[str, Any]:
    """Run what is missing on every rung, and compare the orders.

    Args:
        options: what to compare with what.
        on_agent: called with a rung and an agent before its runs.

    Returns:
        What `options.out` has, one JSON-able dict: `settings`; `tau`, for each rung with its
        interval; `accuracies`, of each run of each agent on the board and on every rung; and
        `left_out`, why an agent could not be run on a rung.

    Raises:
        ValueError, FileNotFoundError: the board, or the file, is not one to compare with.
    """
    real, epochs = read_board(options.board, options.keep_ratio)
    settings = {
        "board": options.board.resolve().name,
        "keep_ratio": options.keep_ratio,
        "epochs": epochs,
        "runs": options.runs,
        "seed": options.seed,
        "rungs": {label: list(rung) for label, rung in RUNGS.items()},
    }
    strangers = set() if options.trust else {name for name in real if is_own(name)}
    versions = {name: made_of for name in real.keys() - strangers if (made_of := _version(name))}
    rungs = _known(options.out, settings, versions)
    left_out: dict[str, dict[str, str]] = {label: {} for label in RUNGS}
    comparison = {
        "settings": settings,
        "versions": versions,
        "accuracies": {"board": real} | rungs,
        "left_out": left_out,
    }
    for label, rung in RUNGS.items():
        for name in sorted(real.keys() - rungs[label].keys()):
            if name in strangers:
                left_out[label][name] = "it is not of this project; --trust imports it"
                continue
            on_agent(label, name)
            try:
                rungs[label][name] = run_on_rung(name, options, epochs, rung)
            except ValueError as error:  # a rung has no images or gradients that an agent asks for
                left_out[label][name] = str(error)
            if options.out:
                write_json(options.out, comparison)
    rng = np.random.default_rng(options.seed)
    comparison["tau"] = {
        label: fidelity(real, rungs[label], options.resamples, rng) for label in RUNGS
    }
    if options.out:
        write_json(options.out, comparison)
    return comparison


def read_board(folder: Path, keep_ratio: float) -> tuple[Accuracies, int]:
    """The accuracies on a board, and how many rounds its runs have.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: fewer than three agents at this keep ratio, or runs of different settings.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} does not exist; expected the folder of a board")
    accuracies: Accuracies = {}
    settings = set()
    pins = Board(folder).read()[1] if (folder / "board.yaml").exists() else None
    results, said = counted(folder, pins)
    for result in results:
        options = result.options
        if options["keep_ratio"] == keep_ratio and not options["agent_options"]:
            accuracies.setdefault(options["agent"], []).append(result.last)
            settings.add(Setting.of(result.comparable))
    if len(accuracies) < 3 or len(settings) > 1:
        found = "; ".join([*sorted(setting.title for setting in settings), *said]) or "no runs"
        raise ValueError(
            f"{folder} has {len(accuracies)} agents at keep ratio {keep_ratio}, with {found}; "
            "expected three or more agents and one setting"
        )
    (setting,) = settings
    assert setting.epochs is not None  # a result says how many there were
    return accuracies, setting.epochs


def run_on_rung(
    name: str, options: FidelityOptions, epochs: int, rung: tuple[str, dict[str, Any]]
) -> list[float]:
    """The last test accuracy of each run of one agent."""
    env_id, more = rung
    last = []
    for seed in range(options.seed, options.seed + options.runs):
        run = RunOptions(
            env=env_id,
            agent=name,
            keep_ratio=options.keep_ratio,
            epochs=epochs,
            seed=seed,
            evaluate_every=epochs,
        )
        episode = Episode(run, **more)
        while not episode.terminated:
            episode.step()
        last.append(episode.test_accuracy)
    return last


# -- how alike two orders are ---------------------------------------------------------------------


def fidelity(
    real: Accuracies, rung: Accuracies, resamples: int, rng: np.random.Generator
) -> dict[str, float] | None:
    """Kendall's tau of the agents that both sides have, `low` and `high` its interval.

    None where that is fewer than three.
    """
    common = sorted(real.keys() & rung.keys())
    if len(common) < 3:
        return None
    real, rung = ({name: side[name] for name in common} for side in (real, rung))
    values = (tau(real, rung), *interval(real, rung, resamples, rng))
    return dict(zip(("tau", "low", "high"), (round(value, 6) for value in values), strict=True))


def tau(real: Accuracies, rung: Accuracies) -> float:
    """Kendall's tau of the agents' mean accuracies; NaN where all are equal on one side."""
    return _tau(*([np.mean(side[name]) for name in sorted(real)] for side in (real, rung)))


def interval(
    real: Accuracies, rung: Accuracies, resamples: int, rng: np.random.Generator
) -> tuple[float, float]:
    """95 % bootstrap interval of tau: agents are drawn anew, and the runs of each on both sides.

    An order of other agents may be another one; that is most of what a tau of ten leaves open.
    """
    names = sorted(real)
    taus = []
    for _ in range(resamples):
        chosen = rng.integers(len(names), size=len(names))
        means = (
            np.array([rng.choice(side[name], len(side[name])).mean() for name in names])[chosen]
            for side in (real, rung)
        )
        taus.append(_tau(*means) if len(set(chosen)) > 1 else np.nan)
    low, high = np.nanpercentile(taus, [2.5, 97.5])
    return float(low), float(high)


def _tau(real: ArrayLike, rung: ArrayLike) -> float:
    from scipy.stats import kendalltau

    return float(kendalltau(real, rung)[0])


# -- the file, and what is shown ------------------------------------------------------------------


def _version(name: str) -> str:
    """What an agent is beside its name: the source of one's own, a mended policy's revision."""
    revision = prune_agents.revision(name)
    return agent_source(name) or (f"revision {revision}" if revision > 1 else "")


def _known(
    out: Path | None, settings: dict[str, Any], versions: dict[str, str]
) -> dict[str, Accuracies]:
    """The accuracies on each rung that the file has already, of agents that are what they were."""
    if out is None or not out.exists():
        return {label: {} for label in RUNGS}
    found = read_json(out, "what this command wrote")
    accuracies = {label: {...: [SHARE]} for label in RUNGS}
    if wrong := misfit(found, {"settings": dict, "versions?": dict, "accuracies": accuracies}):
        raise Damaged(f"{out} is not what this command wrote: {wrong}")
    if found.get("settings") != settings:
        raise ValueError(f"{out} has a comparison with other settings; name another, or remove it")
    then = found.get("versions", {})
    return {
        label: {
            name: values
            for name, values in found["accuracies"][label].items()
            if then.get(name) == versions.get(name)
        }
        for label in RUNGS
    }


def table(comparison: dict[str, Any]) -> Group:
    """The mean accuracies, best on the board first, and how alike the orders are."""
    settings, left_out = comparison["settings"], comparison["left_out"]
    means = {
        label: {name: 100 * np.mean(values) for name, values in accuracies.items()}
        for label, accuracies in comparison["accuracies"].items()
    }
    columns = ["board", *settings["rungs"]]
    rows = []
    for name in sorted(means["board"], key=lambda name: -means["board"][name]):
        values = (means[label].get(name) for label in columns)
        rows.append([name, *("–" if value is None else f"{value:.1f}" for value in values)])
    taus = comparison["tau"].values()
    rows += [
        ["Kendall's tau", "", *(f"{t['tau']:.2f}" if t else "–" for t in taus)],
        ["95 % interval", "", *(f"{t['low']:.2f}, {t['high']:.2f}" if t else "–" for t in taus)],
    ]
    title = (
        f"{settings['board']}, keep {settings['keep_ratio']:g}, {settings['epochs']} rounds: last "
        f"test accuracy in %, {settings['runs']} runs of an agent on each rung\n"
    )
    reasons = dict.fromkeys(
        f"left out: {name}: {reason}"
        for names in left_out.values()
        for name, reason in names.items()
    )
    shown = Fitted(["agent", *columns], rows)
    return Group(Text(title), shown, *(Text(reason, "dim") for reason in reasons))
