"""What selection costs: `env.step` against a loop that does nothing but train.

`python -m speed.speed_step --data ../shared/data/cifar10` alternates three epochs on the same
network and data and prints medians and ratios:

loop   a hand-written training loop: no signals, no arm table, no environment
step   `env.step` with every arm kept
kept   `agent.predict` and `env.step` with a share of the arms kept

Evaluations are left out of all three: they have a price of their own, which results report apart.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import prune_agents
import tyro
from rich.console import Console
from rich.table import Table

import prune_env  # noqa: F401


@dataclass(frozen=True)
class Options:
    """What is measured."""

    data: str | None = None
    """folder of CIFAR-10; by default the variable PRUNE_ENV_DATA"""
    limit: int | None = None
    """training images, validation included; by default all"""
    repeats: int = 5
    """how often each of the three is measured"""
    agent: str = "ucb"
    """who chooses"""
    keep_ratio: float = 0.3
    """share of the arms it keeps"""
    threads: int = 1
    """threads of PyTorch"""
    out: Path | None = None
    """append the table in Markdown to this file"""


def bare_epoch(learner: Any, model: Any, optimizer: Any, rng: np.random.Generator) -> None:
    """The epoch that one would write by hand: shuffle, augment, forward, backward, step."""
    import torch
    import torch.nn.functional as F

    recipe, count = learner.recipe, learner.num_arms
    order = torch.from_numpy(rng.permutation(count))
    shift = torch.from_numpy(rng.integers(0, 2 * recipe.padding + 1, (2, count)))
    flip = torch.from_numpy(rng.integers(0, 2, count).astype(bool))
    labels = torch.from_numpy(learner.labels)
    model.train()
    for index in order.tensor_split(-(-count // recipe.batch_size)):
        images = learner.arm_inputs.augmented(index, shift[:, index], flip[index])
        loss = F.cross_entropy(model(images), labels[index], label_smoothing=recipe.label_smoothing)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()


def measure(options: Options) -> dict[str, np.ndarray]:
    """CPU and wall seconds of each repeat: name -> (repeats, 2) float64."""
    import torch

    from prune_env.networks import make_optimizer

    torch.set_num_threads(options.threads)
    agent = prune_agents.make(options.agent, keep_ratio=options.keep_ratio)
    env: Any = gym.make(
        "prune_env/CIFAR10-v0",
        data=options.data,
        limit=options.limit,
        device="cpu",
        epochs=2 * options.repeats + 2,
        evaluate_every=10**6,
        test=False,
        reward="kept_loss",
        signals=("seen", *agent.signals),
    ).unwrapped
    learner = env.learner
    model = learner.make_model().to(memory_format=torch.channels_last)
    optimizer = make_optimizer(model, learner.recipe)
    rng = np.random.default_rng(0)
    everything = np.ones(learner.num_arms, np.int8)
    observation, _ = env.reset(seed=0)
    observation = env.step(everything)[0]
    state: Any = None

    seconds: dict[str, list[tuple[float, float]]] = {"loop": [], "step": [], "kept": []}
    for repeat in range(options.repeats):
        names = list(seconds) if repeat % 2 == 0 else list(seconds)[::-1]
        for name in names:
            cpu, wall = time.process_time(), time.perf_counter()
            if name == "loop":
                bare_epoch(learner, model, optimizer, rng)
            elif name == "step":
                observation = env.step(everything)[0]
            else:
                action, state = agent.predict(observation, state)
                observation = env.step(action)[0]
            seconds[name].append((time.process_time() - cpu, time.perf_counter() - wall))
    return {name: np.array(pairs) for name, pairs in seconds.items()}


def report(options: Options, seconds: dict[str, np.ndarray]) -> list[tuple[str, ...]]:
    """Rows of the table: what, median CPU seconds, ratio of medians, the same for wall-clock."""
    cpu, wall = ({n: float(np.median(s[:, i])) for n, s in seconds.items()} for i in (0, 1))
    rows = (
        ("hand-written loop, every arm", "loop", "loop"),
        ("env.step, every arm", "step", "loop"),
        (f"{options.agent} and env.step, keep {options.keep_ratio:g}", "kept", "step"),
    )
    return [
        (
            title,
            f"{cpu[name]:.2f}",
            f"{cpu[name] / cpu[base]:.4f} of {base}",
            f"{wall[name]:.2f}",
            f"{wall[name] / wall[base]:.4f} of {base}",
        )
        for title, name, base in rows
    ]


def main() -> None:
    """Measure and print."""
    options = tyro.cli(Options)
    rows = report(options, measure(options))
    titles = ("one epoch", "CPU s", "ratio", "wall s", "ratio ")
    table = Table(title=f"medians of {options.repeats} alternating repeats", box=None)
    for title in titles:
        table.add_column(title, justify="left" if title == "one epoch" else "right")
    for row in rows:
        table.add_row(*row)
    Console().print(table)
    if options.out:
        lines = [titles, ("---",) * len(titles), *rows]
        with options.out.open("a") as file:
            file.writelines(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    main()
