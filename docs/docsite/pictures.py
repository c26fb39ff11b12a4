"""A picture for each concept, drawn from what was measured.

    python -m docsite.pictures

in docs/ draws them anew into docs/pictures. A test compares what is written in them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import prune_agents
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from prune_bench.report.palette import AHEAD, BEHIND
from prune_bench.standings.model import Comparison, Row
from prune_bench.standings.reference import Line
from scipy.interpolate import PchipInterpolator

from docsite.boards import standings
from docsite.places import DRAWN, RESULTS

BLUE, RED, GREY, PALE, INK = AHEAD, BEHIND, "#8c929b", "#dfe4ea", "#1f2933"
STYLE: Any = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "prune_env",  # the same file every time
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}
BOARD = "cifar10-cpu"
"""Whose numbers the pictures show."""
COSTS = ("full", "full_short", "ucb", "infobatch", "kakurenbo", "el2n", "forgetting")
INTERVALS = ("epsilon_greedy", "ucb", "ducb", "random_dynamic", "static_random")
"""Agents of the pictures `cost` and `interval`."""
NAMED = ("el2n", "forgetting", "aum", "static_random")
"""Agents that the picture `fidelity` names."""


def draw(folder: Path) -> None:
    """Draw the pictures that docs/ shows."""
    folder.mkdir(exist_ok=True)
    for name, picture in PICTURES.items():
        with rc_context(STYLE):
            figure = picture()
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None}, bbox_inches="tight")


def _axes(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure((width, height), facecolor="white", layout="constrained")
    return figure, figure.add_subplot()


# -- arm and round --------------------------------------------------------------------------------


def _digits_after(rounds: int) -> tuple[Any, dict[str, Any], Any]:
    """The environment, its observation, and which arms `ucb` keeps next."""
    env: Any = gym.make("prune_env/Digits-v0", disable_env_checker=True).unwrapped
    agent, state = prune_agents.make("ucb", keep_ratio=0.3), None
    observation, _ = env.reset(seed=0)
    for _ in range(rounds):
        action, state = agent.predict(observation, state)
        observation, *_ = env.step(action)
    return env, observation, agent.predict(observation, state)[0]


def arm() -> Figure:
    """Digits as arms: the loss of each, and whether it is kept."""
    env, observation, kept = _digits_after(6)
    order = observation["loss"].argsort()
    arms = order[np.linspace(0, len(order) - 1, 16).astype(int)]
    images = env.learner.images_of(arms)
    figure = Figure((8, 2.9), facecolor="white")
    for place, (number, image) in enumerate(zip(arms, images, strict=True)):
        row, column = divmod(place, 8)
        axes = figure.add_axes((0.01 + column * 0.124, 0.56 - row * 0.5, 0.105, 0.36))
        axes.imshow(image, cmap="gray_r", interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        colour = BLUE if kept[number] else PALE
        for spine in axes.spines.values():
            spine.set(visible=True, color=colour, linewidth=3)
        label = f"arm {number}\n{abs(observation['loss'][number]):.2g} nats"
        axes.set_xlabel(label, fontsize=8, color=BLUE if kept[number] else INK)
    return figure


def round_() -> Figure:
    """One round as a circle, with the numbers of a real one."""
    env, observation, action = _digits_after(6)
    shown, reward, _, _, info = env.step(action)
    figure, axes = _axes(8, 3.4)
    axes.set(xlim=(0, 10), ylim=(0, 4.2))
    axes.axis("off")
    total, kept = len(action), int(action.sum())
    rose = shown["loss"][action == 1].mean() - observation["loss"][action == 1].mean()
    boxes = {
        "agent": (0.2, 2.6, "The agent chooses", f"{kept} of {total:,} arms"),
        "train": (6.6, 2.6, "The network trains", f"on {kept} samples, one epoch"),
        "signals": (6.6, 0.3, "Signals come back", f"their mean loss {rose:+.2f} nats"),
        "reward": (0.2, 0.3, "Reward", f"{reward:+.3f}: fall of the validation loss"),
    }
    for x, y, title, text in boxes.values():
        axes.add_patch(
            FancyBboxPatch((x, y), 3.2, 1.2, boxstyle="round,pad=0.05", fc="#f3f5f8", ec=GREY)
        )
        axes.text(x + 1.6, y + 0.82, title, ha="center", weight="bold")
        axes.text(x + 1.6, y + 0.32, text, ha="center", fontsize=8.5)
    arrows = {
        "action, (N,) of 0 and 1": ((3.55, 3.2), (6.45, 3.2)),
        "": ((8.2, 2.45), (8.2, 1.65)),
        "observation, info": ((6.45, 0.9), (3.55, 0.9)),
        " ": ((1.8, 1.65), (1.8, 2.45)),
    }
    for text, (start, end) in arrows.items():
        axes.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=14, color=BLUE))
        axes.text(5, start[1] + 0.15, text, ha="center", fontsize=8.5)
    said = f"round {info['round']}: {info['passes']:,} sample passes so far"
    axes.text(5, 2.1, said, ha="center", color=GREY, fontsize=9)
    return figure


# -- cost and equal cost --------------------------------------------------------------------------


def comparison_at(keep_ratio: float) -> Comparison:
    """What the board says at a keep ratio."""
    found = standings()[BOARD]
    return next(c for c in found.of(found.settings[0]) if c.keep_ratio == keep_ratio)


def row_of(comparison: Comparison, agent: str) -> Row:
    """The row of an agent, which has runs."""
    row = comparison.row(agent)
    assert row, f"{BOARD} has no run of {agent} at keep {comparison.keep_ratio}"
    return row


def cost() -> Figure:
    """What runs are charged, by what for."""
    rows = [row_of(comparison_at(0.3), name) for name in COSTS]
    parts = {"train": BLUE, "refresh": "#56B4E9", "prior": RED}
    figure, axes = _axes(8, 3.2)
    left = np.zeros(len(rows))
    for part, colour in parts.items():
        label = {"train": "training", "refresh": "looks at other arms", "prior": "a prior run"}[
            part
        ]
        runs = [
            [run.content["passes"].get(part, 0) / run.full_passes for run in r.runs] for r in rows
        ]
        widths = np.array([np.mean(of) for of in runs])
        axes.barh(range(len(rows)), widths, left=left, color=colour, label=label, height=0.62)
        left += widths
    for place, total in enumerate(left):
        axes.text(total + 0.015, place, f"{total:.2f}", va="center", fontsize=9)
    axes.set_yticks(range(len(rows)), COSTS, family="monospace")
    axes.invert_yaxis()
    axes.axvline(1, color=GREY, linewidth=1, linestyle=":")
    axes.set(xlabel="sample passes, in those of all data for all 8 epochs (CIFAR-10, keep 30 %)")
    axes.legend(frameon=False, loc="upper right")
    return figure


def equal_cost() -> Figure:
    """Agents above and below the curve of `full_short`, and what is read off."""
    found = standings()[BOARD]
    every = {
        (r.agent, r.keep_ratio): r
        for c in found.of(found.settings[0])
        for r in c.all_rows
        if r.last
    }
    line = Line([row for row in every.values() if row.is_reference])
    figure, axes = _axes(8, 3.8)
    x = np.geomspace(0.1, 1, 100)
    costs, heights = (
        [row.cost for row in line.ends],
        [100 * row.last.value for row in line.ends if row.last],
    )
    axes.plot(x, 100 * PchipInterpolator(line.logs, line.accuracies)(np.log(x)), color=INK, lw=1)
    axes.scatter(costs, heights, color=INK, s=26, zorder=3, label="full_short, and full at 1")
    named = {
        "epsilon_greedy": BLUE,
        "infobatch": "#009E73",
        "static_random": RED,
        "forgetting": "#CC79A7",
    }
    for agent, colour in named.items():
        rows = [row for (name, _), row in every.items() if name == agent and row.last]
        scores = [100 * row.last.value for row in rows if row.last]
        axes.scatter([r.cost for r in rows], scores, color=colour, s=34, zorder=4, label=agent)
    row = every["epsilon_greedy", 0.3]
    assert row.last
    assert row.ahead
    top, under = 100 * row.last.value, 100 * (row.last.value - row.ahead.value)
    axes.annotate(
        "", (row.cost, top), (row.cost, under), arrowprops={"arrowstyle": "<->", "color": BLUE}
    )
    text = f"{100 * row.ahead.value:+.1f} points\nat equal cost"
    axes.annotate(
        text,
        (row.cost, top),
        (0.2, 87.5),
        color=BLUE,
        arrowprops={"arrowstyle": "-", "color": PALE},
    )
    axes.set(
        xscale="log", ylim=(68, 89.5), xlabel="cost: sample passes, 1 is all data for all epochs"
    )
    axes.set_xticks([0.1, 0.2, 0.3, 0.5, 1, 1.5], ["0.1", "0.2", "0.3", "0.5", "1", "1.5"])
    axes.set(ylabel="test accuracy, %")
    axes.legend(frameon=False, loc="lower right", fontsize=9)
    return figure


# -- rungs and fidelity ---------------------------------------------------------------------------


def rungs() -> Figure:
    """Episodes a CPU-second on every rung."""
    speeds = {}
    for rung in ("synthetic", "replay", "probe"):
        content = json.loads((RESULTS / f"rung_speed_{rung}.json").read_text(encoding="utf-8"))
        speeds[rung] = content["episodes_per_second"]["vector, M = 1"]["cpu"]
    speeds["network"] = 1 / row_of(comparison_at(0.3), "random_dynamic").seconds
    told = {
        "synthetic": "formulas, 1,000 arms",
        "replay": "a recorded run",
        "probe": "a small head on frozen features",
        "network": "CIFAR-10, 45,000 arms",
    }
    figure, axes = _axes(8, 2.6)
    axes.barh(range(4), list(speeds.values()), color=[PALE, PALE, PALE, BLUE], height=0.6)
    for place, (rung, speed) in enumerate(speeds.items()):
        shown = f"{speed:.0f} a second" if speed > 1 else f"{1 / speed:.0f} s each"
        axes.text(speed * 1.15, place, f"{shown}: {told[rung]}", va="center", fontsize=9)
    axes.set_yticks(range(4), list(speeds), family="monospace")
    axes.set(xscale="log", xlim=(0.003, 1e5))
    axes.set_xlabel("episodes a CPU-second, 8 rounds each, one run at a time")
    axes.invert_yaxis()
    return figure


def fidelity() -> Figure:
    """The places of agents on two rungs against their places on a board."""
    content = json.loads((RESULTS / "fidelity.json").read_text(encoding="utf-8"))
    (found,) = (
        of for of in content["comparisons"] if (of["board"], of["keep_ratio"]) == (BOARD, 0.3)
    )
    figure = Figure((8, 4.2), facecolor="white", layout="constrained")
    for place, rung in enumerate(("probe", "replay")):
        runs = content["runs"][rung][f"keep 0.3, {found['epochs']} rounds"]
        board = {name: of for name, of in found["accuracies"].items() if name in runs}
        ours, theirs = _places(board), _places({name: runs[name] for name in board})
        axes = figure.add_subplot(1, 2, place + 1)
        axes.plot([1, len(board)], [1, len(board)], color=PALE, lw=1)
        for name in board:
            axes.plot(ours[name], theirs[name], "o", ms=5, color=RED if name in NAMED else BLUE)
            if name in NAMED:
                spot = (ours[name] - 0.8, theirs[name])
                axes.text(*spot, name, fontsize=8, ha="right", va="center", color=RED)
        tau = found["tau"]["all"][rung]
        said = f"tau {tau['tau']:.2f} [{tau['low']:.2f}, {tau['high']:.2f}]"
        axes.set_title(f"{rung}: {said}", fontsize=10, loc="left")
        axes.set(xlabel="place on CIFAR-10, 1 is the best", ylabel=f"place on {rung}")
    return figure


def _places(runs: dict[str, list[float]]) -> dict[str, int]:
    """Place of each agent by its mean accuracy, 1 is the best."""
    best_first = sorted(runs, key=lambda name: -float(np.mean(runs[name])))
    return {name: place for place, name in enumerate(best_first, 1)}


def interval() -> Figure:
    """Runs as dots, means with intervals, and the bar."""
    comparison = comparison_at(0.3)
    rows = [row_of(comparison, name) for name in INTERVALS]
    figure, axes = _axes(8, 3)
    axes.axvline(0, color=INK, lw=1)
    for place, row in enumerate(rows):
        assert row.ahead
        assert row.ahead.low is not None
        assert row.ahead.high is not None
        colour = {1: BLUE, -1: RED}.get(row.sign, GREY)
        runs = [100 * value for value in row.ahead_runs.values()]
        low, value, high = (100 * end for end in (row.ahead.low, row.ahead.value, row.ahead.high))
        (band,) = axes.plot([low, high], [place] * 2, color=colour, lw=7, alpha=0.28)
        band.set_solid_capstyle("round")
        axes.scatter(runs, np.full(len(runs), place), s=18, color=colour, alpha=0.55, linewidths=0)
        axes.plot([value] * 2, [place - 0.22, place + 0.22], color=colour, lw=3)
        certain = {1: "ahead for certain", -1: "behind for certain"}.get(row.sign, "not certain")
        said = f"{value:+.1f} [{low:.1f}, {high:.1f}]  {certain}".replace("-", "−")
        axes.text(2.05, place, said, va="center", fontsize=9, color=colour)
    axes.set_yticks(np.arange(len(rows)), INTERVALS, family="monospace")
    axes.set(
        xlim=(-2, 3.9), xlabel="points ahead of full_short at equal cost (CIFAR-10, keep 30 %)"
    )
    axes.set_xticks([-2, -1, 0, 1, 2])
    axes.invert_yaxis()
    return figure


PICTURES: dict[str, Callable[[], Figure]] = {
    "arm": arm,
    "round": round_,
    "cost": cost,
    "equal_cost": equal_cost,
    "rungs": rungs,
    "fidelity": fidelity,
    "interval": interval,
}
"""Name of the file -> what draws it."""

if __name__ == "__main__":
    draw(DRAWN)
