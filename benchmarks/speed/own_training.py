"""What `prune_env.training` costs a loop, and what it saves: `python -m speed.own_training`.

    python -m speed.own_training overhead --data cifar10/
    python -m speed.own_training choosing
    python -m speed.own_training compare --data cifar10/ --epochs 30 --out results/

`overhead` alternates steps of examples/cifar_plain.py with steps of cifar_pruned.py that keep
everything. `choosing` measures all that happens between two epochs: closing the round, what the
agent is shown, its choice and the next order. `compare` runs cifar_plain.py, and cifar_pruned.py
with other agents in its one line; see plain_script.py.
"""

from __future__ import annotations

import itertools
import os
import runpy
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import prune_agents
import torch
import tyro
from speed.plain_script import EXAMPLES, Compare
from torch.utils.data import DataLoader

from prune_env.training import Pruned

IMAGES_PER_SECOND = 700
"""What the small CPU network trains on one core; see predict_time."""


@dataclass(frozen=True)
class Overhead:
    """What the loop of cifar_pruned.py takes more than the plain one where everything is kept.

    Steps of both take turns in one process, on one network, so that whatever else a machine does
    slows both alike; the median of many pairs forgets the rest. On a CPU process time is measured,
    on a GPU the wall-clock until it is idle.
    """

    data: Path
    """folder of the parquet files of CIFAR-10"""
    limit: int = 1280
    """images of an epoch"""
    width: int = 16
    """channels of the network's first layer"""
    pairs: int = 100
    """measurements of each kind, after some that are not counted"""
    batches: int = 1
    """of 128 images, that are measured together"""
    workers: int = 0
    """processes that load, of each loop; what they take is no process time of this one"""

    def run(self) -> None:
        """Print what a batch takes more, between two epochs too, and that by its parts."""
        argv = ["--data", self.data, "--limit", self.limit, "--width", self.width]
        script = _script([*argv, "--epochs", 0, "--workers", 0])
        device, warm = script["device"], max(2, self.pairs // 20)
        rounds = -(-128 * self.batches * (self.pairs + warm) // self.limit) + 1
        pruned = Pruned(script["trainset"], prune_agents.make("full"), epochs=rounds, quiet=True)
        many: dict[str, Any] = {"num_workers": self.workers}
        plain = _batches(DataLoader(script["trainset"], 128, shuffle=True, **many))
        mine = _batches(DataLoader(pruned.dataset, 128, sampler=pruned.sampler, **many))
        took: dict[str, list[float]] = {"plain": [], "pruned": []}
        for pair in range(self.pairs + warm):
            for kind in ("plain", "pruned") if pair % 2 else ("pruned", "plain"):
                begin = _now(device)
                for batch in itertools.islice(mine if kind == "pruned" else plain, self.batches):
                    _step(script, batch, pruned)
                took[kind].append((_now(device) - begin) / self.batches)
        before, after = (np.array(took[kind][warm:]) for kind in ("plain", "pruned"))
        batch, more = float(np.median(before)), np.sort(after - before)
        reach = round(0.98 * len(more) ** 0.5)  # of the 95 % interval of a median, in ranks
        middle = len(more) // 2
        low, high = more[max(0, middle - reach)], more[min(len(more) - 1, middle + reach)]
        print(
            f"{_machine(device)}: a batch of 128 takes {1000 * batch:.2f} ms; with everything kept "
            f"{_share(np.median(more), batch)} [{_share(low, batch)}, {_share(high, batch)}], the "
            f"median of {self.pairs} pairs of {self.batches} and its 95 % interval"
        )
        between, _ = _choosing("full", 50_000, 1.0, 4)
        print(
            f"between two epochs of 50,000 {1000 * between:.1f} ms: {_share(between, 391 * batch)}"
        )
        parts = _parts(6400, 15, device)
        shown = ", ".join(f"{name} {1000 * seconds:+.3f}" for name, seconds in parts.items())
        print(f"by its parts {_share(sum(parts.values()), batch)}: ms a batch, {shown}")


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


def _script(argv: list[Any]) -> dict[str, Any]:
    """What cifar_plain.py has made, by name."""
    before, sys.argv = sys.argv, ["cifar_plain.py", *map(str, argv)]
    try:
        return runpy.run_path(str(EXAMPLES / "cifar_plain.py"))
    finally:
        sys.argv = before


def _step(script: dict[str, Any], batch: list[Any], pruned: Pruned) -> None:
    """One step as the script has it; a batch of its other form has arms too."""
    net, criterion, optimizer = script["net"], script["criterion"], script["optimizer"]
    net.train()
    inputs, targets, *arms = batch
    inputs, targets = inputs.to(script["device"]), targets.to(script["device"])
    outputs = net(inputs)
    loss = pruned.loss(outputs, targets, *arms) if arms else criterion(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _batches(loader: DataLoader[Any]) -> Iterator[list[Any]]:
    """Those of one epoch after the other."""
    while True:
        yield from loader


def _now(device: str) -> float:
    """Seconds: of this process on a CPU, of the clock on a GPU once it has done its work."""
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def _machine(device: str) -> str:
    name = f"CPU, {os.cpu_count()} cores" if device == "cpu" else torch.cuda.get_device_name()
    return f"{name}, torch {torch.__version__}"


def _share(seconds: float, whole: float) -> str:
    return f"{100 * seconds / whole:+.2f} %"


def _parts(num_arms: int, repeats: int, device: str) -> dict[str, float]:
    """Seconds a batch more than the plain loop takes, by what takes them: medians.

    Nothing is read and no network is called, so that the noise of those is not in the differences.
    """
    images, labels = torch.zeros(3, 32, 32), torch.arange(num_arms) % 10
    dataset = [(images, int(label)) for label in labels]
    pruned = Pruned(
        dataset, prune_agents.make("full"), labels=labels, epochs=repeats + 2, quiet=True
    )
    plain, mine = DataLoader(dataset, 128), DataLoader(pruned.dataset, 128, sampler=pruned.sampler)
    criterion = torch.nn.CrossEntropyLoss()
    logits = torch.randn(128, 10, requires_grad=True, device=device)
    took: dict[str, list[float]] = {"loading": [], "loss and record": []}
    for _ in range(repeats + 1):
        begin = time.process_time()
        batches = [targets for _, targets in plain]
        middle = time.process_time()
        batches_too = [batch[1:] for batch in mine]
        end = time.process_time()
        took["loading"].append((end - middle) - (middle - begin))
        begin = _now(device)
        for targets in batches:
            criterion(logits[: len(targets)], targets.to(device)).backward()
        middle = _now(device)
        for targets, arms in batches_too:
            pruned.loss(logits[: len(targets)], targets.to(device), arms).backward()
        took["loss and record"].append((_now(device) - middle) - (middle - begin))
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
