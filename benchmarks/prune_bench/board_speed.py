"""What the board costs beside its runs, and what two jobs bring.

    python -m prune_bench.board_speed --repeats 3

The same runs in three ways, each in fresh processes with one thread of PyTorch: bare, one after
another in one process that does nothing else; on a board with one job; on a board with two. They
take turns and the fastest of the repeats counts, because what else a machine does only ever adds.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

import tyro

from prune_bench.board import Grid
from prune_bench.runner import Place, processor_name, run


@dataclass(frozen=True)
class Options:
    """Measure the board."""

    epochs: int = 60
    """of each run, on the digits"""
    seeds: int = 4
    """each has six runs"""
    repeats: int = 3
    """of each variant"""
    bare: bool = False
    """do the runs one after another, and nothing else"""

    @property
    def grid(self) -> Grid:
        """The runs."""
        return Grid(agents=("ucb",), keep_ratios=(0.3,), seeds=self.seeds, epochs=self.epochs)


def measure(options: Options, jobs: int | None) -> tuple[float, float]:
    """Wall-clock and CPU seconds of all runs; jobs: None for bare ones."""
    words = [f"--epochs={options.epochs}", f"--seeds={options.seeds}"]
    with tempfile.TemporaryDirectory() as folder:
        if jobs is None:
            command = ["-m", "prune_bench.board_speed", "--bare", *words]
        else:
            words += ["--agents", "ucb", "--keep-ratios", "0.3", f"--jobs={jobs}"]
            words += ["--threads-per-job=1", f"--out={folder}/board"]
            command = ["-c", "from prune_bench.cli import main; main()", "board", *words]
        wall, cpu = time.perf_counter(), cpu_of_children()
        subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - wall, cpu_of_children() - cpu


def cpu_of_children() -> float:
    """CPU seconds of all processes that have ended below this one."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure and print a table."""
    options = tyro.cli(Options)
    if options.bare:
        os.environ["OMP_NUM_THREADS"] = "1"
        for each in options.grid.runs():
            run(each, Place(threads=1))
        return
    variants = {"bare": None, "1 job": 1, "2 jobs": 2}
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in variants}
    for _ in range(options.repeats):
        for name, jobs in variants.items():
            taken[name].append(measure(options, jobs))
    wall = {name: min(seconds for seconds, _ in taken[name]) for name in variants}
    cpu = {name: min(seconds for _, seconds in taken[name]) for name in variants}
    print(
        f"{len(options.grid.runs())} runs on the digits, {options.epochs} epochs each, fastest of "
        f"{options.repeats}; {processor_name()}, {os.cpu_count()} cores\n"
    )
    print("| | wall-clock s | CPU s |\n|---|---|---|")
    for name in variants:
        print(f"| {name} | {wall[name]:.1f} | {cpu[name]:.1f} |")
    print(
        f"\noverhead with 1 job: {wall['1 job'] / wall['bare'] - 1:+.1%} of the wall-clock time, "
    )
    print(f"{cpu['1 job'] / cpu['bare'] - 1:+.1%} of the CPU time")
    print(f"throughput of 2 jobs: {wall['1 job'] / wall['2 jobs']:.2f} times that of 1")


if __name__ == "__main__":
    main()
