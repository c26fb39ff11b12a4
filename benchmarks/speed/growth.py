"""What it costs as the work grows: pages of many results, the live view, starting up.

    python -m speed.growth --out benchmarks/results/growth.md

Every figure is of a fresh process with one thread: CPU seconds, and the peak of its memory. Results
are made up from those of a board that was run: other keep ratios, and seeds with other noise.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from prune_bench.board.board import Board
from prune_bench.board.grid import CONTROLS, Grid
from prune_bench.run.options import RunOptions
from prune_bench.run.provenance import commit, processor_name
from prune_bench.run.result import read_results
from rich.console import Console

from prune_env.files import write_json

RESULTS = Path(__file__).parents[1] / "results"
REAL = RESULTS / "cifar10-cpu"
KEEP_RATIOS = (0.1, 0.2, 0.3, 0.5)
NOISE = 0.003
"""Standard deviation of the accuracy of two seeds, as on CIFAR-10."""

STARTS = {
    "`import prune_env`": ["-c", "import prune_env"],
    "`prune-env --help`": ["-c", "from prune_bench.commands.main import main; main(['--help'])"],
    '`gym.make("prune_env:prune_env/Digits-v0")`': [
        "-c", "import gymnasium; gymnasium.make('prune_env:prune_env/Digits-v0')",
    ],
    "`import torch` alone": ["-c", "import torch"],
}  # fmt: skip


@dataclass(frozen=True)
class Options:
    """Measure growth."""

    results: tuple[int, ...] = (100, 1_000, 10_000)
    """of the boards that are made up, about"""
    repeats: int = 5
    """of each start; the median counts"""
    out: Path | None = None
    """append the tables to this file, in Markdown"""


# -- made-up boards -------------------------------------------------------------------------------


def make_board(folder: Path, results: int) -> int:
    """A finished board of about so many results; how many it has.

    Up to 1,000 it has more agents, then more keep ratios; beyond that, more seeds.
    """
    from prune_bench.board.board import Board

    real = real_results()
    agents = [name for name in real if name not in CONTROLS]
    if results < 500:
        grid = Grid(agents=tuple(agents[: results // 5 - 5]), keep_ratios=(0.3,), seeds=5)
    else:
        each = len(Grid(agents=tuple(agents), keep_ratios=KEEP_RATIOS, seeds=1).runs())
        grid = Grid(agents=tuple(agents), keep_ratios=KEEP_RATIOS, seeds=round(results / each))
    board = Board(folder)
    board.add(replace(grid, env=("prune_env/CIFAR10-v0",), epochs=8, evaluate_every=2))
    for name, options in board.runs().items():
        write_json(board.result_path(name), made_up(options, real[options.agent]))
    return len(board.runs())


def real_results() -> dict[str, Any]:
    """A result of every agent of a board that was run."""
    return {result.options["agent"]: dict(result.content) for result in read_results(REAL)}


def made_up(options: RunOptions, real: dict[str, Any]) -> dict[str, Any]:
    """A real result, moved to another keep ratio and seed."""
    rng = np.random.default_rng((options.seed, *options.label.encode()))
    more = options.keep_ratio / real["options"]["keep_ratio"]
    result: dict[str, Any] = json.loads(json.dumps(real))
    result["options"] = asdict(options)
    result["agent_options"] |= {"keep_ratio": options.keep_ratio, "seed": options.seed}
    shift = NOISE * rng.normal() + 0.05 * np.log(more)
    for row in (*result["history"], result["val_accuracy"], result["test_accuracy"]):
        for name in ("val_accuracy", "test_accuracy", "last", "best"):
            if name in row:
                row[name] = float(np.clip(row[name] + shift, 0, 1))
        for name in row:
            if name.startswith(("kept", "passes", "seconds", "cpu_seconds")):
                row[name] *= more
    for name in ("passes", "seconds", "cpu_seconds"):
        result[name] = {part: value * more for part, value in result[name].items()}
    return result


# -- what is measured -----------------------------------------------------------------------------


def page(folder: Path) -> dict[str, float]:
    """The report of a board, as `prune-env report` makes it."""
    from prune_bench.commands.report import show

    begun = _cpu(), time.perf_counter()
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        show(Console(file=nowhere), folder)
    return {"cpu": _cpu() - begun[0], "wall": time.perf_counter() - begun[1]}


def _cpu() -> float:
    """CPU seconds of this process and of those that it started and that have ended."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def tick(folder: Path) -> dict[str, float]:
    """The live view of a board that has all its results but one: opened, its first tick, which
    makes the table, one where nothing has happened since, and one where the last result has come.
    """
    from prune_bench.commands.board_view import BoardView

    board = Board(folder)
    last = board.result_path(list(board.runs())[-1])
    with (
        tempfile.TemporaryDirectory() as aside,
        open(os.devnull, "w", encoding="utf-8") as nowhere,
    ):
        hidden = Path(aside) / last.name
        hidden.write_bytes(last.read_bytes())
        last.unlink()
        begun = time.process_time()
        view = BoardView(Console(file=nowhere, force_terminal=True, width=100), board, 2)
        opened = time.process_time() - begun
        idle = []
        with view:
            begun = time.process_time()
            view.tick()
            first = time.process_time() - begun
            for _ in range(10):
                begun = time.process_time()
                view.tick()
                idle.append(time.process_time() - begun)
            last.write_bytes(hidden.read_bytes())
            begun = time.process_time()
            view.tick()
            news = time.process_time() - begun
    return {"opened": opened, "first": first, "idle": statistics.median(idle), "news": news}


FIGURES = {"page": page, "tick": tick}


def noise(arms: int = 1_281_167) -> dict[str, float]:
    """CPU milliseconds to draw a round's noise for so many arms, and the order alone."""
    from prune_env.data.augment import draw_noise

    works = {
        "all": lambda: draw_noise(arms, 4, True, 0, 1),
        "order": lambda: np.random.default_rng((0, 1)).permutation(arms),
    }
    taken = dict[str, list[float]]()
    for name, work in 9 * [*works.items()]:
        begun = time.process_time()
        work()
        taken.setdefault(name, []).append(1e3 * (time.process_time() - begun))
    return {name: statistics.median(times) for name, times in taken.items()}


def apart(figure: str, folder: Path) -> dict[str, float]:
    """A figure, measured in a process of its own, and the peak of that one's memory."""
    code = f"from speed.growth import *; print_figure({figure!r}, {os.fspath(folder)!r})"
    return json.loads(_run(["-c", code]).splitlines()[-1])


def print_figure(figure: str, folder: str) -> None:
    """Measure a figure here and print it as JSON."""
    import resource

    found = FIGURES[figure](Path(folder))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found | {"peak_mb": peak}))


def start(arguments: list[str]) -> float:
    """CPU seconds of a Python that does this and ends."""
    before = os.times()
    _run(arguments)
    after = os.times()
    used = after.children_user + after.children_system
    return used - before.children_user - before.children_system


def _run(arguments: list[str]) -> str:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, check=True, env=environment, text=True, stdout=subprocess.PIPE
    ).stdout


# -- what is told ---------------------------------------------------------------------------------


def measured(options: Options) -> Iterator[str]:
    """The lines of a section, in Markdown."""
    yield f"## Commit {commit()}"
    yield f"{processor_name()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.0f}."
    yield ""
    titles: tuple[str, ...] = ("results", "page, CPU s", "wall s", "peak MB")
    titles += ("tick, ms", "with news, ms", "first tick, s", "opened, s")
    yield f"| {' | '.join(titles)} |"
    yield "|" + "---:|" * 8
    for results in options.results:
        with tempfile.TemporaryDirectory() as folder:
            count = make_board(Path(folder), results)
            seen, of_page = apart("tick", Path(folder)), apart("page", Path(folder))
        cells: tuple[str, ...] = (f"{count:,}", f"{of_page['cpu']:.1f}", f"{of_page['wall']:.0f}")
        cells += (f"{of_page['peak_mb']:.0f}", f"{1000 * seen['idle']:.0f}")
        cells += (f"{1000 * seen['news']:.0f}", f"{seen['first']:.1f}", f"{seen['opened']:.1f}")
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield f"| a Python that does this and ends, median of {options.repeats} | CPU s |"
    yield "|---|---:|"
    for name, arguments in STARTS.items():
        taken = [start(arguments) for _ in range(options.repeats)]
        yield f"| {name} | {statistics.median(taken):.2f} |"
    drawn = noise()
    yield ""
    yield (
        f"The noise of a round of 1.28 million arms: {drawn['all']:.0f} ms, of which the order is "
        f"{drawn['order']:.0f}."
    )


def main() -> None:
    """Measure and print."""
    options = tyro.cli(Options)
    lines = list(measured(options))
    print("\n".join(lines))
    if options.out:
        with options.out.open("a", encoding="utf-8") as file:
            file.write("\n".join(["", *lines, ""]))


if __name__ == "__main__":
    main()
