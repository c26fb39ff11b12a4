"""What learning costs on top of the environment: SB3's share of a training round.

`python -m speed.sb3_overhead` runs the digits and prints milliseconds of CPU time a round:

env    `env.step` of the id without wrappers, a random share kept
twin   the same through the wrappers of its -Scores-v0 twin
ALGO   a round of `model.learn` on the twin: stepping, predicting and gradient steps

CPU time and not wall-clock, so that other load on the machine does not count.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
import tyro
from prune_agents import sb3
from prune_bench.run.provenance import processor_name
from prune_bench.training.options import TrainOptions, read_preset
from rich.console import Console
from rich.table import Table

from prune_env.wrappers.small_ids import base_id


@dataclass(frozen=True)
class Options:
    """What is measured."""

    algos: tuple[str, ...] = ("ppo", "a2c", "sac")
    """algorithms, with their presets"""
    env: str = "prune_env/Digits-Scores-v0"
    """a -Scores-v0 twin"""
    rounds: int = 400
    """rounds of each"""
    out: Path | None = None
    """write the table to this file too"""


def stepping(env: gym.Env, actions: list[np.ndarray], rounds: int) -> float:
    """CPU seconds of so many rounds, resets included."""
    env.reset(seed=0)
    begin = time.process_time()
    for number in range(rounds):
        if env.step(actions[number % len(actions)])[2]:
            env.reset()
    return time.process_time() - begin


def measure(options: Options) -> dict[str, float]:
    """CPU seconds a round by name."""
    rng = np.random.default_rng(0)
    plain, twin = gym.make(base_id(options.env), test=False), gym.make(options.env, test=False)
    num_arms = plain.action_space.shape[0]  # type: ignore[index]
    masks = [np.zeros(num_arms, np.int8) for _ in range(16)]
    for mask in masks:
        mask[rng.choice(num_arms, round(0.3 * num_arms), replace=False)] = 1
    weights = [rng.uniform(-1, 1, 10).astype(np.float32) for _ in masks]
    for env, actions in ((plain, masks), (twin, weights)):
        stepping(env, actions, 20)
    costs = {
        "env": stepping(plain, masks, options.rounds) / options.rounds,
        "twin": stepping(twin, weights, options.rounds) / options.rounds,
    }
    for algo in options.algos:
        chosen = TrainOptions(env=options.env, algo=algo, timesteps=options.rounds)
        preset = read_preset(chosen)
        preset.env_kwargs["test"] = False
        model = sb3.build(preset, sb3.training_env(preset), seed=0)
        begin = time.process_time()
        model.learn(options.rounds)
        costs[algo] = (time.process_time() - begin) / model.num_timesteps
    return costs


def main(options: Options) -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    costs = measure(options)
    title = (
        f"{options.env}, {options.rounds} rounds each, one thread\n"
        f"{processor_name()}, {os.cpu_count()} cores, torch {torch.__version__}"
    )
    table = Table(box=None)
    for column in ("what", "CPU ms a round", "times env"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for name, seconds in costs.items():
        table.add_row(name, f"{1e3 * seconds:.2f}", f"{seconds / costs['env']:.2f}")
    Console().print(title, table, highlight=False)
    if options.out:
        with options.out.open("w") as file:
            Console(file=file, width=100).print(title, table)


if __name__ == "__main__":
    main(tyro.cli(Options))
