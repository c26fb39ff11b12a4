"""What a board costs beside its runs, and what two jobs bring.

    python -m speed.board_speed

The same runs in three ways, each in fresh processes with one thread of PyTorch: bare, one after
another in one process that does nothing else; on a board with one job; on a board with two. The
ways take turns and the fastest of the repeats counts: what else a machine does only ever adds.
A board's time is from the first import to the last result; the report, made once, is not in it.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import tyro
from prune_bench.board.board import Board
from prune_bench.board.engines import processes, work_off
from prune_bench.board.grid import Grid
from prune_bench.board.work import do_run
from prune_bench.commands.board_view import BoardView
from prune_bench.run.episode import run
from prune_bench.run.options import Place
from prune_bench.run.provenance import processor_name
from rich.console import Console

Way = Literal["bare", "1 job", "2 jobs"]
WAYS: tuple[Way, ...] = ("bare", "1 job", "2 jobs")


@dataclass(frozen=True)
class Options:
    """Measure the board."""

    epochs: int = 60
    """of each run, on the digits"""
    seeds: int = 8
    """each has six runs"""
    repeats: int = 2
    """of each way"""
    only: Way | None = None
    """do the runs once in this way, and measure nothing"""

    @property
    def grid(self) -> Grid:
        """The runs."""
        return Grid(agents=("ucb",), keep_ratios=(0.3,), seeds=self.seeds, epochs=self.epochs)


def do_runs(grid: Grid, way: Way) -> None:
    """All runs of a grid, once."""
    place = Place(threads=1)
    if way == "bare":
        os.environ["OMP_NUM_THREADS"] = "1"
        for each in grid.runs():
            run(each, place)
        return
    jobs = {"1 job": 1, "2 jobs": 2}[way]
    with (
        tempfile.TemporaryDirectory() as folder,
        open(os.devnull, "w", encoding="utf-8") as nowhere,
    ):
        board = Board(Path(folder))
        board.add(grid)
        do = partial(do_run, folder=board.folder, place=place)
        with (
            BoardView(Console(file=nowhere), board, jobs) as view,
            processes(do, jobs, threads=1) as submit,
        ):
            work_off(board, submit, view.tick)


def measure(options: Options, way: Way) -> tuple[float, float]:
    """Wall-clock and CPU seconds of all runs, and of the processes that do them."""
    command = [sys.executable, "-m", "speed.board_speed", "--only", way]
    command += ["--epochs", str(options.epochs), "--seeds", str(options.seeds)]
    wall, cpu = time.perf_counter(), cpu_of_children()
    subprocess.run(command, check=True)
    return time.perf_counter() - wall, cpu_of_children() - cpu


def cpu_of_children() -> float:
    """CPU seconds of all processes that have ended below this one."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure and print a table."""
    options = tyro.cli(Options)
    if options.only is not None:
        do_runs(options.grid, options.only)
        return
    taken: dict[Way, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for _ in range(options.repeats):
        for way in WAYS:
            taken[way].append(measure(options, way))
    wall = {way: min(seconds for seconds, _ in taken[way]) for way in WAYS}
    cpu = {way: min(seconds for _, seconds in taken[way]) for way in WAYS}
    print(
        f"{len(options.grid.runs())} runs on the digits, {options.epochs} epochs each, one thread."
    )
    print(f"{processor_name()}, {os.cpu_count()} cores; fastest of {options.repeats}.\n")
    print("| | wall-clock s | CPU s |\n|---|---|---|")
    for way in WAYS:
        print(f"| {way} | {wall[way]:.1f} | {cpu[way]:.1f} |")
    print(f"\nOverhead with 1 job: {wall['1 job'] / wall['bare'] - 1:+.1%} of the wall-clock time,")
    print(f"{cpu['1 job'] / cpu['bare'] - 1:+.1%} of the CPU time.")
    print(f"Throughput of 2 jobs: {wall['1 job'] / wall['2 jobs']:.2f} times that of 1.")


if __name__ == "__main__":
    main()
