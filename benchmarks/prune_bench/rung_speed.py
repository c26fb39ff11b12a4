"""Episodes per second of a cheap rung, several ways: `python -m prune_bench.rung_speed`.

The same episodes (random_dynamic, one seed a run) as one vector environment of M runs, as M scalar
environments in a Python loop, as M scalar environments in 2 processes (SB3's SubprocVecEnv), and,
for the probe, as M modules trained with PyTorch's autograd, without any environment around them.

Ways take turns and the median of the repeats is shown. CPU-seconds are the number to compare where
a machine is shared: they count both processes. Wall-clock is what a free machine would show.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import prune_agents
import tyro
from rich.console import Console
from rich.table import Table

from prune_env.learners.probe import ProbeLearner


@dataclass(frozen=True)
class Options:
    """Time episodes of a rung."""

    env: str = "prune_env/Probe-v0"
    """id of the rung"""
    epochs: int = 8
    """rounds of an episode"""
    keep_ratio: float = 0.3
    """share of the arms that are kept"""
    runs: tuple[int, ...] = (1, 16, 256)
    """M"""
    most: int = 16
    """of the runs that are not in one vector environment, time only so many: they do not share"""
    repeats: int = 5
    """times that each way is timed, after one that is not"""
    hidden: int | None = None
    """units of the probe's hidden layer; by default the probe's own"""
    out: Path | None = None
    """JSON file to write"""


@dataclass(frozen=True)
class Way:
    """One way to run episodes, ready to be timed."""

    episodes: Callable[[], int]
    """runs some and returns how many"""
    workers: tuple[int, ...] = ()
    """ids of other processes that work for it"""
    close: Callable[[], None] = lambda: None

    def seconds(self) -> tuple[float, float]:
        """Wall-clock and CPU of an episode, all processes together."""
        wall, cpu = time.perf_counter(), self._cpu()
        count = self.episodes()
        return (time.perf_counter() - wall) / count, (self._cpu() - cpu) / count

    def _cpu(self) -> float:
        ticks = os.sysconf("SC_CLK_TCK")
        stats = [Path(f"/proc/{pid}/stat").read_text().rsplit(")")[-1] for pid in self.workers]
        used = sum(int(field) for stat in stats for field in stat.split()[11:13])
        return time.process_time() + used / ticks


def vector(options: Options, num_runs: int, more: dict[str, Any]) -> Way:
    """One vector environment."""
    envs = gym.make_vec(options.env, num_runs, epochs=options.epochs, **more)
    agent = prune_agents.make("random_dynamic", keep_ratio=options.keep_ratio)

    def episodes() -> int:
        observation, state = envs.reset(seed=0)[0], None
        for _ in range(options.epochs):
            action, state = agent.predict(observation, state)
            observation, *_ = envs.step(action)
        return num_runs

    return Way(episodes)


def loop(options: Options, num_runs: int, more: dict[str, Any]) -> Way:
    """Scalar environments, one after the other."""
    count = min(num_runs, options.most)
    env = gym.make(options.env, epochs=options.epochs, disable_env_checker=True, **more)
    agent = prune_agents.make("random_dynamic", keep_ratio=options.keep_ratio)

    def episodes() -> int:
        for run in range(count):
            observation, state = env.reset(seed=run)[0], None
            for _ in range(options.epochs):
                action, state = agent.predict(observation, state)
                observation, *_ = env.step(action)
        return count

    return Way(episodes)


def two_processes(options: Options, num_runs: int, more: dict[str, Any]) -> Way:
    """Scalar environments in 2 processes; what it takes to start them is not timed."""
    from stable_baselines3.common.vec_env import SubprocVecEnv

    count = max(2, min(num_runs, options.most))

    def make() -> gym.Env[Any, Any]:
        import prune_env  # noqa: F401, registers the id in the new process

        return gym.make(options.env, epochs=options.epochs, disable_env_checker=True, **more)

    envs = SubprocVecEnv([make, make])
    agent = prune_agents.make("random_dynamic", keep_ratio=options.keep_ratio)

    def episodes() -> int:
        observation: Any = envs.reset()
        state = None
        for _ in range(options.epochs * count // 2):
            action, state = agent.predict(observation, state)
            observation, *_ = envs.step(action)
        return count // 2 * 2

    pids = tuple(process.pid for process in envs.processes)
    return Way(episodes, pids, envs.close)


def autograd(options: Options, num_runs: int, more: dict[str, Any]) -> Way:
    """One torch module after the other, on the probe's features, with its batches and SGD."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    torch.set_num_threads(1)
    env = gym.make(options.env, **more).unwrapped
    learner: ProbeLearner = env.learner  # type: ignore[attr-defined]
    recipe, count = learner.options, min(num_runs, options.most)
    x = torch.from_numpy(learner.arms[:, :-1])
    y = torch.from_numpy(learner.labels)
    held_out, held_out_labels = (torch.from_numpy(array) for array in learner.splits["validation"])
    k = round(options.keep_ratio * learner.num_arms)

    def module() -> nn.Module:
        if not recipe.hidden:
            return nn.Linear(x.shape[1], learner.num_classes)
        return nn.Sequential(
            nn.Linear(x.shape[1], recipe.hidden),
            nn.ReLU(),
            nn.Linear(recipe.hidden, learner.num_classes),
        )

    def episodes() -> int:
        for _ in range(count):
            model = module()
            optimizer = torch.optim.SGD(
                model.parameters(),
                lr=recipe.lr,
                momentum=recipe.momentum,
                weight_decay=recipe.weight_decay,
            )
            for _ in range(options.epochs):
                losses = []
                for batch in torch.randperm(len(x))[:k].split(recipe.batch_size):
                    loss = F.cross_entropy(model(x[batch]), y[batch], reduction="none")
                    optimizer.zero_grad()
                    loss.mean().backward()
                    optimizer.step()
                    losses.append(loss.detach())
                with torch.no_grad():
                    F.cross_entropy(model(held_out[:, :-1]), held_out_labels.long())
        return count

    return Way(episodes)


def measure(options: Options) -> list[dict[str, Any]]:
    """Episodes per second of every way and every M."""
    more = {} if options.hidden is None else {"hidden": options.hidden}
    ways: dict[str, Any] = {"vector": vector, "loop": loop, "two processes": two_processes}
    if "Probe" in options.env:
        ways["autograd loop"] = autograd
    rows = []
    for num_runs in options.runs:
        ready: dict[str, Way] = {name: way(options, num_runs, more) for name, way in ways.items()}
        timed: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for _ in range(options.repeats + 1):
            for name, way in ready.items():
                timed[name].append(way.seconds())
        for way in ready.values():
            way.close()
        for name, values in timed.items():
            wall, cpu = (statistics.median(value) for value in zip(*values[1:], strict=True))
            rows.append({"M": num_runs, "way": name, "per_wall": 1 / wall, "per_cpu": 1 / cpu})
    return rows


def main(options: Options) -> None:
    """Measure, print, and write."""
    rows = measure(options)
    table = Table(title=f"{options.env}: episodes of {options.epochs} rounds a second")
    for heading in ("M", "way", "per CPU-second", "per second", "vector / this, CPU"):
        table.add_column(heading, justify="left" if heading == "way" else "right")
    for row in rows:
        best = next(r for r in rows if r["M"] == row["M"] and r["way"] == "vector")
        ratio = best["per_cpu"] / row["per_cpu"]
        cells = (f"{row['per_cpu']:.1f}", f"{row['per_wall']:.1f}", f"{ratio:.1f}")
        table.add_row(str(row["M"]), row["way"], *cells)
    Console().print(table)
    if options.out:
        place = {"processor": platform.processor(), "cores": os.cpu_count()}
        load = os.getloadavg()[0]
        result = {"env": options.env, "epochs": options.epochs, "keep_ratio": options.keep_ratio}
        result |= {"repeats": options.repeats, "numpy": np.__version__, "load": load} | place
        options.out.write_text(json.dumps(result | {"rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Options))
