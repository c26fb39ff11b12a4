"""Two processes over one, on CPUs: `python -m speed.processes --data cifar10/`.

The same short run by one process and by several that torchrun starts, one thread each, in turn.
`train` is what the clock of a result says of the training passes; CPU seconds are those of rank 0,
waiting for the others in gloo among them. On a machine with fewer free cores than processes the
wall-clock says nothing.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro


@dataclass(frozen=True)
class Options:
    """What is run."""

    data: Path | None = None
    """folder of the parquet files of CIFAR-10; without it, the digits"""
    limit: int = 1500
    """training images"""
    epochs: int = 2
    """rounds of a run"""
    processes: int = 2
    """that train together"""
    repeats: int = 3
    """runs of each kind"""
    network: str | None = None
    """by default the environment's"""


def run(options: Options, processes: int) -> dict[str, Any]:
    """The result of a run by so many processes."""
    env = ["--env", "prune_env/CIFAR10-v0", "--data", str(options.data)] if options.data else []
    network = ["--network", options.network] if options.network else []
    start = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes)]
    words = ["--limit", options.limit, "--epochs", options.epochs, "--threads", 1, "--json"]
    command = [*start, "--standalone", "-m", "prune_bench", "run", *env, *network]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "--device", "cpu", *map(str, words)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        check=True,
    )
    return json.loads(done.stdout)


def main() -> None:
    """Print the seconds of each kind, their ratio, and how far apart the losses are."""
    options = tyro.cli(Options)
    sizes = (1, options.processes)
    results: dict[int, list[dict[str, Any]]] = {size: [] for size in sizes}
    for _ in range(options.repeats):
        for size in sizes:
            results[size].append(run(options, size))
    wall, cpu = (
        {
            size: statistics.median(each[unit]["train"] for each in found)
            for size, found in results.items()
        }
        for unit in ("seconds", "cpu_seconds")
    )
    one, many = (found[0]["history"] for found in results.values())
    apart = max(abs(a["kept_loss"] - b["kept_loss"]) for a, b in zip(one, many, strict=True))
    kept = [[row["kept"] for row in history] for history in (one, many)]
    for size in sizes:
        print(f"{size} processes: {wall[size]:.2f} s of training, {cpu[size]:.2f} CPU s of rank 0")
    ratios = " and ".join(f"{found[sizes[1]] / found[1]:.2f}" for found in (wall, cpu))
    print(f"{ratios} of the time of one; medians of {options.repeats}")
    print(f"kept losses differ by at most {apart:.2g} nats; kept {kept[0]} and {kept[1]}")


if __name__ == "__main__":
    main()
