"""Episodes per second of a cheap rung, several ways: `python -m speed.rung_speed`.

The same episodes (random_dynamic) as a vector environment of M runs, as scalar environments in a
Python loop, as scalar environments in 2 processes (SB3's SubprocVecEnv), and, for the probe, as
modules that PyTorch's autograd trains, one after the other, without any environment around them.
Beside them the floors of `rung_floor`: what the products or the memory alone would take. With
`--out` the table of all rungs in that folder, `rungs_speed.md`, is written anew.

Ways take turns and the median of the repeats is shown. CPU-seconds are the number to compare where
a machine is shared: they count both processes. Wall-clock is what a free machine would show.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import prune_agents
import tyro
from prune_bench.run.provenance import processor_name
from rich.console import Console
from rich.table import Table
from speed.rung_floor import floors

from prune_env.learners.probe.learner import ProbeLearner


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
    episodes: int = 8
    """of the ways that are not a vector environment, so many at a time, an even number"""
    repeats: int = 5
    """times that each way is timed, after one that is not"""
    hidden: int | None = None
    """units of the probe's hidden layer; by default the probe's own"""
    before: Path | None = None
    """a JSON file that this command wrote with other code, to compare with"""
    out: Path | None = None
    """JSON file to write, named rung_speed_*.json"""


@dataclass(frozen=True)
class Way:
    """One way to run episodes, ready to be timed."""

    episodes: Callable[[], float]
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
        stats = [
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")")[-1]
            for pid in self.workers
        ]
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


def loop(options: Options, more: dict[str, Any]) -> Way:
    """Scalar environments, one after the other."""
    env = gym.make(options.env, epochs=options.epochs, disable_env_checker=True, **more)
    agent = prune_agents.make("random_dynamic", keep_ratio=options.keep_ratio)

    def episodes() -> int:
        for run in range(options.episodes):
            observation, state = env.reset(seed=run)[0], None
            for _ in range(options.epochs):
                action, state = agent.predict(observation, state)
                observation, *_ = env.step(action)
        return options.episodes

    return Way(episodes)


def two_processes(options: Options, more: dict[str, Any]) -> Way:
    """Scalar environments in 2 processes; what it takes to start them is not timed."""
    from stable_baselines3.common.vec_env import SubprocVecEnv

    def make() -> gym.Env[Any, Any]:
        import prune_env  # noqa: F401, registers the id in the new process

        return gym.make(options.env, epochs=options.epochs, disable_env_checker=True, **more)

    envs = SubprocVecEnv([make, make])
    agent = prune_agents.make("random_dynamic", keep_ratio=options.keep_ratio)

    def episodes() -> int:
        observation: Any = envs.reset()
        state = None
        for _ in range(options.epochs * options.episodes // 2):
            action, state = agent.predict(observation, state)
            observation, *_ = envs.step(action)
        return options.episodes // 2 * 2

    pids = tuple(process.pid for process in envs.processes)
    return Way(episodes, pids, envs.close)


def autograd(options: Options, more: dict[str, Any]) -> Way:
    """One torch module after the other, on the probe's features, with its batches and SGD."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    torch.set_num_threads(1)
    env = gym.make(options.env, **more).unwrapped
    learner: ProbeLearner = env.learner  # type: ignore[attr-defined]
    recipe = learner.options
    x = torch.from_numpy(learner.arms)
    y = torch.from_numpy(learner.labels)
    held_out, held_out_labels = map(torch.from_numpy, learner.splits["validation"])
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
        for _ in range(options.episodes):
            model = module()
            optimizer = torch.optim.SGD(
                model.parameters(),
                lr=recipe.lr,
                momentum=recipe.momentum,
                weight_decay=recipe.weight_decay,
            )
            for _ in range(options.epochs):
                for batch in torch.randperm(len(x))[:k].split(recipe.batch_size):
                    loss = F.cross_entropy(model(x[batch]), y[batch], reduction="none")
                    optimizer.zero_grad()
                    loss.mean().backward()
                    optimizer.step()
                with torch.no_grad():
                    F.cross_entropy(model(held_out), held_out_labels[0])
        return options.episodes

    return Way(episodes)


def measure(options: Options) -> dict[str, dict[str, float]]:
    """Episodes per CPU-second and per second of wall-clock, of every way."""
    more = {} if options.hidden is None else {"hidden": options.hidden}
    ways = {f"vector, M = {runs}": vector(options, runs, more) for runs in options.runs}
    ways |= {"loop": loop(options, more), "2 processes": two_processes(options, more)}
    if "Probe" in options.env:
        ways["loop, autograd, no environment"] = autograd(options, more)
    envs: Any = gym.make_vec(options.env, max(options.runs), epochs=options.epochs, **more)
    for name, work in floors(envs.unwrapped, options.epochs, options.keep_ratio).items():
        ways[f"floor: {name}"] = Way(work)
    timed: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for repeat in range(options.repeats + 1):
        for name, way in ways.items():
            timed[name].append(way.seconds())
            print(f"{repeat} {name}: {timed[name][-1][1] * 1e3:.1f} ms CPU an episode", flush=True)
    for way in ways.values():
        way.close()
    medians = {
        name: [statistics.median(value) for value in zip(*values[1:], strict=True)]
        for name, values in timed.items()
    }
    return {name: {"wall": 1 / wall, "cpu": 1 / cpu} for name, (wall, cpu) in medians.items()}


def rows(result: dict[str, Any]) -> list[list[str]]:
    """A row for each way: per CPU-second now and before, and its share of each floor."""
    now, before = result["episodes_per_second"], result.get("before", {})
    floor = [rate["cpu"] for name, rate in now.items() if name.startswith("floor")]
    found = []
    for name, rate in now.items():
        then = f"{before[name]['cpu']:.1f}" if name in before else ""
        shares = ", ".join(f"{rate['cpu'] / most:.0%}" for most in floor)
        found.append([name, then, f"{rate['cpu']:.1f}", shares])
    return found


HEADINGS = ("way", "before, per CPU-second", "episodes per CPU-second", "share of the floors")


def write_tables(folder: Path) -> None:
    """Write `rungs_speed.md` from all rung_speed_*.json of the folder and what is noted there."""
    lines = [
        "# How fast the cheap rungs are",
        "",
        "Episodes of `random_dynamic`, all signals shown, medians of alternating repeats. The",
        "floors are what the machine takes for the products, or for the memory that a round must",
        "read and write, in the same process: see `benchmarks/speed/rung_floor.py`. Written by",
        "`python -m speed.rung_speed`, whose options stand below each heading.",
    ]
    for path in sorted(folder.glob("rung_speed_*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        lines += [
            "",
            f"## {result['env']}",
            "",
            f"`{result['command']}`: {result['epochs']} rounds,",
        ]
        lines += [
            f"keep {result['keep_ratio']}; {result['processor']}, {result['cores']} cores, load"
        ]
        lines += [f"{result['load']:.1f}, numpy {result['numpy']}.", ""]
        lines += [f"| {' | '.join(HEADINGS)} |", "|---|---|---|---|"]
        lines += [f"| {' | '.join(row)} |" for row in rows(result)]
    if (notes := folder / "rung_speed_notes.txt").exists():
        lines += ["", notes.read_text(encoding="utf-8").rstrip()]
    (folder / "rungs_speed.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(options: Options) -> None:
    """Measure, print, and write."""
    asked = re.sub(r" --(before|out) \S+", "", " ".join(["", *sys.argv[1:]])).strip()
    result: dict[str, Any] = {"command": asked, "env": options.env}
    result |= {"epochs": options.epochs, "keep_ratio": options.keep_ratio}
    result |= {"repeats": options.repeats, "processor": processor_name(), "cores": os.cpu_count()}
    result |= {"load": os.getloadavg()[0], "numpy": np.__version__}
    result["episodes_per_second"] = measure(options)
    if options.before:
        old = json.loads(options.before.read_text(encoding="utf-8"))
        result["before"] = old["episodes_per_second"]
    table = Table(title=f"{options.env}: episodes of {options.epochs} rounds")
    for heading in HEADINGS:
        table.add_column(heading)
    for row in rows(result):
        table.add_row(*row)
    Console().print(table)
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        write_tables(options.out.parent)


if __name__ == "__main__":
    main(tyro.cli(Options))
