"""How well a cheap rung predicts a real board: `python -m prune_bench.fidelity`.

The agents of a board are run on each rung, at the board's keep ratio and number of rounds, and the
two orders are compared by Kendall's tau: 1 the same order, 0 unrelated, -1 reversed. The interval
is a bootstrap over the runs of every agent, on both sides. What is compared is the last test
accuracy. Agents that are the same at a keep ratio, because no arm is seen twice, tie there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import prune_agents
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.stats import kendalltau

from prune_env.vector import PruneVectorEnv

Accuracies = dict[str, NDArray[np.float64]]
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
class Options:
    """Compare the order of agents on every rung with that on a board."""

    board: Path = Path("benchmarks/results/cifar10-cpu")
    """folder of the board"""
    keep_ratio: float = 0.3
    """only agents at this keep ratio"""
    runs: int = 8
    """of each agent on each rung"""
    resamples: int = 1000
    """of the bootstrap"""
    seed: int = 0
    """of runs and bootstrap"""
    out: Path | None = None
    """JSON file to write"""


def read_board(folder: Path, keep_ratio: float) -> tuple[Accuracies, int]:
    """The accuracies on a board, and how many rounds its runs have.

    Raises:
        ValueError: fewer than three agents at this keep ratio, or runs of different lengths.
    """
    accuracies: dict[str, list[float]] = {}
    epochs = set()
    for path in sorted((folder / "runs").glob("*.json")):
        result = json.loads(path.read_text())
        options = result["options"]
        if options["keep_ratio"] == keep_ratio and not options["agent_options"]:
            last = result["test_accuracy"]["last"]
            accuracies.setdefault(options["agent"], []).append(last)
            epochs.add(options["epochs"])
    if len(accuracies) < 3 or len(epochs) > 1:
        raise ValueError(
            f"{folder} has {len(accuracies)} agents at keep ratio {keep_ratio}, with runs of "
            f"{sorted(epochs)} rounds; expected three or more agents and one length"
        )
    return {name: np.array(values) for name, values in accuracies.items()}, epochs.pop()


def run_on_rung(
    name: str, options: Options, epochs: int, rung: tuple[str, dict[str, Any]]
) -> NDArray[np.float64]:
    """The last test accuracies of one agent, (runs,)."""
    env_id, more = rung
    agent = prune_agents.make(name, keep_ratio=options.keep_ratio, seed=options.seed)
    wanted: dict[str, Any] = {
        "epochs": epochs,
        "signals": ["seen", *(signal for signal in agent.signals if signal != "seen")],
        "action": agent.action,
        "reward": "kept_loss",
        "evaluate_every": epochs,
    }
    wanted |= agent.env_options(epochs) | more
    envs = gym.make_vec(env_id, options.runs, **wanted).unwrapped
    assert isinstance(envs, PruneVectorEnv)
    observation, state = envs.reset(seed=options.seed)[0], None
    last, over = np.full(options.runs, np.nan), np.zeros(options.runs, bool)
    while np.isnan(last).any():
        action, state = agent.predict(observation, state, over)
        observation, _, over, _, infos = envs.step(action)
        first = over & np.isnan(last)
        if first.any():
            last[first] = infos["final_info"]["test_accuracy"][first]
    return last


def tau(real: Accuracies, rung: Accuracies) -> float:
    """Kendall's tau of the agents' mean accuracies; NaN where all are equal on one side."""
    order = sorted(real)
    return float(
        kendalltau([real[name].mean() for name in order], [rung[name].mean() for name in order])[0]
    )


def interval(
    real: Accuracies, rung: Accuracies, resamples: int, rng: np.random.Generator
) -> tuple[float, float]:
    """95 % bootstrap interval of tau: the runs of each agent are drawn anew on both sides."""

    def drawn(accuracies: Mapping[str, NDArray[np.float64]]) -> Accuracies:
        return {name: rng.choice(values, len(values)) for name, values in accuracies.items()}

    taus = [tau(drawn(real), drawn(rung)) for _ in range(resamples)]
    low, high = np.nanpercentile(taus, [2.5, 97.5])
    return float(low), float(high)


def main(options: Options) -> None:
    """Run, print, and write."""
    real, epochs = read_board(options.board, options.keep_ratio)
    rungs = {
        label: {name: run_on_rung(name, options, epochs, rung) for name in real}
        for label, rung in RUNGS.items()
    }
    rng = np.random.default_rng(options.seed)
    taus = {
        label: (tau(real, rung), *interval(real, rung, options.resamples, rng))
        for label, rung in rungs.items()
    }
    table = Table(title=f"{options.board.name}, keep {options.keep_ratio}: last test accuracy")
    for heading in ("agent", "board", *rungs):
        table.add_column(heading, justify="left" if heading == "agent" else "right")
    for name in sorted(real, key=lambda name: -real[name].mean()):
        cells = (f"{accuracies[name].mean():.4f}" for accuracies in (real, *rungs.values()))
        table.add_row(name, *cells)
    table.add_section()
    table.add_row("Kendall's tau", "", *(f"{value:.2f}" for value, _, _ in taus.values()))
    table.add_row(
        "95 % interval", "", *(f"{low:.2f}, {high:.2f}" for _, low, high in taus.values())
    )
    Console(width=110).print(table)
    if options.out:
        means = {
            label: {name: float(values.mean()) for name, values in accuracies.items()}
            for label, accuracies in ({"board": real} | rungs).items()
        }
        named = {
            label: dict(zip(("tau", "low", "high"), values, strict=True))
            for label, values in taus.items()
        }
        result = {"board": options.board.name, "keep_ratio": options.keep_ratio, "epochs": epochs}
        result |= {"runs": options.runs, "board_runs": {n: len(v) for n, v in real.items()}}
        options.out.write_text(json.dumps(result | {"tau": named, "means": means}, indent=1) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Options))
