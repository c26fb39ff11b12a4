"""What `prune_env.training` costs a loop, and what it saves: `python -m speed.own_training`.

    python -m speed.own_training overhead --data cifar10/
    python -m speed.own_training choosing
    python -m speed.own_training compare --data cifar10/ --epochs 30

`overhead` alternates epochs of examples/cifar_plain.py's loop with epochs of cifar_pruned.py's that
keep everything, in one process, in CPU seconds, and measures the difference by its parts: on a busy
machine whole epochs differ by more than that from each other. `choosing` measures all that happens
between two epochs: closing the round, what the agent is shown, its choice and the next order.
`compare` runs cifar_plain.py, and cifar_pruned.py with other agents in its one line.
"""

from __future__ import annotations

import runpy
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import prune_agents
import torch
import tyro
from torch.utils.data import DataLoader

from prune_env.training import Pruned

EXAMPLES = Path(__file__).parents[2] / "examples"
IMAGES_PER_SECOND = 700
"""What the small CPU network trains on one core; see predict_time."""
ONE_LINE = 'make("ucb", keep_ratio=0.3), epochs=args.epochs'
"""The agent of cifar_pruned.py."""


@dataclass(frozen=True)
class Overhead:
    """CPU seconds of an epoch that keeps everything, against the plain loop's."""

    data: Path
    """folder of the parquet files of CIFAR-10"""
    limit: int = 1280
    """images of an epoch"""
    width: int = 16
    """channels of the network's first layer"""
    repeats: int = 15
    """epochs of each kind, after one that is not measured"""

    def run(self) -> None:
        """Print what a batch takes more, part by part, and the ratio of whole epochs."""
        argv = ["--data", self.data, "--limit", self.limit, "--width", self.width]
        script = _script([*argv, "--epochs", 0, "--workers", 0])
        epochs = 2 * self.repeats + 2
        pruned = Pruned(script["trainset"], prune_agents.make("full"), epochs=epochs, quiet=True)
        plain = DataLoader(script["trainset"], 128, shuffle=True)
        mine = DataLoader(pruned.dataset, 128, sampler=pruned.sampler)
        ratios, seconds = [], []
        for epoch in range(self.repeats + 1):
            took = {}
            for kind in ("plain", "pruned") if epoch % 2 else ("pruned", "plain"):
                begin = time.process_time()
                _epoch(script, mine if kind == "pruned" else plain, pruned)
                took[kind] = time.process_time() - begin
            ratios.append(took["pruned"] / took["plain"])
            seconds.append(took["plain"])
        batch = statistics.median(seconds[1:]) / len(plain)
        low, middle, high = np.percentile(ratios[1:], [25, 50, 75])
        print(
            f"a batch of 128 takes {1000 * batch:.1f} CPU ms; whole epochs with everything kept "
            f"{100 * (middle - 1):+.2f} % [{100 * (low - 1):+.2f}, {100 * (high - 1):+.2f}], "
            f"median and quartiles of {self.repeats} pairs"
        )
        more = _parts(self.limit, self.repeats)
        total = sum(more.values())
        shown = ", ".join(f"{name} {1000 * seconds:+.3f}" for name, seconds in more.items())
        print(f"by its parts {100 * total / batch:+.2f} %: CPU ms a batch, {shown}")


@dataclass(frozen=True)
class Choosing:
    """Seconds between two epochs, in which no sample is trained.

    The bounds are 0.5 % of an epoch at 50,000 arms and 2 % at ten million.
    """

    num_arms: tuple[int, ...] = (50_000, 10_000_000)
    """N"""
    agents: tuple[str, ...] = ("ucb", "epsilon_greedy", "infobatch", "random_dynamic", "rs2")
    keep_ratio: float = 0.3
    """share of the arms that is kept"""
    epochs: int = 4
    """that are measured, after one that is not"""
    images_per_second: float = IMAGES_PER_SECOND
    """that the loop trains"""

    def run(self) -> None:
        """Print a line for each agent and N."""
        for num_arms in self.num_arms:
            for name in self.agents:
                choosing, kept = _choosing(name, num_arms, self.keep_ratio, self.epochs)
                epoch = kept / self.images_per_second
                most = kept / choosing * (0.005 if num_arms <= 50_000 else 0.02)
                print(
                    f"N = {num_arms:>10,}, {name:15}: {choosing:8.3f} CPU s an epoch, "
                    f"{100 * choosing / (epoch + choosing):.3f} % of one that trains {kept:,} at "
                    f"{self.images_per_second:,.0f} a second; within its bound up to {most:,.0f}",
                    flush=True,
                )


@dataclass(frozen=True)
class Compare:
    """Test accuracy and seconds of the examples: the plain one, and other agents in the other."""

    data: Path
    """folder of the parquet files of CIFAR-10"""
    agents: tuple[str, ...] = ("ucb", "infobatch", "random_dynamic")
    keep_ratio: float = 0.3
    epochs: int = 30
    width: int = 32
    limit: int | None = None
    workers: int = 2
    seeds: tuple[int, ...] = (0, 1, 2)

    def run(self) -> None:
        """Print what each script has printed last, and its wall-clock."""
        pruned = (EXAMPLES / "cifar_pruned.py").read_text(encoding="utf-8")
        assert pruned.count(ONE_LINE) == 1
        sources = {"plain": (EXAMPLES / "cifar_plain.py").read_text(encoding="utf-8")}
        for name in self.agents:
            sources[name] = pruned.replace(
                ONE_LINE,
                f'make("{name}", keep_ratio={self.keep_ratio}, seed=args.seed), '
                "epochs=args.epochs, seed=args.seed",
            )
        options = ["--data", self.data, "--epochs", self.epochs, "--width", self.width]
        options += ["--workers", self.workers]
        options += [] if self.limit is None else ["--limit", self.limit]
        with tempfile.TemporaryDirectory() as folder:
            for seed in self.seeds:
                for name, source in sources.items():
                    script = Path(folder) / f"{name}.py"
                    script.write_text(source, encoding="utf-8")
                    begin = time.perf_counter()
                    command = [sys.executable, script, *options, "--seed", seed]
                    done = subprocess.run(
                        list(map(str, command)), capture_output=True, text=True, check=False
                    )
                    if done.returncode:
                        raise SystemExit(done.stderr)
                    lines = done.stdout.splitlines()
                    saved = [line for line in lines if "of them trained on" in line]
                    seconds = time.perf_counter() - begin
                    print(f"seed {seed}, {name}: {lines[-1]}, {seconds:.0f} s", *saved, flush=True)


def _script(argv: list[Any]) -> dict[str, Any]:
    """What cifar_plain.py has made, by name."""
    before, sys.argv = sys.argv, ["cifar_plain.py", *map(str, argv)]
    try:
        return runpy.run_path(str(EXAMPLES / "cifar_plain.py"))
    finally:
        sys.argv = before


def _epoch(script: dict[str, Any], loader: DataLoader[Any], pruned: Pruned) -> None:
    """One epoch as the script has it, by either loader."""
    net, criterion, optimizer = script["net"], script["criterion"], script["optimizer"]
    net.train()
    for inputs, targets, *arms in loader:
        outputs = net(inputs)
        loss = pruned.loss(outputs, targets, *arms) if arms else criterion(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _parts(num_arms: int, repeats: int) -> dict[str, float]:
    """CPU seconds a batch more than the plain loop takes, by what takes them: medians.

    Nothing is read and no network is called, so that the noise of those is not in the differences.
    """
    images, labels = torch.zeros(3, 32, 32), torch.arange(num_arms) % 10
    dataset = [(images, int(label)) for label in labels]
    pruned = Pruned(
        dataset, prune_agents.make("full"), labels=labels, epochs=repeats + 2, quiet=True
    )
    plain, mine = DataLoader(dataset, 128), DataLoader(pruned.dataset, 128, sampler=pruned.sampler)
    criterion = torch.nn.CrossEntropyLoss()
    logits = torch.randn(128, 10, requires_grad=True)
    took: dict[str, list[float]] = {"loading": [], "loss and record": []}
    for _ in range(repeats + 1):
        begin = time.process_time()
        batches = [targets for _, targets in plain]
        middle = time.process_time()
        batches_too = list(mine)
        end = time.process_time()
        took["loading"].append((end - middle) - (middle - begin))
        begin = time.process_time()
        for targets in batches:
            criterion(logits[: len(targets)], targets).backward()
        middle = time.process_time()
        for _, targets, arms in batches_too:
            pruned.loss(logits[: len(targets)], targets, arms).backward()
        end = time.process_time()
        took["loss and record"].append((end - middle) - (middle - begin))
    return {name: statistics.median(found[1:]) / len(plain) for name, found in took.items()}


def _choosing(name: str, num_arms: int, keep_ratio: float, epochs: int) -> tuple[float, int]:
    """CPU seconds of what happens between two epochs (median), and how many arms are kept."""
    agent = prune_agents.make(name, keep_ratio=keep_ratio)
    pruned = Pruned(range(num_arms), agent, epochs=epochs + 2, quiet=True)
    rng = np.random.default_rng(0)
    seconds, kept = [], 0
    for _ in range(epochs + 1):
        next(iter(pruned.sampler))
        arms = pruned.course.kept.order
        losses = torch.from_numpy(rng.gamma(0.7, 1.2, len(arms)).astype(np.float32))
        parts = torch.from_numpy(arms).split(1 << 20)
        for part in parts[:-1]:
            pruned.record(part, losses[: len(part)])
        kept, begin = len(arms), time.process_time()
        pruned.record(parts[-1], losses[: len(parts[-1])])
        seconds.append(time.process_time() - begin)
    return statistics.median(seconds[1:]), kept


if __name__ == "__main__":
    torch.set_num_threads(1)
    what = Annotated[Overhead, tyro.conf.subcommand("overhead")]
    tyro.cli(
        what
        | Annotated[Choosing, tyro.conf.subcommand("choosing")]
        | Annotated[Compare, tyro.conf.subcommand("compare")]
    ).run()
